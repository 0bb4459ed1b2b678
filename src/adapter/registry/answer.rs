//! What a registry's answer means. Pure: a status and some bytes in, a verdict out.
//!
//! Only two answers are believed: 200 with a schema in JSON, and 404 with the API's own code for an unknown schema. A proxy, a
//! wrong base path or a login page can answer 200 and 404 too, and must not cost an event.

use std::sync::Arc;

use serde_json::Value;

use super::Schema;

/// The API's code for "schema not found".
const SCHEMA_NOT_FOUND: i64 = 40403;

/// What the registry says about an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Schema(Schema),
    /// It has no schema with this id.
    Missing,
    /// Anything else, as a sentence.
    Outage(String),
}

/// A schema as the API returns it, before what it refers to is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub text: Arc<str>,
    pub references: Vec<Reference>,
}

/// The name of another schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    pub subject: String,
    pub version: i64,
}

/// Why an answer holds no schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    Missing,
    Outage(String),
}

/// Reads an answer about the schema with this id. `location` is where a redirect points.
pub fn read(id: u32, status: u16, location: Option<&str>, body: &[u8]) -> Result<Entry, Lack> {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    match (status, &json) {
        (200, Some(json)) => entry(json).ok_or_else(|| Lack::Outage("it answers 200 with JSON that holds no schema".to_owned())),
        (200, None) => Err(Lack::Outage(format!("it answers 200, but with {}", shown(body)))),
        (404, Some(json)) if denies(id, json) => Err(Lack::Missing),
        (404, _) => Err(Lack::Outage(format!(
            "it answers 404 with {}, which is not the Confluent API's: the path in schema_registry.url is wrong",
            shown(body)
        ))),
        (401 | 403, _) => Err(Lack::Outage(format!(
            "it refuses our credentials ({status}): correct schema_registry.user and schema_registry.password"
        ))),
        (300..=399, _) => Err(Lack::Outage(format!(
            "it redirects to {}: set schema_registry.url to where it is",
            location.unwrap_or("nowhere")
        ))),
        _ => Err(Lack::Outage(format!("it answers {status} with {}", shown(body)))),
    }
}

/// Whether a 404 is the API's word that there is no such schema. An id beyond 31 bits cannot even be asked for (ids are signed), and
/// the API then says that it has no such path, in its own form.
fn denies(id: u32, json: &Value) -> bool {
    let code = json.get("error_code").and_then(Value::as_i64);
    code == Some(SCHEMA_NOT_FOUND) || (code == Some(404) && i32::try_from(id).is_err())
}

fn entry(json: &Value) -> Option<Entry> {
    let text = json.get("schema")?.as_str()?;
    let references = match json.get("references") {
        None | Some(Value::Null) => Vec::new(),
        Some(list) => list.as_array()?.iter().map(reference).collect::<Option<_>>()?,
    };
    let text = match json.get("schemaType") {
        None | Some(Value::Null) => Arc::from(text),
        Some(kind) if kind == "AVRO" => Arc::from(text),
        // Text that no Avro parser takes, so that every record is rejected, with this in the detail.
        Some(kind) => Arc::from(format!("<the registry holds it as {kind}>").as_str()),
    };
    Some(Entry { text, references })
}

fn reference(json: &Value) -> Option<Reference> {
    Some(Reference { subject: json.get("subject")?.as_str()?.to_owned(), version: json.get("version")?.as_i64()? })
}

/// The start of a body, to recognise a strange answer by.
fn shown(body: &[u8]) -> String {
    let start: String = String::from_utf8_lossy(body).chars().take(80).collect();
    let start = start.split_whitespace().collect::<Vec<_>>().join(" ");
    if start.is_empty() { "nothing".to_owned() } else { format!("\"{start}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_schema_and_the_apis_own_404_are_believed() {
        let schema = |text: &str| Ok(Entry { text: Arc::from(text), references: Vec::new() });
        let outage = |words: &str| Err(Lack::Outage(words.to_owned()));
        let table: [(u32, u16, &str, Result<Entry, Lack>); 18] = [
            (7, 200, r#"{"schema":"\"long\""}"#, schema("\"long\"")),
            (7, 200, r#"{"schemaType":"AVRO","schema":"x","references":null,"more":1}"#, schema("x")),
            (7, 200, r#"{"schemaType":"JSON","schema":"{\"type\":\"string\"}"}"#, schema("<the registry holds it as \"JSON\">")),
            (7, 200, r#"{"schema":7}"#, outage("no schema")),
            (7, 200, r#"{"schema":"x","references":[{"subject":"s"}]}"#, outage("no schema")),
            (7, 200, "[]", outage("no schema")),
            (7, 200, "<html>\n  <body>Log in</body>", outage("\"<html> <body>Log in</body>\"")),
            (7, 200, "", outage("nothing")),
            (7, 404, r#"{"error_code":40403,"message":"Schema 7 not found"}"#, Err(Lack::Missing)),
            (7, 404, r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#, outage("the path in schema_registry.url")),
            (u32::MAX, 404, r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#, Err(Lack::Missing)),
            (u32::MAX, 404, "<html>", outage("the path in schema_registry.url")),
            (7, 404, r#"{"error_code":40401}"#, outage("the path in schema_registry.url")),
            (7, 404, "<html>not here</html>", outage("the path in schema_registry.url")),
            (7, 500, r#"{"error_code":40403}"#, outage("it answers 500")),
            (7, 401, "", outage("refuses our credentials (401)")),
            (7, 302, "", outage("it redirects to http://other/")),
            (7, 204, "", outage("it answers 204")),
        ];
        for (id, status, body, expected) in table {
            let got = read(id, status, Some("http://other/"), body.as_bytes());
            match (&got, &expected) {
                (Err(Lack::Outage(got)), Err(Lack::Outage(words))) => assert!(got.contains(words.as_str()), "{got}"),
                _ => assert_eq!(got, expected, "{status} {body}"),
            }
        }
    }

    #[test]
    fn references_are_read() {
        let body = br#"{"schema":"x","references":[{"name":"a.B","subject":"b","version":3}]}"#;
        let entry = read(1, 200, None, body).unwrap();
        assert_eq!(entry.references, [Reference { subject: "b".to_owned(), version: 3 }]);
    }
}
