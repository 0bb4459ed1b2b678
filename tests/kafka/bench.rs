//! What every test stands on: the shared broker and registry, topics of its own, a configuration, the service.

use apache_avro::Schema;
use apache_avro::types::Value;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;
use upswell_testkit::avro::{self, Registered};
use upswell_testkit::kafka::{Outgoing, SHORT_SESSIONS};
use upswell_testkit::{RealKafka, Registry, Upswell};

/// The built binary.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_upswell");

const SUBSCRIPTION_SCHEMA: &str = include_str!("../../schemas/subscription_state.avsc");
const USAGE_SCHEMA: &str = include_str!("../../schemas/usage.avsc");

/// The broker of all tests that do not stop it.
pub fn kafka() -> &'static RealKafka {
    static KAFKA: OnceLock<RealKafka> = OnceLock::new();
    KAFKA.get_or_init(|| RealKafka::start_with(SHORT_SESSIONS))
}

/// The registry of all tests.
pub fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(Registry::start)
}

/// The canonical schema of subscription events, registered.
pub fn subscription_schema() -> &'static Registered {
    static SCHEMA: OnceLock<Registered> = OnceLock::new();
    SCHEMA.get_or_init(|| registered("canonical-subscriptions", SUBSCRIPTION_SCHEMA))
}

/// The canonical schema of usage events, registered.
pub fn usage_schema() -> &'static Registered {
    static SCHEMA: OnceLock<Registered> = OnceLock::new();
    SCHEMA.get_or_init(|| registered("canonical-usage", USAGE_SCHEMA))
}

/// A schema, registered.
pub fn registered(subject: &str, schema: &str) -> Registered {
    let id = registry().register(subject, schema);
    Registered { id, schema: Schema::parse_str(schema).expect("a schema") }
}

/// The present in milliseconds.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("the clock is past 1970");
    i64::try_from(since.as_millis()).expect("the present fits")
}

/// Milliseconds of a day.
pub const DAY: i64 = 86_400_000;

/// One test's topics, group and configuration.
pub struct Bench {
    pub kafka: &'static RealKafka,
    pub subscriptions: String,
    pub usage: String,
    pub dead_letters: String,
    /// Not created with the others.
    pub retries: String,
    name: String,
    registry_url: String,
    registry_keys: String,
    kafka_keys: String,
    revenue: String,
    checkpoints: Option<TempDir>,
    limits: String,
}

impl Bench {
    /// With empty topics of this many partitions.
    pub fn new(name: &str, partitions: i32) -> Bench {
        let bench = Bench::without_topics(name);
        bench.create_topics(partitions);
        bench
    }

    /// The same at a broker of its own, which may be ended.
    pub fn at(kafka: &'static RealKafka, name: &str, partitions: i32) -> Bench {
        let bench = Bench { kafka, ..Bench::without_topics(name) };
        bench.create_topics(partitions);
        bench
    }

    /// The topics of another bench, for somebody else to write to.
    pub fn at_same_topics(other: &Bench) -> Bench {
        Bench { kafka: other.kafka, ..Bench::without_topics(&other.name) }
    }

    /// The same before the topics exist.
    pub fn without_topics(name: &str) -> Bench {
        Bench {
            kafka: kafka(),
            subscriptions: format!("{name}.subscriptions"),
            usage: format!("{name}.usage"),
            dead_letters: format!("{name}.dead-letters"),
            retries: format!("{name}.retries"),
            name: name.to_owned(),
            registry_url: registry().url(),
            registry_keys: String::new(),
            kafka_keys: String::new(),
            revenue: "revenue: {}\n".to_owned(),
            checkpoints: None,
            limits: String::new(),
        }
    }

    /// Creates the three topics.
    pub fn create_topics(&self, partitions: i32) {
        for topic in [&self.subscriptions, &self.usage] {
            self.kafka.create_topic(topic, partitions, &[]);
        }
        self.kafka.create_topic(&self.dead_letters, 1, &[]);
    }

    /// Another address of the registry.
    pub fn registry_at(mut self, url: &str) -> Bench {
        url.clone_into(&mut self.registry_url);
        self
    }

    /// A directory of schemas, for single-object encoding.
    pub fn registry_directory(mut self, directory: &Path) -> Bench {
        self.registry_keys = format!(", directory: \"{}\"", directory.display());
        self
    }

