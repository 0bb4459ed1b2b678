//! Rejected records that come back: mended by configuration, put back by `upswell dead-letters replay`, counted once.

use crate::bench::{Bench, PROGRAM, subscription, subscription_schema, usage, usage_schema};
use apache_avro::types::Value as Avro;
use upswell_testkit::avro;
use upswell_testkit::program::{command, text};
use upswell_testkit::{Upswell, wait};

fn in_currency(mut event: Avro, currency: &str) -> Avro {
    avro::set(&mut event, "currency", Avro::String(currency.to_owned()));
    event
}

/// Runs `upswell dead-letters replay --all`; answers how many were put back.
fn put_back(bench: &Bench) -> usize {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("upswell.yaml");
    std::fs::write(&file, bench.config()).expect("the configuration can be written");
    let outcome = command(PROGRAM, &["dead-letters", "replay", "--all", "--config", text(&file)]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    outcome.stdout.lines().count()
}

fn wait_retries(service: &mut Upswell, bench: &Bench, family: &str, reason: Option<&str>, count: f64) {
    let mut labels = vec![("topic", bench.retries.as_str())];
    labels.extend(reason.map(|reason| ("reason", reason)));
    service.wait(&format!("{count} of {family} {reason:?}"), |service| {
        (service.scrape().sum(family, &labels) == count).then_some(())
    });
}

#[test]
fn records_rejected_for_an_unknown_currency_count_once_it_has_a_rate() {
    let bench = Bench::new("retried", 2).kept();
    bench.kafka.create_topic(&bench.retries, 2, &[]);
    bench.subscribe("c", 40);
    for customer in ["d", "e"] {
        let event = in_currency(subscription(customer, 10), "GBP");
        bench.send(&bench.subscriptions, customer, &subscription_schema().confluent(&event));
        let event = in_currency(usage(customer, "u", 28), "GBP");
        bench.send(&bench.usage, customer, &usage_schema().confluent(&event));
    }
    let mut service = bench.run();
    service.wait_ready();
    let unknown = |service: &Upswell| service.scrape().sum("upswell_events_rejected_total", &[("reason", "unknown_currency")]);
    assert_eq!(unknown(&service), 4.0);
    let mrr = |service: &Upswell| service.scrape().value("upswell_mrr", &[]);
    assert_eq!(mrr(&service), Some(40.0));

    // Put back too early, they are rejected again and stay among the rejected.
    assert_eq!(put_back(&bench), 4);
    wait_retries(&mut service, &bench, "upswell_events_rejected_total", Some("unknown_currency"), 4.0);
    assert_eq!(mrr(&service), Some(40.0));
    assert_eq!(service.terminate(), 0);

    let bench = bench.revenue("revenue: { exchange_rates: [ { from: 2020-01-01, rates: { GBP: 1.5 } } ] }\n");
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(mrr(&service), Some(40.0), "a verdict stands until the record comes back");
    assert_eq!(put_back(&bench), 4);
    wait_retries(&mut service, &bench, "upswell_events_applied_total", None, 4.0);
    // 28 units a customer over at least 7 days: 28 * 365 / (12 * 7) a month, each valued at 1.5.
    let expected = 40.0 + 2.0 * 10.0 * 1.5 + 2.0 * 121.666_667 * 1.5;
    service.wait("the records count", |service| mrr(service).filter(|mrr| (mrr - expected).abs() < 1e-5));

    // The set is empty now: once more is once too often, also for the next process.
    assert_eq!(put_back(&bench), 4);
    wait_retries(&mut service, &bench, "upswell_events_ignored_total", Some("not_rejected"), 4.0);
    assert_eq!(service.terminate(), 0);
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(put_back(&bench), 4);
    wait_retries(&mut service, &bench, "upswell_events_ignored_total", Some("not_rejected"), 4.0);
    assert!(mrr(&service).is_some_and(|mrr| (mrr - expected).abs() < 1e-5));
}

#[test]
fn the_retries_topic_may_come_later_and_be_made_anew() {
    let bench = Bench::new("late-retries", 1).kept();
    let event = in_currency(subscription("c", 10), "GBP");
    bench.send(&bench.subscriptions, "c", &subscription_schema().confluent(&event));
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(service.terminate(), 0);
    let bench = bench.revenue("revenue: { exchange_rates: [ { from: 2020-01-01, rates: { GBP: 1.5 } } ] }\n");
    for (turn, family) in ["upswell_events_applied_total", "upswell_events_ignored_total"].into_iter().enumerate() {
        if turn > 0 {
            bench.kafka.delete_topic(&bench.retries);
        }
        bench.kafka.create_topic(&bench.retries, 1, &[]);
        let mut service = bench.run();
        service.wait_ready();
        assert_eq!(put_back(&bench), 1);
        wait_retries(&mut service, &bench, family, None, 1.0);
        wait::holds("it counts once", || service.scrape().value("upswell_mrr", &[]) == Some(15.0));
        assert_eq!(service.terminate(), 0);
    }
}
