//! The name of a schema in single-object encoding: CRC-64-AVRO of its Parsing Canonical Form.
//!
//! The canonical form keeps what decides how data is read: full names, types, field names and order, symbols, sizes. Two texts
//! that differ in anything else have one fingerprint, whatever library wrote them.

use super::schema::{Id, Kind, Schema};
use serde_json::Value as Json;
use std::collections::HashSet;

/// CRC-64-AVRO of nothing, which is also its polynomial.
const EMPTY: u64 = 0xc15d_213a_a4d7_a795;

/// The Parsing Canonical Form of a schema.
pub fn canonical_form(schema: &Schema) -> String {
    let mut form = String::new();
    Writer { schema, written: HashSet::new() }.write(schema.root, &mut form);
    form
}

/// The form that apache-avro gives a schema; none if it has none.
pub fn form_with_logical_types(text: &str) -> Option<String> {
    let theirs = apache_avro::Schema::parse_str(text).ok()?;
    let is_safe = serde_json::to_value(&theirs).is_ok_and(|json| has_their_form(&json));
    is_safe.then(|| theirs.canonical_form())
}

/// apache-avro takes an attribute of the writer's own (`"size": "large"` of a field, say) for one of Avro's that has its name, and
/// panics if the value does not fit.
fn has_their_form(json: &Json) -> bool {
    let attribute = |(name, value): (&String, &Json)| match name.as_str() {
        "size" | "precision" | "scale" => {
            value.as_i64().is_some() || value.as_str().is_some_and(|text| text.parse::<i64>().is_ok())
        }
        "name" | "type" | "fields" | "symbols" | "items" | "values" | "order" => has_their_form(value),
        _ => true,
    };
    match json {
        Json::Object(attributes) => attributes.iter().all(attribute),
        Json::Array(parts) => parts.iter().all(has_their_form),
        other => other.is_string(),
    }
}

/// CRC-64-AVRO of a text.
pub fn crc64(text: &str) -> u64 {
    let shift = |crc: u64, _| (crc >> 1) ^ (EMPTY & (crc & 1).wrapping_neg());
    text.bytes().fold(EMPTY, |crc, byte| (0..8).fold(crc ^ u64::from(byte), shift))
}

struct Writer<'s> {
    schema: &'s Schema,
    written: HashSet<Id>,
}

impl Writer<'_> {
    fn write(&mut self, id: Id, form: &mut String) {
        let this = self.schema.get(id);
        if let Some(name) = &this.name
            && !self.written.insert(id)
        {
            return quote(name, form);
        }
        match (&this.kind, this.name.as_deref().unwrap_or_default()) {
            (Kind::Null, _) => quote("null", form),
            (Kind::Boolean, _) => quote("boolean", form),
            (Kind::Int, _) => quote("int", form),
            (Kind::Long(_), _) => quote("long", form),
            (Kind::Float, _) => quote("float", form),
            (Kind::Double, _) => quote("double", form),
            (Kind::Bytes, _) => quote("bytes", form),
            (Kind::String, _) => quote("string", form),
            (Kind::Array(items), _) => self.wrap(r#"{"type":"array","items":"#, *items, form),
            (Kind::Map(values), _) => self.wrap(r#"{"type":"map","values":"#, *values, form),
            (Kind::Fixed(size), name) => {
                open(name, "fixed", form);
                form.push_str(&format!(r#","size":{size}}}"#));
            }
            (Kind::Enum(symbols), name) => {
                open(name, "enum", form);
                form.push_str(r#","symbols":["#);
                separated(symbols, form, |symbol, form| quote(symbol, form));
                form.push_str("]}");
            }
            (Kind::Record(fields), name) => {
                open(name, "record", form);
                form.push_str(r#","fields":["#);
                separated(fields, form, |field, form| {
                    form.push_str(r#"{"name":"#);
                    quote(&field.name, form);
                    self.wrap(r#","type":"#, field.id, form);
                });
                form.push_str("]}");
            }
            (Kind::Union(branches), _) => {
                form.push('[');
                separated(branches, form, |branch, form| self.write(*branch, form));
                form.push(']');
            }
        }
    }

    fn wrap(&mut self, start: &str, id: Id, form: &mut String) {
        form.push_str(start);
        self.write(id, form);
        form.push('}');
    }
}

fn open(name: &str, kind: &str, form: &mut String) {
    form.push_str(r#"{"name":"#);
    quote(name, form);
    form.push_str(r#","type":"#);
    quote(kind, form);
}

fn separated<T>(list: &[T], form: &mut String, mut write: impl FnMut(&T, &mut String)) {
    for (index, one) in list.iter().enumerate() {
        if index > 0 {
            form.push(',');
        }
        write(one, form);
    }
}

/// Names are written as they are; the canonical form has no escapes.
fn quote(text: &str, form: &mut String) {
    form.push('"');
    form.push_str(text);
    form.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        canonical_form(&Schema::parse(text, &[]).unwrap())
    }

    #[test]
    fn attributes_of_the_writers_own() {
        let with = |attribute: &str| {
            let text = format!(r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":"long"{attribute}}}]}}"#);
            form_with_logical_types(&text)
        };
        assert!(with("").is_some());
        for harmless in [r#","unit":5"#, r#","size":"12""#, r#","scale":2"#, r#","order":"ignore""#] {
            assert!(with(harmless).is_some(), "{harmless}");
        }
        for taken in [r#","size":"large""#, r#","precision":1.5"#, r#","scale":null"#, r#","items":5"#, r#","values":[true]"#] {
            assert_eq!(with(taken), None, "{taken}");
        }
    }

    #[test]
    fn canonical_forms() {
        let table = [
            (r#"{"type":"int"}"#, r#""int""#),
            (r#"{"type":"long","logicalType":"timestamp-nanos"}"#, r#""long""#),
            (r#"[ "null" , "string" ]"#, r#"["null","string"]"#),
            (
                r#"{"items":{"type":"map","values":"bytes"},"type":"array"}"#,
                r#"{"type":"array","items":{"type":"map","values":"bytes"}}"#,
            ),
            (
                r#"{"size":4,"doc":"x","type":"fixed","namespace":"n.m","name":"F","aliases":["G"]}"#,
                r#"{"name":"n.m.F","type":"fixed","size":4}"#,
            ),
            (
                r#"{"type":"record","name":"R","namespace":"n","doc":"","fields":[
                   {"name":"e","type":{"type":"enum","name":"E","symbols":["B","A"],"default":"A"},"default":"A","order":"ignore"},
                   {"name":"f","type":["null","E","R"]}]}"#,
                r#"{"name":"n.R","type":"record","fields":[{"name":"e","type":{"name":"n.E","type":"enum","symbols":["B","A"]}},{"name":"f","type":["null","n.E","n.R"]}]}"#,
            ),
        ];
        for (text, expected) in table {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }

    /// The values that the Avro project publishes.
    #[test]
    fn published_fingerprints() {
        let table = [
            (r#""null""#, 7195948357588979594),
            (r#""boolean""#, -6970731678124411036),
            (r#"{"name":"foo","type":"fixed","size":15}"#, 1756455273707447556),
            (
                r#"{"name":"PigValue","type":"record","fields":[{"name":"value","type":["null","int","long","PigValue"]}]}"#,
                -1759257747318642341,
            ),
        ];
        for (text, expected) in table {
            assert_eq!(crc64(&canonical(text)) as i64, expected, "{text}");
        }
    }
}
