//! `replay` of small container files made here with another library.

use super::{directory, run};
use apache_avro::types::{Record, Value};
use apache_avro::{Schema, Writer};
use serde_json::{Value as Json, json};
use std::path::Path;
use upswell::wire::avro::{SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};

/// Milliseconds of a day of March 2026, UTC.
fn march(day: i64) -> i64 {
    1_772_323_200_000 + (day - 1) * 86_400_000
}

/// A monthly subscription of one item worth so many units.
fn state(customer: &str, event: &str, effective_at: i64, currency: &str, amount: i64) -> Json {
    json!({
        "event_id": event, "customer_id": customer, "subscription_id": "s", "effective_at": effective_at, "version": 0,
        "status": "ACTIVE", "currency": currency, "attributes": { "vertical": "fin\"tech" },
        "items": [{ "item_id": "i", "product_id": "p", "plan_id": "basic", "quantity": 1, "unit_amount_micros": amount * 1_000_000,
                    "interval": "MONTH", "interval_count": 1, "discount_micros": 0 }],
    })
}

fn usage(customer: &str, event: &str, used_at: i64, amount: i64) -> Json {
    json!({ "event_id": event, "customer_id": customer, "used_at": used_at, "meter": "calls", "quantity": 1.0,
            "amount_micros": amount * 1_000_000, "currency": "USD" })
}

/// A container file of these events.
fn write(path: &Path, schema: &str, events: &[Json]) {
    let schema = Schema::parse_str(schema).expect("a schema");
    let mut writer = Writer::new(&schema, Vec::new()).expect("a writer");
    for event in events {
        let mut record = Record::new(&schema).expect("a record");
        for (name, value) in event.as_object().expect("an object") {
            record.put(name, Value::try_from(value.clone()).expect("an Avro value"));
        }
        let value = Value::from(record).resolve(&schema).expect("a value of the schema");
        writer.append_value(value).expect("a block");
    }
    std::fs::write(path, writer.into_inner().expect("bytes")).expect("a file");
}

/// Two customers who grow, one of them by usage, with a repeated, a late, a future and two invalid events.
fn history(directory: &Path) {
    let invalid = json!({ "event_id": "", "customer_id": "x", "used_at": march(2), "meter": "m", "quantity": 0.0,
                          "amount_micros": 1, "currency": "USD" });
    write(
        &directory.join("s1.avro"),
        SUBSCRIPTION_SCHEMA,
        &[state("a", "1", march(1) - 1, "USD", 100), state("a", "2", march(10), "EUR", 100)],
    );
    write(
        &directory.join("s2.avro"),
        SUBSCRIPTION_SCHEMA,
        &[
            state("b", "3", march(1) - 86_400_000, "USD", 50),
            state("b", "4", march(20), "USD", 500),
            state("c", "5", march(2), "XYZ", 1),
        ],
    );
    let mut events: Vec<Json> = (0..35).map(|day| usage("b", &format!("u{day}"), march(day - 34), 1)).collect();
    events.extend([usage("b", "u1", march(-33), 1), invalid]);
    write(&directory.join("u.avro"), USAGE_SCHEMA, &events);
}

const CONFIG: &str = "\
revenue:
  windows: [month_to_date, trailing_30d]
  dimensions: [vertical]
  exchange_rates: [{ from: 2026-01-01, rates: { EUR: 1.5 } }]
";

const ARGS: [&str; 10] =
    ["replay", "--config", "c.yaml", "--subscriptions", "s1.avro", "s2.avro", "--usage", "u.avro", "--as-of", "2026-03-15"];

