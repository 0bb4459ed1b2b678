//! A real Kafka broker, its topics, and what tests write to and read from it.

use crate::authority::Identity;
use crate::parts::{Place, free_ports};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(60);

/// Members of KIP-848 groups that are silent for 6 seconds are given up, as those of classic groups may be told to.
pub const SHORT_SESSIONS: &[&str] = &[
    "group.consumer.min.session.timeout.ms=6000",
    "group.consumer.session.timeout.ms=6000",
    "group.consumer.min.heartbeat.interval.ms=1000",
    "group.consumer.heartbeat.interval.ms=1000",
];

/// One broker with data of its own.
#[derive(Debug)]
pub struct RealKafka {
    place: Place,
    port: u16,
    command: &'static str,
    /// Lines of its configuration besides the usual ones.
    properties: &'static [&'static str],
}

impl RealKafka {
    /// Without authentication, at a free port; returns when it answers.
    pub fn start() -> RealKafka {
        RealKafka::start_at(RealKafka::free_port())
    }

    /// At a port from [`RealKafka::free_port`], so that a test can name it before the broker is there.
    pub fn start_at(port: u16) -> RealKafka {
        RealKafka::launch("start", port, &[])
    }

    /// With lines of its configuration besides the usual ones, such as [`SHORT_SESSIONS`].
    pub fn start_with(properties: &'static [&'static str]) -> RealKafka {
        RealKafka::launch("start", RealKafka::free_port(), properties)
    }

    /// With TLS and SASL: user `upswell`, password `plain-secret` (PLAIN) or `scram-secret` (SCRAM-SHA-512), or a token without a
    /// signature (OAUTHBEARER). Another address takes certificates of `clients`' authority instead.
    pub fn start_secure(clients: &Identity) -> RealKafka {
        let kafka = RealKafka { place: Place::new(), port: RealKafka::free_port(), command: "secure", properties: &[] };
        std::fs::write(kafka.place.directory().join("clients.pem"), &clients.authority).expect("the authority can be written");
        kafka.restart();
        kafka
    }

    /// A port at which a broker can be started.
    pub fn free_port() -> u16 {
        free_ports(3)
    }

    fn launch(command: &'static str, port: u16, properties: &'static [&'static str]) -> RealKafka {
        let kafka = RealKafka { place: Place::new(), port, command, properties };
        kafka.restart();
        kafka
    }

    /// `kafka.brokers`.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where a secure broker takes client certificates.
    pub fn bootstrap_for_certificates(&self) -> String {
        format!("127.0.0.1:{}", self.port + 2)
    }

    /// The certificate that clients of a secure broker must trust.
    pub fn ca_file(&self) -> String {
        self.place.directory().join("ca.pem").to_string_lossy().into_owned()
    }

    /// Ends it in good order; its data stays.
    pub fn stop(&self) {
        self.place.real("stop", &[]);
    }

    /// Ends it without warning; its data stays.
    pub fn kill(&self) {
        self.place.real("kill", &["kafka"]);
    }

    /// Starts it again, after [`RealKafka::stop`] or [`RealKafka::kill`], at the same port with its data.
    pub fn restart(&self) {
        let port = self.port.to_string();
        self.place.real(self.command, &[&[port.as_str()], self.properties].concat());
    }

    /// A client's configuration, which tests may add to.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap());
        if self.command == "secure" {
            config.set("security.protocol", "SASL_SSL").set("ssl.ca.location", self.ca_file());
            config.set("sasl.mechanism", "PLAIN").set("sasl.username", "upswell").set("sasl.password", "plain-secret");
        }
        config
    }

    fn admin<T>(&self, work: impl AsyncFnOnce(&AdminClient<DefaultClientContext>, &AdminOptions) -> Result<T, KafkaError>) -> T {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client");
        let options = AdminOptions::new().operation_timeout(Some(TIMEOUT)).request_timeout(Some(TIMEOUT));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(work(&admin, &options)).expect("the broker does what the test asks")
    }

    /// Creates a topic that keeps its records for good; settings are the broker's, such as `("cleanup.policy", "compact")`.
    pub fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1)).set("retention.ms", "-1");
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let results = self.admin(async |admin, options| admin.create_topics([&topic], options).await);
        assert!(results.iter().all(Result::is_ok), "create {name}: {results:?}");
    }

    /// Raises the number of a topic's partitions.
    pub fn grow_topic(&self, name: &str, partitions: usize) {
        let growth = NewPartitions::new(name, partitions);
        let results = self.admin(async |admin, options| admin.create_partitions([&growth], options).await);
        assert!(results.iter().all(Result::is_ok), "grow {name}: {results:?}");
    }

    /// Deletes a topic; returns when the brokers no longer know it.
    pub fn delete_topic(&self, name: &str) {
        let results = self.admin(async |admin, options| admin.delete_topics(&[name], options).await);
        assert!(results.iter().all(Result::is_ok), "delete {name}: {results:?}");
        crate::wait::holds("the topic is gone", || {
            let client: BaseConsumer = self.client().create().expect("a client");
            let metadata = client.fetch_metadata(None, TIMEOUT).expect("the broker describes its topics");
            metadata.topics().iter().all(|topic| topic.name() != name)
        });
    }

    /// Forgets a group that has no members, its offsets included.
    pub fn delete_group(&self, name: &str) {
        let results = self.admin(async |admin, options| admin.delete_groups(&[name], options).await);
        assert!(results.iter().all(Result::is_ok), "delete group {name}: {results:?}");
    }

    /// Commits offsets for a group that has no members.
    pub fn commit(&self, group: &str, positions: &[(&str, i32, i64)]) {
        let consumer: BaseConsumer = self.client().set("group.id", group).create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        for (topic, partition, next) in positions {
            list.add_partition_offset(topic, *partition, Offset::Offset(*next)).expect("a valid offset");
        }
        consumer.commit(&list, CommitMode::Sync).expect("the broker takes offsets of a group without members");
    }

    /// Deletes the records of a partition before an offset, as retention would.
    pub fn delete_records(&self, topic: &str, partition: i32, before: i64) {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, partition, Offset::Offset(before)).expect("a valid offset");
        self.admin(async |admin, options| admin.delete_records(&offsets, options).await);
    }

    /// A producer that places keys as Java's clients do.
    pub fn producer(&self) -> Writer {
        self.producer_with(&[])
    }

    /// The same with further settings, such as `("partitioner", "consistent_random")`.
    pub fn producer_with(&self, settings: &[(&str, &str)]) -> Writer {
        let mut config = self.client();
        config.set("partitioner", "murmur2_random").set("linger.ms", "5").set("enable.idempotence", "true");
        for (key, value) in settings {
            config.set(*key, *value);
        }
        Writer { producer: config.create_with_context(Deliveries::default()).expect("a producer") }
    }

    /// A producer that sends in transactions, see [`Writer::transaction`].
    pub fn transactional(&self, id: &str) -> Writer {
        let writer = self.producer_with(&[("transactional.id", id)]);
        writer.producer.init_transactions(TIMEOUT).expect("the broker has a transaction coordinator");
        writer
    }

    /// Everything committed in a topic, partition by partition.
    pub fn read(&self, topic: &str) -> Vec<Record> {
        let mut config = self.client();
        config.set("group.id", "reader").set("enable.auto.commit", "false").set("enable.partition.eof", "true");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).expect("the broker describes the topic");
        let partitions = metadata.topics()[0].partitions().len();
        let mut assignment = TopicPartitionList::new();
        for partition in 0..partitions {
            assignment.add_partition_offset(topic, partition as i32, Offset::Beginning).expect("a valid offset");
        }
        consumer.assign(&assignment).expect("the partitions exist");
        let (mut records, mut ended) = (Vec::new(), 0);
        while ended < partitions {
            match consumer.poll(TIMEOUT) {
                Some(Ok(message)) => records.push(Record::of(&message)),
                Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
                Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::BrokerTransportFailure))) => {}
                other => panic!("read {topic}: {other:?}"),
            }
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }
}

