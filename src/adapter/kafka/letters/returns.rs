//! Puts letters back: the record as it was goes to the retries topic, with a header that says which record it is.
//!
//! Into the partition of the same number, so that the customer's events stay together. Every record waits for all in-sync replicas;
//! one that is not acknowledged within [`PATIENCE`] counts as not written, and may have been all the same.

use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::DeadLetter;
use super::origin::{ORIGIN_HEADER, Origin};
use crate::adapter::kafka::client::{self, Events};
use crate::adapter::kafka::describe;
use crate::adapter::kafka::preflight::unusable;
use crate::adapter::kafka::settings::Settings;
use crate::adapter::kafka::trouble::Trouble;

/// How long a record may wait for its acknowledgement.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What became of a letter that was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    pub origin: Origin,
    /// Offset in the retries topic, or why it is not there: a sentence.
    pub outcome: Result<i64, String>,
}

struct ReturnsContext {
    events: Events,
    returned: Sender<Returned>,
}

impl ClientContext for ReturnsContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.events.overhear(facility, message);
        client::log(level, facility, message);
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.events.note(&error, reason);
    }
}

impl ProducerContext for ReturnsContext {
    type DeliveryOpaque = Box<Origin>;

    fn delivery(&self, result: &DeliveryResult<'_>, origin: Box<Origin>) {
        let outcome = match result {
            Ok(message) => Ok(message.offset()),
            Err((error, _)) => Err(self.events.refused_credentials().unwrap_or_else(|| sentence(error))),
        };
        // Whoever put it back may not ask any more.
        _ = self.returned.send(Returned { origin: *origin, outcome });
    }
}

/// See the head of the file.
pub struct Returns {
    topic: String,
    producer: BaseProducer<ReturnsContext>,
    returned: Receiver<Returned>,
}

impl Returns {
    /// Fails only over properties no client can be made of.
    pub fn new(settings: &Settings) -> Result<Returns, Trouble> {
        let (sender, returned) = unbounded(); // bounded by the client's queue
        let context = ReturnsContext { events: Events::default(), returned: sender };
        let mut config = settings.producer();
        config.set("message.timeout.ms", PATIENCE.as_millis().to_string());
        // A batch is refused as a whole; alone, a record answers for itself only.
        config.set("batch.num.messages", "1").set("linger.ms", "0");
        let producer = config.create_with_context(context).map_err(|error| unusable(&error))?;
        Ok(Returns { topic: settings.topics.retries.clone(), producer, returned })
    }

    /// Sends a letter's record. Blocks while the client's queue is full. The value must not have been left out.
    pub fn send(&self, letter: &DeadLetter) {
        let text = letter.origin.to_string();
        let own = letter.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref()));
        let named = [(ORIGIN_HEADER.as_bytes(), Some(text.as_bytes()))];
        let record = BaseRecord::with_opaque_to(&self.topic, Box::new(letter.origin.clone()));
        let record = record.partition(letter.origin.partition).headers(describe::owned_headers(own.chain(named)));
        let (key, payload, timestamp) = (letter.key.as_deref(), letter.value.as_deref(), letter.timestamp);
        let mut record = BaseRecord::<[u8], [u8], _> { key, payload, timestamp, ..record };
        while let Err((error, again)) = self.producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                let outcome = Err(sentence(&error));
                // The receiver is ours and lives.
                _ = self.producer.context().returned.send(Returned { origin: *again.delivery_opaque, outcome });
                return;
            }
            self.producer.poll(Duration::from_millis(100));
            record = again;
        }
    }

    /// What has become known of letters since the last time.
    pub fn settled(&self) -> impl Iterator<Item = Returned> {
        self.producer.poll(Duration::ZERO);
        self.returned.try_iter()
    }

    /// Waits until the fate of every letter is known; what was not told yet.
    pub fn finish(self) -> Vec<Returned> {
        // Not for ever: a record that is not acknowledged in time is given up.
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(Duration::from_millis(100));
        }
        self.returned.try_iter().collect()
    }
}

fn sentence(error: &KafkaError) -> String {
    use RDKafkaErrorCode as Code;
    match error.rdkafka_error_code() {
        Some(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed) => {
            format!("this user may not write to the topic ({error}): grant Write on it")
        }
        Some(Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize) => {
            format!("it is too large for the topic ({error}): raise max.message.bytes of the topic")
        }
        Some(Code::MessageTimedOut) => {
            let seconds = PATIENCE.as_secs();
            format!("no broker acknowledged it within {seconds} s; it may have been written all the same: put it back again")
        }
        _ => format!("the brokers do not take it: {error}"),
    }
}
