//! From a record's frame to the decoder of its writer's schema.
//!
//! Each worker keeps the decoders it has met, so the common case is one look-up in a small map of its own. A schema that nobody
//! knows yet is asked for in the background; the record waits meanwhile.

use crate::adapter::registry::{Lookup, Registry, Schema};
use crate::domain::facts::{FactKind, Reason, Rejection};
use crate::wire::avro::Decoder;
use crate::wire::framing::Frame;
use std::collections::HashMap;
use std::sync::Arc;

/// Name of a writer's schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Name {
    Id(u32),
    Fingerprint(u64),
}

/// The decoders one worker has met.
pub struct Schemas {
    registry: Registry,
    known: HashMap<(Name, FactKind), Arc<Decoder>>,
}

/// What there is to know about a frame's schema now.
pub enum Found {
    Decoder(Arc<Decoder>),
    /// There is no such schema.
    Rejected(Rejection),
    /// The registry has not answered yet: a sentence.
    NotYet(String),
}

impl Schemas {
    pub fn new(registry: Registry) -> Schemas {
        Schemas { registry, known: HashMap::new() }
    }

    /// The decoder for facts of one kind whose writer's schema a frame names.
    pub fn decoder(&mut self, frame: Frame, kind: FactKind) -> Found {
        let name = match frame {
            Frame::Confluent { schema_id, .. } => Name::Id(schema_id),
            Frame::SingleObject { fingerprint, .. } => Name::Fingerprint(fingerprint),
        };
        if let Some(decoder) = self.known.get(&(name, kind)) {
            return Found::Decoder(decoder.clone());
        }
        let looked_up = match name {
            Name::Id(id) => self.registry.by_id(id),
            Name::Fingerprint(fingerprint) => self.registry.by_fingerprint(fingerprint),
        };
        match looked_up {
            Lookup::Schema(schema) => Found::Decoder(self.compile(name, kind, &schema)),
            Lookup::Pending(sentence) => Found::NotYet(sentence),
            Lookup::Unknown(sentence) => Found::Rejected(Rejection::new(Reason::UnknownSchema, sentence)),
        }
    }

    fn compile(&mut self, name: Name, kind: FactKind, schema: &Schema) -> Arc<Decoder> {
        let decoder = Arc::new(schema.decoder(kind));
        if let Some(fault) = decoder.fault() {
            tracing::warn!(?name, ?kind, fault, "a writer's schema cannot be read as ours; its records are rejected");
        }
        self.known.insert((name, kind), decoder.clone());
        decoder
    }
}
