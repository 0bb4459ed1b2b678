//! The slow twin: what a fact is, read from apache-avro's generic value with nothing but the rules of the semantics in mind.

use crate::model::Type;
use apache_avro::types::Value;
use upswell::domain::facts::{FactKind, Interval, Status};

/// A rejected record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Refused;

/// A fact with owned text, field by field; `None` is missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fact {
    pub texts: Vec<(&'static str, Option<String>)>,
    pub longs: Vec<(&'static str, Option<i64>)>,
    pub status: Option<Status>,
    pub interval: Option<Interval>,
    pub items: Option<Vec<Fact>>,
    pub attributes: Vec<(String, Option<String>)>,
}

pub const SUBSCRIPTION_TEXTS: &[&str] = &["event_id", "customer_id", "subscription_id", "currency"];
pub const SUBSCRIPTION_LONGS: &[&str] = &["effective_at", "version"];
pub const ITEM_TEXTS: &[&str] = &["item_id", "product_id", "plan_id"];
pub const ITEM_LONGS: &[&str] = &["quantity", "unit_amount_micros", "interval_count", "discount_micros"];
pub const USAGE_TEXTS: &[&str] = &["event_id", "customer_id", "meter", "currency"];
pub const USAGE_LONGS: &[&str] = &["used_at", "amount_micros"];

#[derive(Clone, Copy, PartialEq)]
enum Level {
    Subscription,
    Item,
    Usage,
}

/// What our decoder must make of a value that was written with that type.
pub fn read(this: &Type, value: &Value, kind: FactKind) -> Result<Fact, Refused> {
    let level = if kind == FactKind::Usage { Level::Usage } else { Level::Subscription };
    let (this, value) = taken(level, "", this, value)?;
    record(level, this, value)
}

/// The branch that was taken, or the type itself; refused if it can never be read as that field.
fn taken<'v>(level: Level, field: &str, this: &'v Type, value: &'v Value) -> Result<(&'v Type, &'v Value), Refused> {
    match (this, value) {
        (Type::Union(branches), Value::Union(index, inner)) => taken(level, field, &branches[*index as usize], inner),
        (this, value) if !never(level, field, this) => Ok((this, value)),
        _ => Err(Refused),
    }
}

/// Whether the type, outside unions, is one that cannot be read as that field (or as the record, for no field).
fn never(level: Level, field: &str, this: &Type) -> bool {
    match (wanted(level, field), this) {
        (_, Type::Union(_)) | ("foreign", _) => false,
        ("record", Type::Record(_, fields)) => fields.iter().any(|(name, this)| never(level, name, this)),
        ("items", Type::Array(item)) => never(Level::Item, "", item),
        ("attributes", Type::Map(value)) => !matches!(**value, Type::Union(_)) && !is(value, &["string", "bytes", "null"]),
        ("enum", Type::Enum(..)) => false,
        ("text", this) => !is(this, &["string", "bytes", "null"]),
        ("long", this) => !is(this, &["long", "int", "null"]),
        ("double", this) => !is(this, &["double", "float", "long", "int", "null"]),
        ("record", _) => true,
        (_, this) => !is(this, &["null"]),
    }
}

fn is(this: &Type, names: &[&str]) -> bool {
    matches!(this, Type::Plain(name, _) if names.contains(name))
}

fn wanted(level: Level, field: &str) -> &'static str {
    let (texts, longs) = fields(level);
    match field {
        "" => "record",
        "quantity" if level == Level::Usage => "double",
        "status" if level == Level::Subscription => "enum",
        "interval" if level == Level::Item => "enum",
        "items" if level == Level::Subscription => "items",
        "attributes" if level == Level::Subscription => "attributes",
        field if texts.contains(&field) => "text",
        field if longs.contains(&field) => "long",
        _ => "foreign",
    }
}

fn fields(level: Level) -> (&'static [&'static str], &'static [&'static str]) {
    match level {
        Level::Subscription => (SUBSCRIPTION_TEXTS, SUBSCRIPTION_LONGS),
        Level::Item => (ITEM_TEXTS, ITEM_LONGS),
        Level::Usage => (USAGE_TEXTS, USAGE_LONGS),
    }
}

fn record(level: Level, this: &Type, value: &Value) -> Result<Fact, Refused> {
    let (Type::Record(_, types), Value::Record(written)) = (this, value) else { return Err(Refused) };
    let missing = (Type::Plain("null", None), Value::Null);
    let find = |name: &str| match types.iter().zip(written).find(|((field, _), _)| field == name) {
        Some(((_, this), (_, value))) => taken(level, name, this, value).map(|(this, value)| (this.clone(), value.clone())),
        None => Ok(missing.clone()),
    };
    let (texts, longs) = fields(level);
    let mut fact = Fact::default();
    for name in texts {
        fact.texts.push((name, text(&find(name)?.1)?));
    }
    for name in longs {
        fact.longs.push((name, long(&find(name)?.1, name.ends_with("_at"))?));
    }
    match level {
        Level::Usage => match find("quantity")?.1 {
            Value::Double(_) | Value::Float(_) | Value::Null => {}
            other => drop(long(&other, false)?),
        },
        Level::Item => fact.interval = symbol(&find("interval")?.1, &Interval::SYMBOLS)?,
        Level::Subscription => {
            fact.status = symbol(&find("status")?.1, &Status::SYMBOLS)?;
            fact.items = match find("items")? {
                (_, Value::Null) => None,
                (Type::Array(this), Value::Array(items)) => Some(items.iter().map(|v| item(&this, v)).collect::<Result<_, _>>()?),
                _ => return Err(Refused),
            };
            fact.attributes = match find("attributes")?.1 {
                Value::Null => Vec::new(),
                Value::Map(map) => map.iter().map(|(k, v)| Ok((k.clone(), text(bare(v))?))).collect::<Result<_, _>>()?,
                _ => return Err(Refused),
            };
            fact.attributes.sort();
        }
    }
    Ok(fact)
}

fn item(this: &Type, value: &Value) -> Result<Fact, Refused> {
    let (this, value) = taken(Level::Item, "", this, value)?;
    record(Level::Item, this, value)
}

fn bare(value: &Value) -> &Value {
    match value {
        Value::Union(_, inner) => bare(inner),
        value => value,
    }
}

fn text(value: &Value) -> Result<Option<String>, Refused> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Bytes(bytes) => String::from_utf8(bytes.clone()).map(Some).map_err(|_| Refused),
        _ => Err(Refused),
    }
}

fn long(value: &Value, time: bool) -> Result<Option<i64>, Refused> {
    let per_milli = |value: i64, ticks: i64| if time { value.div_euclid(ticks) } else { value };
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::TimestampMicros(value) => per_milli(*value, 1_000),
        Value::TimestampNanos(value) => per_milli(*value, 1_000_000),
        Value::Int(value) | Value::Date(value) | Value::TimeMillis(value) => i64::from(*value),
        Value::Long(value) | Value::TimestampMillis(value) | Value::TimeMicros(value) => *value,
        Value::LocalTimestampMillis(value) | Value::LocalTimestampMicros(value) | Value::LocalTimestampNanos(value) => *value,
        _ => return Err(Refused),
    }))
}

fn symbol<T: Copy>(value: &Value, ours: &[(&str, T)]) -> Result<Option<T>, Refused> {
    match value {
        Value::Null => Ok(None),
        Value::Enum(_, symbol) => ours.iter().find(|(known, _)| known == symbol).map(|(_, value)| Some(*value)).ok_or(Refused),
        _ => Err(Refused),
    }
}
