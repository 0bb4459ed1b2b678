//! The effective configuration as YAML: every key with the value in force, secrets as `<secret>`.
//!
//! Reading it back yields the same configuration, as far as no secret is in it.

use super::alerts::Alerts;
use super::properties::is_secret;
use super::receivers::{Auth, Receiver, To};
use super::rules;
use super::types::{Config, GroupProtocol, Kafka, Revenue, SchemaRegistry, Secret};
use super::units::rate_text;
use crate::domain::currency::Currency;
use serde_json::{Map, Value, json};

const HIDDEN: &str = "<secret>";

impl Config {
    /// The configuration in force, as YAML.
    pub fn effective(&self) -> String {
        let windows: Vec<_> = self.segment_windows.iter().map(ToString::to_string).collect();
        let tree = json!({
            "kafka": kafka(&self.kafka),
            "schema_registry": schema_registry(&self.schema_registry),
            "revenue": revenue(&self.revenue),
            "metrics": { "segment_windows": windows },
            "checkpoint": { "url": self.checkpoint.url, "interval": self.checkpoint.interval.to_string() },
            "http": {
                "listen": self.http.listen,
                "external_url": self.http.external_url.as_deref().unwrap_or(""),
                "web_config": self.http.web_config.as_ref().map_or(String::new(), |file| file.display().to_string()),
                "enable_reload": self.http.enable_reload,
                "customer_data_without_auth": self.http.customer_data_without_auth,
            },
            "limits": { "memory": self.memory.to_string() },
            "alerts": alerts(&self.alerts),
        });
        serde_saphyr::to_string(&tree).expect("a tree of texts, numbers and flags has a YAML form")
    }
}

/// Every rule that is on, written out: none is shipped with what this prints.
fn alerts(alerts: &Alerts) -> Value {
    let operational = &alerts.operational;
    json!({
        "interval": alerts.interval.to_string(),
        "shipped": false,
        "rules": alerts.rules.iter().map(rules::tree).collect::<Vec<Value>>(),
        "operational": {
            "enabled": operational.enabled,
            "no_events": operational.no_events.map_or(String::new(), |silence| silence.to_string()),
            "lag": operational.lag,
        },
        "receivers": alerts.receivers.iter().map(receiver).collect::<Vec<Value>>(),
    })
}

fn kafka(kafka: &Kafka) -> Value {
    let (mut properties, mut files) = (Map::new(), Map::new());
    for (name, value) in &kafka.properties {
        match &value.file {
            Some(file) => files.insert(name.clone(), json!(file.display().to_string())),
            None if is_secret(name, value.expose()) => properties.insert(name.clone(), json!(HIDDEN)),
            None => properties.insert(name.clone(), json!(value.expose())),
        };
    }
    let protocol = GroupProtocol::NAMES.iter().find(|(_, protocol)| *protocol == kafka.group_protocol).map(|(name, _)| *name);
    json!({
        "brokers": kafka.brokers,
        "group_id": kafka.group_id,
        "topics": {
            "subscriptions": kafka.topics.subscriptions,
            "usage": kafka.topics.usage,
            "dead_letters": kafka.topics.dead_letters,
            "retries": kafka.topics.retries,
        },
        "group_protocol": protocol,
        "instance_id": kafka.instance_id.as_deref().unwrap_or(""),
        "accept_truncated_log": kafka.accept_truncated_log,
        "properties": properties,
        "properties_files": files,
    })
}

fn schema_registry(registry: &SchemaRegistry) -> Value {
    let mut tree = Map::new();
    tree.insert("url".to_owned(), json!(registry.url.as_deref().unwrap_or("")));
    tree.insert("user".to_owned(), json!(registry.user.as_deref().unwrap_or("")));
    secret(&mut tree, "password", registry.password.as_ref());
    let mut tls = Map::new();
    for (name, pem) in [("ca", &registry.tls_ca), ("cert", &registry.tls_cert), ("key", &registry.tls_key)] {
        secret(&mut tls, name, pem.as_ref());
    }
    tree.insert("tls".to_owned(), Value::Object(tls));
    let directory = registry.directory.as_ref().map_or(String::new(), |directory| directory.display().to_string());
    tree.insert("directory".to_owned(), json!(directory));
    Value::Object(tree)
}

