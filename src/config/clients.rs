//! What adapters take, out of the configuration: the shell is where the two meet.

use super::fault::{Fault, Place};
use super::properties::is_secret;
use super::types::{GroupProtocol, Kafka, SchemaRegistry, Secret};
use crate::adapter::{kafka, registry};
use std::collections::BTreeMap;

impl SchemaRegistry {
    /// The settings of the registry's client.
    pub fn settings(&self) -> registry::Settings {
        let text = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
        registry::Settings {
            url: self.url.clone(),
            user: self.user.clone(),
            password: text(&self.password),
            ca: text(&self.tls_ca),
            cert: text(&self.tls_cert),
            key: text(&self.tls_key),
            directory: self.directory.clone(),
        }
    }
}

impl Kafka {
    /// The settings of every Kafka client.
    pub fn settings(&self) -> kafka::Settings {
        kafka::Settings {
            brokers: self.brokers.clone(),
            group_id: self.group_id.clone(),
            topics: kafka::Topics {
                subscriptions: self.topics.subscriptions.clone(),
                usage: self.topics.usage.clone(),
                dead_letters: self.topics.dead_letters.clone(),
                retries: self.topics.retries.clone(),
            },
            group_protocol: match self.group_protocol {
                GroupProtocol::Auto => kafka::GroupProtocol::Auto,
                GroupProtocol::Consumer => kafka::GroupProtocol::Consumer,
                GroupProtocol::Classic => kafka::GroupProtocol::Classic,
            },
            instance_id: self.instance_id.clone(),
            accept_truncated_log: self.accept_truncated_log,
            properties: self.properties.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect(),
        }
    }

    /// What librdkafka has to say against the properties, each where it stands; values of secrets are not repeated.
    pub(super) fn property_faults(&self, places: &BTreeMap<String, Place>, whole: &Place) -> Vec<Fault> {
        let sentence = |name: &str, said: String| {
            let hidden = self.properties.get(name).is_some_and(|value| value.file.is_some() || is_secret(name, value.expose()));
            let said = if hidden { "its value cannot be used".to_owned() } else { said };
            format!("{name}: librdkafka refuses this property: {said}; see its CONFIGURATION.md")
        };
        let fault = |(name, said): (String, String)| match places.get(&name) {
            Some(place) => Fault::new(place, "kafka.properties", sentence(&name, said)),
            None => Fault::new(whole, "kafka.properties", format!("librdkafka refuses these properties together: {said}")),
        };
        if self.properties.is_empty() {
            return Vec::new();
        }
        // Judging the properties together makes a client; without brokers it connects to nothing.
        let settings = kafka::Settings { brokers: String::new(), ..self.settings() };
        settings.property_faults().into_iter().map(fault).collect()
    }
}
