//! Events for the real broker, encoded by apache-avro: nothing here shares code with the decoder under test.

use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Reader, Schema};
use serde_json::Value as Json;
use std::path::Path;

/// A schema under its id in the registry.
#[derive(Clone, Debug)]
pub struct Registered {
    pub id: u32,
    pub schema: Schema,
}

impl Registered {
    /// Byte 0, the id in four bytes, the datum.
    pub fn confluent(&self, value: &Value) -> Vec<u8> {
        [&[0][..], &self.id.to_be_bytes(), &self.datum(value)].concat()
    }

    /// The datum without any framing.
    pub fn datum(&self, value: &Value) -> Vec<u8> {
        let writer = GenericDatumWriter::builder(&self.schema).build().expect("a schema that resolves");
        writer.write_value_to_vec(value.clone()).expect("the value fits the schema")
    }
}

/// A field's text.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    match value {
        Value::Record(fields) => match fields.iter().find(|(name, _)| name == field) {
            Some((_, Value::String(text))) => text,
            other => panic!("no text {field}: {other:?}"),
        },
        other => panic!("no record: {other:?}"),
    }
}

/// A field's number, of a long or a timestamp.
pub fn long(value: &Value, field: &str) -> i64 {
    let Value::Record(fields) = value else { panic!("no record: {value:?}") };
    match fields.iter().find(|(name, _)| name == field) {
        Some((_, Value::Long(number) | Value::TimestampMillis(number))) => *number,
        other => panic!("no number {field}: {other:?}"),
    }
}

/// Sets a field.
pub fn set(value: &mut Value, field: &str, to: Value) {
    let Value::Record(fields) = value else { panic!("no record: {value:?}") };
    let held = fields.iter_mut().find(|(name, _)| name == field);
    held.unwrap_or_else(|| panic!("no field {field}")).1 = to;
}

/// Every value of an object container file, and its writer's schema.
pub fn container(path: &Path) -> (Schema, Vec<Value>) {
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let reader = Reader::new(std::io::BufReader::new(file)).expect("a container file");
    let schema = reader.writer_schema().clone();
    (schema, reader.map(|value| value.expect("a whole record")).collect())
}

/// A value of this schema from JSON; fields left out get the schema's defaults.
pub fn value(schema: &Schema, json: &Json) -> Value {
    let value = untyped(json).resolve(schema);
    value.unwrap_or_else(|error| panic!("{json} does not fit the schema: {error}"))
}

/// Objects as maps and integers as longs: what a schema resolves to records, enums and timestamps.
fn untyped(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => number.as_i64().map_or_else(|| Value::Double(number.as_f64().unwrap_or(f64::NAN)), Value::Long),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(values) => Value::Array(values.iter().map(untyped).collect()),
        Json::Object(fields) => Value::Map(fields.iter().map(|(name, value)| (name.clone(), untyped(value))).collect()),
    }
}
