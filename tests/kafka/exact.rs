//! The numbers of the service are those of `replay` over the same history, to the micro-unit, whoever wrote the records.

use crate::bench::{Bench, PROGRAM, registry};
use crate::history::{History, scale};
use std::process::Command;
use upswell_testkit::parts::repository;
use upswell_testkit::program::command;

#[test]
fn a_history_through_kafka_equals_its_replay() {
    let history = History::generated();
    let bench = Bench::new("exact", 4).revenue(&history.revenue());
    history.produce(&bench);
    let mut service = bench.run();
    service.wait_ready();
    history.assert_equals(&service);
    history.assert_counted(&service);
    let rejected = service.scrape().sum("upswell_events_rejected_total", &[]);
    assert!(rejected > 0.0, "the history has a few invalid events");
    let letters = bench.kafka.read(&bench.dead_letters);
    assert_eq!(letters.len() as f64, rejected, "every rejected record is in the dead-letter topic");
    assert_eq!(service.terminate(), 0);
}

#[test]
fn both_group_protocols_read_the_same() {
    let history = History::generated();
    for (protocol, compression) in [("classic", "snappy"), ("consumer", "gzip")] {
        let bench = Bench::new(&format!("protocol-{protocol}"), 3).revenue(&history.revenue());
        let bench = bench.kafka_key(&format!("group_protocol: {protocol}"));
        history.produce_packed(&bench, compression);
        let mut service = bench.run();
        service.wait_ready();
        history.assert_equals(&service);
        let settled = [("protocol", protocol), ("assignor", "range")];
        assert_eq!(service.scrape().value("upswell_consumer_group_info", &settled), Some(1.0), "{protocol}");
    }
}

#[test]
fn what_generate_writes_to_kafka_is_what_it_writes_to_files() {
    let history = History::generated();
    let bench = Bench::without_topics("generated").revenue(&history.revenue());
    bench.kafka.create_topic(&bench.dead_letters, 1, &[]);
    let (scale, brokers, registry) = (scale(), bench.kafka.bootstrap(), registry().url());
    let target = ["--brokers", &brokers, "--registry", &registry, "--partitions", "5"];
    let topics = ["--subscriptions-topic", &bench.subscriptions, "--usage-topic", &bench.usage];
    let scale: Vec<&str> = scale.iter().map(String::as_str).collect();
    let outcome = command(PROGRAM, &[&["generate"][..], &scale, &target, &topics].concat());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let mut service = bench.run();
    service.wait_ready();
    history.assert_equals(&service);
}

/// Confluent's Python client registers its own schemas (other names, nullable and extra fields, microseconds), frames the
/// values and places the keys by CRC32.
#[test]
fn events_of_other_libraries_are_read_the_same() {
    let history = History::generated();
    let bench = Bench::new("python", 4).revenue(&history.revenue());
    let parts = std::env::var_os("UPSWELL_REAL_PARTS").map_or_else(|| repository().join("target/real-parts"), Into::into);
    let output = Command::new(parts.join("python/bin/python"))
        .arg(repository().join("tests/kafka/produce.py"))
        .args([bench.kafka.bootstrap(), registry().url()])
        .args([&bench.subscriptions, &history.path("subscriptions.avro"), &bench.usage, &history.path("usage.avro")])
        .output()
        .expect("`make setup` makes Python ready");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut service = bench.run();
    service.wait_ready();
    history.assert_equals(&service);
    assert_eq!(service.scrape().sum("upswell_misplaced_customers_total", &[]), 0.0);
}
