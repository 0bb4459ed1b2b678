//! The examples of `docs/api.md` are what a service answers; `BLESS=1` writes them anew.

use crate::avro::{Subscription, Usage};
use crate::world::{Look, NOW, World, expected};
use crate::{DAY, history, send};
use serde_json::Value;
use std::path::Path;

const ADDRESS: &str = "http://127.0.0.1:9817";
/// What stands in an answer for the random part of a cursor.
const LISTING: &str = "1f0c9ab276d3e845";

/// The customers of the tests, and what lies ahead of some.
fn facts() -> (Vec<Subscription<'static>>, Vec<Usage<'static>>) {
    let (mut subscriptions, usage) = history();
    subscriptions.push(Subscription { event: "e3", customer: "c-1", at: NOW.0 + 21 * DAY, mrr: 240, vertical: "health" });
    (subscriptions, usage)
}

/// A part of a document, as jq has it: `.windows[1].mrr`.
fn part(document: &Value, path: &str) -> Value {
    let pointer = path.replace('[', ".").replace(']', "").replace('.', "/");
    document.pointer(&pointer).unwrap_or_else(|| panic!("there is no {path}")).clone()
}

/// What a command line of the page prints; `cursor` is that of the last page before.
fn answer(service: &Look, line: &str, cursor: &mut String) -> String {
    let (command, filter) = line.split_once(" | jq ").map_or((line, None), |(command, filter)| (command, Some(filter)));
    let url = command.strip_prefix("$ curl -s '").and_then(|url| url.strip_suffix('\'')).expect("a curl of the page");
    let path = url.strip_prefix(ADDRESS).expect("the address of the page").replace("CURSOR", cursor);
    let (status, body) = service.get(&path);
    assert_eq!(status, 200, "{path}: {body}");
    let Ok(document) = serde_json::from_str::<Value>(&body) else { return body.replace("\r\n", "\n") };
    if let Some(next) = document["next_cursor"].as_str() {
        cursor.clear();
        cursor.push_str(next);
    }
    let shown = filter.map_or(document.clone(), |filter| part(&document, filter.trim_matches('\'')));
    let text = serde_json::to_string_pretty(&shown).expect("JSON");
    let listing = cursor.split('-').next().filter(|listing| !listing.is_empty());
    listing.map_or(text.clone(), |listing| text.replace(listing, LISTING)) + "\n"
}

#[test]
fn the_examples_of_the_page_are_what_is_answered() {
    let world = World::new(3);
    let facts = facts();
    send(&world, &facts);
    let service = world.start();
    service.wait_for_report(&expected(&facts.0, &facts.1));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api.md");
    let page = std::fs::read_to_string(&file).expect("the page");
    let (mut made, mut cursor, mut in_example) = (String::new(), String::new(), false);
    for line in page.lines() {
        if line.starts_with("$ curl") {
            made.push_str(&format!("{line}\n{}", answer(&service, line, &mut cursor)));
            in_example = true;
        } else if line == "```" || !in_example {
            made.push_str(&format!("{line}\n"));
            in_example = false;
        }
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &made).expect("the page is written");
    }
    let differs = page.lines().zip(made.lines()).find(|(old, new)| old != new);
    assert!(
        page == made || std::env::var_os("BLESS").is_some(),
        "docs/api.md differs, first at {differs:?}; BLESS=1 writes it anew"
    );
    service.stop();
}
