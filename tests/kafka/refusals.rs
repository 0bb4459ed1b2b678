//! What only a person can put right ends the service with 78, or stops intake, with a sentence that says what to do.

use crate::bench::{Bench, PROGRAM, kafka};
use crate::waiting::check;
use upswell_testkit::Upswell;
use upswell_testkit::kafka::Outgoing;

/// Both `check` and `run` refuse the configuration, naming all of this.
pub fn assert_refused(config: &str, named: &[&str]) {
    let mut service = Upswell::run(PROGRAM, config);
    assert_eq!(service.wait_exit(), 78, "{}", service.log());
    let (code, said) = check(config);
    assert_eq!(code, Some(78), "{said}");
    for (who, text) in [("run", service.log()), ("check", said)] {
        for name in named {
            assert!(text.contains(name), "{who} names {name}: {text}");
        }
    }
}

#[test]
fn unequal_partition_counts_are_refused() {
    let bench = Bench::without_topics("unequal");
    kafka().create_topic(&bench.subscriptions, 4, &[]);
    kafka().create_topic(&bench.usage, 5, &[]);
    kafka().create_topic(&bench.dead_letters, 1, &[]);
    assert_refused(&bench.config(), &[&bench.subscriptions, &bench.usage, "4", "5"]);
}

#[test]
fn a_compacted_topic_is_refused() {
    for (name, policy) in [("compacted", "compact"), ("compacted-deleted", "compact,delete")] {
        let bench = Bench::without_topics(name);
        kafka().create_topic(&bench.subscriptions, 2, &[("cleanup.policy", policy)]);
        kafka().create_topic(&bench.usage, 2, &[]);
        kafka().create_topic(&bench.dead_letters, 1, &[]);
        assert_refused(&bench.config(), &[&bench.subscriptions, "cleanup.policy"]);
    }
}

#[test]
fn a_truncated_log_is_refused_unless_accepted() {
    let bench = Bench::new("truncated", 1);
    for (customer, units) in [("gone", 10), ("kept", 30)] {
        bench.subscribe(customer, units);
    }
    kafka().delete_records(&bench.subscriptions, 0, 1);
    let mut refused = bench.run();
    refused.wait("the truncated log is refused", |service| {
        service.get("/-/ready").filter(|answer| answer.status == 503 && answer.body.contains("accept_truncated_log"))
    });
    assert_eq!(refused.scrape().value("upswell_mrr", &[]), None);
    drop(refused);
    let mut accepted = bench.kafka_key("accept_truncated_log: true").run();
    accepted.wait_ready();
    let samples = accepted.scrape();
    assert_eq!(samples.value("upswell_mrr", &[]), Some(30.0));
    assert_eq!(samples.value("upswell_history_incomplete", &[]), Some(1.0));
}

#[test]
fn a_whole_log_is_not_called_incomplete() {
    let bench = Bench::new("whole", 1);
    let writer = kafka().producer();
    writer.send(Outgoing { topic: &bench.usage, value: Some(b"x"), ..Outgoing::default() });
    writer.flush();
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(service.scrape().value("upswell_history_incomplete", &[]), Some(0.0));
}
