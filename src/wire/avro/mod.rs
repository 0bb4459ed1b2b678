//! Avro in: a writer's schema becomes a decoder once, then each datum becomes a fact without a detour.
//!
//! The decode path is all ours. A schema's text is parsed within limits (`schema`), compiled into a flat plan (`plan`) that says
//! for each of the writer's fields, in the writer's order, what to do with it, and the plan is carried out over the bytes
//! (`read`), passing over what is not ours by its structure (`skip`). Fields are matched by name, never by record name; types
//! resolve as Avro's specification says; logical types are what they are made of, except that timestamps of micros and nanos
//! are floored to milliseconds.
//!
//! **Guaranteed for any schema text and any bytes:** no panic, no unbounded recursion, time and memory in proportion to the
//! input, and never a value that the bytes do not hold: what is not exactly readable is a rejection.
//!
//! **Limits:** a datum of 16 MiB ([`MAX_DATUM_BYTES`]); values nested 64 deep (records, arrays and maps, the record itself being
//! the first); a schema text of 1 MiB nested 512 brackets deep.

mod canonical;
mod cursor;
mod plan;
mod read;
mod schema;
mod skip;
mod straight;

use crate::domain::facts::{FactKind, RawFact, Reason, Rejection};
use cursor::{Cursor, Fault};
use plan::Plan;
use read::Trouble;
use schema::{Schema, shown};
use skip::{MAX_DEPTH, Shapes};

/// Reader schema of subscription events, as producers should register it.
pub const SUBSCRIPTION_SCHEMA: &str = include_str!("../../../schemas/subscription_state.avsc");
/// Reader schema of usage events, as producers should register it.
pub const USAGE_SCHEMA: &str = include_str!("../../../schemas/usage.avsc");

/// Longest datum that is read: 16 MiB.
pub const MAX_DATUM_BYTES: usize = 16 << 20;

/// Reads data of one writer schema as facts of one kind. Compiled once, shared by all threads.
#[derive(Debug)]
pub struct Decoder {
    kind: FactKind,
    schema: Compiled,
}

/// How far a writer's schema could be compiled. The texts say why it went no further.
#[derive(Debug)]
enum Compiled {
    /// The text is no schema: not even the ends of records can be found.
    Unknown(String),
    /// A schema, but not one that can be read as ours.
    Foreign(Shapes, String),
    Readable(Shapes, Plan),
}

/// What [`Decoder::decode_prefix`] found at the start of some bytes.
#[derive(Debug)]
pub struct Walk<'a> {
    /// The fact, or why the record is rejected (always [`Reason::Decode`]).
    pub fact: Result<RawFact<'a>, Rejection>,
    /// Length of the record, found by structure even where the record is rejected; `None` where its end cannot be found.
    pub consumed: Option<usize>,
}

impl Decoder {
    /// Never fails: a writer schema that cannot be read as ours gives a decoder that rejects every record with
    /// [`Reason::Decode`] and says why.
    pub fn compile(schema_json: &str, kind: FactKind) -> Decoder {
        Decoder::compile_with(schema_json, &[], kind)
    }

    /// The same for a schema that names types of other schemas, which a schema registry lists as its references: their texts,
    /// each after those that it refers to itself.
    pub fn compile_with(schema_json: &str, references: &[&str], kind: FactKind) -> Decoder {
        let schema = match Schema::parse(schema_json, references) {
            Err(error) => Compiled::Unknown(error.to_string()),
            Ok(schema) => match Plan::compile(&schema, kind) {
                Err(why) => Compiled::Foreign(Shapes::of(&schema), why),
                Ok(plan) => Compiled::Readable(Shapes::of(&schema), plan),
            },
        };
        Decoder { kind, schema }
    }

    /// Why every record is rejected, if the writer's schema cannot be read as ours.
    pub fn fault(&self) -> Option<&str> {
        match &self.schema {
            Compiled::Unknown(why) | Compiled::Foreign(_, why) => Some(why),
            Compiled::Readable(..) => None,
        }
    }

