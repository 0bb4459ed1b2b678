//! Counters and gauges the running service updates: what `/metrics` says about the service itself.
//!
//! One shared value, handed out as `Arc<Telemetry>`. Counters are relaxed atomics with one slot per variant of a closed enum, so
//! every label combination exists from the start and two label sets can never share a slot. Gauges are absent until they are
//! set: a value that is not known is never shown as 0 or 1970. Reading never blocks a writer for longer than it takes to copy a
//! few words; several values read together are not one instant (no rate depends on that).

mod cells;
mod consumer;
mod histogram;
mod notifications;

pub use cells::{Counter, Gauge, SecondsGauge, TimestampGauge};
pub use consumer::{GroupProtocol, Lag, PartitionBoard, StopReason};
pub use histogram::{Bucket, Histogram, Snapshot};
pub use notifications::{Notifications, ReceiverCounts};

use crate::domain::facts::{Reason, TopicKind};
use std::sync::OnceLock;

/// Bounds of `checkpoint_duration`, in seconds: from a small change written to a local disk to a large state sent far away.
const CHECKPOINT_SECONDS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

/// Everything counted about the running service.
#[derive(Debug)]
pub struct Telemetry {
    subscriptions: Topic,
    usage: Topic,
    retries: Topic,
    retries_open: OnceLock<()>,
    /// Letters the dead-letter topic has acknowledged, by reason.
    pub dead_letters: ByReason,
    /// Changes of the partitions assigned to this instance.
    pub rebalances: Counter,
    /// Customers held by the partitions of this instance.
    pub accounts: Gauge,
    /// Usage ids remembered.
    pub dedup_entries: Gauge,
    /// Bytes of state counted against `limits.memory`.
    pub tracked_bytes: Gauge,
    /// `limits.memory` in bytes.
    pub memory_limit: Gauge,
    /// 1 while intake waits because the limit is reached, else 0.
    pub memory_full: Gauge,
    /// 1 while a topic's log no longer reaches back to offset 0 and that was accepted, 0 while all do.
    pub history_incomplete: Gauge,
    /// Since when the history is complete.
    pub history_complete_since: TimestampGauge,
    /// Whether the input is minutes behind.
    pub input_stale: Gauge,
    /// How long the latest move to a new civil day took.
    pub rollover_duration: SecondsGauge,
    /// Attempts to write a checkpoint of a partition: each counts when it begins, one that follows a failure as well.
    pub checkpoints: Counter,
    /// Attempts that failed.
    pub checkpoint_failures: Counter,
    /// When a checkpoint was last completed.
    pub checkpoint_last_success: TimestampGauge,
    /// How long completed checkpoints took, from their first attempt to their end. Its count is that of the completed ones.
    pub checkpoint_duration: Histogram,
    /// Bytes the checkpoint store has taken.
    pub checkpoint_bytes: Counter,
    /// Images that were passed over because they could not be used.
    pub checkpoint_unreadable: Counter,
    /// How long the latest restore of a partition took.
    pub restore_duration: SecondsGauge,
    /// Partitions begun anew from the log.
    pub rebuilds: Counter,
    /// Totals that differed from their recomputation.
    pub invariant_violations: Counter,
    /// 1 if the latest load of the configuration was taken over, 0 if it was refused.
    pub config_last_reload_successful: Gauge,
    /// 0 while the file of `http.web_config` has faults and the last good one is in force; unknown until it was read again.
    pub web_config_is_current: Gauge,
    /// Notifications by receiver.
    pub notifications: Notifications,
    /// Lag and stops by partition.
    pub partitions: PartitionBoard,
    group: OnceLock<(GroupProtocol, String)>,
}

impl Telemetry {
    /// All counters at 0, all gauges absent, the retries topic not there. The names are distinct.
    pub fn new(subscriptions_topic: &str, usage_topic: &str, retries_topic: &str) -> Telemetry {
        Telemetry {
            subscriptions: Topic::new(TopicKind::Subscriptions, subscriptions_topic),
            usage: Topic::new(TopicKind::Usage, usage_topic),
            retries: Topic::new(TopicKind::Retries, retries_topic),
            retries_open: OnceLock::new(),
            dead_letters: ByReason::default(),
            rebalances: Counter::default(),
            accounts: Gauge::default(),
            dedup_entries: Gauge::default(),
            tracked_bytes: Gauge::default(),
            memory_limit: Gauge::default(),
            memory_full: Gauge::default(),
            history_incomplete: Gauge::default(),
            history_complete_since: TimestampGauge::default(),
            input_stale: Gauge::default(),
            rollover_duration: SecondsGauge::default(),
            checkpoints: Counter::default(),
            checkpoint_failures: Counter::default(),
            checkpoint_last_success: TimestampGauge::default(),
            checkpoint_duration: Histogram::new(CHECKPOINT_SECONDS),
            checkpoint_bytes: Counter::default(),
            checkpoint_unreadable: Counter::default(),
            restore_duration: SecondsGauge::default(),
            rebuilds: Counter::default(),
            invariant_violations: Counter::default(),
            config_last_reload_successful: Gauge::default(),
            web_config_is_current: Gauge::default(),
            notifications: Notifications::default(),
            partitions: PartitionBoard::default(),
            group: OnceLock::new(),
        }
    }

