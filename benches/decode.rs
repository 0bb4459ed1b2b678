//! One event from a record's value to a fact: framing, decoding and acceptance, each alone and all three. Decoding is compared with
//! apache-avro's direct serde reader, its generic value, and the value turned into a struct. Run with `cargo bench --bench decode`.

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::{Schema, from_value};
use divan::{Bencher, black_box};
use serde::Deserialize;
use std::collections::HashMap;
use upswell::domain::accept;
use upswell::domain::calendar::{Day, Instant};
use upswell::domain::currency::{Currency, ExchangeRates, RateTable};
use upswell::domain::facts::{FactKind, RawFact};
use upswell::wire::avro::{Decoder, SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};
use upswell::wire::framing::{self, Frame};

fn main() {
    divan::main();
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "the fields are only filled")]
struct Usage {
    event_id: String,
    customer_id: String,
    used_at: i64,
    meter: String,
    quantity: f64,
    amount_micros: i64,
    currency: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "the fields are only filled")]
#[serde(rename = "SubscriptionState")]
struct Subscription {
    event_id: String,
    customer_id: String,
    subscription_id: String,
    effective_at: i64,
    version: i64,
    status: Status,
    currency: String,
    items: Vec<Item>,
    attributes: HashMap<String, String>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "the fields are only filled")]
struct Item {
    item_id: String,
    product_id: String,
    plan_id: String,
    quantity: i64,
    unit_amount_micros: i64,
    interval: Interval,
    interval_count: i64,
    discount_micros: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    Trialing,
    Active,
    PastDue,
    Paused,
    Canceled,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Interval {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

fn long(value: i64, out: &mut Vec<u8>) {
    let mut value = ((value << 1) ^ (value >> 63)) as u64;
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn texts(list: &[&str], out: &mut Vec<u8>) {
    for text in list {
        long(text.len() as i64, out);
        out.extend(text.as_bytes());
    }
}

/// A usage event of 110 bytes.
fn usage() -> Vec<u8> {
    let mut out = Vec::new();
    texts(&["0198c2f4-6b1e-7c3a-9d42-5f0e8a1b2c3d", "cus_4fGk29LmQx81ZbTy"], &mut out);
    long(1_787_212_345_678, &mut out);
    texts(&["api-requests-eu-west-1/v2.0.1"], &mut out);
    out.extend(1234.0f64.to_le_bytes());
    long(2_468_000, &mut out);
    texts(&["EUR"], &mut out);
    assert_eq!(out.len(), 110);
    out
}

/// A subscription of two items and three attributes.
fn subscription() -> Vec<u8> {
    let mut out = Vec::new();
    texts(&["0198c2f4-6b1e-7c3a-9d42-5f0e8a1b2c3d", "cus_4fGk29LmQx81ZbTy", "sub_81ZbTy4fGk29LmQx"], &mut out);
    long(1_787_212_345_678, &mut out);
    long(3, &mut out);
    long(1, &mut out);
    texts(&["EUR"], &mut out);
    long(2, &mut out);
    for item in ["seats", "storage"] {
        texts(&[item, "workspace", "business-2026"], &mut out);
        [25, 12_000_000, 2, 1, 0].into_iter().for_each(|value| long(value, &mut out));
    }
    long(0, &mut out);
    long(3, &mut out);
    texts(&["vertical", "fintech", "region", "emea", "plan_family", "business"], &mut out);
    long(0, &mut out);
    out
}

fn schema(kind: FactKind) -> &'static str {
    match kind {
        FactKind::Usage => USAGE_SCHEMA,
        FactKind::Subscription => SUBSCRIPTION_SCHEMA,
    }
}

fn datum(kind: FactKind) -> Vec<u8> {
    match kind {
        FactKind::Usage => usage(),
        FactKind::Subscription => subscription(),
    }
}

const KINDS: [FactKind; 2] = [FactKind::Usage, FactKind::Subscription];

#[divan::bench(args = KINDS)]
fn plan(bencher: Bencher, kind: FactKind) {
    let (decoder, datum) = (Decoder::compile(schema(kind), kind), datum(kind));
    assert!(decoder.decode(&datum).is_ok());
    bencher.bench_local(|| black_box(decoder.decode(black_box(&datum))).is_ok());
}

/// Two currencies beside the reporting one; that of the events is the first.
fn rates() -> ExchangeRates {
    let code = |text: &str| Currency::parse(text).expect("a code");
    let rates = [(code("EUR"), 1_080_000), (code("GBP"), 1_270_000)].into();
    ExchangeRates::new(code("USD"), vec![RateTable { from: Day(0), rates }])
}

/// Whether the event is accepted; the record was written when the event happened.
fn accepted(raw: &RawFact, rates: &ExchangeRates) -> bool {
    match raw {
        RawFact::Subscription(raw) => black_box(accept::subscription(raw, rates)).is_ok(),
        RawFact::Usage(raw) => black_box(accept::usage(raw, rates, Some(Instant(1_787_212_345_999)))).is_ok(),
    }
}

#[divan::bench(args = KINDS)]
fn acceptance(bencher: Bencher, kind: FactKind) {
    let (datum, rates) = (datum(kind), rates());
    let raw = Decoder::compile(schema(kind), kind).decode(&datum).expect("readable");
    assert!(accepted(&raw, &rates));
    bencher.bench_local(|| accepted(black_box(&raw), black_box(&rates)));
}

fn framed(kind: FactKind) -> Vec<u8> {
    [&[0, 0, 0, 0, 7], datum(kind).as_slice()].concat()
}

#[divan::bench]
fn framing_alone(bencher: Bencher) {
    let value = framed(FactKind::Usage);
    bencher.bench_local(|| black_box(framing::parse(black_box(Some(&value)))).is_ok());
}

/// From a record's value to a fact, without the look-up of the schema's decoder.
#[divan::bench(args = KINDS)]
fn value_to_fact(bencher: Bencher, kind: FactKind) {
    let (decoder, value, rates) = (Decoder::compile(schema(kind), kind), framed(kind), rates());
    let whole = |value: &[u8]| match framing::parse(Some(value)) {
        Ok(Frame::Confluent { datum, .. }) => decoder.decode(datum).is_ok_and(|raw| accepted(&raw, &rates)),
        _ => false,
    };
    assert!(whole(&value));
    bencher.bench_local(|| whole(black_box(&value)));
}

/// A writer with all fields nullable, in another order, and two that are not ours.
#[divan::bench]
fn plan_of_an_evolved_usage_schema(bencher: Bencher) {
    let text = r#"{"type":"record","name":"U","fields":[{"name":"tags","type":{"type":"array","items":"string"}},
        {"name":"currency","type":["null","string"]},{"name":"amount_micros","type":["long","null"]},
        {"name":"event_id","type":["null","string"]},{"name":"customer_id","type":"string"},{"name":"source","type":"string"},
        {"name":"used_at","type":["null",{"type":"long","logicalType":"timestamp-micros"}]},{"name":"meter","type":"string"}]}"#;
    let mut datum = vec![0, 2];
    texts(&["EUR"], &mut datum);
    datum.push(0);
    long(2_468_000, &mut datum);
    datum.push(2);
    texts(&["0198c2f4-6b1e-7c3a-9d42-5f0e8a1b2c3d", "cus_4fGk29LmQx81ZbTy", "billing"], &mut datum);
    datum.push(2);
    long(1_787_212_345_678_000, &mut datum);
    texts(&["api-requests-eu-west-1/v2.0.1"], &mut datum);
    let decoder = Decoder::compile(text, FactKind::Usage);
    assert!(decoder.decode(&datum).is_ok());
    bencher.bench_local(|| black_box(decoder.decode(black_box(&datum))).is_ok());
}

