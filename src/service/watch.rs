//! The watch: a thread that asks the brokers about the logs while the workers read them.
//!
//! It keeps the ends of the logs fresh for the lag, and notices a changed number of partitions, and a topic or cluster that is not the
//! one it was. Asking may take long or fail; nobody waits for it, and it asks again.

use super::beginning::{Ids, Logs, other_cluster, recreated};
use super::board::Board;
use super::ledger::TopicName;
use crate::adapter::kafka::bounds::{Bound, Bounds};
use crate::domain::facts::TopicKind;
use crate::wire::telemetry::StopReason;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the number of partitions and the ids are asked for.
const COUNT_EVERY: Duration = Duration::from_secs(60);

/// What the watch is, and whom it tells.
pub struct Watch {
    pub bounds: Bounds,
    /// As many as there are: retries last.
    pub topics: Arc<[TopicName]>,
    pub cluster_id: Option<String>,
    /// Partitions of each topic when the service started.
    pub partitions: usize,
    /// Boards to look after; a new list replaces the one before.
    pub requests: Receiver<Vec<Arc<Board>>>,
    pub findings: Sender<Finding>,
}

/// What the service has to act on.
pub enum Finding {
    /// What was read so far and what would be read from now on do not belong together: why, and a sentence.
    Changed(StopReason, String),
    /// A topic does not exist any more: a sentence. `None` while all do.
    Gone(Option<String>),
}

impl Watch {
    /// The channel of its requests: only the newest list counts, so one place is enough.
    pub fn requests() -> (Sender<Vec<Arc<Board>>>, Receiver<Vec<Arc<Board>>>) {
        bounded(1)
    }

    /// Watches until the requests' sender is gone.
    pub fn run(self) {
        let (mut counted, mut said) = (Instant::now(), None);
        loop {
            match self.requests.recv_timeout(COUNT_EVERY.saturating_sub(counted.elapsed())) {
                Ok(boards) => log_trouble(self.look(&boards), &mut said),
                Err(RecvTimeoutError::Timeout) => {
                    log_trouble(self.count(), &mut said);
                    counted = Instant::now();
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// The ends of all logs.
    fn look(&self, boards: &[Arc<Board>]) -> Result<(), KafkaError> {
        if boards.is_empty() {
            return self.count(); // Why there is nothing to do may be that a topic was deleted.
        }
        let topic = |topic: TopicKind| &*self.topics[topic as usize].name;
        let lanes: Vec<(&Arc<Board>, TopicKind)> =
            boards.iter().flat_map(|board| board.topics().iter().map(move |topic| (board, *topic))).collect();
        let places: Vec<(&str, i32)> = lanes.iter().map(|(board, kind)| (topic(*kind), board.partition)).collect();
        let answers = self.bounds.of(&places, Bound::End)?;
        for ((board, kind), end) in lanes.into_iter().zip(answers) {
            end.into_iter().for_each(|end| board.saw_end(kind, end));
        }
        Ok(())
    }

    fn count(&self) -> Result<(), KafkaError> {
        let mut gone = None;
        for topic in self.topics.iter().map(|topic| &*topic.name) {
            match self.bounds.partitions(topic) {
                Ok(now) if now == self.partitions => {}
                Ok(now) => self.tell(Finding::Changed(StopReason::PartitionCountChanged, recounted(topic, self.partitions, now))),
                Err(error) if is_unknown(&error) => gone = Some(deleted(topic)),
                Err(error) => return Err(error),
            }
        }
        if gone.is_none() {
            match self.bounds.ids(&self.topics) {
                Ok(ids) => self.compare(&ids),
                Err(sentence) => tracing::debug!(sentence, "the ids of the topics are not known now"),
            }
        }
        self.tell(Finding::Gone(gone));
        Ok(())
    }

    /// Whether the cluster and the topics are those of the start.
    fn compare(&self, ids: &Ids) {
        if let (Some(then), Some(now)) = (&self.cluster_id, &ids.cluster)
            && then != now
        {
            self.tell(Finding::Changed(StopReason::ClusterChanged, other_cluster(then, now)));
        }
        for (topic, now) in self.topics.iter().zip(&ids.topics) {
            if let (Some(then), Some(now)) = (topic.id.as_deref(), now)
                && then != now
            {
                self.tell(Finding::Changed(StopReason::TopicRecreated, recreated(&topic.name, then, now)));
            }
        }
    }

    /// Nobody listens only when the service is ending.
    fn tell(&self, finding: Finding) {
        let _ = self.findings.send(finding);
    }
}

/// Logs a trouble when it begins, not each time it is met again.
fn log_trouble(looked: Result<(), KafkaError>, said: &mut Option<KafkaError>) {
    let trouble = looked.err();
    if let Some(error) = trouble.as_ref().filter(|_| trouble != *said) {
        tracing::warn!(%error, "could not ask the brokers about the topics; asking again");
    }
    *said = trouble;
}

fn is_unknown(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{UnknownTopic, UnknownTopicOrPartition};
    matches!(error.rdkafka_error_code(), Some(UnknownTopic | UnknownTopicOrPartition))
}

fn deleted(topic: &str) -> String {
    format!("Topic {topic} does not exist any more: restore it with its whole history, or create it and load the history anew.")
}

/// The sentence about a changed number of partitions.
pub fn recounted(topic: &str, before: usize, now: usize) -> String {
    format!("{topic} had {before} partitions and now has {now}{MOVED}")
}

/// The sentence about a topic that has more partitions than it had at the start.
pub fn grown(topic: &str, before: usize) -> String {
    format!("{topic} had {before} partitions and now has more{MOVED}")
}

const MOVED: &str = ", so a customer's events may lie in two of them. Copy both topics, keyed by customer_id, to new topics with equal \
                     numbers of partitions, and point kafka.topics at those.";
