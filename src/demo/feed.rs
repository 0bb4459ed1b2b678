//! A history into Kafka: records keyed by customer, placed by murmur2 as Java producers do, and counted as they arrive.
//!
//! Delivery is in order and acknowledged by all replicas; a record the broker refuses ends the feed. A feed that is told how far
//! its reader has come knows how many bytes lie unread in the fullest partition, so that a broker that keeps only so much never
//! has to drop what was not read.

use super::event::Event;
use super::record::SchemaIds;
use crate::domain::facts::FactKind;
use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes counted for each record besides its key and value.
const OVERHEAD: usize = 24;
/// How long the brokers may take to say where a partition ends.
const LOOK: Duration = Duration::from_secs(30);
/// Between two such questions.
const PAUSE: Duration = Duration::from_millis(100);

/// Why a history does not get into Kafka.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("create the Kafka producer: {0}")]
    Create(KafkaError),
    #[error("send a record to topic {topic}: {error}")]
    Send { topic: String, error: KafkaError },
    #[error("the broker did not take a record of topic {topic}: {error}")]
    Refused { topic: String, error: KafkaError },
}

/// Where the events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    pub subscriptions: String,
    pub usage: String,
}

impl Topics {
    /// The topic of a kind of events.
    pub fn of(&self, kind: FactKind) -> &str {
        match kind {
            FactKind::Subscription => &self.subscriptions,
            FactKind::Usage => &self.usage,
        }
    }
}

/// A producer of events.
pub struct Feed {
    producer: BaseProducer<Ledger>,
    topics: Topics,
    ids: SchemaIds,
}

impl Feed {
    /// A producer for these brokers; `properties` are librdkafka's and may override what is set here. `watched` is whether unread
    /// bytes are counted, which takes memory until [`Feed::read_up_to`] is told that they were read.
    pub fn new(
        brokers: &str,
        properties: &[(String, String)],
        topics: Topics,
        ids: SchemaIds,
        watched: bool,
    ) -> Result<Feed, FeedError> {
        let ledger = Ledger { topics: topics.clone(), books: Mutex::default(), watched };
        let producer = config(brokers, properties).create_with_context(ledger).map_err(FeedError::Create)?;
        Ok(Feed { producer, topics, ids })
    }

    /// Sends one event; waits while the producer's queue is full.
    pub fn send(&self, event: &Event) -> Result<(), FeedError> {
        let value = event.record_value(self.ids);
        let topic = self.topics.of(event.kind());
        let size = value.len() + event.customer.len() + OVERHEAD;
        let mut record = BaseRecord::with_opaque_to(topic, size).key(&*event.customer).payload(&value).timestamp(event.arrival.0);
        self.books().in_flight += size;
        while let Err((error, back)) = self.producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                self.books().in_flight -= size;
                return Err(FeedError::Send { topic: topic.to_owned(), error });
            }
            self.poll(Duration::from_millis(50))?;
            record = back;
        }
        Ok(())
    }

    /// Takes acknowledgements, waiting for one for so long at most.
    ///
    /// # Errors
    /// The broker has refused a record.
    pub fn poll(&self, timeout: Duration) -> Result<(), FeedError> {
        self.producer.poll(timeout);
        match self.books().refused.take() {
            Some((topic, error)) => Err(FeedError::Refused { topic, error }),
            None => Ok(()),
        }
    }

    /// Waits until every record sent is acknowledged. The producer itself gives up on a record after its `message.timeout.ms`.
    pub fn settle(&self) -> Result<(), FeedError> {
        // Sends what lingers at once; whether it was all delivered is what the loop finds out.
        let _ = self.producer.flush(Duration::from_millis(100));
        while self.books().in_flight > 0 {
            self.poll(Duration::from_millis(100))?;
        }
        self.poll(Duration::ZERO)
    }

    /// The topic of a kind of events.
    pub fn topic(&self, kind: FactKind) -> &str {
        self.topics.of(kind)
    }

    /// A topic that has held records before, of so many partitions.
    ///
    /// # Errors
    /// The brokers do not say.
    pub fn first_used(&self, partitions: usize) -> Result<Option<&str>, KafkaError> {
        for topic in [&self.topics.subscriptions, &self.topics.usage] {
            for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
                if self.end_of(topic, partition)? > 0 {
                    return Ok(Some(topic));
                }
            }
        }
        Ok(None)
    }

    /// Where a partition ends. The leader of one that was just created may not know of it yet, so it is asked until it does.
    fn end_of(&self, topic: &str, partition: i32) -> Result<i64, KafkaError> {
        let deadline = Instant::now() + LOOK;
        loop {
            match self.producer.client().fetch_watermarks(topic, partition, LOOK) {
                Ok((_, end)) => return Ok(end),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => self.producer.poll(PAUSE),
            };
        }
    }

    /// Records acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.books().acknowledged
    }

    /// Notes that the reader has taken everything before an offset of a partition.
    pub fn read_up_to(&self, kind: FactKind, partition: i32, next: i64) {
        if let Some(unread) = self.books().unread.get_mut(&(kind, partition)) {
            unread.read_up_to(next);
        }
    }

    /// Bytes of records, uncompressed, that may lie unread in the fullest partition: those acknowledged there and all on their way.
    pub fn ahead(&self) -> usize {
        let books = self.books();
        books.in_flight + books.unread.values().map(|unread| unread.bytes).max().unwrap_or(0)
    }

    /// The offset after the last acknowledged record of each partition.
    pub fn ends(&self) -> Vec<(FactKind, i32, i64)> {
        let books = self.books();
        books.unread.iter().map(|(&(kind, partition), unread)| (kind, partition, unread.end)).collect()
    }

    /// The client, for questions about the cluster.
    pub fn client(&self) -> &Client<impl ClientContext> {
        self.producer.client()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.producer.context().books()
    }
}

