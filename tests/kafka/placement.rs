//! Customers that are not where their key belongs, or may not be from now on, stop intake before a number can be wrong.

use crate::bench::{Bench, subscription, subscription_schema, usage, usage_schema};
use upswell_testkit::kafka::Outgoing;

#[test]
fn topics_of_two_partitioners_stop_intake() {
    let bench = Bench::new("partitioners", 8);
    let (java, native) = (bench.kafka.producer(), bench.kafka.producer_with(&[("partitioner", "consistent_random")]));
    for i in 0..40 {
        let customer = format!("customer-{i}");
        let state = subscription_schema().confluent(&subscription(&customer, 10));
        let used = usage_schema().confluent(&usage(&customer, &format!("u{i}"), 1));
        let record = |topic, value| Outgoing { topic, key: Some(customer.as_bytes()), value: Some(value), ..Outgoing::default() };
        java.send(record(&bench.subscriptions, &state));
        native.send(record(&bench.usage, &used));
    }
    java.flush();
    native.flush();
    assert_stops(&bench);
}

#[test]
fn a_customer_in_two_partitions_stops_intake() {
    let bench = Bench::new("twice", 2);
    let writer = bench.kafka.producer();
    let state = subscription_schema().confluent(&subscription("c", 10));
    let used = usage_schema().confluent(&usage("c", "u", 1));
    for (topic, partition, value) in [(&bench.subscriptions, 0, &state), (&bench.usage, 1, &used)] {
        let record = Outgoing { topic, partition: Some(partition), value: Some(value), ..Outgoing::default() };
        writer.send(record);
    }
    writer.flush();
    assert_stops(&bench);
}

#[test]
fn added_partitions_stop_intake() {
    let bench = Bench::new("grown", 2);
    bench.subscribe("c", 10);
    let mut service = bench.run();
    service.wait_ready();
    for topic in [&bench.subscriptions, &bench.usage] {
        bench.kafka.grow_topic(topic, 3);
    }
    service.wait_not_ready("stopped");
    let answer = service.get("/-/ready").expect("the service answers");
    assert!(answer.body.contains("had 2 partitions"), "it says what happened: {}", answer.body);
    assert_eq!(service.scrape().value("upswell_live_partitions", &[]), Some(2.0), "the added partition was never counted");
    assert_eq!(service.terminate(), 0);
}

fn assert_stops(bench: &Bench) {
    let mut service = bench.run();
    service.wait_not_ready("stopped");
    service.wait("the stop is counted", |service| {
        let samples = service.scrape();
        let stopped = samples.family("upswell_partition_stopped").any(|(_, value)| value == 1.0);
        (stopped && samples.sum("upswell_misplaced_customers_total", &[]) > 0.0).then_some(())
    });
    assert_eq!(service.terminate(), 0);
}
