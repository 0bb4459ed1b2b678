//! What is known about the consumer group and about each partition: lag, stops, protocol.
//!
//! A partition that is given up is removed, so no figure of it outlives its assignment.

use crate::domain::facts::TopicKind;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The rebalance protocol in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupProtocol {
    /// KIP-848: the broker assigns.
    Consumer,
    Classic,
}

impl GroupProtocol {
    pub fn as_str(self) -> &'static str {
        match self {
            GroupProtocol::Consumer => "consumer",
            GroupProtocol::Classic => "classic",
        }
    }
}

/// Why intake of a partition has stopped for good; somebody has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopReason {
    /// A customer was found in a partition that is not theirs, or two topics disagree about the partitioner.
    MisplacedCustomer,
    /// The number of partitions of a topic has changed.
    PartitionCountChanged,
    /// A topic was deleted and created again: its offsets name other records than those that were applied.
    TopicRecreated,
    /// The brokers belong to another cluster than the one the state was read from.
    ClusterChanged,
    /// The log no longer holds records that were not read yet.
    LogTruncated,
    /// The client cannot read a batch of the log and would skip it.
    UnreadableLog,
    /// No checkpoint of the partition can be used, and the log no longer reaches back to its first record.
    CheckpointUnusable,
    /// The dead-letter topic refuses a letter for good.
    DeadLetterRefused,
    /// A total differs from its recomputation.
    InvariantViolated,
}

impl StopReason {
    /// Every reason, in the order of the documentation.
    pub const ALL: [StopReason; 9] = [
        StopReason::MisplacedCustomer,
        StopReason::PartitionCountChanged,
        StopReason::TopicRecreated,
        StopReason::ClusterChanged,
        StopReason::LogTruncated,
        StopReason::UnreadableLog,
        StopReason::CheckpointUnusable,
        StopReason::DeadLetterRefused,
        StopReason::InvariantViolated,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            StopReason::MisplacedCustomer => "misplaced_customer",
            StopReason::PartitionCountChanged => "partition_count_changed",
            StopReason::TopicRecreated => "topic_recreated",
            StopReason::ClusterChanged => "cluster_changed",
            StopReason::LogTruncated => "log_truncated",
            StopReason::UnreadableLog => "unreadable_log",
            StopReason::CheckpointUnusable => "checkpoint_unusable",
            StopReason::DeadLetterRefused => "dead_letter_refused",
            StopReason::InvariantViolated => "invariant_violated",
        }
    }
}

/// Records of one topic's partition that are not applied yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    pub kind: TopicKind,
    pub partition: i32,
    pub records: u64,
}

/// Figures by partition. The conductor writes them, a few times a second; no worker ever waits for those who read them.
#[derive(Debug, Default)]
pub struct PartitionBoard(Mutex<Board>);

#[derive(Debug, Default)]
struct Board {
    lags: BTreeMap<(TopicKind, i32), u64>,
    stops: BTreeMap<i32, StopReason>,
}

impl PartitionBoard {
    pub fn set_lag(&self, kind: impl Into<TopicKind>, partition: i32, records: u64) {
        self.board().lags.insert((kind.into(), partition), records);
    }

    /// The first reason stays: what follows is a consequence.
    pub fn stop(&self, partition: i32, reason: StopReason) {
        self.board().stops.entry(partition).or_insert(reason);
    }

    /// Forgets a partition that is no longer ours.
    pub fn remove(&self, partition: i32) {
        let mut board = self.board();
        board.lags.retain(|(_, lagging), _| *lagging != partition);
        board.stops.remove(&partition);
    }

    /// By topic, in the order of [`TopicKind::ALL`], then partition.
    pub fn lags(&self) -> Vec<Lag> {
        let lag = |(&(kind, partition), &records): (&(TopicKind, i32), &u64)| Lag { kind, partition, records };
        self.board().lags.iter().map(lag).collect()
    }

    /// By partition.
    pub fn stops(&self) -> Vec<(i32, StopReason)> {
        self.board().stops.iter().map(|(partition, reason)| (*partition, *reason)).collect()
    }

    /// A thread that died while writing leaves whole entries behind, so the board stays readable.
    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::facts::FactKind;

    #[test]
    fn a_removed_partition_leaves_nothing_behind() {
        let board = PartitionBoard::default();
        for partition in [2, 1] {
            board.set_lag(TopicKind::Retries, partition, 1);
            board.set_lag(FactKind::Usage, partition, 7);
            board.set_lag(FactKind::Subscription, partition, 3);
        }
        board.stop(2, StopReason::LogTruncated);
        board.stop(2, StopReason::UnreadableLog);
        assert_eq!(board.stops(), [(2, StopReason::LogTruncated)]);
        board.remove(2);
        assert_eq!(board.stops(), []);
        let lag = |kind, records| Lag { kind, partition: 1, records };
        assert_eq!(board.lags(), [lag(TopicKind::Subscriptions, 3), lag(TopicKind::Usage, 7), lag(TopicKind::Retries, 1)]);
    }

    #[test]
    fn stop_reasons_have_distinct_names() {
        let mut names = StopReason::ALL.map(StopReason::as_str).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), StopReason::ALL.len());
    }
}
