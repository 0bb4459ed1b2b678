//! Events in Avro object container files, written by another library with schemas that are not quite ours.
//!
//! Three writers: one with exactly our fields, one where everything may be null and fields come in another order with others
//! among them, one that is like that and writes timestamps in microseconds. An event a strict writer cannot express makes its
//! file a loose one.

use crate::choices::ATTRIBUTES;
use crate::twin::facts::{Event, Item, Subscription, Usage};
use apache_avro::types::Value;
use apache_avro::{Schema, Writer};
use serde_json::{Value as Json, json};
use upswell::domain::facts::{Interval, Status};

/// How a file's writer sees an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dialect {
    Strict,
    Loose,
    Micros,
}

/// A symbol that our enums do not have: the bytes decode as the writer meant them, but not as ours.
pub const FOREIGN: &str = "FOREIGN";

/// An event on its way into a file; `foreign` puts an unknown symbol where status or interval would be missing.
#[derive(Clone, Debug)]
pub struct Written {
    pub event: Event,
    pub foreign: bool,
}

impl Written {
    /// Whether the file's bytes cannot be read as ours, which no other fault comes before.
    pub fn undecodable(&self) -> bool {
        match &self.event {
            Event::Subscription(state) if self.foreign => {
                state.status.is_none() || state.items.iter().flatten().any(|item| item.interval.is_none())
            }
            _ => false,
        }
    }
}

/// A container file of these events, all of one kind.
pub fn container(events: &[Written], wanted: Dialect) -> Vec<u8> {
    let rows: Vec<Json> = events.iter().map(|written| row(written, wanted)).collect();
    let complete = rows.iter().all(|row| !row.to_string().contains("null") && !row.to_string().contains(FOREIGN));
    let dialect = if wanted == Dialect::Strict && !complete { Dialect::Loose } else { wanted };
    let usage = events.iter().any(|written| written.event.as_usage().is_some());
    let text = if usage { usage_schema(dialect) } else { subscription_schema(dialect) }.to_string();
    let schema = Schema::parse_str(&text).expect("a schema");
    let mut writer = Writer::new(&schema, Vec::new()).expect("a writer");
    for row in rows {
        let value = Value::try_from(row).expect("an Avro value").resolve(&schema).expect("a value of the schema");
        writer.append_value(value).expect("a record");
    }
    writer.into_inner().expect("the file's bytes")
}

fn row(written: &Written, dialect: Dialect) -> Json {
    match &written.event {
        Event::Subscription(state) => subscription_row(state, written.foreign, dialect),
        Event::Usage(usage) => usage_row(usage, dialect),
    }
}

/// Microseconds carry a rest that is floored away. Instants too far away for them stay what they are: invalid.
fn instant(at: Option<i64>, dialect: Dialect) -> Json {
    match at {
        Some(millis) if dialect == Dialect::Micros => json!(millis.saturating_mul(1000).saturating_add(999)),
        other => json!(other),
    }
}

fn subscription_row(state: &Subscription, foreign: bool, dialect: Dialect) -> Json {
    let symbol = |status: Status| Status::SYMBOLS.iter().find(|(_, known)| *known == status).map(|(symbol, _)| *symbol);
    let items = state.items.as_ref().map(|items| items.iter().map(|item| item_row(item, foreign, dialect)).collect::<Vec<_>>());
    let mut attributes = json!(state.attributes);
    if dialect != Dialect::Strict {
        // A null value is the same as no such key.
        for key in ATTRIBUTES.iter().filter(|key| !state.attributes.contains_key(**key)) {
            attributes[*key] = Json::Null;
        }
    }
    json!({
        "event_id": state.event_id, "customer_id": state.customer_id, "subscription_id": state.subscription_id,
        "effective_at": instant(state.effective_at, dialect), "version": or_default(state.version, 0, dialect),
        "status": state.status.and_then(symbol).or(foreign.then_some(FOREIGN)), "currency": state.currency, "items": items,
        "attributes": attributes,
    })
}

/// A strict writer writes the default, the others leave the field null.
fn or_default(value: Option<i64>, default: i64, dialect: Dialect) -> Option<i64> {
    if dialect == Dialect::Strict { value.or(Some(default)) } else { value }
}

