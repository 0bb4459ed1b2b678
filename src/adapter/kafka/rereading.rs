//! Reads one partition of a billing topic once more, from its beginning to a given offset. Joins no group and commits nothing.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::client::LoggingContext;
use super::letters::reading::may_pass;
use super::preflight::unusable;
use super::settings::Settings;
use super::trouble::Trouble;

/// How long the brokers may say nothing while there are records to read.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(200);

/// Hands every committed record before offset `until`, which the log reaches, to `each`, in order. Blocks until then. A log that loses
/// its beginning meanwhile is read from where it begins then: ask afterwards.
///
/// # Errors
/// The brokers do not give them, or `each` fails: its sentence.
pub fn reread(
    settings: &Settings,
    topic: &str,
    partition: i32,
    until: i64,
    mut each: impl FnMut(&BorrowedMessage<'_>) -> Result<(), String>,
) -> Result<(), Trouble> {
    let made = settings.reader().create_with_context(LoggingContext::default());
    let consumer: BaseConsumer<LoggingContext> = made.map_err(|error| unusable(&error))?;
    let failed =
        |error: &KafkaError| Trouble::transient(format!("partition {partition} of topic {topic} cannot be read: {error}"));
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Beginning).map_err(|error| failed(&error))?;
    consumer.assign(&list).map_err(|error| failed(&error))?;
    let (mut next, mut heard) = (0, Instant::now());
    while next < until {
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                if message.offset() < until {
                    each(&message).map_err(Trouble::transient)?;
                }
                next = message.offset() + 1;
            }
            // Nothing but control and aborted records is left before it.
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
            Some(Err(error)) if !may_pass(&error) => return Err(failed(&error)),
            Some(Err(_)) | None if heard.elapsed() > PATIENCE => {
                let sentence =
                    format!("partition {partition} of topic {topic} could not be read to offset {until}: no broker gives it");
                return Err(Trouble::unreachable(sentence));
            }
            Some(Err(_)) | None => continue,
        }
        heard = Instant::now();
    }
    Ok(())
}
