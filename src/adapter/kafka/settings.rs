//! One place for every librdkafka property: what the user passes through, what we tune, what we own.
//!
//! Order of force: our tuning, then the user's `kafka.properties`, then what correctness rests on (offsets are never committed
//! by the library, a lost position is an error and never a jump, aborted transactions and damaged batches are not read,
//! co-partitioned assignment).
//! Nobody can create a topic by asking about it: `allow.auto.create.topics` is off for every client.

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use rdkafka::producer::BaseProducer;

use crate::domain::facts::FactKind;

const MIB: u64 = 1 << 20;
/// Bytes of a small record that waits, the client's own included.
const RECORD: u64 = 1_024;
/// The largest letter the client accepts; brokers refuse far smaller ones on their own.
const LETTER_BYTES: u64 = 100_000_000;

/// Names of the topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    pub subscriptions: String,
    pub usage: String,
    pub dead_letters: String,
    /// Where dead letters come back to be judged again; need not exist.
    pub retries: String,
}

impl Topics {
    /// The billing topic that holds facts of one kind.
    pub fn of(&self, kind: FactKind) -> &str {
        match kind {
            FactKind::Subscription => &self.subscriptions,
            FactKind::Usage => &self.usage,
        }
    }

    /// Which facts a topic holds; `None` if it is not a billing topic.
    pub fn kind(&self, topic: &str) -> Option<FactKind> {
        [FactKind::Subscription, FactKind::Usage].into_iter().find(|kind| self.of(*kind) == topic)
    }
}

/// `kafka.group_protocol` as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupProtocol {
    /// KIP-848 where the cluster offers it, else classic.
    Auto,
    Consumer,
    Classic,
}

/// The group protocol in use, settled at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// KIP-848: the broker assigns, with its `range` assignor.
    Consumer,
    /// The old protocol: a member assigns, with `range`.
    Classic,
}

impl Protocol {
    /// Label value of `upswell_consumer_group_info`.
    pub fn label(self) -> &'static str {
        match self {
            Protocol::Consumer => "consumer",
            Protocol::Classic => "classic",
        }
    }

    /// The assignor of both protocols: `range` alone keeps equal partition numbers of both topics together.
    pub fn assignor(self) -> &'static str {
        "range"
    }
}

/// Memory the consumer may fill with records not yet read, and how many partition queues share it at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchBudget {
    /// Bytes for all partitions together.
    pub total_bytes: u64,
    /// Partitions of all topics that could be assigned to this instance.
    pub partitions: u32,
}

/// How much of one partition is fetched ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    /// Bytes of one fetch.
    fetch: u64,
    /// Bytes, and records, in the partition's queue from which on nothing more is fetched.
    bytes: u64,
    records: u64,
}

impl FetchBudget {
    /// librdkafka counts a separated queue by itself and may overshoot it by one fetch. It counts the bytes of records and not its
    /// own of each, which are more than those of a small record; so the number of records is bounded as well, as if each took
    /// [`RECORD`]. A floor keeps tiny budgets working. A fetch is small enough for the processor's cache to hold what the client takes
    /// apart and a worker then reads.
    fn share(self) -> Share {
        let share = self.total_bytes / u64::from(self.partitions.max(1));
        let fetch = (share / 8).clamp(MIB / 4, MIB / 2);
        let bytes = share.saturating_sub(fetch).clamp(MIB / 4, 64 * MIB);
        Share { fetch, bytes, records: (share / RECORD).clamp(1_000, 200_000) }
    }
}

