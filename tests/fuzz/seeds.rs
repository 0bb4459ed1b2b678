//! The first inputs of every target, made of the canonical schemas, the recorded image, the reference configuration and what
//! clients of the server send.

use crate::runner::{files, folder};
use crate::targets::{self, SEPARATOR, checkpoint, record};
use crate::trail::Trail;
use apache_avro::{Bzip2Settings, Codec, DeflateSettings, Schema, Writer, XzSettings, ZstandardSettings};
use serde_json::{Value as Json, json};
use std::path::Path;
use upswell::wire::avro::{SUBSCRIPTION_SCHEMA, USAGE_SCHEMA, fingerprints};
use upswell_testkit::avro::{Registered, value};

type Seed = (String, Vec<u8>);

/// The seeds of a target.
fn seeds(target: &str) -> Vec<Seed> {
    match target {
        "record" => records(),
        "schema" => schemas(),
        "checkpoint" => checkpoint::seeds().into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect(),
        "container" => containers(),
        "config" => configurations(),
        "http" => requests(),
        other => panic!("no seeds for {other}"),
    }
}

fn seed(name: &str, bytes: impl Into<Vec<u8>>) -> Seed {
    (name.to_owned(), bytes.into())
}

fn schema(text: &str) -> Schema {
    Schema::parse_str(text).expect("a schema")
}

fn subscription() -> Json {
    let item = |id: &str, plan: &str, quantity: i64| {
        json!({ "item_id": id, "product_id": "platform", "plan_id": plan, "quantity": quantity, "unit_amount_micros": 49_000_000,
                "interval": "MONTH", "interval_count": 1, "discount_micros": 1_000_000 })
    };
    json!({ "event_id": "evt-1", "customer_id": "cus-1", "subscription_id": "sub-1", "effective_at": 1_767_225_600_000i64,
            "version": 1, "status": "ACTIVE", "currency": "EUR", "items": [item("seats", "team", 25), item("support", "gold", 1)],
            "attributes": { "region": "emea", "vertical": "retail" } })
}

fn usage(number: i64) -> Json {
    json!({ "event_id": format!("use-{number}"), "customer_id": "cus-1", "used_at": 1_767_225_600_000i64 + number, "meter": "api",
            "quantity": 1.5, "amount_micros": 12_345 * number, "currency": "EUR" })
}

/// What a writer of these fields, and of some of its own, gave.
fn reading() -> Json {
    json!({ "trace": { "span": "a" }, "currency": "EUR", "used_at": 1_767_225_600_000_000i64, "amount_micros": 7, "event_id": "r-1",
            "customer_id": "cus-1", "meter": "api", "corrects": null })
}

fn datum(text: &str, json: &Json) -> Vec<u8> {
    let schema = schema(text);
    let value = value(&schema, json);
    Registered { id: 1, schema }.datum(&value)
}

