//! A generated history as files, the same history as records, and the comparison of the service with `replay`.

use crate::bench::{Bench, PROGRAM, now, subscription_schema, usage_schema};
use apache_avro::types::Value as Avro;
use serde_json::Value;
use std::sync::OnceLock;
use tempfile::TempDir;
use upswell_testkit::Upswell;
use upswell_testkit::avro;
use upswell_testkit::kafka::Outgoing;
use upswell_testkit::program::{command, text};
use upswell_testkit::samples::Samples;

/// Arguments of the history: it ends on the day of the test, so that every window holds something.
pub fn scale() -> Vec<String> {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    ["--customers", "150", "--months", "14", "--seed", "7", "--until"]
        .map(str::to_owned)
        .into_iter()
        .chain([today.to_string()])
        .collect()
}

/// The files of one history.
pub struct History {
    directory: TempDir,
}

impl History {
    /// The history of [`scale`], written once.
    pub fn generated() -> &'static History {
        static HISTORY: OnceLock<History> = OnceLock::new();
        HISTORY.get_or_init(|| {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let scale = scale();
            let arguments = ["generate", "--out", text(directory.path())].into_iter().chain(scale.iter().map(String::as_str));
            let outcome = command(PROGRAM, &arguments.collect::<Vec<_>>());
            assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
            History { directory }
        })
    }

    pub fn path(&self, name: &str) -> String {
        text(&self.directory.path().join(name)).to_owned()
    }

    /// The `revenue` section that goes with it.
    pub fn revenue(&self) -> String {
        std::fs::read_to_string(self.path("upswell.yaml")).expect("the history comes with a configuration")
    }

    /// Writes every event of both files to the topics, keyed by customer.
    pub fn produce(&self, bench: &Bench) {
        self.produce_packed(bench, "lz4");
    }

    /// The same with another compression of the batches.
    pub fn produce_packed(&self, bench: &Bench, compression: &str) {
        self.send(bench, compression, |_, _| true);
    }

    /// Writes one of several parts of the history; all parts together are the whole. Answers the number of records.
    pub fn produce_part(&self, bench: &Bench, part: usize, parts: usize) -> usize {
        self.send(bench, "lz4", |at, all| at * parts / all == part)
    }

    /// Writes usage events of the first part once more, so many valid ones at most. Answers how many.
    pub fn repeat_usage(&self, bench: &Bench, most: usize) -> usize {
        let writer = bench.kafka.producer();
        let (_, events) = avro::container(self.path("usage.avro").as_ref());
        let events: Vec<_> = events.iter().filter(|event| is_valid_usage(event)).take(most).collect();
        for event in &events {
            let (key, value) = (avro::text(event, "customer_id").as_bytes(), usage_schema().confluent(event));
            writer.send(Outgoing { topic: &bench.usage, key: Some(key), value: Some(&value), ..Outgoing::default() });
        }
        writer.flush();
        events.len()
    }

    /// Writes the events that are chosen by their index in their file and the number of all in it.
    fn send(&self, bench: &Bench, compression: &str, chosen: impl Fn(usize, usize) -> bool) -> usize {
        let writer = bench.kafka.producer_with(&[("compression.type", compression)]);
        let mut sent = 0;
        for (file, topic, schema) in
            [("subscriptions.avro", &bench.subscriptions, subscription_schema()), ("usage.avro", &bench.usage, usage_schema())]
        {
            let (_, events) = avro::container(self.path(file).as_ref());
            let all = events.len();
            for (_, event) in events.into_iter().enumerate().filter(|(at, _)| chosen(*at, all)) {
                let (key, value) = (avro::text(&event, "customer_id").to_owned(), schema.confluent(&event));
                writer.send(Outgoing { topic, key: Some(key.as_bytes()), value: Some(&value), ..Outgoing::default() });
                sent += 1;
            }
        }
        writer.flush();
        sent
    }

    /// The report of `replay` over the files.
    pub fn replay(&self, as_of: &str) -> Value {
        self.replay_by(&self.path("upswell.yaml"), as_of)
    }

    /// The same with another file of usage.
    pub fn replay_with_usage(&self, usage: &str, as_of: &str) -> Value {
        self.replay_files(&self.path("upswell.yaml"), usage, as_of)
    }

    /// The same with another configuration file.
    fn replay_by(&self, config: &str, as_of: &str) -> Value {
        self.replay_files(config, &self.path("usage.avro"), as_of)
    }

    fn replay_files(&self, config: &str, usage: &str, as_of: &str) -> Value {
        let subscriptions = self.path("subscriptions.avro");
        let arguments = ["replay", "--config", config, "--subscriptions", &subscriptions, "--usage", usage, "--as-of", as_of];
        let outcome = command(PROGRAM, &[&arguments[..], &["--format", "json"]].concat());
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        serde_json::from_str(&outcome.stdout).expect("the report is JSON")
    }

    /// Fails unless the service has counted every event as `replay` does.
    pub fn assert_counted(&self, service: &Upswell) {
        let report = service.report();
        let replayed = self.replay(report["as_of"].as_str().expect("a report names its instant"));
        assert_eq!(report["events"], replayed["events"]);
    }

    /// Fails unless the service's report and scrape are what `replay` gives for the same instants.
    pub fn assert_equals(&self, service: &Upswell) {
        self.assert_equals_by(service, &self.path("upswell.yaml"));
    }

    /// The same with another `revenue` section.
    pub fn assert_equals_with(&self, service: &Upswell, revenue: &str) {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), revenue).expect("the configuration can be written");
        self.assert_equals_by(service, text(file.path()));
    }

    fn assert_equals_by(&self, service: &Upswell, config: &str) {
        let report = service.report();
        let replayed = self.replay_by(config, report["as_of"].as_str().expect("a report names its instant"));
        assert!(!empty(&replayed), "the history is worth nothing: {replayed}");
        for (ours, theirs) in windows(&report).iter().zip(windows(&replayed)) {
            assert_eq!(ours, theirs, "window {}", theirs["window"]);
        }
        assert_eq!(windows(&report).len(), windows(&replayed).len());
        self.assert_scrape_equals(&service.scrape(), config);
    }

    fn assert_scrape_equals(&self, samples: &Samples, config: &str) {
        let as_of = samples.value("upswell_as_of_timestamp_seconds", &[]).expect("the scrape names its instant");
        let instant = jiff::Timestamp::from_millisecond((as_of * 1e3).round() as i64).expect("a time of this century");
        let replayed = self.replay_by(config, &instant.to_string());
        for window in windows(&replayed) {
            let name = window["window"].as_str().expect("a window has a name");
            let (mrr, customers) = (&window["mrr"], &window["customers"]);
            let gauge = |family: &str| samples.value(family, &[("window", name)]);
            assert_eq!(gauge("upswell_opening_mrr"), number(&mrr["opening"]), "{name}");
            assert_eq!(gauge("upswell_closing_mrr"), number(&mrr["closing"]), "{name}");
            assert_eq!(gauge("upswell_comparison_expansion_mrr"), number(&mrr["comparison_expansion"]), "{name}");
            assert_eq!(gauge("upswell_opening_customers"), customers["opening"].as_f64(), "{name}");
            assert_eq!(gauge("upswell_net_revenue_retention_ratio"), window["rates"]["net_revenue_retention"].as_f64(), "{name}");
            assert_eq!(gauge("upswell_expansion_rate_ratio"), window["rates"]["expansion_rate"].as_f64(), "{name}");
            assert_eq!(gauge("upswell_quick_ratio"), window["rates"]["quick_ratio"].as_f64(), "{name}");
            assert_eq!(gauge("upswell_arpa"), window["rates"]["arpa"].as_f64(), "{name}");
            for (movement, sign) in
                [("new", 1.0), ("reactivation", 1.0), ("expansion", 1.0), ("contraction", -1.0), ("churn", -1.0)]
            {
                let sample = samples.value("upswell_movement_mrr", &[("window", name), ("movement", movement)]);
                assert_eq!(sample, number(&mrr[movement]).map(|value| value * sign), "{name} {movement}");
            }
            for (motion, amount) in window["expansion_by_motion"].as_object().expect("expansion is split by motion") {
                let sample = samples.value("upswell_expansion_mrr", &[("window", name), ("motion", motion)]);
                assert_eq!(sample, number(amount), "{name} {motion}");
            }
        }
    }
}

/// Whether usage of the generated history is not one of its deliberate faults.
fn is_valid_usage(event: &Avro) -> bool {
    let named = ["event_id", "customer_id"].iter().all(|field| !avro::text(event, field).is_empty());
    named
        && (946_684_800_000..now()).contains(&avro::long(event, "used_at"))
        && avro::long(event, "amount_micros").abs() < 1 << 50
}

/// The numbers of a fixed sequence that looks like chance.
pub fn scattered(index: usize) -> u64 {
    (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

/// The windows of a report.
pub fn windows(report: &Value) -> &Vec<Value> {
    report["windows"].as_array().unwrap_or_else(|| panic!("no windows: {report}"))
}

fn empty(report: &Value) -> bool {
    windows(report).iter().all(|window| window["mrr"]["expansion"] == "0.000000")
}

/// A decimal string as the double nearest to it; `None` for null.
fn number(value: &Value) -> Option<f64> {
    value.as_str().map(|text| text.parse().expect("money is a decimal number"))
}