fn item_row(item: &Item, foreign: bool, dialect: Dialect) -> Json {
    let symbol = |interval: Interval| Interval::SYMBOLS.iter().find(|(_, known)| *known == interval).map(|(symbol, _)| *symbol);
    json!({
        "item_id": item.item_id, "product_id": item.product_id, "plan_id": item.plan_id, "quantity": item.quantity,
        "unit_amount_micros": item.unit_amount, "interval": item.interval.and_then(symbol).or(foreign.then_some(FOREIGN)),
        "interval_count": or_default(item.interval_count, 1, dialect),
        "discount_micros": or_default(item.discount, 0, dialect),
    })
}

fn usage_row(usage: &Usage, dialect: Dialect) -> Json {
    json!({
        "event_id": usage.event_id, "customer_id": usage.customer_id, "used_at": instant(usage.used_at, dialect),
        "meter": usage.meter, "quantity": 1.5, "amount_micros": usage.amount, "currency": usage.currency,
    })
}

/// A record of these fields in a dialect: loose ones are reversed, nullable, and have a field of their own before each.
fn record(name: &str, fields: Vec<(&str, Json)>, dialect: Dialect) -> Json {
    if dialect == Dialect::Strict {
        let fields: Vec<Json> = fields.into_iter().map(|(name, kind)| json!({ "name": name, "type": kind })).collect();
        return json!({ "type": "record", "name": name, "namespace": "upswell.billing", "fields": fields });
    }
    let nullable = |(name, kind): (&str, Json)| {
        let own = json!({ "name": format!("own_{name}"), "type": "string", "default": "ours to write, not yours to read" });
        [own, json!({ "name": name, "type": ["null", kind] })]
    };
    let fields: Vec<Json> = fields.into_iter().rev().flat_map(nullable).collect();
    json!({ "type": "record", "name": format!("Foreign{name}"), "namespace": "elsewhere", "fields": fields })
}

fn timestamp(dialect: Dialect) -> Json {
    let logical = if dialect == Dialect::Micros { "timestamp-micros" } else { "timestamp-millis" };
    json!({ "type": "long", "logicalType": logical })
}

fn symbols(name: &str, known: &[&str], dialect: Dialect) -> Json {
    let mut symbols = known.to_vec();
    if dialect != Dialect::Strict {
        symbols.insert(1, FOREIGN);
    }
    json!({ "type": "enum", "name": name, "namespace": "upswell.billing", "symbols": symbols })
}

fn subscription_schema(dialect: Dialect) -> Json {
    let intervals = Interval::SYMBOLS.map(|(symbol, _)| symbol);
    let item = record(
        "Item",
        vec![
            ("item_id", json!("string")),
            ("product_id", json!("string")),
            ("plan_id", json!("string")),
            ("quantity", json!("long")),
            ("unit_amount_micros", json!("long")),
            ("interval", symbols("Interval", &intervals, dialect)),
            ("interval_count", json!("long")),
            ("discount_micros", json!("long")),
        ],
        dialect,
    );
    let statuses = Status::SYMBOLS.map(|(symbol, _)| symbol);
    record(
        "SubscriptionState",
        vec![
            ("event_id", json!("string")),
            ("customer_id", json!("string")),
            ("subscription_id", json!("string")),
            ("effective_at", timestamp(dialect)),
            ("version", json!("long")),
            ("status", symbols("Status", &statuses, dialect)),
            ("currency", json!("string")),
            ("items", json!({ "type": "array", "items": item })),
            (
                "attributes",
                json!({ "type": "map", "values": if dialect == Dialect::Strict { json!("string") } else { json!(["null", "string"]) } }),
            ),
        ],
        dialect,
    )
}

fn usage_schema(dialect: Dialect) -> Json {
    record(
        "Usage",
        vec![
            ("event_id", json!("string")),
            ("customer_id", json!("string")),
            ("used_at", timestamp(dialect)),
            ("meter", json!("string")),
            ("quantity", json!("double")),
            ("amount_micros", json!("long")),
            ("currency", json!("string")),
        ],
        dialect,
    )
}
