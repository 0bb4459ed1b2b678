//! Decoding one event: our compiled plan against apache-avro's direct serde reader, its generic value, and the value turned into
//! a struct. Run with `cargo bench --bench decode`.

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::{Schema, from_value};
use divan::{Bencher, black_box};
use serde::Deserialize;
use std::collections::HashMap;
use upswell::domain::facts::FactKind;
use upswell::wire::avro::{Decoder, SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};

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
