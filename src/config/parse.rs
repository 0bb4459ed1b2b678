//! From what was written to what it means: every section but `revenue`, and the rules between keys.

use super::fault::{Fault, Faults, Place};
use super::properties::owned;
use super::raw::RawConfig;
use super::reader::Reader;
use super::types::{Checkpoint, Config, GroupProtocol, Http, Kafka, SchemaRegistry, Secret, Topics};
use super::units::{Memory, Millis, listen, url};
use super::{Purpose, alerts, revenue, web};
use crate::adapter::store::Location;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Reads the whole configuration. `found` are the faults of its form; all faults are reported together.
pub fn parse(raw: &RawConfig, base: &Path, purpose: Purpose, found: Vec<Fault>) -> Result<Config, Faults> {
    let of_form = found.len();
    let mut reader = Reader { raw, base, read_secrets: purpose == Purpose::Service, faults: found };
    let kafka = kafka(&mut reader, purpose);
    let schema_registry = schema_registry(&mut reader);
    let revenue = revenue::read(&mut reader);
    let segment_windows = revenue::segment_windows(&mut reader, &revenue.windows);
    let checkpoint = Checkpoint {
        url: reader.value("checkpoint.url", "file:///var/lib/upswell".to_owned(), checkpoint_url),
        interval: reader.value("checkpoint.interval", Millis(10_000), Millis::parse),
    };
    let http = http(&mut reader);
    let memory = reader.value("limits.memory", Memory::Share(80), Memory::parse);
    let alerts = alerts::read(&mut reader, &revenue);
    if !raw.readable {
        reader.faults.truncate(of_form);
    }
    let config = Config { kafka, schema_registry, revenue, segment_windows, checkpoint, http, memory, alerts };
    Faults::or(reader.faults, config)
}

fn kafka(reader: &mut Reader, purpose: Purpose) -> Kafka {
    let brokers = brokers(reader);
    if brokers.is_empty() && reader.raw.get("kafka.brokers").is_none() && purpose == Purpose::Service {
        reader.fault("kafka.brokers", "this is missing; write the brokers to connect to first, such as \"localhost:9092\"");
    }
    let (properties, places) = properties(reader);
    let kafka = Kafka {
        brokers,
        group_id: reader.filled("kafka.group_id", "upswell"),
        topics: topics(reader),
        group_protocol: reader.value("kafka.group_protocol", GroupProtocol::Auto, group_protocol),
        instance_id: reader.optional("kafka.instance_id"),
        accept_truncated_log: reader.flag("kafka.accept_truncated_log"),
        properties,
    };
    if reader.read_secrets {
        let whole = reader.raw.place("kafka.properties");
        reader.faults.extend(kafka.property_faults(&places, &whole));
    }
    kafka
}

/// The brokers by comma, from one text or a list.
fn brokers(reader: &mut Reader) -> String {
    const PATH: &str = "kafka.brokers";
    let whole = reader.text(PATH).map(|text| vec![(reader.raw.place(PATH), text.to_owned())]);
    let written = whole.or_else(|| reader.list(PATH)).unwrap_or_default();
    let split = |(place, text): (Place, String)| {
        text.split(',').map(|broker| (place.clone(), broker.trim().to_owned())).collect::<Vec<_>>()
    };
    let brokers: Vec<_> = written.into_iter().flat_map(split).collect();
    if brokers.is_empty() && reader.raw.get(PATH).is_some() {
        reader.fault(PATH, "no broker is named; write host:port");
    }
    for (place, broker) in brokers.iter().filter(|(_, broker)| !is_broker(broker)) {
        reader.fault_at(place, PATH, format!("{broker:?} is no broker; write host:port, several by comma"));
    }
    brokers.into_iter().map(|(_, broker)| broker).collect::<Vec<_>>().join(",")
}