/// The `kafka` part of the configuration, checked, with secret files read.
#[derive(Clone)]
pub struct Settings {
    /// `host:port` of one or more brokers, separated by commas.
    pub brokers: String,
    pub group_id: String,
    pub topics: Topics,
    pub group_protocol: GroupProtocol,
    /// `group.instance.id`, for static membership.
    pub instance_id: Option<String>,
    /// Start although a log no longer begins at offset 0.
    pub accept_truncated_log: bool,
    /// Passed to librdkafka. Keys Upswell owns are refused by the configuration; here ours win.
    pub properties: Vec<(String, String)>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys: Vec<&str> = self.properties.iter().map(|(key, _)| key.as_str()).collect();
        let mut shown = f.debug_struct("Settings");
        shown.field("brokers", &self.brokers).field("group_id", &self.group_id).field("topics", &self.topics);
        shown.field("group_protocol", &self.group_protocol).field("instance_id", &self.instance_id);
        shown.field("accept_truncated_log", &self.accept_truncated_log).field("properties", &keys).finish()
    }
}

/// Where tokens are fetched from, as soon as a client is made; and an address of which curl knows at once that it leads nowhere.
const TOKEN_ENDPOINT: &str = "sasl.oauthbearer.token.endpoint.url";
const NOWHERE: &str = "nowhere://";

/// Properties that librdkafka refuses together with `group.protocol=consumer`: the broker decides them.
const CLASSIC_ONLY: [&str; 4] =
    ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy", "group.protocol.type"];

impl Settings {
    /// The consumer of the group.
    pub fn consumer(&self, protocol: Protocol, budget: FetchBudget) -> ClientConfig {
        let Share { fetch, bytes, records } = budget.share();
        let mut config = self.base();
        // By default a full queue is left alone for a second. And a request leaves out the partitions whose queues are full, so one that has
        // room again waits until the request under way, for the others, is answered: half a second by default if they have nothing.
        config.set("fetch.wait.max.ms", "50");
        config.set("fetch.queue.backoff.ms", "10").set("queued.min.messages", records.to_string());
        config.set("fetch.message.max.bytes", fetch.to_string()).set("queued.max.messages.kbytes", (bytes / 1024).to_string());
        self.join(&mut config, protocol);
        if let Some(instance) = &self.instance_id {
            config.set("group.instance.id", instance);
        }
        config
    }

    /// Sets what a member of the group needs, and the user's properties in between.
    pub(super) fn join(&self, config: &mut ClientConfig, protocol: Protocol) {
        if protocol == Protocol::Classic {
            config.set("session.timeout.ms", "10000").set("heartbeat.interval.ms", "3000");
        }
        self.pass_through(config);
        config.set("group.id", &self.group_id).set("group.protocol", protocol.label());
        match protocol {
            Protocol::Classic => config.set("partition.assignment.strategy", protocol.assignor()),
            Protocol::Consumer => {
                CLASSIC_ONLY.iter().for_each(|key| _ = config.remove(key));
                config.set("group.remote.assignor", protocol.assignor())
            }
        };
        config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
        config.set("auto.offset.reset", "error").set("enable.partition.eof", "false").set("check.crcs", "true");
        own(config);
    }

    /// The producer of dead letters: waits for ever for a broker, hands every definite refusal back.
    pub fn producer(&self) -> ClientConfig {
        let mut config = self.base();
        config.set("compression.type", "lz4").set("linger.ms", "5").set("partitioner", "murmur2_random");
        self.pass_through(&mut config);
        config.set("acks", "all").set("enable.idempotence", "true").set("message.timeout.ms", "0");
        config.set("message.max.bytes", LETTER_BYTES.to_string());
        config.set("queue.buffering.max.messages", "20000").set("queue.buffering.max.kbytes", "1048576");
        own(&mut config);
        config
    }

    /// A consumer that is assigned what to read by hand and says where each log ends. The group is named because the client demands one;
    /// it is not joined, and nothing is committed.
    pub fn reader(&self) -> ClientConfig {
        let mut config = self.base();
        self.pass_through(&mut config);
        config.set("group.id", &self.group_id).set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
        config.set("auto.offset.reset", "earliest").set("enable.partition.eof", "true").set("check.crcs", "true");
        own(&mut config);
        config
    }

    /// A client that only asks questions. It is a consumer without a group: joins nothing, commits nothing, creates nothing.
    pub fn probe(&self) -> ClientConfig {
        let mut config = self.base();
        config.set("reconnect.backoff.max.ms", "1000");
        self.pass_through(&mut config);
        own(&mut config);
        config
    }

