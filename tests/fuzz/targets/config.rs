//! A configuration: the text of a file, and environment variables, one a line, after a separator.
//!
//! Files that it names are read only where none is named, and librdkafka judges no properties: the one would read this machine,
//! the other starts threads for every input.

use super::parts;
use crate::runner::Target;
use crate::trail::Trail;
use upswell::config::{Config, Purpose};

const WORDS: [&str; 49] = [
    "kafka:",
    "brokers:",
    "group_id:",
    "topics:",
    "subscriptions:",
    "group_protocol:",
    "properties:",
    "schema_registry:",
    "url:",
    "revenue:",
    "currency:",
    "time_zone:",
    "Europe/Berlin",
    "windows:",
    "month_to_date",
    "trailing_30d",
    "rolling_7d",
    "dimensions:",
    "cohort",
    "exchange_rates:",
    "from:",
    "rates:",
    "2026-01-01",
    "EUR",
    "1.08",
    "1e300",
    "checkpoint:",
    "file:///",
    "s3://b/p",
    "interval:",
    "http:",
    "listen:",
    "127.0.0.1:9817",
    "limits:",
    "memory:",
    "80%",
    "10s",
    "&a ",
    "*a",
    "<<: *a",
    "[*a,*a,*a]",
    "!!binary ",
    "? ",
    "|2\n",
    "- ",
    "---\n",
    "\n%%\n",
    "UPSWELL_REVENUE__CURRENCY=",
    "~",
];

pub fn target() -> Target<'static> {
    let read = |input: &[u8], trail: &mut Trail| {
        let parts = parts(input);
        let text = String::from_utf8_lossy(parts[0]);
        let variables: Vec<_> = parts[1..].iter().flat_map(|part| variables(part)).collect();
        let connects =
            !input.windows(4).any(|window| ["file", "prop", "FILE", "PROP"].iter().any(|word| window == word.as_bytes()));
        for purpose in [Purpose::Replay, Purpose::Service] {
            if connects || purpose == Purpose::Replay {
                parse(&text, &variables, purpose, trail);
            }
        }
    };
    Target { name: "config", words: &WORDS, read: Box::new(read) }
}

fn variables(part: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(part);
    text.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn parse(text: &str, variables: &[(String, String)], purpose: Purpose, trail: &mut Trail) {
    match Config::parse(text, "fuzz", variables, purpose) {
        Err(faults) => faults.to_string().lines().for_each(|line| trail.say(line)),
        Ok(config) => {
            trail.whole();
            trail.count("windows", config.plan().windows.len());
        }
    }
}

#[test]
fn configurations() {
    target().run();
}
