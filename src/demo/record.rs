//! Events to the bytes of a file's record or of a Kafka record's value.

use super::event::{Body, Delivery, Event, Flaw};
use crate::domain::facts::FactKind;
use crate::wire::encode;

/// The ids under which a registry knows the canonical schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaIds {
    pub subscription: u32,
    pub usage: u32,
}

impl Event {
    /// The topic or file the event belongs to.
    pub fn kind(&self) -> FactKind {
        match self.body {
            Body::Subscription(_) => FactKind::Subscription,
            Body::Usage(_) => FactKind::Usage,
        }
    }

    /// Whether container files hold the event.
    pub fn fits_files(&self) -> bool {
        !matches!(self.delivery, Delivery::Broken(flaw) if flaw.needs_kafka())
    }

    /// Appends the event by its canonical schema, without any framing.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match &self.body {
            Body::Subscription(state) => encode::subscription(&state.raw(), out),
            Body::Usage(usage) => encode::usage(&usage.raw(), usage.quantity as f64, out),
        }
    }

    /// The value of the event's Kafka record in Confluent framing, with whatever is wrong with its bytes.
    pub fn record_value(&self, ids: SchemaIds) -> Vec<u8> {
        let mut value = Vec::with_capacity(256);
        let id = match self.kind() {
            FactKind::Subscription => ids.subscription,
            FactKind::Usage => ids.usage,
        };
        encode::confluent_header(id, &mut value);
        self.encode(&mut value);
        match self.delivery {
            Delivery::Broken(Flaw::Truncated) => value.truncate(value.len() - 3),
            Delivery::Broken(Flaw::TrailingBytes) => value.extend_from_slice(b"\r\n\0"),
            Delivery::Broken(Flaw::NotFramed) => value = format!("{{\"customer_id\":\"{}\"}}", self.customer).into_bytes(),
            _ => {}
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::history::{Scale, days};
    use crate::domain::calendar::Day;
    use crate::wire::avro::{SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};
    use apache_avro::Schema;
    use apache_avro::reader::datum::GenericDatumReader;
    use sha2::{Digest, Sha256};

    #[test]
    fn a_history_is_the_same_bytes_for_good() {
        let scale = Scale { customers: 50, months: 3, until: Day::parse("2026-07-01").expect("a date"), seed: 1 };
        let mut digest = Sha256::new();
        for event in days(scale).flatten() {
            digest.update(event.arrival.0.to_be_bytes());
            digest.update(event.record_value(SchemaIds { subscription: 1, usage: 2 }));
        }
        let digest: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        // Changes only together with what the history says: then say so in the change log.
        assert_eq!(digest, "9805303a6563690cc40d96114c68b5d4aa6ca9034c1101a4f39d2607554b3e6e");
    }

    #[test]
    fn records_decode_unless_their_bytes_are_broken() {
        let schemas = [SUBSCRIPTION_SCHEMA, USAGE_SCHEMA].map(|text| Schema::parse_str(text).expect("a schema"));
        let readers = schemas.each_ref().map(|schema| GenericDatumReader::builder(schema).build().expect("a reader"));
        let scale = Scale { customers: 300, months: 12, until: Day::parse("2026-07-01").expect("a date"), seed: 1 };
        let mut seen = 0;
        for event in days(scale).flatten() {
            let value = event.record_value(SchemaIds { subscription: 7, usage: 9 });
            let (index, id) = if event.kind() == FactKind::Subscription { (0, 7) } else { (1, 9) };
            if event.delivery == Delivery::Broken(Flaw::NotFramed) {
                assert_eq!(value.first(), Some(&b'{'));
                continue;
            }
            assert_eq!(value[..5], [0, 0, 0, 0, id]);
            let mut rest = &value[5..];
            let decoded = readers[index].read_value(&mut rest);
            match event.delivery {
                Delivery::Broken(Flaw::Truncated) => seen += 1,
                Delivery::Broken(Flaw::TrailingBytes) => assert!(decoded.is_ok() && rest.len() == 3),
                _ => assert!(decoded.is_ok() && rest.is_empty(), "{event:?}"),
            }
        }
        assert!(seen > 0, "a truncated event occurs");
    }
}