#[test]
fn the_report_is_exact_and_every_event_is_counted_once() {
    let directory = directory(&[("c.yaml", CONFIG)]);
    history(directory.path());
    let mut reports = Vec::new();
    for extra in [&["--format", "json"][..], &["--format", "json", "--audit"]] {
        let (code, out, err) = run(directory.path(), &[&ARGS[..], extra].concat());
        assert_eq!(code, 0, "{err}");
        assert_eq!(err, if extra.len() == 3 { "audit: no difference in the totals of 2 customers\n" } else { "" });
        reports.push(serde_json::from_str::<Json>(&out).expect("JSON"));
    }
    let [report, audited] = reports.try_into().expect("two reports");
    assert_eq!(report, audited);
    assert_eq!(report["as_of"], "2026-03-15T00:00:00Z");
    assert_eq!(
        report["events"],
        json!({ "subscriptions": 3, "usage": 35, "duplicates": 1, "rejected": { "missing_id": 1, "unknown_currency": 1 }, "after_as_of": 1 })
    );
    let month = &report["windows"][0];
    // a: 100 USD to 100 EUR at 1.5; b: 50, and 28 days of 1.00 of usage as a monthly rate at both ends of the window or half of it.
    assert_eq!(month["expansion_by_motion"]["price"], "50.000000", "{month}");
    assert_eq!(month["mrr"]["opening"], "180.416667", "{month}");
    assert_eq!(month["segments"][0]["value"], "fin\"tech");
}

#[test]
fn rejected_events_are_written_with_their_place() {
    let directory = directory(&[("c.yaml", CONFIG)]);
    history(directory.path());
    let (code, _, err) = run(directory.path(), &[&ARGS[..], &["--rejects", "r.jsonl"]].concat());
    assert_eq!(code, 0, "{err}");
    let text = std::fs::read_to_string(directory.path().join("r.jsonl")).expect("the rejected events");
    let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let places: Vec<_> = lines.iter().map(|line| (&line["reason"], &line["file"], &line["position"]["record"])).collect();
    assert_eq!(
        places,
        [(&json!("unknown_currency"), &json!("s2.avro"), &json!(2)), (&json!("missing_id"), &json!("u.avro"), &json!(36))]
    );
    assert!(lines.iter().all(|line| line["detail"].as_str().is_some_and(|detail| !detail.is_empty())));
}

#[test]
fn rejected_events_never_replace_the_history() {
    let directory = directory(&[("c.yaml", CONFIG)]);
    history(directory.path());
    let original = std::fs::read(directory.path().join("u.avro")).expect("the file");
    std::os::unix::fs::symlink("u.avro", directory.path().join("link")).expect("a link");
    std::fs::hard_link(directory.path().join("u.avro"), directory.path().join("twin")).expect("a hard link");
    for name in ["u.avro", "./u.avro", "link", "twin"] {
        let (code, out, err) = run(directory.path(), &[&ARGS[..], &["--rejects", name]].concat());
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert_eq!(err, format!("error: --rejects {name} would overwrite u.avro, which is read; name another file\n"));
        assert_eq!(std::fs::read(directory.path().join("u.avro")).expect("the file"), original);
    }
}

#[test]
fn a_damaged_file_is_exit_code_1_and_the_report_is_printed() {
    let directory = directory(&[("c.yaml", CONFIG)]);
    history(directory.path());
    let path = directory.path().join("u.avro");
    let mut bytes = std::fs::read(&path).expect("the file");
    bytes.pop();
    std::fs::write(&path, bytes).expect("the damaged file");
    let (code, out, err) = run(directory.path(), &[&ARGS[..], &["--format", "json"]].concat());
    assert_eq!(code, 1, "{err}");
    assert!(err.starts_with("error: u.avro: damaged at byte "), "{err}");
    let report: Json = serde_json::from_str(&out).expect("the report");
    assert_eq!((&report["events"]["subscriptions"], &report["events"]["usage"]), (&json!(3), &json!(0)));
}

