//! What is not there yet is waited for: the registry, the topics, the brokers. Nothing is rejected for it, and `check` says
//! what to do.

use crate::bench::{Bench, PROGRAM, registry, subscription, subscription_schema};
use crate::history::History;
use upswell_testkit::kafka::Outgoing;
use upswell_testkit::program::{command, text};
use upswell_testkit::{RealKafka, Upswell};

#[test]
fn a_registry_that_is_away_at_start_delays_and_rejects_nothing() {
    let history = History::generated();
    let gate = registry().gate();
    let bench = Bench::new("gate", 4).revenue(&history.revenue()).registry_at(&gate.url());
    history.produce(&bench);
    let mut service = bench.run();
    service.wait_not_ready("waiting_for_registry");
    let samples = service.scrape();
    assert_eq!(samples.sum("upswell_events_rejected_total", &[]), 0.0, "an outage rejects nothing");
    assert_eq!(samples.value("upswell_mrr", &[]), None, "no business gauge before the first catch-up");
    gate.open();
    service.wait_ready();
    history.assert_equals(&service);
}

#[test]
fn a_wrong_base_path_of_the_registry_is_an_outage() {
    let wrong = registry().url().replace("/apis/ccompat/v7", "/apis/nothing/here");
    let bench = Bench::new("wrong-path", 1).registry_at(&wrong);
    bench.subscribe("c", 10);
    let mut service = bench.run();
    service.wait_not_ready("waiting_for_registry");
    assert_eq!(service.scrape().sum("upswell_events_rejected_total", &[]), 0.0);
    assert_eq!(service.terminate(), 0);
}

#[test]
fn a_topic_that_ends_in_an_aborted_transaction_is_caught_up() {
    let bench = Bench::new("aborted", 1);
    let writer = bench.kafka.transactional("aborted-writer");
    let send = |customer: &str, units| {
        let value = subscription_schema().confluent(&subscription(customer, units));
        let record =
            Outgoing { topic: &bench.subscriptions, key: Some(customer.as_bytes()), value: Some(&value), ..Outgoing::default() };
        writer.send(record);
    };
    writer.transaction(true, |_| send("kept", 40));
    writer.transaction(false, |_| (0..500).for_each(|i| send(&format!("aborted-{i}"), 1)));
    let mut service = bench.run();
    service.wait_ready();
    let samples = service.scrape();
    assert_eq!(samples.value("upswell_mrr", &[]), Some(40.0));
    let lag = [("topic", bench.subscriptions.as_str()), ("partition", "0")];
    assert_eq!(samples.value("upswell_consumer_lag", &lag), Some(0.0));
}

#[test]
fn missing_topics_fail_a_check_and_are_waited_for() {
    let bench = Bench::without_topics("missing");
    let outcome = check(&bench.config());
    assert_ne!(outcome.0, Some(0));
    assert!(outcome.1.contains(&bench.subscriptions), "the missing topic is named: {}", outcome.1);
    let mut service = bench.run();
    service.wait_not_ready("waiting_for_topics");
    bench.create_topics(2);
    service.wait_ready();
    bench.subscribe("c", 25);
    service.wait("the new event counts", |service| (service.scrape().value("upswell_mrr", &[]) == Some(25.0)).then_some(()));
    let outcome = check(&bench.config());
    assert_eq!(outcome.0, Some(0), "{}", outcome.1);
}

#[test]
fn brokers_that_do_not_answer_fail_a_check_and_are_waited_for() {
    let bench = Bench::without_topics("unreachable");
    let port = RealKafka::free_port();
    let config = bench.config_at(&format!("127.0.0.1:{port}"));
    let outcome = check(&config);
    assert_ne!(outcome.0, Some(0));
    assert!(outcome.1.contains(&format!("127.0.0.1:{port}")), "the brokers are named: {}", outcome.1);
    let mut service = Upswell::run(PROGRAM, &config);
    service.wait_not_ready("waiting_for_brokers");
    let late = RealKafka::start_at(port);
    for topic in [&bench.subscriptions, &bench.usage, &bench.dead_letters] {
        late.create_topic(topic, 1, &[]);
    }
    service.wait_ready();
    assert_eq!(service.terminate(), 0);
}

#[test]
fn a_broker_that_restarts_is_read_on() {
    let kafka = RealKafka::start();
    let bench = Bench::without_topics("restarted");
    let config = bench.config_at(&kafka.bootstrap());
    for topic in [&bench.subscriptions, &bench.usage, &bench.dead_letters] {
        kafka.create_topic(topic, 1, &[]);
    }
    let mut service = Upswell::run(PROGRAM, &config);
    service.wait_ready();
    kafka.kill();
    kafka.restart();
    let value = subscription_schema().confluent(&subscription("c", 12));
    let writer = kafka.producer();
    writer.send(Outgoing { topic: &bench.subscriptions, key: Some(b"c"), value: Some(&value), ..Outgoing::default() });
    writer.flush();
    service.wait("the event after the restart counts", |service| {
        (service.scrape().value("upswell_mrr", &[]) == Some(12.0)).then_some(())
    });
}

/// Exit code and output of `check`.
pub fn check(config: &str) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("upswell.yaml");
    std::fs::write(&file, config).expect("the configuration can be written");
    let outcome = command(PROGRAM, &["check", "--config", text(&file)]);
    (outcome.code, outcome.stderr + &outcome.stdout)
}

#[test]
fn sigterm_before_the_brokers_answer_ends_with_0() {
    let config = Bench::without_topics("early-term").config_at(&format!("127.0.0.1:{}", RealKafka::free_port()));
    let mut service = Upswell::run(PROGRAM, &config);
    service.wait_not_ready("waiting_for_brokers");
    assert_eq!(service.terminate(), 0);
}
