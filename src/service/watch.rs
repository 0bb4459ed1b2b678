//! The watch: a thread that asks the brokers about the logs while the workers read them.
//!
//! It learns where the logs of newly assigned partitions begin and end, keeps their ends fresh for the lag, and notices a changed
//! number of partitions. Asking may take long or fail; nobody waits for it, and it asks again.

use super::board::{Board, KINDS};
use crate::adapter::kafka::Topics;
use crate::adapter::kafka::bounds::{Bound, Bounds};
use crate::domain::facts::FactKind;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the number of partitions is asked for.
const COUNT_EVERY: Duration = Duration::from_secs(60);

/// What the watch is, and whom it tells.
pub struct Watch {
    pub bounds: Bounds,
    pub topics: Topics,
    /// Partitions of each topic when the service started.
    pub partitions: usize,
    /// Whether a log may begin later than at offset 0.
    pub accept_truncated_log: bool,
    /// Boards to look after; a new list replaces the one before.
    pub requests: Receiver<Vec<Arc<Board>>>,
    pub findings: Sender<Finding>,
}

/// What the service has to act on.
pub enum Finding {
    /// The number of a topic's partitions is another than at the start: a sentence.
    PartitionCountChanged(String),
    /// A newly assigned partition's log no longer begins at offset 0: a sentence.
    Truncated(Arc<Board>, String),
    /// The same, and it was accepted.
    Incomplete,
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

    /// The starts of logs not known yet, then the ends of all.
    fn look(&self, boards: &[Arc<Board>]) -> Result<(), KafkaError> {
        if boards.is_empty() {
            return self.count(); // Why there is nothing to do may be that a topic was deleted.
        }
        let new: Vec<Arc<Board>> = boards.iter().filter(|board| !board.knows_bounds()).cloned().collect();
        for (board, kind, start) in self.ask(&new, Bound::Start)? {
            board.saw_start(kind, start);
            match (start > 0, self.accept_truncated_log) {
                (false, _) => {}
                (true, true) => self.tell(Finding::Incomplete),
                (true, false) => self.tell(Finding::Truncated(board, truncated(self.topics.of(kind), start))),
            }
        }
        for (board, kind, end) in self.ask(boards, Bound::End)? {
            board.saw_end(kind, end);
        }
        Ok(())
    }

    fn ask(&self, boards: &[Arc<Board>], bound: Bound) -> Result<Vec<(Arc<Board>, FactKind, i64)>, KafkaError> {
        let lanes: Vec<(&Arc<Board>, FactKind)> = boards.iter().flat_map(|board| KINDS.map(|kind| (board, kind))).collect();
        let places: Vec<(&str, i32)> = lanes.iter().map(|(board, kind)| (self.topics.of(*kind), board.partition)).collect();
        let answers = self.bounds.of(&places, bound)?;
        let known = |((board, kind), offset): ((&Arc<Board>, FactKind), Option<i64>)| Some((board.clone(), kind, offset?));
        Ok(lanes.into_iter().zip(answers).filter_map(known).collect())
    }

    fn count(&self) -> Result<(), KafkaError> {
        let mut gone = None;
        for topic in KINDS.map(|kind| self.topics.of(kind)) {
            match self.bounds.partitions(topic) {
                Ok(now) if now == self.partitions => {}
                Ok(now) => self.tell(Finding::PartitionCountChanged(recounted(topic, self.partitions, now))),
                Err(error) if is_unknown(&error) => gone = Some(deleted(topic)),
                Err(error) => return Err(error),
            }
        }
        self.tell(Finding::Gone(gone));
        Ok(())
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

fn truncated(topic: &str, start: i64) -> String {
    format!(
        "the log of {topic} begins at offset {start}, so its first events are gone and the figures would miss them. Load the \
         history into new topics with unlimited retention, or set kafka.accept_truncated_log to start without it."
    )
}

fn recounted(topic: &str, before: usize, now: usize) -> String {
    format!("{topic} had {before} partitions and now has {now}{MOVED}")
}

/// The sentence about a topic that has more partitions than it had at the start.
pub fn grown(topic: &str, before: usize) -> String {
    format!("{topic} had {before} partitions and now has more{MOVED}")
}

const MOVED: &str = ", so a customer's events may lie in two of them. Copy both topics, keyed by customer_id, to new topics with equal \
                     numbers of partitions, and point kafka.topics at those.";
