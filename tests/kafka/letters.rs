//! Rejected records arrive in the dead-letter topic unchanged, with headers that say why and where from.

use crate::bench::{Bench, DAY, now, registered, subscription, subscription_schema, usage, usage_schema};
use apache_avro::types::Value;
use serde_json::json;
use sha2::{Digest, Sha256};
use upswell_testkit::avro::{self, set};
use upswell_testkit::kafka::{Outgoing, Record};

/// A record that must be rejected for a reason.
struct Bad {
    reason: &'static str,
    /// Of the usage topic; else of the subscriptions topic.
    usage: bool,
    value: Option<Vec<u8>>,
}

/// A subscription event with one field changed.
fn state(reason: &'static str, field: &str, to: Value) -> Bad {
    let mut event = subscription("c", 10);
    set(&mut event, field, to);
    Bad { reason, usage: false, value: Some(subscription_schema().confluent(&event)) }
}

/// A subscription event with one field of its item changed.
fn item(reason: &'static str, field: &str, to: Value) -> Bad {
    let mut item = first_item();
    set(&mut item, field, to);
    state(reason, "items", Value::Array(vec![item]))
}

fn first_item() -> Value {
    let Value::Record(fields) = subscription("c", 10) else { unreachable!("an event is a record") };
    let items = fields.into_iter().find(|(name, _)| name == "items").map(|(_, items)| items);
    let Some(Value::Array(items)) = items else { unreachable!("items are an array") };
    items.into_iter().next().expect("the event has an item")
}

/// A usage event with one field changed.
fn used(reason: &'static str, field: &str, to: Value) -> Bad {
    let mut event = usage("c", "bad", 10);
    set(&mut event, field, to);
    Bad { reason, usage: true, value: Some(usage_schema().confluent(&event)) }
}

fn bytes(reason: &'static str, usage: bool, value: Option<&[u8]>) -> Bad {
    Bad { reason, usage, value: value.map(<[u8]>::to_vec) }
}

