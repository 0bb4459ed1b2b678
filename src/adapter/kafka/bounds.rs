//! Where logs begin and end, how many partitions a topic has, and whether it is still the same one: asked while the service runs.
//!
//! The client is one of its own, without a group: on the consumer's connection every question would wait behind a fetch that the
//! broker holds until there are records. An end is the last stable offset (the client reads committed records only), so a
//! transaction that was aborted or is still open never lies before it unread. One request asks for all partitions of a broker.

use super::client::LoggingContext;
use super::describe;
use super::settings::Settings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::MetadataBroker;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::time::Duration;

/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A client that only asks.
pub struct Bounds(BaseConsumer<LoggingContext>);

/// Which cluster and which topics answer now: another id means other logs, whatever the names say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identities {
    pub cluster: Option<String>,
    /// In the order asked. `None` where the topic does not exist or the cluster has no topic ids.
    pub topics: Vec<Option<String>>,
}

/// Which end of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The first offset that is still there.
    Start,
    /// The offset after the last record that can be read.
    End,
}

impl Bounds {
    pub fn new(settings: &Settings) -> KafkaResult<Bounds> {
        Ok(Bounds(settings.probe().create_with_context(LoggingContext::default())?))
    }

    /// One bound of each partition, in the order asked; `None` where its broker did not say.
    pub fn of(&self, places: &[(&str, i32)], bound: Bound) -> KafkaResult<Vec<Option<i64>>> {
        ask(&self.0, places, bound, TIMEOUT)
    }

    /// Number of partitions of a topic as the cluster says now.
    pub fn partitions(&self, topic: &str) -> KafkaResult<usize> {
        let metadata = self.0.fetch_metadata(Some(topic), TIMEOUT)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match found.map(|found| (found.error(), found.partitions().len())) {
            Some((None, count)) => Ok(count),
            Some((Some(error), _)) => Err(KafkaError::MetadataFetch(error.into())),
            None => Err(KafkaError::Subscription(format!("the cluster said nothing about {topic}"))),
        }
    }

    /// The ids of the cluster and of these topics, in two requests, whatever the number of partitions.
    pub fn identities(&self, topics: &[&str]) -> KafkaResult<Identities> {
        // Metadata of one topic brings the ids of cluster and brokers up to date; asking creates no topic.
        let metadata = self.0.fetch_metadata(topics.first().copied(), TIMEOUT)?;
        let brokers: Vec<i32> = metadata.brokers().iter().map(MetadataBroker::id).collect();
        let cluster = self.0.client().fetch_cluster_id(Duration::ZERO);
        let ids = match describe::topic_ids(self.0.client(), &brokers, topics, TIMEOUT) {
            Ok(ids) => ids,
            Err(RDKafkaErrorCode::UnsupportedFeature) => Vec::new(),
            Err(code) => return Err(KafkaError::AdminOp(code)),
        };
        let id = |topic: &&str| ids.iter().find(|(name, _)| name == topic).and_then(|(_, id)| id.clone());
        Ok(Identities { cluster, topics: topics.iter().map(id).collect() })
    }
}

/// One bound of each partition, in the order asked; `None` where its broker did not say.
pub(super) fn ask(
    client: &BaseConsumer<LoggingContext>,
    places: &[(&str, i32)],
    bound: Bound,
    timeout: Duration,
) -> KafkaResult<Vec<Option<i64>>> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let asked = match bound {
        Bound::Start => Offset::Beginning,
        Bound::End => Offset::End,
    };
    let mut list = TopicPartitionList::with_capacity(places.len());
    for (topic, partition) in places {
        list.add_partition_offset(topic, *partition, asked)?;
    }
    let answers = client.offsets_for_times(list, timeout)?;
    let answer = |(topic, partition): &(&str, i32)| match answers.find_partition(topic, *partition)?.offset() {
        Offset::Offset(offset) if offset >= 0 => Some(offset),
        _ => None,
    };
    Ok(places.iter().map(answer).collect())
}