fn records() -> Vec<Seed> {
    let confluent = |datum: Vec<u8>| [b"\0\0\0\0\x01".as_slice(), &datum].concat();
    let single = |text: &str, datum: Vec<u8>| {
        let print = fingerprints(text).expect("a schema")[0].to_le_bytes();
        [b"\xc3\x01".as_slice(), &print, &datum].concat()
    };
    let paused = json!({ "event_id": "evt-2", "customer_id": "cus-1", "subscription_id": "sub-1", "effective_at": 1_767_225_600_000i64, "version": 0,
                         "status": "PAUSED", "currency": "", "items": [], "attributes": {} });
    vec![
        seed("valid-subscription", confluent(datum(SUBSCRIPTION_SCHEMA, &subscription()))),
        seed("valid-paused", single(SUBSCRIPTION_SCHEMA, datum(SUBSCRIPTION_SCHEMA, &paused))),
        seed("valid-usage", single(USAGE_SCHEMA, datum(USAGE_SCHEMA, &usage(1)))),
        seed("valid-evolved", confluent(datum(record::evolved(), &reading()))),
        seed("odd-empty", ""),
        seed("odd-text", r#"{"event_id":"evt-1"}"#),
    ]
}

fn schemas() -> Vec<Seed> {
    let with = |texts: &[&str], datum: &[u8]| {
        let parts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).chain([datum]).collect();
        parts.join(SEPARATOR)
    };
    let cents = r#"{"type":"record","name":"Cents","fields":[{"name":"a","type":"long"}]}"#;
    let referring = USAGE_SCHEMA.replacen(r#""fields": ["#, r#""fields": [{"name":"tax","type":["null","Cents"]},"#, 1);
    let referring = referring.replacen("upswell.billing", "", 1);
    let taxed = [b"\x02\x06".as_slice(), &datum(USAGE_SCHEMA, &usage(1))].concat();
    let recursive = r#"{"type":"record","name":"R","fields":[{"name":"r","type":["null",{"type":"array","items":"R"}]}]}"#;
    vec![
        seed("valid-subscription", with(&[SUBSCRIPTION_SCHEMA], &datum(SUBSCRIPTION_SCHEMA, &subscription()))),
        seed("valid-usage", with(&[USAGE_SCHEMA], &datum(USAGE_SCHEMA, &usage(1)))),
        seed("valid-evolved", with(&[record::evolved()], &datum(record::evolved(), &reading()))),
        seed("valid-references", with(&[&referring, cents], &taxed)),
        seed("odd-recursive", with(&[recursive], b"\x02\x02\x02\x02\x00\x00\x00")),
        seed("odd-unknown-name", with(&[r#"{"type":"array","items":"Nobody"}"#], b"\0")),
    ]
}

fn container(text: &str, codec: Codec, events: &[Json]) -> Vec<u8> {
    let schema = schema(text);
    let builder = Writer::builder().schema(&schema).writer(Vec::new()).codec(codec).block_size(150);
    let mut writer = builder.build().expect("a writer");
    for event in events {
        writer.append_value(value(&schema, event)).expect("a record");
    }
    writer.into_inner().expect("the file's bytes")
}

fn containers() -> Vec<Seed> {
    let usages: Vec<Json> = (1..6).map(usage).collect();
    let with = |name: &str, codec| seed(name, container(USAGE_SCHEMA, codec, &usages));
    let whole = container(USAGE_SCHEMA, Codec::Null, &usages);
    vec![
        seed("valid-subscription", container(SUBSCRIPTION_SCHEMA, Codec::Null, &[subscription(), subscription()])),
        with("valid-null", Codec::Null),
        with("valid-snappy", Codec::Snappy),
        with("valid-deflate", Codec::Deflate(DeflateSettings::default())),
        with("valid-zstandard", Codec::Zstandard(ZstandardSettings::default())),
        with("valid-bzip2", Codec::Bzip2(Bzip2Settings::default())),
        with("valid-xz", Codec::Xz(XzSettings::default())),
        seed("odd-cut", &whole[..whole.len() - 9]),
    ]
}

fn configurations() -> Vec<Seed> {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/upswell.yaml");
    let small = "kafka:\n  brokers: [a:9092, \"b:9092\"]\n  topics: { usage: u }\n\
                 schema_registry: { url: http://r:8081, user: u, password: p }\n\
                 revenue:\n  currency: EUR\n  time_zone: Europe/Berlin\n  windows: [month_to_date, trailing_90d]\n\
                 \x20 exchange_rates:\n    - { from: 2026-01-01, rates: { USD: 0.92, GBP: 1.17 } }\n\
                 checkpoint: { url: \"s3://b/p\", interval: 30s }\nlimits: { memory: 2GiB }\n";
    let variables = "kafka: { brokers: a }\n%%\nUPSWELL_REVENUE_CURRENCY=EUR\nUPSWELL_REVENUE_WINDOWS=last_month,trailing_30d\n\
                     UPSWELL_METRICS_SEGMENT_WINDOWS=last_month\nUPSWELL_HTTP_LISTEN=:9817\n";
    let receivers = "kafka: { brokers: a }\nalerts:\n  receivers:\n    - { name: a, slack: { url: \"https://h/x\" }, timeout: 5s, severities: [critical] }\n\
                     \x20   - name: b\n      alertmanager: { urls: [\"http://h:9093\"] }\n      basic_auth: { user: u, password: p }\n\
                     \x20     tls: { ca: \"-----BEGIN C\" }\n    - { name: c, pagerduty: { routing_key: k }, proxy: \"http://p:1\", send_resolved: false }\n";
    let aliases = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n<<: *a\n";
    vec![
        seed("valid-reference", std::fs::read(reference).expect("it can be read")),
        seed("valid-receivers", receivers),
        seed("valid-service", small),
        seed("valid-variables", variables),
        seed("odd-aliases", aliases),
        seed("odd-key", "kafka:\n  brokers: a\n  brokers: b\n  topcs: {}\nrevenue: { currency: [EUR] }\n"),
    ]
}

fn requests() -> Vec<Seed> {
    let openmetrics = "GET /metrics HTTP/1.1\r\nHost: h\r\nAccept: application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1\r\n\
                       Accept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\nConnection: close\r\n\r\n";
    let chunked =
        "POST /-/reload HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    vec![
        seed("valid-metrics", "GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
        seed("valid-openmetrics", openmetrics),
        seed("valid-report", "GET /api/v1/report?format=csv HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nConnection: close\r\n\r\n"),
        seed("valid-reload", chunked),
        seed(
            "valid-two",
            "HEAD /-/healthy HTTP/1.1\r\nHost: h\r\n\r\nGET /-/ready HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        ),
        seed("odd-version", "GET /metrics HTTP/9.9\r\n\r\n"),
        seed("odd-method", "BREW / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabcde"),
        seed("odd-tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice()),
    ]
}

/// Writes the seeds of a target in place of the old ones; what was found stays.
fn bless(target: &str) {
    std::fs::create_dir_all(folder(target)).expect("a folder");
    let old = std::fs::read_dir(folder(target)).expect("the folder is there").map(|file| file.expect("it is listed").path());
    let is_seed = |name: &str| name.starts_with("valid-") || name.starts_with("odd-");
    old.filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_seed))
        .for_each(|path| std::fs::remove_file(path).expect("it can be removed"));
    for (name, bytes) in seeds(target) {
        std::fs::write(folder(target).join(name), bytes).expect("it can be written");
    }
}

/// Whether the reader says of an input what its name says; other names say nothing.
fn is_as_named(name: &str, trail: &Trail) -> bool {
    match name.split('-').next() {
        Some("valid") => trail.is_whole(),
        Some("odd") => !trail.is_whole(),
        _ => true,
    }
}

#[test]
fn seeds_are_what_their_names_say() {
    let (mut trail, mut wrong) = (Trail::default(), Vec::new());
    for mut target in targets::all() {
        if std::env::var_os("BLESS").is_some() {
            bless(target.name);
        }
        for file in files(target.name) {
            let input = std::fs::read(&file).expect("it can be read");
            assert_eq!(target.check(&input, &mut trail), Ok(()), "{}", file.display());
            if !is_as_named(&file.file_name().expect("a file's name").to_string_lossy(), &trail) {
                wrong.push(file);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