/// A secret by its file where it has one, else hidden; nothing where there is none.
fn secret(tree: &mut Map<String, Value>, name: &str, secret: Option<&Secret>) {
    let (name, value) = match secret.map(|secret| &secret.file) {
        Some(Some(file)) => (format!("{name}_file"), json!(file.display().to_string())),
        Some(None) => (name.to_owned(), json!(HIDDEN)),
        None => (name.to_owned(), json!("")),
    };
    tree.insert(name, value);
}

fn receiver(receiver: &Receiver) -> Value {
    let mut tree = Map::new();
    tree.insert("name".to_owned(), json!(receiver.name));
    let (kind, to) = to(&receiver.to);
    tree.insert(kind.to_owned(), Value::Object(to));
    match &receiver.auth {
        Some(Auth::Basic { user, password }) => {
            let mut basic = Map::from_iter([("user".to_owned(), json!(user))]);
            secret(&mut basic, "password", Some(password));
            tree.insert("basic_auth".to_owned(), Value::Object(basic));
        }
        Some(Auth::Bearer(token)) => secret(&mut tree, "bearer_token", Some(token)),
        None => {}
    }
    let mut tls = Map::new();
    for (name, pem) in [("ca", &receiver.tls_ca), ("cert", &receiver.tls_cert), ("key", &receiver.tls_key)] {
        secret(&mut tls, name, pem.as_ref());
    }
    tree.insert("tls".to_owned(), Value::Object(tls));
    tree.insert("proxy".to_owned(), json!(receiver.proxy.as_deref().unwrap_or("")));
    tree.insert("timeout".to_owned(), json!(receiver.timeout.to_string()));
    if kind != "alertmanager" {
        tree.insert("send_resolved".to_owned(), json!(receiver.send_resolved));
    }
    tree.insert("severities".to_owned(), json!(receiver.severities));
    Value::Object(tree)
}

fn to(to: &To) -> (&'static str, Map<String, Value>) {
    let mut tree = Map::new();
    let kind = match to {
        To::Alertmanager(urls) => {
            tree.insert("urls".to_owned(), json!(urls));
            "alertmanager"
        }
        To::PagerDuty { routing_key, url } => {
            secret(&mut tree, "routing_key", Some(routing_key));
            tree.insert("url".to_owned(), json!(url));
            "pagerduty"
        }
        To::Slack(url) => {
            secret(&mut tree, "url", Some(url));
            "slack"
        }
        To::Webhook(url) => {
            secret(&mut tree, "url", Some(url));
            "webhook"
        }
    };
    (kind, tree)
}

fn revenue(revenue: &Revenue) -> Value {
    let windows: Vec<_> = revenue.windows.iter().map(ToString::to_string).collect();
    let mut tree = json!({
        "currency": revenue.rates.reporting().as_str(),
        "time_zone": revenue.time_zone.name(),
        "windows": windows,
        "dimensions": revenue.dimensions,
        "max_values": revenue.max_values,
        "exchange_rates": [],
        "exchange_rates_file": "",
        "complete_since": revenue.complete_since.map(|day| day.date().to_string()),
        "dedup_window": revenue.dedup_window.to_string(),
        "history": revenue.history,
    });
    match &revenue.exchange_rates_file {
        Some(file) => tree["exchange_rates_file"] = json!(file.display().to_string()),
        None => tree["exchange_rates"] = rates(revenue),
    }
    tree
}

fn rates(revenue: &Revenue) -> Value {
    let rate = |(currency, micros): (&Currency, &i64)| (currency.as_str().to_owned(), json!(rate_text(*micros)));
    let tables = revenue.rate_tables.iter().map(|(from, rates)| {
        let rates: Map<String, Value> = rates.iter().map(rate).collect();
        json!({ "from": from.date().to_string(), "rates": rates })
    });
    Value::Array(tables.collect())
}
