//! The audit of a running service's checkpoints against the log.

use crate::bench::{Bench, DAY, PROGRAM, now, subscription, subscription_schema, usage, usage_schema};
use crate::history::History;
use apache_avro::types::Value as Avro;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use upswell::adapter::store::archive::Archive;
use upswell::adapter::store::{self, Store};
use upswell::config::{Config, Purpose};
use upswell::domain::calendar::Instant;
use upswell::domain::currency::Currency;
use upswell::domain::facts::{FactKind, ItemFact, Status, SubscriptionFact};
use upswell::engine::dedup::Memory;
use upswell::engine::image::{Scope, Step};
use upswell::wire::checkpoint::{Manifest, Section, account};
use upswell_testkit::avro;
use upswell_testkit::program::{command, text};
use upswell_testkit::wait;

/// Exit code and the partitions' objects.
fn audit(bench: &Bench) -> (Option<i32>, Vec<Value>) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bench.config()).expect("the configuration can be written");
    let outcome = command(PROGRAM, &["audit", "--config", text(file.path()), "--format", "json"]);
    let lines = outcome.stdout.lines().map(|line| serde_json::from_str(line).expect("an object of JSON a line")).collect();
    (outcome.code, lines)
}

#[test]
fn checkpoints_are_what_the_log_says() {
    let history = History::generated();
    let bench = Bench::new("audited", 3).revenue(&history.revenue()).kept();
    let (code, found) = audit(&bench);
    assert_eq!(code, Some(1));
    assert!(found.iter().all(|one| one["unauditable"].as_str().is_some_and(|why| why.contains("no checkpoint"))), "{found:?}");

    history.produce(&bench);
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(service.terminate(), 0);
    let (code, found) = audit(&bench);
    assert_eq!(code, Some(0), "{found:?}");
    assert!(found.len() == 3 && found.iter().all(|one| one["equal"] == true), "{found:?}");
    assert!(found.iter().any(|one| one["usage_offset"].as_i64() > Some(0)));
}

#[test]
fn a_log_that_is_not_what_was_read_differs() {
    let bench = Bench::new("altered", 1).kept();
    bench.subscribe("one", 10);
    let mut service = bench.run();
    service.wait_ready();
    // A second process with other rules for the same group: it rejects what the first one counts, and the other way round.
    let yen = |event: &str| {
        let mut value = usage("one", event, 7);
        if let apache_avro::types::Value::Record(fields) = &mut value {
            let currency = fields.iter_mut().find(|(name, _)| name == "currency").expect("a currency");
            currency.1 = apache_avro::types::Value::String("JPY".to_owned());
        }
        usage_schema().confluent(&value)
    };
    bench.send(&bench.usage, "one", &yen("rejected"));
    wait::holds("the yen are rejected", || {
        service.scrape().value("upswell_dead_letters_total", &[("reason", "unknown_currency")]) == Some(1.0)
    });
    assert_eq!(service.terminate(), 0);
    let with_yen = bench.revenue("revenue: { exchange_rates: [ { from: 2026-01-01, rates: { JPY: 0.5 } } ] }\n");
    assert_eq!(audit(&with_yen).0, Some(0), "the verdict of then stands");

    let mut service = with_yen.run();
    service.wait_ready();
    with_yen.send(&with_yen.usage, "one", &yen("counted"));
    with_yen.send(&with_yen.subscriptions, "two", &subscription_schema().confluent(&subscription("two", 3)));
    wait::holds("both are counted", || {
        let samples = service.scrape();
        samples.value("upswell_accounts", &[]) == Some(2.0)
            && samples.value("upswell_events_applied_total", &[("topic", &with_yen.usage)]) == Some(1.0)
    });
    assert_eq!(service.terminate(), 0);
    assert_eq!(audit(&with_yen).0, Some(0));

    plant(&with_yen);
    let (code, found) = audit(&with_yen);
    assert_eq!(code, Some(1));
    let places: Vec<&str> =
        found[0]["differences"].as_array().expect("differences").iter().filter_map(|one| one["place"].as_str()).collect();
    assert!(places.contains(&"trailing_30d/mrr/closing"), "{places:?}");

    let (code, found) = audit(&with_yen.revenue("revenue: {}\n"));
    assert_eq!(code, Some(1));
    assert!(found[0]["unauditable"].as_str().is_some_and(|why| why.contains("JPY")), "{found:?}");
}