#[divan::bench(args = KINDS)]
fn apache_avro_direct(bencher: Bencher, kind: FactKind) {
    let (schema, datum) = (Schema::parse_str(schema(kind)).expect("ours"), datum(kind));
    let reader = GenericDatumReader::builder(&schema).build().expect("ours");
    bencher.bench_local(|| match kind {
        FactKind::Usage => drop(black_box(reader.read_deser::<Usage>(&mut black_box(datum.as_slice())).expect("readable"))),
        FactKind::Subscription => {
            drop(black_box(reader.read_deser::<Subscription>(&mut black_box(datum.as_slice())).expect("readable")));
        }
    });
}

#[divan::bench(args = KINDS)]
fn apache_avro_value(bencher: Bencher, kind: FactKind) {
    let (schema, datum) = (Schema::parse_str(schema(kind)).expect("ours"), datum(kind));
    let reader = GenericDatumReader::builder(&schema).build().expect("ours");
    bencher.bench_local(|| black_box(reader.read_value(&mut black_box(datum.as_slice()))).expect("readable"));
}

#[divan::bench(args = KINDS)]
fn apache_avro_value_to_struct(bencher: Bencher, kind: FactKind) {
    let (schema, datum) = (Schema::parse_str(schema(kind)).expect("ours"), datum(kind));
    let reader = GenericDatumReader::builder(&schema).build().expect("ours");
    bencher.bench_local(|| {
        let value = reader.read_value(&mut black_box(datum.as_slice())).expect("readable");
        match kind {
            FactKind::Usage => drop(black_box(from_value::<Usage>(&value).expect("readable"))),
            FactKind::Subscription => drop(black_box(from_value::<Subscription>(&value).expect("readable"))),
        }
    });
}
