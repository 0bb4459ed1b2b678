//! What every measurement stands on: a real broker and registry, topics with events, the service's configuration.

use crate::events::{Events, Scale};
use std::time::Instant as Moment;
use upswell::domain::facts::FactKind;
use upswell::wire::avro::{SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};
use upswell_testkit::kafka::{Outgoing, Writer};
use upswell_testkit::{RealKafka, Registry, Upswell};

/// The built binary.
const PROGRAM: &str = env!("CARGO_BIN_EXE_upswell");

pub const SUBSCRIPTIONS: &str = "billing.subscriptions";
pub const USAGE: &str = "billing.usage";

/// Broker, registry and topics; gone with the value.
pub struct Stage {
    pub kafka: RealKafka,
    pub registry: Registry,
    /// Names of the canonical schemas: subscriptions, usage.
    pub ids: [u32; 2],
}

impl Stage {
    /// With empty topics of so many partitions.
    pub fn set(partitions: i32) -> Stage {
        let (kafka, registry) = (RealKafka::start(), Registry::start());
        [SUBSCRIPTIONS, USAGE, "billing.dead-letters"].iter().for_each(|topic| kafka.create_topic(topic, partitions, &[]));
        let schemas = [(SUBSCRIPTIONS, SUBSCRIPTION_SCHEMA), (USAGE, USAGE_SCHEMA)];
        let ids = schemas.map(|(topic, schema)| registry.register(&format!("{topic}-value"), schema));
        Stage { kafka, registry, ids }
    }

    /// Writes events and says how long that took.
    pub fn load(&self, scale: Scale) {
        let (began, writer, mut value) = (Moment::now(), self.writer("50"), Vec::new());
        let (mut events, mut bytes) = (Events::new(scale, self.ids), 0);
        while let Some(event) = events.next(&mut value) {
            bytes += event.value.len();
            let (key, value) = (Some(event.customer.as_bytes()), Some(event.value));
            writer.send(Outgoing { topic: topic(event.kind), key, value, ..Outgoing::default() });
        }
        writer.flush();
        let each = bytes / scale.events.max(1);
        println!("loaded {} events of {each} bytes on average in {:.1?}", scale.events, began.elapsed());
    }

    /// A producer that waits so many milliseconds for a batch to fill.
    pub fn writer(&self, linger: &str) -> Writer {
        self.kafka.producer_with(&[("linger.ms", linger), ("batch.size", "1000000"), ("queue.buffering.max.messages", "1000000")])
    }

    /// The service in a group of its own.
    pub fn upswell(&self, group: &str) -> Upswell {
        Upswell::run_quietly(PROGRAM, &self.config(group))
    }

    fn config(&self, group: &str) -> String {
        let (brokers, url) = (self.kafka.bootstrap(), self.registry.url());
        format!("kafka: {{ brokers: \"{brokers}\", group_id: {group} }}\nschema_registry: {{ url: \"{url}\" }}\n")
    }
}

/// The topic of a kind of events.
pub fn topic(kind: FactKind) -> &'static str {
    match kind {
        FactKind::Subscription => SUBSCRIPTIONS,
        FactKind::Usage => USAGE,
    }
}
