//! What adapters take, out of the configuration: the shell is where the two meet.

use super::fault::{Fault, Place};
use super::properties::is_secret;
use super::receivers::{Auth, Receiver, To};
use super::types::{Checkpoint, GroupProtocol, Http, Kafka, SchemaRegistry, Secret};
use super::web;
use crate::adapter::{http, kafka, notify, registry, store};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

impl Checkpoint {
    /// The settings of the store.
    pub fn settings(&self) -> store::Settings {
        store::Settings { url: self.url.clone() }
    }
}

impl Http {
    /// Who may ask the server for what.
    pub fn access(&self) -> http::Access {
        http::Access {
            file: self.web_config.clone().map(|path| http::WebFile { path, read: web::reread }),
            customer_data_without_auth: self.customer_data_without_auth,
            external_url: self.external_url.clone(),
        }
    }
}

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

impl Receiver {
    /// The settings of delivery. `external_url` is where this service is reached; rules are evaluated every `evaluation_interval`.
    pub fn settings(&self, external_url: Option<&str>, evaluation_interval: Duration) -> notify::Receiver {
        let text = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
        notify::Receiver {
            name: Arc::from(self.name.as_str()),
            to: match &self.to {
                To::Alertmanager(urls) => notify::To::Alertmanager(urls.clone()),
                To::PagerDuty { routing_key, url } => {
                    notify::To::PagerDuty { url: url.clone(), routing_key: routing_key.expose().to_owned() }
                }
                To::Slack(url) => notify::To::Slack(url.expose().to_owned()),
                To::Webhook(url) => notify::To::Webhook(url.expose().to_owned()),
            },
            authorization: self.auth.as_ref().map(|auth| match auth {
                Auth::Basic { user, password } => {
                    notify::Authorization::Basic { user: user.clone(), password: password.expose().to_owned() }
                }
                Auth::Bearer(token) => notify::Authorization::Bearer(token.expose().to_owned()),
            }),
            ca: text(&self.tls_ca),
            cert: text(&self.tls_cert),
            key: text(&self.tls_key),
            proxy: self.proxy.clone(),
            timeout: self.timeout.duration(),
            send_resolved: self.send_resolved,
            severities: self.severities.clone(),
            external_url: external_url.unwrap_or_default().to_owned(),
            evaluation_interval,
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
