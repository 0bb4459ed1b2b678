//! A writer's schema, the schemas that it refers to, and bytes that claim to be written with it.
//!
//! An input is the schema's text, the texts of references (from the first to the last), and a datum, between separators.

use super::{parts, record};
use crate::runner::Target;
use crate::trail::Trail;
use upswell::domain::facts::FactKind;
use upswell::wire::avro::{Decoder, fingerprints};

const WORDS: [&str; 32] = [
    r#"{"type":"record","name":"R","fields":["#,
    r#"{"name":"items","type":"#,
    r#"{"name":"status","type":"#,
    r#"{"name":"attributes","type":{"type":"map","values":"string"}},"#,
    r#"{"type":"array","items":"#,
    r#"{"type":"map","values":"#,
    r#"{"type":"enum","name":"E","symbols":["ACTIVE","#,
    r#"{"type":"fixed","name":"F","size":"#,
    r#"{"type":"long","logicalType":"timestamp-micros"}"#,
    r#"{"type":"#,
    r#""namespace":"a.b","#,
    r#""default":null,"#,
    r#""aliases":["A"],"#,
    r#"["null","#,
    r#""null""#,
    r#""string""#,
    r#""bytes""#,
    r#""int""#,
    r#""long""#,
    r#""float""#,
    r#""double""#,
    r#""boolean""#,
    r#""R""#,
    "event_id",
    "customer_id",
    "effective_at",
    "unit_amount_micros",
    "\n%%\n",
    "]",
    "}",
    "}]}",
    "\\u0000",
];

pub fn target() -> Target<'static> {
    let rates = record::rates();
    let read = move |input: &[u8], trail: &mut Trail| {
        let parts = parts(input);
        let (datum, texts) = parts.split_last().expect("there is one part at least");
        let texts: Vec<_> = texts.iter().map(|text| String::from_utf8_lossy(text)).collect();
        let Some((schema, references)) = texts.split_first() else { return trail.say("no schema") };
        let references: Vec<&str> = references.iter().map(AsRef::as_ref).collect();
        for kind in [FactKind::Subscription, FactKind::Usage] {
            let decoder = Decoder::compile_with(schema, &references, kind);
            trail.say(decoder.fault().unwrap_or("readable"));
            record::decode(&decoder, datum, &rates, trail);
        }
        trail.count("names", fingerprints(schema).map_or(0, |names| names.len()));
    };
    Target { name: "schema", words: &WORDS, read: Box::new(read) }
}

#[test]
fn schemas() {
    target().run();
}