#[test]
fn files_that_are_missing_or_of_another_kind() {
    let directory = directory(&[("c.yaml", CONFIG), ("text.avro", "not a container file")]);
    history(directory.path());
    let (code, out, err) = run(directory.path(), &["replay", "--usage", "u.avro", "missing.avro"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with("error: missing.avro cannot be read: "), "{err}");
    let (code, out, err) = run(directory.path(), &["replay", "--usage", "text.avro", "--format", "csv"]);
    assert_eq!(code, 1);
    assert!(out.contains(",events.usage,0") && err.contains("text.avro: "), "{out}{err}");
    let foreign = r#"{"type": "record", "name": "X", "fields": [{"name": "event_id", "type": "long"}]}"#;
    write(&directory.path().join("x.avro"), foreign, &[json!({ "event_id": 1 }), json!({ "event_id": 2 })]);
    let (code, out, _) = run(directory.path(), &["replay", "--usage", "x.avro", "--format", "csv"]);
    assert_eq!(code, 0, "a schema that is not ours rejects each record and damages nothing");
    assert!(out.contains(",events.rejected.decode,2"), "{out}");
}

#[test]
fn the_table_is_plain_text_where_nobody_looks() {
    let directory = directory(&[("c.yaml", CONFIG)]);
    history(directory.path());
    let (code, out, _) = run(directory.path(), &ARGS);
    assert_eq!(code, 0);
    assert!(out.contains("month_to_date") && !out.contains('\u{1b}'), "{out}");
}

#[test]
fn dates_are_midnights_of_the_reporting_zone() {
    let directory = directory(&[("c.yaml", "revenue: {time_zone: Asia/Kathmandu}")]);
    history(directory.path());
    for (as_of, instant) in
        [("2026-03-15", "2026-03-14T18:15:00Z"), ("2026-03-15T00:00:00.0019+02:00", "2026-03-14T22:00:00.001Z")]
    {
        let args = ["replay", "--config", "c.yaml", "--usage", "u.avro", "--as-of", as_of, "--format", "json"];
        let (_, out, _) = run(directory.path(), &args);
        assert_eq!(serde_json::from_str::<Json>(&out).expect("JSON")["as_of"], instant);
    }
}

#[test]
fn the_history_of_closed_months_is_what_replays_at_their_edges_have() {
    let config = CONFIG.replace("windows: [month_to_date, trailing_30d]", "windows: [last_month, last_year]");
    let directory = directory(&[("c.yaml", &config)]);
    history(directory.path());
    let files = ["replay", "--config", "c.yaml", "--subscriptions", "s1.avro", "s2.avro", "--usage", "u.avro"];
    let at = |as_of: &str, more: &[&str]| {
        let (code, out, err) = run(directory.path(), &[&files[..], &["--as-of", as_of], more].concat());
        assert_eq!(code, 0, "{err}");
        out
    };
    let json = |text: String| serde_json::from_str::<Json>(&text).expect("JSON");
    for (every, as_of, window, names) in
        [("month", "2026-05-03", 0, &["2026-01", "2026-02", "2026-03", "2026-04"][..]), ("year", "2027-01-01", 1, &["2026"])]
    {
        let shown = json(at(as_of, &["--every", every, "--format", "json"]));
        let periods = shown["periods"].as_array().expect("periods");
        let known: Vec<&str> = periods.iter().filter_map(|period| period["period"].as_str()).collect();
        assert_eq!(known, names);
        for period in periods {
            let replayed = json(at(period["closing_edge"].as_str().expect("an instant"), &["--format", "json"]));
            let mut expected = replayed["windows"][window].clone();
            for name in ["window", "segments"] {
                expected.as_object_mut().expect("an object").shift_remove(name);
            }
            let mut figures = period.clone();
            figures.as_object_mut().expect("an object").shift_remove("period");
            assert_eq!(figures.to_string(), expected.to_string(), "{}", period["period"]);
        }
    }
    assert!(at("2026-05-03", &["--every", "quarter"]).contains("2026-Q1"));
    assert!(at("2026-05-03", &["--every", "month", "--format", "csv"]).contains("\r\n2026-03,mrr.new,"));
    let text = at("2026-05-03", &["--every", "month", "--format", "openmetrics"]);
    assert!(text.contains("upswell_closing_mrr{window=\"last_month\"}") && text.ends_with("# EOF\n"), "{text}");
    let (code, out, err) = run(directory.path(), &[&files[..], &["--format", "openmetrics"]].concat());
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("add --every month"), "{err}");
}