    /// What librdkafka says about each property it does not know or whose value it cannot use: (property, fault).
    pub fn property_faults(&self) -> Vec<(String, String)> {
        let refused = |(key, value): &(String, String)| match ClientConfig::new().set(key, value).create_native_config() {
            Err(KafkaError::ClientConfig(_, fault, key, _)) => Some((key, fault)),
            Err(other) => Some((key.clone(), other.to_string())),
            Ok(_) => None,
        };
        let faults: Vec<_> = self.properties.iter().filter_map(refused).collect();
        if faults.is_empty() { self.combination_fault().into_iter().collect() } else { faults }
    }

    /// Properties that are right one by one may contradict each other, or what we own; librdkafka says so when a client is made. These
    /// clients know no brokers and no identity provider, so nothing is connected to.
    fn combination_fault(&self) -> Option<(String, String)> {
        let alone = |mut config: ClientConfig| {
            ["bootstrap.servers", "metadata.broker.list"].iter().for_each(|key| _ = config.remove(key));
            if config.get(TOKEN_ENDPOINT).is_some() {
                config.set(TOKEN_ENDPOINT, NOWHERE);
            }
            config.set("log_level", "0").set_log_level(RDKafkaLogLevel::Emerg);
            config
        };
        let budget = FetchBudget { total_bytes: 0, partitions: 1 };
        let consumer = |protocol| alone(self.consumer(protocol, budget)).create::<BaseConsumer>().err();
        let producer = alone(self.producer()).create::<BaseProducer>().err();
        let fault = producer.or_else(|| consumer(Protocol::Classic)).or_else(|| consumer(Protocol::Consumer));
        fault.map(|error| ("properties".to_owned(), error.to_string()))
    }

