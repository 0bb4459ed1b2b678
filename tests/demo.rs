//! `upswell demo` from outside: nothing but the binary, and within a minute gauges that move.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use upswell_testkit::program::{Signal, signal};

/// Bounds how long a failing test takes; no assertion depends on it.
const DEADLINE: Duration = Duration::from_secs(120);

/// A running demo, the lines it writes for people, and those it writes as data; killed if the test fails.
struct Demo {
    child: Child,
    lines: Receiver<String>,
    data: Receiver<String>,
}

/// The lines of a stream, as they come.
fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, lines) = channel();
    std::thread::spawn(move || BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
    lines
}

/// The next line that holds this text.
fn next(lines: &Receiver<String>, text: &str) -> String {
    loop {
        let line = lines.recv_timeout(DEADLINE).unwrap_or_else(|error| panic!("waited for {text:?}: {error}"));
        if line.contains(text) {
            return line;
        }
    }
}

impl Demo {
    fn start(arguments: &[&str]) -> Demo {
        let mut command = Command::new(env!("CARGO_BIN_EXE_upswell"));
        command.arg("demo").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be started");
        let lines = lines_of(child.stderr.take().expect("its standard error is piped"));
        let data = lines_of(child.stdout.take().expect("its standard output is piped"));
        Demo { child, lines, data }
    }

    /// The next line for people that holds this text.
    fn line(&self, text: &str) -> String {
        next(&self.lines, text)
    }

    /// SIGTERM, then the exit code.
    fn terminate(&mut self) -> Option<i32> {
        signal(&self.child, Signal::TERM);
        self.child.wait().expect("the demo ends").code()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Both fail only when it has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(url: &str) -> String {
    let mut response = ureq::get(url).call().unwrap_or_else(|error| panic!("{url}: {error}"));
    response.body_mut().read_to_string().expect("a body")
}

fn sample(scrape: &str, name: &str) -> f64 {
    let line = scrape.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    let value = line.and_then(|line| line.rsplit(' ').next()).unwrap_or_else(|| panic!("no sample {name}"));
    value.parse().expect("a number")
}

#[test]
fn days_pass_and_gauges_move_until_sigterm() {
    let mut demo = Demo::start(&["--listen", "127.0.0.1:0", "--customers", "400", "--seed", "3"]);
    let line = next(&demo.data, "Open http://");
    let base = line.split_whitespace().find_map(|word| word.strip_suffix("/metrics")).expect("an address").to_owned();
    demo.line(" MRR ");
    let first = get(&format!("{base}/metrics"));
    assert!(sample(&first, "upswell_mrr") > 10_000.0, "the history was read before the first view");
    assert_eq!(sample(&first, "upswell_ready"), 1.0);
    assert!(first.contains("upswell_expansion_rate_ratio{window=\"trailing_365d\"} 0."), "{first}");
    demo.line(" MRR ");
    let second = get(&format!("{base}/metrics"));
    for gauge in ["upswell_mrr", "upswell_closing_mrr{window=\"month_to_date\"}", "upswell_arpa{window=\"trailing_90d\"}"] {
        assert_ne!(sample(&first, gauge), sample(&second, gauge), "{gauge}");
    }
    let as_of = |scrape| sample(scrape, "upswell_as_of_timestamp_seconds");
    assert!(as_of(&second) > as_of(&first) + 86_400.0, "days pass in seconds");
    let report: serde_json::Value = serde_json::from_str(&get(&format!("{base}/api/v1/report"))).expect("JSON");
    assert!(report["as_of"].as_str().is_some_and(|as_of| as_of.starts_with("2026-07-")), "{}", report["as_of"]);
    assert!(report["windows"].as_array().is_some_and(|windows| windows.len() == 7));
    assert_eq!(demo.terminate(), Some(0));
}

#[test]
fn an_address_in_use_is_an_error_that_says_so() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let mut demo = Demo::start(&["--listen", &address, "--customers", "5"]);
    assert!(demo.line("cannot listen on").contains(&address));
    assert_eq!(demo.child.wait().expect("the demo ends").code(), Some(1));
}

#[test]
fn no_address_is_found_before_anything_is_started() {
    let mut demo = Demo::start(&["--listen", "nowhere"]);
    assert!(demo.line("--listen").contains("\"nowhere\" is no address to listen on"));
    assert_eq!(demo.child.wait().expect("the demo ends").code(), Some(2));
}
