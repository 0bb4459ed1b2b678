//! A real cluster made ready for a history: topics that keep it, and a registry that knows its schemas.
//!
//! Records carry the timestamps of the history, so topics are made to keep them for good; an existing topic is left as it is,
//! with a warning where it would soon delete what is written.

use super::feed::Topics;
use super::record::SchemaIds;
use crate::wire::avro::{SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(30);
/// Between two looks for a topic that is not known yet.
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a registry's answer that are read.
const ANSWER_BYTES: u64 = 1 << 20;

/// Why a cluster cannot take a history.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error("talk to the brokers {brokers}: {error}; check --brokers and --property")]
    Brokers { brokers: String, error: KafkaError },
    #[error("create topic {topic}: {code}; create it by hand, or let this client create topics")]
    Create { topic: String, code: RDKafkaErrorCode },
    #[error("topics {0} and {1} have {2} and {3} partitions; both need the same number, so that a customer has one partition")]
    Unequal(String, String, usize, usize),
    #[error("register the schema of topic {topic} at {url}: {reason}")]
    Registry { topic: String, url: String, reason: String },
}

/// The administration of one cluster.
pub struct Cluster {
    admin: AdminClient<DefaultClientContext>,
    brokers: String,
}

impl Cluster {
    /// A client of these brokers, with librdkafka's `properties`. Connects later.
    pub fn new(brokers: &str, properties: &[(String, String)]) -> Result<Cluster, ClusterError> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("client.id", "upswell-generate");
        for (key, value) in properties {
            config.set(key, value);
        }
        let admin = config.create().map_err(|error| ClusterError::Brokers { brokers: brokers.to_owned(), error })?;
        Ok(Cluster { admin, brokers: brokers.to_owned() })
    }

    /// Creates the topics that are missing, with so many partitions; the number of partitions both have.
    pub async fn ensure_topics(&self, topics: &Topics, partitions: u16) -> Result<usize, ClusterError> {
        let names = [topics.subscriptions.as_str(), topics.usage.as_str()];
        let new = names.map(|name| {
            let topic = NewTopic::new(name, i32::from(partitions), TopicReplication::Fixed(-1));
            topic.set("retention.ms", "-1").set("retention.bytes", "-1").set("cleanup.policy", "delete")
        });
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
        let results = self.admin.create_topics(&new, &options).await.map_err(|error| self.failed(error))?;
        for (topic, code) in results.into_iter().filter_map(Result::err) {
            if code != RDKafkaErrorCode::TopicAlreadyExists {
                return Err(ClusterError::Create { topic, code });
            }
        }
        self.partitions(names).await
    }

    /// Sentences about topics that would not keep a history as it is.
    pub async fn warnings(&self, topics: &Topics) -> Vec<String> {
        let names = [topics.subscriptions.as_str(), topics.usage.as_str()];
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
        // Who may not read a topic's settings does without the warning: producing does not depend on it.
        let described = self.admin.describe_configs(&names.map(ResourceSpecifier::Topic), &options).await.unwrap_or_default();
        let mut warnings = Vec::new();
        for (name, settings) in names.iter().zip(described).filter_map(|(name, found)| Some((name, found.ok()?))) {
            let setting = |key| settings.get(key).and_then(|entry| entry.value.clone());
            match setting("retention.ms") {
                Some(retention) if retention != "-1" => warnings.push(format!(
                    "topic {name} deletes records {retention} ms after their timestamp, and the history lies in the past; set its retention.ms to -1"
                )),
                _ => {}
            }
            if setting("message.timestamp.type").as_deref() == Some("LogAppendTime") {
                warnings
                    .push(format!("topic {name} has message.timestamp.type LogAppendTime: records will carry the time of now"));
            }
        }
        warnings
    }

    async fn partitions(&self, names: [&str; 2]) -> Result<usize, ClusterError> {
        let counts = [self.partitions_of(names[0]).await?, self.partitions_of(names[1]).await?];
        if counts[0] != counts[1] {
            return Err(ClusterError::Unequal(names[0].into(), names[1].into(), counts[0], counts[1]));
        }
        Ok(counts[0])
    }

    /// A topic that was just created is not known to every broker at once, so it is asked for until it is.
    async fn partitions_of(&self, name: &str) -> Result<usize, ClusterError> {
        let end = Instant::now() + TIMEOUT;
        loop {
            let found = self.admin.inner().fetch_metadata(Some(name), TIMEOUT).map_err(|error| self.failed(error))?;
            let count = found.topics().first().map_or(0, |topic| topic.partitions().len());
            if count > 0 || Instant::now() >= end {
                return Ok(count);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn failed(&self, error: KafkaError) -> ClusterError {
        ClusterError::Brokers { brokers: self.brokers.clone(), error }
    }
}

/// Registers the canonical schemas as the values of both topics at a registry of the Confluent API.
pub fn register_schemas(url: &str, topics: &Topics) -> Result<SchemaIds, ClusterError> {
    Ok(SchemaIds {
        subscription: register(url, &topics.subscriptions, SUBSCRIPTION_SCHEMA)?,
        usage: register(url, &topics.usage, USAGE_SCHEMA)?,
    })
}

fn register(base: &str, topic: &str, schema: &str) -> Result<u32, ClusterError> {
    let url = format!("{}/subjects/{topic}-value/versions", base.trim_end_matches('/'));
    let fail = |reason: String| ClusterError::Registry { topic: topic.to_owned(), url: url.clone(), reason };
    let body = serde_json::json!({ "schemaType": "AVRO", "schema": schema }).to_string();
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build().into();
    let request = agent.post(&url).header("content-type", "application/vnd.schemaregistry.v1+json");
    let mut response = request.send(body).map_err(|error| fail(format!("{error}; check --registry")))?;
    let status = response.status();
    let text = response.body_mut().with_config().limit(ANSWER_BYTES).read_to_string().map_err(|error| fail(error.to_string()))?;
    let id = serde_json::from_str::<serde_json::Value>(&text).ok().and_then(|answer| answer.get("id")?.as_u64());
    match id.and_then(|id| u32::try_from(id).ok()) {
        Some(id) if status.is_success() => Ok(id),
        _ => Err(fail(format!(
            "it answered {status}, which names no id; --registry has to be the base of a Confluent API: {}",
            text.chars().take(300).collect::<String>()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// Answers one request with `answer`; gives the request.
    fn serve(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            while !request.ends_with(b"\"}") {
                let count = stream.read(&mut piece).expect("a request");
                request.extend_from_slice(&piece[..count]);
            }
            stream.write_all(answer.as_bytes()).expect("an answer");
            String::from_utf8_lossy(&request).into_owned()
        });
        (url, server)
    }

    #[test]
    fn a_registered_schema_has_the_id_of_the_answer() {
        let (url, server) = serve("HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\n{\"id\":42}");
        assert_eq!(register(&url, "billing.usage", "{}").expect("an id"), 42);
        assert!(server.join().expect("a request").starts_with("POST /subjects/billing.usage-value/versions HTTP/1.1"));
    }

    #[test]
    fn whatever_is_no_id_is_an_error_that_shows_the_answer() {
        let (url, server) = serve("HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\nconnection: close\r\n\r\n{\"id\":42}");
        let error = register(&url, "billing.usage", "{}").expect_err("no id").to_string();
        assert!(error.contains("404") && error.contains("billing.usage"), "{error}");
        drop(server);
    }
}
