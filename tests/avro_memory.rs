//! Memory in proportion to the input: the decoder, acceptance, the schema compiler and the container reader under an allocator that
//! counts.

use upswell::domain::accept::{self, EARLIEST};
use upswell::domain::currency::{Currency, ExchangeRates};
use upswell::domain::facts::{FactKind, Interval, RawFact, RawItem, RawSubscription, RawUsage, Status};
use upswell::wire::avro::{Decoder, SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};
use upswell::wire::container::Reader;
use upswell_testkit::memory::{Counting, measured};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MIB: usize = 1 << 20;

fn varint(value: i64) -> Vec<u8> {
    let (mut value, mut bytes) = (((value << 1) ^ (value >> 63)) as u64, Vec::new());
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [varint(text.len() as i64), text.as_bytes().to_vec()].concat()
}

fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#)
}

#[test]
fn a_usage_event_takes_no_allocation() {
    let decoder = Decoder::compile(USAGE_SCHEMA, FactKind::Usage);
    let datum = [text("e"), text("c"), varint(1), text("m"), vec![0; 8], varint(1), text("EUR")].concat();
    assert!(matches!(decoder.decode(&datum), Ok(RawFact::Usage(_))));
    assert_eq!(measured(|| decoder.decode(&datum).is_ok()), (0, 0));
}

#[test]
fn an_event_is_accepted_with_a_list_of_items_and_one_of_attributes() {
    let rates = ExchangeRates::new(Currency::parse("EUR").expect("a code"), Vec::new());
    let item = |id: &'static str| RawItem {
        item_id: Some(id),
        product_id: Some("p"),
        plan_id: Some("l"),
        quantity: Some(2),
        unit_amount_micros: Some(5),
        interval: Some(Interval::Year),
        ..RawItem::default()
    };
    let subscription = RawSubscription {
        event_id: Some("e"),
        customer_id: Some("c"),
        subscription_id: Some("s"),
        effective_at: Some(EARLIEST.0),
        status: Some(Status::Active),
        currency: Some("EUR"),
        items: Some(["c", "a", "b"].map(item).to_vec()),
        attributes: vec![("b", Some("1")), ("a", Some("2")), ("b", None)],
        ..RawSubscription::default()
    };
    assert!(accept::subscription(&subscription, &rates).is_ok());
    assert_eq!(measured(|| accept::subscription(&subscription, &rates).is_ok()).1, 2);
    let usage = RawUsage {
        event_id: Some("e"),
        customer_id: Some("c"),
        used_at: Some(EARLIEST.0),
        meter: Some("m"),
        amount_micros: Some(5),
        currency: Some("EUR"),
    };
    assert!(accept::usage(&usage, &rates, Some(EARLIEST)).is_ok());
    assert_eq!(measured(|| accept::usage(&usage, &rates, Some(EARLIEST)).is_ok()), (0, 0));
}