    /// Reads one whole datum. Fails with [`Reason::Decode`] or [`Reason::TrailingBytes`].
    pub fn decode<'a>(&self, datum: &'a [u8]) -> Result<RawFact<'a>, Rejection> {
        if datum.len() > MAX_DATUM_BYTES {
            return Err(self.too_long(datum.len()));
        }
        let mut cursor = Cursor::new(datum);
        let fact = self.read(&mut cursor)?;
        match cursor.left() {
            0 => Ok(fact),
            left => Err(trailing(&fact, left, datum.len())),
        }
    }

    /// Reads the datum at the start of `bytes`, for container blocks.
    pub fn decode_prefix<'a>(&self, bytes: &'a [u8]) -> Walk<'a> {
        let mut cursor = Cursor::new(bytes);
        match self.read(&mut cursor) {
            Ok(fact) => self.within_limit(fact, bytes.len() - cursor.left()),
            Err(rejection) => Walk { fact: Err(rejection), consumed: self.length(bytes) },
        }
    }

    /// Length of the datum at the start of `bytes`, whether or not it can be read as ours; `None` where its end cannot be found.
    pub fn length(&self, bytes: &[u8]) -> Option<usize> {
        match &self.schema {
            Compiled::Unknown(_) => None,
            Compiled::Foreign(shapes, _) | Compiled::Readable(shapes, _) => shapes.length(bytes),
        }
    }

    /// Whether the writer's schema is one, so that the ends of records can be found.
    pub fn knows_structure(&self) -> bool {
        !matches!(self.schema, Compiled::Unknown(_))
    }

    #[inline]
    fn read<'a>(&self, cursor: &mut Cursor<'a>) -> Result<RawFact<'a>, Rejection> {
        let length = cursor.left();
        match &self.schema {
            Compiled::Readable(shapes, plan) => read::fact(plan, shapes, self.kind, cursor)
                .map_err(|trouble| decode(explained(plan, trouble, length - cursor.left()))),
            Compiled::Unknown(why) | Compiled::Foreign(_, why) => {
                Err(decode(format!("the writer's schema cannot be read as ours: {why}")))
            }
        }
    }

    fn within_limit<'a>(&self, fact: RawFact<'a>, length: usize) -> Walk<'a> {
        let fact = if length > MAX_DATUM_BYTES { Err(self.too_long(length)) } else { Ok(fact) };
        Walk { fact, consumed: Some(length) }
    }

    fn too_long(&self, length: usize) -> Rejection {
        decode(format!("the record has {length} bytes; at most {MAX_DATUM_BYTES} are read"))
    }
}

/// Bytes left after a value; unless the value lacks what only acceptance finds missing, which is the earlier reason.
fn trailing(fact: &RawFact, left: usize, length: usize) -> Rejection {
    let missing = match fact {
        RawFact::Subscription(raw) if raw.status.is_none() => Some("status"),
        RawFact::Subscription(raw) if raw.items.is_none() => Some("items"),
        _ => None,
    };
    match missing {
        Some(field) => decode(format!("{field} is missing")),
        None => Rejection::new(
            Reason::TrailingBytes,
            format!("{left} of {length} bytes are left after the value; was it written with another schema?"),
        ),
    }
}

fn decode(detail: String) -> Rejection {
    Rejection::new(Reason::Decode, detail)
}

fn explained(plan: &Plan, trouble: Trouble, at: usize) -> String {
    let why = match trouble.fault {
        Fault::Cut => "the record ends inside it or it claims more bytes than there are".to_owned(),
        Fault::Number => "a number is longer than 64 bits".to_owned(),
        Fault::Int(value) => format!("{value} is no int of 32 bits"),
        Fault::Length(length) => format!("a length is negative ({length})"),
        Fault::Branch(index) => format!("its union has no branch {index}"),
        Fault::BlockSize => "a block does not end where its size says".to_owned(),
        Fault::Utf8 => "its text is not UTF-8".to_owned(),
        Fault::Index(index) => format!("its enum has no symbol {index}"),
        Fault::Symbol { table, index } => {
            let symbol = plan.symbols[table as usize][index as usize].as_ref().err();
            format!("its symbol {} is unknown", shown(symbol.map_or("", |symbol| symbol)))
        }
        Fault::Deep => format!("values are nested over {MAX_DEPTH} deep"),
        Fault::Refused(number) => plan.refusals[number as usize].clone(),
    };
    let place = trouble.place.map(|(record, step)| &plan.records[record as usize].names[step as usize]);
    match place {
        Some(name) => format!("at byte {at}, field {}: {why}", shown(name)),
        None => format!("at byte {at}: {why}"),
    }
}

/// A text that is not an Avro schema, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Avro schema: {0}")]
pub struct SchemaError(String);

/// The names of a schema in single-object encoding. The first is the specification's: CRC-64-AVRO of the Parsing Canonical Form.
/// Some writers (apache-avro for Rust, the Python reference) leave an object around a logical type in that form; where this
/// makes another name, it follows, so that a reader can accept their data.
pub fn fingerprints(schema_json: &str) -> Result<Vec<u64>, SchemaError> {
    let schema = Schema::parse(schema_json, &[])?;
    let mut names = vec![canonical::crc64(&canonical::canonical_form(&schema))];
    names.extend(canonical::form_with_logical_types(schema_json).map(|form| canonical::crc64(&form)));
    names.dedup();
    Ok(names)
}
