//! What a checkpoint was taken of is not what is there now: other topics, another cluster, other settings. The service takes the
//! state up only where it still means the same, and says what to do where it does not.

use crate::bench::{Bench, PROGRAM, subscription_schema};
use crate::history::History;
use apache_avro::types::Value as Avro;
use upswell_testkit::avro;
use upswell_testkit::{RealKafka, Upswell};

/// Waits until partition 0 has stopped for this reason and readiness says so with this text.
fn wait_stopped(service: &mut Upswell, reason: &str, text: &str) {
    service.wait_not_ready(text);
    let labels = [("partition", "0"), ("reason", reason)];
    service.wait(&format!("stopped for {reason}"), |service| {
        (service.scrape().value("upswell_partition_stopped", &labels) == Some(1.0)).then_some(())
    });
}

/// A bench whose service has kept one checkpoint of a subscription worth 40.
fn kept(name: &str) -> Bench {
    let bench = Bench::new(name, 1).kept();
    bench.subscribe("c", 40);
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(service.scrape().value("upswell_mrr", &[]), Some(40.0));
    assert_eq!(service.terminate(), 0);
    bench
}

#[test]
fn a_topic_made_anew_between_two_starts_stops_the_partition_until_a_rebuild() {
    let bench = kept("recreated");
    bench.kafka.delete_topic(&bench.subscriptions);
    bench.kafka.create_topic(&bench.subscriptions, 1, &[]);
    bench.subscribe("d", 7);
    let mut service = bench.run();
    wait_stopped(&mut service, "topic_recreated", "was deleted and made again");
    assert_eq!(service.scrape().sum("upswell_events_applied_total", &[]), 0.0);
    assert_eq!(service.terminate(), 0);
    let mut service = bench.run_with(&["--rebuild"]);
    service.wait_ready();
    assert_eq!(service.scrape().value("upswell_mrr", &[]), Some(7.0));
    assert_eq!(service.terminate(), 0);
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(service.scrape().value("upswell_mrr", &[]), Some(7.0));
}

#[test]
fn a_topic_made_anew_under_a_running_service_stops_it_and_the_figures_stay() {
    let bench = Bench::new("remade", 1).kept();
    bench.subscribe("c", 40);
    let mut service = bench.run();
    service.wait_ready();
    // A partition that has stopped takes no image, and it stops as soon as its log is gone.
    service.wait("a checkpoint", |service| {
        service.scrape().value("upswell_checkpoint_last_success_timestamp_seconds", &[]).map(drop)
    });
    bench.kafka.delete_topic(&bench.subscriptions);
    bench.kafka.create_topic(&bench.subscriptions, 1, &[]);
    ["d", "e"].into_iter().for_each(|customer| bench.subscribe(customer, 7));
    service.wait_not_ready("was deleted and made again");
    assert_eq!(service.scrape().sum("upswell_partition_stopped", &[("reason", "topic_recreated")]), 1.0);
    assert_eq!(service.terminate(), 0);
    let mut service = bench.run();
    wait_stopped(&mut service, "topic_recreated", "run --rebuild");
}

#[test]
fn another_cluster_with_topics_of_the_same_names_stops_the_partition() {
    let bench = kept("moved");
    let other = RealKafka::start();
    for topic in [&bench.subscriptions, &bench.usage, &bench.dead_letters] {
        other.create_topic(topic, 1, &[]);
    }
    let mut service = Upswell::run(PROGRAM, &bench.config_at(&other.bootstrap()));
    wait_stopped(&mut service, "cluster_changed", "Correct kafka.brokers");
    assert_eq!(service.scrape().value("upswell_mrr", &[]), None);
    assert_eq!(service.terminate(), 0);
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(service.scrape().value("upswell_mrr", &[]), Some(40.0), "the state of the first cluster is untouched");
}

#[test]
fn another_time_zone_makes_the_state_anew() {
    let history = History::generated();
    let bench = Bench::new("zone", 2).revenue(&history.revenue()).kept();
    history.produce(&bench);
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(service.terminate(), 0);
    let moved = history.revenue().replace("time_zone: UTC", "time_zone: Asia/Kolkata");
    let bench = bench.revenue(&moved);
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(service.scrape().sum("upswell_rebuilds_total", &[]), 2.0);
    assert!(service.log().contains("revenue.time_zone was UTC and is now Asia/Kolkata"), "the log says why");
    history.assert_equals_with(&service, &moved);
    assert_eq!(service.terminate(), 0);
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(service.scrape().sum("upswell_rebuilds_total", &[]), 0.0);
    history.assert_equals_with(&service, &moved);
}

#[test]
fn a_currency_that_is_stored_cannot_be_taken_out() {
    let rates = |rates: &str| format!("revenue: {{ exchange_rates: [ {{ from: 2020-01-01, rates: {{ {rates} }} }} ] }}\n");
    let bench = Bench::new("currency", 1).revenue(&rates("EUR: 1.1, GBP: 1.3")).kept();
    let mut event = crate::bench::subscription("c", 10);
    avro::set(&mut event, "currency", Avro::String("GBP".to_owned()));
    bench.send(&bench.subscriptions, "c", &subscription_schema().confluent(&event));
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(service.terminate(), 0);
    let bench = bench.revenue(&rates("EUR: 1.1"));
    let mut service = bench.run();
    assert_eq!(service.wait_exit(), 78);
    assert!(service.log().contains("put the rate of GBP back"), "the log says what to do");
    let bench = bench.revenue(&rates("GBP: 1.5"));
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(
        service.scrape().value("upswell_mrr", &[]),
        Some(15.0),
        "a currency that is not stored can go, another rate counts"
    );
}
