//! Reads the dead-letter topic once, from its beginnings to the ends it has now. Joins no group and commits nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::DeadLetter;
use crate::adapter::kafka::client::{Events, LoggingContext};
use crate::adapter::kafka::preflight::{TopicFacts, refused, unusable};
use crate::adapter::kafka::settings::Settings;
use crate::adapter::kafka::trouble::Trouble;

/// How long the brokers may say nothing while there are letters to read.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(200);

/// Hands every record of the dead-letter topic to `each`: a letter, or `None` for a record that says of no record what it was.
/// Partitions come mixed, each in its order. `topic` must know its offsets. Blocks until the ends are reached.
pub fn read(settings: &Settings, topic: &TopicFacts, each: impl FnMut(Option<DeadLetter>)) -> Result<(), Trouble> {
    let context = LoggingContext::default();
    let events = context.events.clone();
    let consumer: BaseConsumer<LoggingContext> =
        settings.reader().create_with_context(context).map_err(|error| unusable(&error))?;
    let ends = assign(&consumer, topic).map_err(|error| failed(topic, &error))?;
    Reading { topic, consumer, events, ends, each }.run()
}

/// Assigns what holds records; the end of each such partition.
fn assign(consumer: &BaseConsumer<LoggingContext>, topic: &TopicFacts) -> Result<HashMap<i32, i64>, KafkaError> {
    let (mut list, mut ends) = (TopicPartitionList::new(), HashMap::new());
    for (partition, (start, end)) in (0..).zip(topic.start_offsets.iter().zip(&topic.end_offsets)) {
        if start < end {
            list.add_partition_offset(&topic.name, partition, Offset::Offset(*start))?;
            ends.insert(partition, *end);
        }
    }
    consumer.assign(&list)?;
    Ok(ends)
}

struct Reading<'t, F> {
    topic: &'t TopicFacts,
    consumer: BaseConsumer<LoggingContext>,
    events: Events,
    /// Of the partitions that have not been read to their end.
    ends: HashMap<i32, i64>,
    each: F,
}

impl<F: FnMut(Option<DeadLetter>)> Reading<'_, F> {
    fn run(mut self) -> Result<(), Trouble> {
        let mut heard = Instant::now();
        while !self.ends.is_empty() {
            if self.take()? {
                heard = Instant::now();
            } else if let Some(reason) = self.events.refused_credentials() {
                return Err(refused(&reason));
            } else if heard.elapsed() > PATIENCE {
                let last = self.events.last_error().unwrap_or_else(|| "no broker answered".to_owned());
                return Err(Trouble::unreachable(format!(
                    "topic {} could not be read to its end: bring the brokers that hold it back; the last error was: {last}",
                    self.topic.name
                )));
            }
        }
        Ok(())
    }

    /// Takes what comes next; whether anything came.
    fn take(&mut self) -> Result<bool, Trouble> {
        let message = match self.consumer.poll(POLL) {
            None => return Ok(false),
            Some(Ok(message)) => message,
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.ends.remove(&partition);
                return Ok(true);
            }
            Some(Err(error)) if may_pass(&error) => return Ok(false),
            Some(Err(error)) => return Err(failed(self.topic, &error)),
        };
        let (partition, offset) = (message.partition(), message.offset());
        let Some(end) = self.ends.get(&partition).copied() else { return Ok(true) };
        if offset < end {
            (self.each)(letter(&message));
        }
        if offset + 1 >= end {
            self.ends.remove(&partition);
        }
        Ok(true)
    }
}

fn letter(message: &BorrowedMessage<'_>) -> Option<DeadLetter> {
    DeadLetter::read(message.key(), message.payload(), message.headers(), message.timestamp().to_millis())
}

/// Whether the client goes on by itself. What it would skip, and what nobody lets it read, ends the reading.
pub(in crate::adapter::kafka) fn may_pass(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    !matches!(
        error.rdkafka_error_code(),
        Some(
            Code::TopicAuthorizationFailed
                | Code::UnknownTopicOrPartition
                | Code::UnknownTopic
                | Code::BadMessage
                | Code::BadCompression
                | Code::NotImplemented
                | Code::InvalidMessage
        )
    )
}

fn failed(topic: &TopicFacts, error: &KafkaError) -> Trouble {
    Trouble::transient(format!(
        "topic {} cannot be read ({error}): let this user read it, or restore it from a replica",
        topic.name
    ))
}