/// Data that claim far more than they hold, or hold as much as can be with as few bytes as can be: what was held at most, in
/// bytes for each byte of the datum, and a fixed allowance.
#[test]
fn data() {
    const STATUS: &str = r#"{"name":"status","type":{"type":"enum","name":"S","symbols":["ACTIVE"]}}"#;
    let items = |item: &str| record(&format!(r#"{STATUS},{{"name":"items","type":{{"type":"array","items":{item}}}}}"#));
    let nullable = r#"{"type":"record","name":"I","fields":[{"name":"item_id","type":["null","string"]}]}"#;
    let attributes = |value: &str| record(&format!(r#"{{"name":"attributes","type":{{"type":"map","values":{value}}}}}"#));
    let list = record(r#"{"name":"x","type":{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}}"#);
    let distinct: Vec<u8> = (0..2_000_000).flat_map(|key: u32| text(&key.to_string())).collect();
    let huge = varint(i64::MAX);
    let table: Vec<(&str, String, Vec<u8>, usize)> = vec![
        ("a count of items", items(nullable), [&[0], huge.as_slice(), &[0; 100]].concat(), 0),
        ("items of no bytes", items(r#"{"type":"record","name":"I","fields":[]}"#), [&[0], huge.as_slice(), &[0]].concat(), 0),
        ("items of one byte", items(nullable), [&[0], varint(8 << 20).as_slice(), &vec![0; (8 << 20) + 1]].concat(), 0),
        ("a length of text", record(r#"{"name":"event_id","type":"string"}"#), huge.clone(), 0),
        ("a count of attributes", attributes("\"string\""), [huge.as_slice(), &[0; 100]].concat(), 0),
        ("equal keys", attributes("\"null\""), [varint(8 << 20).as_slice(), &vec![0; (8 << 20) + 1]].concat(), 1),
        ("distinct keys", attributes(r#"["null","string"]"#), [varint(1 << 20), distinct, vec![0]].concat(), 24),
        ("nesting", list, [vec![2; 8 << 20], vec![0]].concat(), 8),
    ];
    for (what, schema, datum, times) in table {
        let kind =
            if schema.contains("item") || schema.contains("attributes") { FactKind::Subscription } else { FactKind::Usage };
        let decoder = Decoder::compile(&schema, kind);
        assert!(decoder.fault().is_none(), "{what}: {:?}", decoder.fault());
        let (most, _) = measured(|| decoder.decode_prefix(&datum).consumed);
        assert!(most <= times * datum.len() + MIB, "{what}: {most} bytes for a datum of {}", datum.len());
    }
}

/// Schema texts of half a mebibyte or so, made to be large when compiled.
#[test]
fn schemas() {
    let many = |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<Vec<_>>().join(",");
    let symbols = many(60_000, &|n| format!("\"s{n}\""));
    let sharing = many(6_000, &|n| record(r#"{"name":"status","type":"E"}"#).replace("\"R\"", &format!("\"R{n}\"")));
    let fields = many(20_000, &|n| format!(r#"{{"name":"f{n}","type":"string"}}"#));
    let naming = many(3_000, &|n| {
        let items = r#"[{"name":"items","type":{"type":"array","items":"I"}}]"#;
        format!(r#"{{"type":"record","name":"R{n}","fields":{items}}}"#)
    });
    let table = [
        ("empty lists", format!("[{}]", many(150_000, &|_| "[]".to_owned()))),
        ("primitives", format!("[{}]", many(70_000, &|_| "\"string\"".to_owned()))),
        ("an enum for each of many records", format!(r#"[{{"type":"enum","name":"E","symbols":[{symbols}]}},{sharing}]"#)),
        ("a record for each of many records", format!(r#"[{{"type":"record","name":"I","fields":[{fields}]}},{naming}]"#)),
        ("wrong branches", record(&format!(r#"{{"name":"status","type":[{}]}}"#, many(70_000, &|_| "\"string\"".to_owned())))),
        ("one name many times", format!("[{},{}]", record(&fields), many(50_000, &|_| "\"R\"".to_owned()))),
        ("brackets", "[".repeat(MIB)),
        ("the real one", SUBSCRIPTION_SCHEMA.to_owned()),
    ];
    for (what, schema) in table {
        assert!(schema.len() <= MIB, "{what}: {}", schema.len());
        let (most, _) = measured(|| Decoder::compile(&schema, FactKind::Subscription));
        assert!(most <= 100 * schema.len() + MIB, "{what}: {most} bytes for a schema of {}", schema.len());
    }
}

/// A file that claims more than it holds.
#[test]
fn files() {
    let head = |schema: &str, codec: &str| {
        let entries = [text("avro.schema"), text(schema), text("avro.codec"), text(codec)].concat();
        [b"Obj\x01\x04".as_slice(), &entries, &[0], &[7; 16]].concat()
    };
    let block = |count: i64, stored: &[u8]| [varint(count), varint(stored.len() as i64), stored.to_vec(), vec![7; 16]].concat();
    let zeros = zstd::encode_all(vec![0; 100 * MIB].as_slice(), 1).unwrap();
    let snappy_claim = [varint(60 << 19), vec![0; 40]].concat();
    let table = [
        ("a length in the header", [b"Obj\x01\x02".as_slice(), &varint(1 << 40)].concat(), 1),
        ("a block's size", [head("\"string\"", "null"), varint(1), varint(1 << 29), vec![0; 99]].concat(), 1),
        ("a block's count", [head("\"string\"", "null"), block(1 << 40, &[0; 99])].concat(), 1),
        ("snappy's length", [head("\"string\"", "snappy"), block(1, &snappy_claim)].concat(), 1),
        ("zeros", [head("\"string\"", "zstandard"), block(1, &zeros)].concat(), 64),
    ];
    for (what, file, mebibytes) in table {
        let read = || {
            let mut reader = Reader::open(file.as_slice(), FactKind::Usage)?;
            while reader.next_record()?.is_some() {}
            Ok::<_, upswell::wire::container::Failure>(())
        };
        let (most, _) = measured(|| read().expect_err("each is damaged"));
        assert!(most <= mebibytes * MIB, "{what}: {most} bytes for a file of {}", file.len());
    }
}