fn rejected() -> Vec<Bad> {
    let whole = subscription_schema().confluent(&subscription("c", 10));
    let reading = usage_schema().confluent(&usage("c", "bad", 10));
    let foreign = registered("foreign", r#"{"type":"record","name":"Other","fields":[{"name":"colour","type":"string"}]}"#);
    let colour = foreign.confluent(&avro::value(&foreign.schema, &json!({ "colour": "red" })));
    let empty = || Value::String(String::new());
    vec![
        bytes("framing", false, None),
        bytes("framing", false, Some(b"")),
        bytes("framing", true, Some(b"{\"event_id\":\"json\"}")),
        bytes("decode", false, Some(&whole[..whole.len() - 3])),
        bytes("decode", true, Some(&reading[..6])),
        bytes("decode", false, Some(&colour)),
        bytes("decode", true, Some(&[&reading[..5], &[0xff; 20]].concat())),
        bytes("trailing_bytes", false, Some(&[&whole[..], b"x"].concat())),
        bytes("trailing_bytes", true, Some(&[&reading[..], &[0]].concat())),
        state("missing_id", "event_id", empty()),
        state("missing_id", "subscription_id", empty()),
        item("missing_id", "plan_id", empty()),
        used("missing_id", "meter", empty()),
        state("invalid_timestamp", "effective_at", Value::TimestampMillis(946_684_799_999)),
        used("invalid_timestamp", "used_at", Value::TimestampMillis(now() / 1000)),
        item("invalid_quantity", "quantity", Value::Long(-1)),
        item("invalid_amount", "unit_amount_micros", Value::Long(1_000_000_000_000_000_001)),
        used("invalid_amount", "amount_micros", Value::Long(i64::MIN)),
        item("invalid_interval", "interval_count", Value::Long(10_001)),
        state("too_many_items", "items", Value::Array(vec![first_item(); 1001])),
        state("duplicate_item", "items", Value::Array(vec![first_item(); 2])),
        state("unknown_currency", "currency", Value::String("XTS".to_owned())),
        used("unknown_currency", "currency", Value::String("usd".to_owned())),
        used("future_usage", "used_at", Value::TimestampMillis(now() + 2 * DAY)),
    ]
}

#[test]
fn every_rejected_record_comes_back_as_it_was() {
    let bench = Bench::new("letters", 2);
    let writer = bench.kafka.producer();
    let bad = rejected();
    for (i, record) in bad.iter().enumerate() {
        let (key, trace) = (format!("key-{i}"), format!("trace-{i}"));
        writer.send(Outgoing {
            topic: if record.usage { &bench.usage } else { &bench.subscriptions },
            partition: Some((i % 2) as i32),
            key: (i % 5 != 0).then_some(key.as_bytes()),
            value: record.value.as_deref(),
            headers: &[("trace", Some(trace.as_bytes())), ("nothing", None)],
            timestamp: None,
        });
    }
    writer.flush();
    bench.subscribe("good", 70);
    let mut service = bench.run();
    service.wait_ready();
    let samples = service.wait("every letter is counted", |service| {
        let samples = service.scrape();
        (samples.sum("upswell_dead_letters_total", &[]) >= bad.len() as f64).then_some(samples)
    });
    assert_eq!(samples.value("upswell_mrr", &[]), Some(70.0), "the good event counts");
    let letters = bench.kafka.read(&bench.dead_letters);
    for topic in [&bench.subscriptions, &bench.usage] {
        let sources = bench.kafka.read(topic);
        for source in sources.iter().filter(|source| source.header("trace").is_some()) {
            let trace = source.header("trace").expect("filtered");
            let number: usize = trace["trace-".len()..].parse().expect("a number");
            let mut found = letters.iter().filter(|letter| letter.header("trace") == source.header("trace"));
            let letter = found.next().unwrap_or_else(|| panic!("no letter for {trace}, {}", bad[number].reason));
            assert!(found.next().is_none(), "two letters for {trace}");
            assert_letter(letter, source, topic, &bad[number]);
        }
    }
    assert_eq!(letters.len(), bad.len());
    for reason in bad.iter().map(|bad| bad.reason) {
        let expected = bad.iter().filter(|bad| bad.reason == reason).count() as f64;
        assert_eq!(samples.sum("upswell_events_rejected_total", &[("reason", reason)]), expected, "{reason}");
        assert_eq!(samples.value("upswell_dead_letters_total", &[("reason", reason)]), Some(expected), "{reason}");
    }
}

/// A letter is the source record with our headers after its own.
fn assert_letter(letter: &Record, source: &Record, topic: &str, bad: &Bad) {
    let reason = bad.reason;
    assert_eq!(letter.key, source.key, "{reason}");
    assert_eq!(letter.value, source.value, "{reason}");
    assert_eq!(letter.headers[..source.headers.len()], source.headers, "{reason}");
    let header = |name: &str| letter.header(&format!("upswell.{name}"));
    assert_eq!(header("reason").as_deref(), Some(reason));
    assert!(header("detail").is_some_and(|detail| !detail.is_empty()), "{reason}");
    assert_eq!(header("source.topic").as_deref(), Some(topic), "{reason}");
    assert_eq!(header("source.partition"), Some(source.partition.to_string()), "{reason}");
    assert_eq!(header("source.offset"), Some(source.offset.to_string()), "{reason}");
    assert!(header("source.topic.id").is_some_and(|id| id.len() >= 22), "{reason}: the broker's id of the topic");
    let framed = source.value.as_ref().filter(|value| value.len() >= 5 && value[0] == 0);
    let id = framed.map(|value| u32::from_be_bytes([value[1], value[2], value[3], value[4]]).to_string());
    assert_eq!(header("schema.id"), id, "{reason}");
}

#[test]
fn a_letter_too_large_for_the_broker_goes_without_its_value() {
    let bench = Bench::without_topics("large-letter");
    for topic in [&bench.subscriptions, &bench.usage] {
        bench.kafka.create_topic(topic, 1, &[]);
    }
    bench.kafka.create_topic(&bench.dead_letters, 1, &[("max.message.bytes", "2000")]);
    let mut noise = 1u32;
    let large: Vec<u8> = (0..20_000)
        .map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8 | 1
        })
        .collect();
    bench.send(&bench.subscriptions, "c", &large);
    bench.subscribe("c", 15);
    let mut service = bench.run();
    service.wait_ready();
    service.wait("the letter is counted", |service| {
        (service.scrape().value("upswell_dead_letters_total", &[("reason", "framing")]) == Some(1.0)).then_some(())
    });
    let letters = bench.kafka.read(&bench.dead_letters);
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].key.as_deref(), &letters[0].value), (Some(&b"c"[..]), &None));
    assert_eq!(letters[0].header("upswell.value.length").as_deref(), Some("20000"));
    let digest: String = Sha256::digest(&large).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(letters[0].header("upswell.value.sha256"), Some(digest));
    assert_eq!(service.scrape().value("upswell_mrr", &[]), Some(15.0), "the partition goes on");
}

/// The registry says for a whole minute that it knows no such schema; only then the record is rejected.
#[test]
fn a_schema_nobody_registered_is_rejected() {
    let bench = Bench::new("unknown-schema", 1);
    bench.send(&bench.subscriptions, "c", &[&[0, 0x7f, 0xff, 0xff, 0xff][..], b"datum"].concat());
    bench.subscribe("c", 5);
    let mut service = bench.run();
    service.wait_ready();
    let letters = bench.kafka.read(&bench.dead_letters);
    let reasons: Vec<_> = letters.iter().map(|letter| letter.header("upswell.reason")).collect();
    assert_eq!(reasons, [Some("unknown_schema".to_owned())]);
    assert_eq!(service.scrape().value("upswell_mrr", &[]), Some(5.0));
}

/// Single-object encoding needs no registry, only the directory of schemas.
#[test]
fn single_object_events_are_read_by_the_directory_of_schemas() {
    let schemas = upswell_testkit::parts::repository().join("schemas");
    let bench = Bench::new("single-object", 1).registry_directory(&schemas);
    let event = subscription("c", 90);
    let mut value = vec![0xc3, 0x01];
    let fingerprint = subscription_schema().schema.fingerprint::<apache_avro::rabin::Rabin>();
    value.extend_from_slice(&fingerprint.bytes);
    value.extend_from_slice(&subscription_schema().datum(&event));
    bench.send(&bench.subscriptions, "c", &value);
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(service.scrape().value("upswell_mrr", &[]), Some(90.0));
}
