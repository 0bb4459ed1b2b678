//! Customers behind the figures of a real stream, and closed periods: what is listed adds up, and periods are those of a replay.

use crate::bench::{Bench, PROGRAM};
use crate::history::History;
use serde_json::Value;
use std::collections::BTreeSet;
use upswell_testkit::Upswell;
use upswell_testkit::program::command;

fn document(service: &Upswell, path: &str) -> Value {
    let answer = service.get(path).expect("an answer");
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()
}

fn micros(decimal: &Value) -> i128 {
    decimal.as_str().expect("a decimal").replace('.', "").parse().expect("digits")
}

/// All rows of a listing, after they have been added up.
fn listed(service: &Upswell, query: &str) -> (Vec<Value>, i128) {
    let mut page = document(service, &format!("/api/v1/customers?{query}&limit=17"));
    let (total, offsets) = (page["total"].clone(), page["offsets"].clone());
    let mut rows = Vec::new();
    loop {
        assert_eq!((&page["total"], &page["offsets"]), (&total, &offsets), "one version");
        rows.extend(page["customers"].as_array().expect("rows").iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        page = document(service, &format!("/api/v1/customers?cursor={cursor}&limit=17"));
    }
    let sum: i128 = rows.iter().map(|row| micros(&row["amount"])).sum();
    assert_eq!((sum, &total["customers"]), (micros(&total["amount"]), &Value::from(rows.len())), "{query}");
    (rows, sum)
}

#[test]
fn what_is_listed_adds_up_and_closed_periods_are_those_of_a_replay() {
    let history = History::generated();
    let bench = Bench::new("drill", 3).revenue(&history.revenue());
    history.produce(&bench);
    let mut service = bench.run();
    service.wait_ready();
    let report = service.report();
    for window in report["windows"].as_array().expect("windows") {
        let name = window["window"].as_str().expect("a name");
        for movement in ["new", "reactivation", "expansion", "contraction", "churn", "opening", "closing"] {
            let (rows, sum) = listed(&service, &format!("window={name}&movement={movement}"));
            let customers: BTreeSet<&str> = rows.iter().filter_map(|row| row["customer_id"].as_str()).collect();
            assert_eq!(customers.len(), rows.len(), "{name} {movement}");
            // A window that closes at a midnight is the same whenever it is looked at on one day.
            if name.starts_with("last_") {
                assert_eq!(sum, micros(&window["mrr"][movement]), "{name} {movement}");
            }
        }
    }
    let (rows, _) = listed(&service, "window=last_quarter&movement=closing");
    let one = document(&service, &format!("/api/v1/customers/{}", rows[0]["customer_id"].as_str().expect("an id")));
    let quarter = one["windows"].as_array().expect("windows").iter().find(|window| window["window"] == "last_quarter");
    assert_eq!(quarter.expect("the window")["closing"], rows[0]["closing"]);
    for every in ["month", "quarter", "year"] {
        let shown = document(&service, &format!("/api/v1/history?every={every}"));
        let as_of = shown["as_of"].as_str().expect("an instant");
        let (subscriptions, usage) = (history.path("subscriptions.avro"), history.path("usage.avro"));
        let files = ["--subscriptions", &subscriptions, "--usage", &usage, "--config", &history.path("upswell.yaml")];
        let outcome =
            command(PROGRAM, &[&["replay", "--every", every, "--format", "json", "--as-of", as_of], &files[..]].concat());
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let replayed: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
        // A service shows as many as it was asked for, the latest ones; files are replayed as far back as they reach.
        let periods = |document: &Value| document["periods"].as_array().cloned().unwrap_or_default();
        let (shown, replayed) = (periods(&shown), periods(&replayed));
        assert!(!shown.is_empty() || every == "year", "{every}");
        assert_eq!(shown, replayed[replayed.len() - shown.len()..], "{every}");
    }
    assert_eq!(service.scrape().value("upswell_invariant_violations_total", &[]), Some(0.0));
    assert_eq!(service.terminate(), 0);
}