/// A record as it lies in a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since 1970; `None` when the record has none.
    pub timestamp: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record {
    fn of(message: &BorrowedMessage<'_>) -> Record {
        let header = |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.map(<[u8]>::to_vec));
        Record {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: message.headers().map(|headers| headers.iter().map(header).collect()).unwrap_or_default(),
        }
    }

    /// The last header of this name, as text.
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().rev().find(|(held, _)| held == name)?;
        Some(String::from_utf8_lossy(value.as_deref()?).into_owned())
    }
}

/// What a test sends: anything left out stays the client's choice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outgoing<'a> {
    pub topic: &'a str,
    pub partition: Option<i32>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
    /// Milliseconds since 1970; the present when left out.
    pub timestamp: Option<i64>,
}

/// A producer whose every record must arrive.
pub struct Writer {
    producer: BaseProducer<Deliveries>,
}

impl Writer {
    /// Queues one record, waiting while the queue is full.
    pub fn send(&self, outgoing: Outgoing<'_>) {
        let mut record = BaseRecord::<[u8], [u8]>::to(outgoing.topic);
        record.partition = outgoing.partition;
        record.key = outgoing.key;
        record.payload = outgoing.value;
        record.timestamp = outgoing.timestamp;
        if !outgoing.headers.is_empty() {
            let add = |all: OwnedHeaders, (key, value): &(&str, Option<&[u8]>)| all.insert(Header { key, value: *value });
            record.headers = Some(outgoing.headers.iter().fold(OwnedHeaders::new(), add));
        }
        while let Err((error, again)) = self.producer.send(record) {
            assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "send to {}: {error}", outgoing.topic);
            self.producer.poll(Duration::from_millis(100));
            record = again;
        }
        self.producer.poll(Duration::ZERO);
    }

    /// Returns when everything sent is stored.
    pub fn flush(&self) {
        self.producer.flush(TIMEOUT).expect("the broker stores what it was sent");
        let lost = self.producer.context().lost.load(Ordering::Relaxed);
        assert_eq!(lost, 0, "the broker refused records");
    }

    /// Everything `work` sends belongs to one transaction, which is committed or aborted.
    pub fn transaction(&self, commit: bool, work: impl FnOnce(&Writer)) {
        self.producer.begin_transaction().expect("a transaction");
        work(self);
        self.flush();
        let end = if commit { self.producer.commit_transaction(TIMEOUT) } else { self.producer.abort_transaction(TIMEOUT) };
        end.expect("the transaction ends");
    }
}

/// Counts the records that did not arrive.
#[derive(Debug, Default)]
pub struct Deliveries {
    lost: AtomicUsize,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            eprintln!("not delivered to {}: {error}", message.topic());
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}