    /// Further keys of the `schema_registry` section, such as `user: u`.
    pub fn registry_keys(mut self, keys: &str) -> Bench {
        self.registry_keys = format!(", {keys}");
        self
    }

    /// One more key of the `kafka` section, such as `group_protocol: classic`.
    pub fn kafka_key(mut self, line: &str) -> Bench {
        self.kafka_keys.push_str(&format!("  {line}\n"));
        self
    }

    /// The `revenue` section.
    pub fn revenue(mut self, section: &str) -> Bench {
        section.clone_into(&mut self.revenue);
        self
    }

    /// Checkpoints outlive the service, in a directory of the bench.
    pub fn kept(mut self) -> Bench {
        self.checkpoints = Some(tempfile::tempdir().expect("a temporary directory"));
        self
    }

    /// Greatest memory of the service.
    pub fn with_limit(mut self, memory: &str) -> Bench {
        self.limits = format!("limits: {{ memory: {memory} }}\n");
        self
    }

    /// Where the checkpoints of a partition lie.
    pub fn place_of(&self, partition: i32) -> PathBuf {
        let directory = self.checkpoints.as_ref().expect("the bench keeps checkpoints").path();
        directory.join(&self.name).join(format!("p{partition:05}"))
    }

    /// The consumer group.
    pub fn group(&self) -> &str {
        &self.name
    }

    /// The configuration file.
    pub fn config(&self) -> String {
        self.config_at(&self.kafka.bootstrap())
    }

    /// The configuration file with other brokers.
    pub fn config_at(&self, brokers: &str) -> String {
        let Bench {
            subscriptions,
            usage,
            dead_letters,
            retries,
            name,
            registry_url,
            registry_keys,
            kafka_keys,
            revenue,
            limits,
            ..
        } = self;
        let kept =
            |directory: &TempDir| format!("checkpoint: {{ url: \"file://{}\", interval: 1s }}\n", directory.path().display());
        let checkpoint = self.checkpoints.as_ref().map(kept).unwrap_or_default();
        format!(
            "kafka:\n  brokers: \"{brokers}\"\n  group_id: {name}\n  topics: {{ subscriptions: {subscriptions}, usage: {usage}, \
             dead_letters: {dead_letters}, retries: {retries} }}\n{kafka_keys}schema_registry: {{ url: \"{registry_url}\"{registry_keys} }}\n{revenue}\n{checkpoint}{limits}"
        )
    }

    /// The service on these topics.
    pub fn run(&self) -> Upswell {
        Upswell::run(PROGRAM, &self.config())
    }

    /// The same with further arguments of `upswell run`.
    pub fn run_with(&self, arguments: &[&str]) -> Upswell {
        Upswell::run_with(PROGRAM, &self.config(), arguments)
    }

    /// Writes one record with a customer's key, where its hash says.
    pub fn send(&self, topic: &str, customer: &str, value: &[u8]) {
        let writer = self.kafka.producer();
        writer.send(Outgoing { topic, key: Some(customer.as_bytes()), value: Some(value), ..Outgoing::default() });
        writer.flush();
    }

    /// Writes one active monthly subscription, worth so many units of USD, since ten days ago.
    pub fn subscribe(&self, customer: &str, units: i64) {
        self.send(&self.subscriptions, customer, &subscription_schema().confluent(&subscription(customer, units)));
    }
}

/// An active monthly subscription worth so many units of USD, since ten days ago.
pub fn subscription(customer: &str, units: i64) -> Value {
    let item = json!({ "item_id": "i", "product_id": "p", "plan_id": "plan", "quantity": 1,
        "unit_amount_micros": units * 1_000_000, "interval": "MONTH", "interval_count": 1, "discount_micros": 0 });
    let event = json!({ "event_id": format!("{customer}-s"), "customer_id": customer, "subscription_id": "s",
        "effective_at": now() - 10 * DAY, "version": 0, "status": "ACTIVE", "currency": "USD", "items": [item], "attributes": {} });
    avro::value(&subscription_schema().schema, &event)
}

/// Usage worth so many units of USD, two days ago.
pub fn usage(customer: &str, event: &str, units: i64) -> Value {
    let event = json!({ "event_id": event, "customer_id": customer, "used_at": now() - 2 * DAY, "meter": "calls",
        "quantity": 1.0, "amount_micros": units * 1_000_000, "currency": "USD" });
    avro::value(&usage_schema().schema, &event)
}
