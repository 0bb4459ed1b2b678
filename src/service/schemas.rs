//! From a record's frame to the decoder of its writer's schema.
//!
//! Each worker keeps the decoders it has met, so the common case is one look-up in a small map of its own. A schema that nobody
//! knows yet is asked for in the background; the record waits meanwhile.

use crate::adapter::registry::{Lookup, Registry, Schema};
use crate::domain::facts::{FactKind, Reason, Rejection};
use crate::wire::avro::Decoder;
use crate::wire::framing::Frame;
use std::collections::HashMap;

/// Name of a writer's schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Name {
    Id(u32),
    Fingerprint(u64),
}

/// The decoders one worker has met.
pub struct Schemas {
    registry: Registry,
    decoders: Vec<Decoder>,
    /// Where each is among them.
    known: HashMap<(Name, FactKind), usize>,
    /// The one used last, by kind: most often the next record has the same.
    last: [Option<(Name, usize)>; 2],
}

/// What there is to know about a frame's schema now.
pub enum Found<'s> {
    Decoder(&'s Decoder),
    /// There is no such schema.
    Rejected(Rejection),
    /// The registry has not answered yet: a sentence.
    NotYet(String),
}

impl Schemas {
    pub fn new(registry: Registry) -> Schemas {
        Schemas { registry, decoders: Vec::new(), known: HashMap::new(), last: [None; 2] }
    }

    /// The decoder for facts of one kind whose writer's schema a frame names.
    pub fn decoder(&mut self, frame: Frame, kind: FactKind) -> Found<'_> {
        let name = match frame {
            Frame::Confluent { schema_id, .. } => Name::Id(schema_id),
            Frame::SingleObject { fingerprint, .. } => Name::Fingerprint(fingerprint),
        };
        let place = match self.last[kind as usize] {
            Some((last, place)) if last == name => place,
            _ => match self.find(name, kind) {
                Ok(place) => place,
                Err(found) => return found,
            },
        };
        self.last[kind as usize] = Some((name, place));
        Found::Decoder(&self.decoders[place])
    }

    /// Where the decoder is; it is compiled if the schema is known and met for the first time.
    fn find(&mut self, name: Name, kind: FactKind) -> Result<usize, Found<'static>> {
        if let Some(place) = self.known.get(&(name, kind)) {
            return Ok(*place);
        }
        let looked_up = match name {
            Name::Id(id) => self.registry.by_id(id),
            Name::Fingerprint(fingerprint) => self.registry.by_fingerprint(fingerprint),
        };
        match looked_up {
            Lookup::Schema(schema) => Ok(self.compile(name, kind, &schema)),
            Lookup::Pending(sentence) => Err(Found::NotYet(sentence)),
            Lookup::Unknown(sentence) => Err(Found::Rejected(Rejection::new(Reason::UnknownSchema, sentence))),
        }
    }

    fn compile(&mut self, name: Name, kind: FactKind, schema: &Schema) -> usize {
        let decoder = schema.decoder(kind);
        if let Some(fault) = decoder.fault() {
            tracing::warn!(?name, ?kind, fault, "a writer's schema cannot be read as ours; its records are rejected");
        }
        self.decoders.push(decoder);
        self.known.insert((name, kind), self.decoders.len() - 1);
        self.decoders.len() - 1
    }
}
