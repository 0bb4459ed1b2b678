//! A flood of new customers: at the limit of memory the service stops taking in and says so, and with more memory it goes on.

use crate::bench::{Bench, kafka, subscription, subscription_schema};
use upswell_testkit::kafka::Outgoing;

const CUSTOMERS: usize = 300_000;
const TEMPLATE: &str = "flood-00000000000000000000000000000000000000000000000000000000";

/// Writes one subscription of a unit for each of many customers, whose ids are long.
fn flood(bench: &Bench) {
    let template = subscription_schema().confluent(&subscription(TEMPLATE, 1));
    let places: Vec<usize> =
        template.windows(TEMPLATE.len()).enumerate().filter(|(_, at)| *at == TEMPLATE.as_bytes()).map(|(at, _)| at).collect();
    assert_eq!(places.len(), 2, "the customer's id and the event's begin with it");
    let writer =
        kafka().producer_with(&[("compression.type", "lz4"), ("linger.ms", "20"), ("queue.buffering.max.messages", "1000000")]);
    for number in 0..CUSTOMERS {
        let id = format!("flood-{number:0>56}");
        let mut value = template.clone();
        places.iter().for_each(|at| value[*at..at + id.len()].copy_from_slice(id.as_bytes()));
        writer.send(Outgoing {
            topic: &bench.subscriptions,
            key: Some(id.as_bytes()),
            value: Some(&value),
            ..Outgoing::default()
        });
    }
    writer.flush();
}

#[test]
fn a_flood_of_customers_meets_a_clear_limit_and_not_the_kernel_s() {
    let bench = Bench::new("flood", 2).kept();
    flood(&bench);
    let small = bench.with_limit("150MiB");
    let mut service = small.run();
    service.wait_not_ready("\"phase\":\"memory_full\"");
    service.wait_not_ready("limits.memory");
    let samples = service.scrape();
    assert_eq!(samples.value("upswell_memory_full", &[]), Some(1.0));
    assert_eq!(samples.value("upswell_memory_limit_bytes", &[]), Some(f64::from(150 << 20)));
    assert_eq!(samples.value("upswell_mrr", &[]), None, "a part of the customers is no figure");
    let taken = samples.value("upswell_accounts", &[]).expect("a count");
    assert!(taken > 0.0 && taken < CUSTOMERS as f64, "{taken}");
    assert_eq!(service.terminate(), 0, "what was taken in is in a checkpoint");

    let large = small.with_limit("2GiB");
    let mut service = large.run();
    service.wait_ready();
    let samples = service.scrape();
    assert_eq!(samples.value("upswell_accounts", &[]), Some(CUSTOMERS as f64));
    assert_eq!(samples.value("upswell_mrr", &[]), Some(CUSTOMERS as f64));
    let applied = samples.value("upswell_events_applied_total", &[("topic", &large.subscriptions)]).expect("a count");
    assert!(applied < CUSTOMERS as f64, "it goes on from the checkpoint: {applied}");
}