    fn base(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", "upswell");
        let debug = self.properties.iter().any(|(key, value)| key == "debug" && !value.is_empty());
        config.set_log_level(if debug { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Info });
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    fn pass_through(&self, config: &mut ClientConfig) {
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config.set("bootstrap.servers", &self.brokers);
    }
}

/// What holds for every client, whatever the user passes.
fn own(config: &mut ClientConfig) {
    config.set("allow.auto.create.topics", "false").set("isolation.level", "read_committed");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(properties: &[(&str, &str)]) -> Settings {
        let properties = properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Settings {
            brokers: "127.0.0.1:1".to_owned(),
            group_id: "upswell".to_owned(),
            topics: Topics {
                subscriptions: "s".to_owned(),
                usage: "u".to_owned(),
                dead_letters: "d".to_owned(),
                retries: "r".to_owned(),
            },
            group_protocol: GroupProtocol::Auto,
            instance_id: Some("a".to_owned()),
            accept_truncated_log: false,
            properties,
        }
    }

    const BUDGET: FetchBudget = FetchBudget { total_bytes: 192 * MIB, partitions: 16 };

    #[test]
    fn clients_of_both_protocols_can_be_made_even_with_classic_timeouts_passed_through() {
        let settings = settings(&[("session.timeout.ms", "20000"), ("heartbeat.interval.ms", "1000")]);
        for protocol in [Protocol::Consumer, Protocol::Classic] {
            let config = settings.consumer(protocol, BUDGET);
            assert_eq!(config.get("group.protocol"), Some(protocol.label()));
            let made: Result<BaseConsumer, _> = config.create();
            assert!(made.is_ok(), "{protocol:?}: {:?}", made.err());
        }
        assert_eq!(settings.consumer(Protocol::Classic, BUDGET).get("session.timeout.ms"), Some("20000"));
        let made: Result<BaseProducer, _> = settings.producer().create();
        assert!(made.is_ok(), "{:?}", made.err());
        assert_eq!(settings.property_faults(), []);
    }

    #[test]
    fn what_we_own_wins_over_what_is_passed_through_and_tuning_does_not() {
        let config = settings(&[("auto.offset.reset", "earliest"), ("fetch.queue.backoff.ms", "7"), ("acks", "0")]);
        let consumer = config.consumer(Protocol::Classic, BUDGET);
        let table = [
            ("auto.offset.reset", "error"),
            ("check.crcs", "true"),
            ("fetch.queue.backoff.ms", "7"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("isolation.level", "read_committed"),
            ("allow.auto.create.topics", "false"),
            ("partition.assignment.strategy", "range"),
            ("session.timeout.ms", "10000"),
            ("group.instance.id", "a"),
        ];
        for (key, expected) in table {
            assert_eq!(consumer.get(key), Some(expected), "{key}");
        }
        assert_eq!(config.producer().get("acks"), Some("all"));
    }

    #[test]
    fn a_budget_is_shared_by_the_partitions() {
        let share = |mib, partitions| FetchBudget { total_bytes: mib * MIB, partitions }.share();
        assert_eq!(share(192, 16), Share { fetch: MIB / 2, bytes: 23 * MIB / 2, records: 12_288 });
        assert_eq!(share(1024, 2), Share { fetch: MIB / 2, bytes: 64 * MIB, records: 200_000 });
        assert_eq!(share(64, 32), Share { fetch: MIB / 4, bytes: 7 * MIB / 4, records: 2_048 });
        assert_eq!(share(0, 100), Share { fetch: MIB / 4, bytes: MIB / 4, records: 1_000 });
        assert_eq!(share(0, 0), share(0, 100));
    }

    #[test]
    fn properties_librdkafka_does_not_take_are_named() {
        let faults = settings(&[("no.such.thing", "1"), ("socket.timeout.ms", "soon"), ("client.id", "x")]).property_faults();
        let keys: Vec<&str> = faults.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["no.such.thing", "socket.timeout.ms"]);
        let faults = settings(&[("security.protocol", "sasl_plaintext"), ("sasl.mechanism", "NOPE")]).property_faults();
        assert_eq!(faults.len(), 1, "{faults:?}");
        let faults = settings(&[("max.in.flight", "1000")]).property_faults();
        assert!(faults[0].1.contains("max.in.flight"), "{faults:?}");
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let shown = format!("{:?}", settings(&[("sasl.password", "hunter2")]));
        assert!(shown.contains("sasl.password") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn the_client_can_do_what_the_documentation_says() {
        let native = ClientConfig::new().create_native_config().expect("an empty configuration");
        let features = native.get("builtin.features").expect("what was built in");
        for feature in ["gzip", "snappy", "lz4", "zstd", "ssl", "sasl_plain", "sasl_scram", "sasl_oauthbearer", "oidc"] {
            assert!(features.split(',').any(|built| built == feature), "{feature} is not in {features}");
        }
    }

    #[test]
    fn what_a_token_takes_is_judged_without_asking_for_one() {
        let oidc = [("security.protocol", "SASL_SSL"), ("sasl.mechanism", "OAUTHBEARER"), ("sasl.oauthbearer.method", "oidc")];
        assert_eq!(settings(&oidc).property_faults().len(), 1, "who asks, and where, is missing");
        let who = [("sasl.oauthbearer.client.id", "u"), ("sasl.oauthbearer.client.secret", "canary")];
        let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let place = format!("http://{}/token", server.local_addr().expect("an address"));
        let whole = settings(&[oidc.as_slice(), &who, &[(TOKEN_ENDPOINT, place.as_str())]].concat());
        assert_eq!(whole.property_faults(), []);
        server.set_nonblocking(true).expect("a socket can be set non-blocking");
        assert!(server.accept().is_err(), "nobody asked");
    }

    #[test]
    fn topics_know_their_facts() {
        let topics = settings(&[]).topics;
        assert_eq!(topics.kind("u"), Some(FactKind::Usage));
        assert_eq!(topics.kind("d"), None);
        assert_eq!(topics.of(FactKind::Subscription), "s");
    }
}