#[test]
fn what_no_figure_shows_and_what_is_gone_is_told() {
    let yen = "revenue: { exchange_rates: [ { from: 2020-01-01, rates: { JPY: 0.5 } } ] }\n";
    let bench = Bench::new("superseded", 1).revenue(yen).kept();
    let mut first = subscription("one", 10);
    avro::set(&mut first, "currency", Avro::String("JPY".to_owned()));
    let mut second = first.clone();
    avro::set(&mut second, "currency", Avro::String("USD".to_owned()));
    avro::set(&mut second, "version", Avro::Long(1));
    for state in [&first, &second] {
        bench.send(&bench.subscriptions, "one", &subscription_schema().confluent(state));
    }
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(service.terminate(), 0);
    assert_eq!(audit(&bench).0, Some(0));

    // No state in yen is left, so every figure is the same; but the record of it counts, and would be rejected now.
    let bench = bench.revenue("revenue: {}\n");
    let (code, found) = audit(&bench);
    assert_eq!(code, Some(1), "{found:?}");
    let expected = json!([{ "place": "subscriptions/counted_but_rejected_now", "checkpoint": "0", "log": "1" }]);
    assert_eq!(found[0]["differences"], expected);

    bench.kafka.delete_records(&bench.subscriptions, 0, 1);
    let (code, found) = audit(&bench.revenue(yen));
    assert_eq!(code, Some(1));
    assert!(found[0]["unauditable"].as_str().is_some_and(|why| why.contains("begins at offset 1")), "{found:?}");
}

/// Writes an image like the newest one of partition 0, with a customer more.
fn plant(bench: &Bench) {
    let place = bench.place_of(0);
    let root = place.ancestors().nth(2).expect("group and place");
    let store = Store::open(&store::Settings { url: format!("file://{}", root.display()) }).expect("a store");
    let archive = Archive::new(store, bench.group());
    let newest = archive.candidates(0).expect("a listing").remove(0);
    let manifest = archive.manifest(0, &newest.name).expect("a manifest");
    let parsed = Config::parse(&bench.config(), "the bench", &[], Purpose::Service).expect("a configuration");
    let image = archive.load(&manifest, Arc::new(parsed.plan()), Memory::Window { millis: DAY }, 1).expect("an image");
    let mut shard = image.shard;
    let item = ItemFact { item_id: "i", product_id: "p", plan_id: "plan", quantity: 1, mrr: 1 };
    shard.apply_subscription(&SubscriptionFact {
        event_id: "e",
        customer_id: "nobody",
        subscription_id: "s",
        effective_at: Instant(now() - DAY),
        version: 0,
        status: Status::Active,
        currency: Currency::parse("USD"),
        items: vec![item],
        attributes: vec![],
    });
    let head = shard.freeze(Scope::Base, account::encode).expect("nothing else is being taken");
    let draft = Manifest { generation: manifest.generation + 1, head, pieces: vec![], base_pieces: 0, ..manifest };
    let mut writing = archive.write(&draft.identity, draft.writer, draft.sequence, None);
    for (number, topic) in [FactKind::Subscription, FactKind::Usage].into_iter().enumerate() {
        let mut rejected = image.rejected[number].clone();
        writing.push(&Section::Rejected { topic, changes: rejected.freeze(Scope::Base) }).expect("room");
    }
    loop {
        match shard.capture(1000) {
            Step::Chunk(chunk) => writing.push(&Section::Chunk(chunk)).expect("room"),
            Step::Working => {}
            Step::Done => break,
        }
    }
    writing.finish(&draft, Duration::ZERO).expect("an image");
}