/// `host`, `host:port`, and either after a protocol such as `SSL://`, as librdkafka reads them.
fn is_broker(text: &str) -> bool {
    let address = text.split_once("://").map_or(text, |(_, address)| address);
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (address, "9092"),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_is_plain = !host.is_empty() && !host.contains([':', '/', '@', '[', ']']) && !host.contains(char::is_whitespace);
    let bracketed = bare.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    (host_is_plain || bracketed) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn topics(reader: &mut Reader) -> Topics {
    const TOPICS: [(&str, &str); 4] = [
        ("kafka.topics.subscriptions", "billing.subscriptions"),
        ("kafka.topics.usage", "billing.usage"),
        ("kafka.topics.dead_letters", "billing.dead-letters"),
        ("kafka.topics.retries", "billing.retries"),
    ];
    let names = TOPICS.map(|(path, default)| reader.value(path, default.to_owned(), topic));
    for (index, (path, _)) in TOPICS.iter().enumerate() {
        if let Some(first) = names[..index].iter().position(|name| *name == names[index]) {
            let message = format!("{} is the topic of {} too; each has a topic of its own", names[index], TOPICS[first].0);
            reader.fault(path, message);
        }
    }
    let [subscriptions, usage, dead_letters, retries] = names;
    Topics { subscriptions, usage, dead_letters, retries }
}

fn topic(text: &str) -> Result<String, String> {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match text {
        "" | "." | ".." => Err("this is no topic; write its name".to_owned()),
        _ if text.len() > 249 || !text.chars().all(valid) => {
            Err(format!("{text:?} is no topic; a name has at most 249 letters, digits, dots, underscores and hyphens"))
        }
        _ => Ok(text.to_owned()),
    }
}

fn group_protocol(text: &str) -> Result<GroupProtocol, String> {
    let found = GroupProtocol::NAMES.iter().find(|(name, _)| *name == text);
    found
        .map(|(_, protocol)| *protocol)
        .ok_or_else(|| format!("{text:?} is no group protocol; use auto, consumer (KIP-848) or classic"))
}

/// `kafka.properties` and those from files, none of them ours and none given twice, with the places of their names.
fn properties(reader: &mut Reader) -> (BTreeMap<String, Secret>, BTreeMap<String, Place>) {
    const FILES: &str = "kafka.properties_files";
    let (mut properties, mut places) = (BTreeMap::new(), BTreeMap::new());
    for (place, name, value) in foreign(reader, "kafka.properties") {
        places.insert(name.clone(), place);
        properties.insert(name, Secret::new(value, None));
    }
    for (place, name, file) in foreign(reader, FILES) {
        if places.contains_key(&name) {
            reader.fault_at(&place, FILES, format!("{name} is set in kafka.properties too; remove one of them"));
        } else if let Some(secret) = reader.secret_file(&place, FILES, &file) {
            places.insert(name.clone(), place);
            properties.insert(name, secret);
        }
    }
    (properties, places)
}

/// The entries of a mapping of properties, without those that Upswell owns: each of them is a fault.
fn foreign(reader: &mut Reader, path: &str) -> Vec<(Place, String, String)> {
    let mut kept = Vec::new();
    for (place, name, value) in reader.names(path) {
        match owned(&name) {
            Some(message) => reader.fault_at(&place, path, message),
            None if [&name, &value].iter().any(|text| text.contains('\0')) => {
                reader.fault_at(&place, path, "this property holds a NUL character; remove it")
            }
            None => kept.push((place, name, value)),
        }
    }
    kept
}

fn schema_registry(reader: &mut Reader) -> SchemaRegistry {
    let default = Some("http://localhost:8081".to_owned());
    let optional_url = |text: &str| if text.is_empty() { Ok(None) } else { url(text).map(Some) };
    let registry = SchemaRegistry {
        url: reader.value("schema_registry.url", default, optional_url),
        user: reader.optional("schema_registry.user"),
        password: reader.secret("schema_registry.password"),
        tls_ca: pem(reader, "schema_registry.tls.ca"),
        tls_cert: pem(reader, "schema_registry.tls.cert"),
        tls_key: pem(reader, "schema_registry.tls.key"),
        directory: reader.optional("schema_registry.directory").map(|directory| reader.path(&directory)),
    };
    if registry.url.is_none() && registry.directory.is_none() {
        reader.fault(
            "schema_registry.url",
            "this is empty and so is schema_registry.directory; set one, schemas must come from somewhere",
        );
    }
    if registry.password.is_some() && registry.user.is_none() {
        reader.fault("schema_registry.password", "schema_registry.user is missing; set it too");
    }
    if registry.tls_cert.is_some() != registry.tls_key.is_some() {
        reader.fault("schema_registry.tls", "cert and key go together; set both or neither");
    }
    registry
}

/// PEM text, or the file that holds it.
fn pem(reader: &mut Reader, path: &str) -> Option<Secret> {
    let secret = reader.secret(path)?;
    if !reader.read_secrets || secret.expose().contains("-----BEGIN ") {
        return Some(secret);
    }
    let key = if secret.file.is_some() { format!("{path}_file") } else { path.to_owned() };
    reader.fault(&key, format!("this is no PEM text; {path} holds the text itself, {path}_file names a file that holds it"));
    None
}

fn checkpoint_url(text: &str) -> Result<String, String> {
    Location::parse(text).map(|_| text.to_owned())
}

fn http(reader: &mut Reader) -> Http {
    let optional_url = |text: &str| if text.is_empty() { Ok(None) } else { url(text).map(Some) };
    Http {
        listen: reader.value("http.listen", "127.0.0.1:9817".to_owned(), listen),
        external_url: reader.value("http.external_url", None, optional_url),
        web_config: web_config(reader),
        enable_reload: reader.flag("http.enable_reload"),
        customer_data_without_auth: reader.flag("http.customer_data_without_auth"),
    }
}

/// The file of TLS and passwords, whose faults are faults of the configuration.
fn web_config(reader: &mut Reader) -> Option<PathBuf> {
    let file = reader.path(&reader.optional("http.web_config")?);
    if reader.read_secrets
        && let Err(faults) = web::read(&file)
    {
        reader.faults.extend(faults.iter().cloned());
    }
    Some(file)
}