fn config(brokers: &str, properties: &[(String, String)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("client.id", "upswell-generate")
        .set("partitioner", "murmur2_random")
        .set("enable.idempotence", "true")
        .set("compression.type", "lz4")
        .set("linger.ms", "20")
        .set("batch.size", "262144");
    for (key, value) in properties {
        config.set(key, value);
    }
    config
}

/// Records acknowledged in one partition and not yet read.
#[derive(Debug, Default)]
struct Unread {
    records: VecDeque<(i64, usize)>,
    bytes: usize,
    end: i64,
}

impl Unread {
    fn add(&mut self, offset: i64, size: usize) {
        self.records.push_back((offset, size));
        self.bytes += size;
        self.end = offset + 1;
    }

    fn read_up_to(&mut self, next: i64) {
        while let Some((_, size)) = self.records.pop_front_if(|(offset, _)| *offset < next) {
            self.bytes -= size;
        }
    }
}

#[derive(Debug, Default)]
struct Books {
    in_flight: usize,
    acknowledged: u64,
    unread: BTreeMap<(FactKind, i32), Unread>,
    /// The first refusal: topic and error.
    refused: Option<(String, KafkaError)>,
}

/// Hears of every record's fate.
struct Ledger {
    topics: Topics,
    books: Mutex<Books>,
    watched: bool,
}

impl Ledger {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kind(&self, topic: &str) -> FactKind {
        if topic == self.topics.usage { FactKind::Usage } else { FactKind::Subscription }
    }
}

impl ClientContext for Ledger {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", ?level, facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(target: "librdkafka", %error, "{reason}");
    }
}

impl ProducerContext for Ledger {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, size: usize) {
        let mut books = self.books();
        books.in_flight -= size;
        match result {
            Ok(record) => {
                books.acknowledged += 1;
                if self.watched {
                    let place = (self.kind(record.topic()), record.partition());
                    books.unread.entry(place).or_default().add(record.offset(), size);
                }
            }
            Err((error, record)) => {
                books.refused.get_or_insert_with(|| (record.topic().to_owned(), error.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unread_bytes_fall_as_the_reader_moves_on() {
        let mut unread = Unread::default();
        for (offset, size) in [(0, 10), (1, 20), (3, 40)] {
            unread.add(offset, size);
        }
        for (next, bytes) in [(0, 70), (1, 60), (3, 40), (2, 40), (4, 0), (9, 0)] {
            unread.read_up_to(next);
            assert_eq!(unread.bytes, bytes, "up to {next}");
        }
        assert_eq!(unread.end, 4);
    }
}