    /// The counters of this topic, or of the topic that holds this kind of events.
    pub fn topic(&self, kind: impl Into<TopicKind>) -> &Topic {
        match kind.into() {
            TopicKind::Subscriptions => &self.subscriptions,
            TopicKind::Usage => &self.usage,
            TopicKind::Retries => &self.retries,
        }
    }

    /// Whether all of the latest configuration is in force, the file of `http.web_config` included; unknown at first.
    pub fn configuration_is_current(&self) -> Option<bool> {
        let web = self.web_config_is_current.get() != Some(0);
        self.config_last_reload_successful.get().map(|main| main == 1 && web)
    }

    /// Says that the retries topic exists: from now on [`Telemetry::topics`] has it.
    pub fn open_retries(&self) {
        self.retries_open.get_or_init(|| ());
    }

    /// The topics that exist, in the order of [`TopicKind::ALL`]: both billing topics, and that of retries once it is open.
    pub fn topics(&self) -> Vec<&Topic> {
        let retries = self.retries_open.get().map(|()| &self.retries);
        [&self.subscriptions, &self.usage].into_iter().chain(retries).collect()
    }

    /// The group protocol and assignor, settled once per process; a second call changes nothing.
    pub fn settle_group(&self, protocol: GroupProtocol, assignor: &str) {
        self.group.get_or_init(|| (protocol, assignor.to_owned()));
    }

    /// The group protocol and assignor, once settled.
    pub fn group(&self) -> Option<(GroupProtocol, &str)> {
        self.group.get().map(|(protocol, assignor)| (*protocol, assignor.as_str()))
    }
}

/// Counters and gauges of one topic.
#[derive(Debug)]
pub struct Topic {
    kind: TopicKind,
    name: String,
    /// Accepted events that entered the state: repeated and superseded subscription states included.
    pub applied: Counter,
    /// Usage events already applied.
    pub duplicates: Counter,
    /// Retries that do not say which record of ours they repeat. Only the retries topic has them.
    pub unknown_origin: Counter,
    /// Retries of a record that is not among the rejected. Only the retries topic has them.
    pub not_rejected: Counter,
    /// Events rejected, by reason.
    pub rejected: ByReason,
    /// Customers found in a partition that is not theirs.
    pub misplaced_customers: Counter,
    /// The newest record timestamp seen.
    pub last_event: TimestampGauge,
    /// Partitions the topic has.
    pub partitions: Gauge,
    /// Partitions assigned to this instance.
    pub assigned_partitions: Gauge,
}

impl Topic {
    fn new(kind: TopicKind, name: &str) -> Topic {
        Topic {
            kind,
            name: name.to_owned(),
            applied: Counter::default(),
            duplicates: Counter::default(),
            unknown_origin: Counter::default(),
            not_rejected: Counter::default(),
            rejected: ByReason::default(),
            misplaced_customers: Counter::default(),
            last_event: TimestampGauge::default(),
            partitions: Gauge::default(),
            assigned_partitions: Gauge::default(),
        }
    }

    /// Which of the topics it is.
    pub fn kind(&self) -> TopicKind {
        self.kind
    }

    /// The Kafka topic's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// One counter per rejection reason.
#[derive(Debug, Default)]
pub struct ByReason([Counter; Reason::ALL.len()]);

impl ByReason {
    pub fn add(&self, reason: Reason, count: u64) {
        self.of(reason).add(count);
    }

    pub fn get(&self, reason: Reason) -> u64 {
        self.of(reason).get()
    }

    pub fn total(&self) -> u64 {
        self.0.iter().map(Counter::get).sum()
    }

    /// `Reason::ALL` is in declaration order, so a reason's discriminant is its slot.
    fn of(&self, reason: Reason) -> &Counter {
        &self.0[reason as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::facts::FactKind;

    #[test]
    fn every_reason_has_a_slot_of_its_own() {
        let counters = ByReason::default();
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            counters.add(reason, index as u64 + 1);
        }
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(counters.get(reason), index as u64 + 1, "{reason:?}");
        }
    }

    #[test]
    fn topics_are_told_apart_and_retries_come_once_there_are_any() {
        let telemetry = Telemetry::new("subs", "usage", "retries");
        telemetry.topic(FactKind::Usage).applied.add(2);
        telemetry.topic(TopicKind::Retries).applied.add(3);
        let seen = || -> Vec<_> { telemetry.topics().into_iter().map(|topic| (topic.name(), topic.applied.get())).collect() };
        assert_eq!(seen(), [("subs", 0), ("usage", 2)]);
        telemetry.open_retries();
        assert_eq!(seen(), [("subs", 0), ("usage", 2), ("retries", 3)]);
        assert!(telemetry.topics().into_iter().map(Topic::kind).eq(TopicKind::ALL));
        assert!(TopicKind::ALL.into_iter().all(|kind| telemetry.topic(kind).kind() == kind));
    }

    #[test]
    fn the_group_is_settled_once() {
        let telemetry = Telemetry::new("s", "u", "r");
        assert_eq!(telemetry.group(), None);
        telemetry.settle_group(GroupProtocol::Consumer, "range");
        telemetry.settle_group(GroupProtocol::Classic, "roundrobin");
        assert_eq!(telemetry.group(), Some((GroupProtocol::Consumer, "range")));
    }
}
