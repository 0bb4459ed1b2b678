//! Counters and gauges the running service updates: what `/metrics` says about the service itself.
//!
//! One shared value, handed out as `Arc<Telemetry>`. Counters are relaxed atomics with one slot per variant of a closed enum, so
//! every label combination exists from the start and two label sets can never share a slot. Gauges are absent until they are
//! set: a value that is not known is never shown as 0 or 1970. Reading never blocks a writer for longer than it takes to copy a
//! few words; several values read together are not one instant (no rate depends on that).

mod cells;
mod consumer;

pub use cells::{Counter, Gauge, SecondsGauge, TimestampGauge};
pub use consumer::{GroupProtocol, Lag, PartitionBoard, StopReason};

use crate::domain::facts::{FactKind, Reason};
use std::sync::OnceLock;

/// Everything counted about the running service.
#[derive(Debug)]
pub struct Telemetry {
    subscriptions: Topic,
    usage: Topic,
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
    /// 1 while a topic's log no longer reaches back to offset 0 and that was accepted, 0 while all do.
    pub history_incomplete: Gauge,
    /// How long the latest move to a new civil day took.
    pub rollover_duration: SecondsGauge,
    /// Totals that differed from their recomputation.
    pub invariant_violations: Counter,
    /// 1 if the latest load of the configuration was taken over, 0 if it was refused.
    pub config_last_reload_successful: Gauge,
    /// Lag and stops by partition.
    pub partitions: PartitionBoard,
    group: OnceLock<(GroupProtocol, String)>,
}

impl Telemetry {
    /// All counters at 0, all gauges absent. The names are those of the two billing topics; they are distinct.
    pub fn new(subscriptions_topic: &str, usage_topic: &str) -> Telemetry {
        Telemetry {
            subscriptions: Topic::new(subscriptions_topic),
            usage: Topic::new(usage_topic),
            dead_letters: ByReason::default(),
            rebalances: Counter::default(),
            accounts: Gauge::default(),
            dedup_entries: Gauge::default(),
            tracked_bytes: Gauge::default(),
            history_incomplete: Gauge::default(),
            rollover_duration: SecondsGauge::default(),
            invariant_violations: Counter::default(),
            config_last_reload_successful: Gauge::default(),
            partitions: PartitionBoard::default(),
            group: OnceLock::new(),
        }
    }

    /// The counters of the topic that holds this kind of events.
    pub fn topic(&self, kind: FactKind) -> &Topic {
        match kind {
            FactKind::Subscription => &self.subscriptions,
            FactKind::Usage => &self.usage,
        }
    }

    /// Both topics, subscriptions first.
    pub fn topics(&self) -> [&Topic; 2] {
        [&self.subscriptions, &self.usage]
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

/// Counters and gauges of one billing topic.
#[derive(Debug)]
pub struct Topic {
    name: String,
    /// Accepted events that entered the state: repeated and superseded subscription states included.
    pub applied: Counter,
    /// Usage events already applied.
    pub duplicates: Counter,
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
    fn new(name: &str) -> Topic {
        Topic {
            name: name.to_owned(),
            applied: Counter::default(),
            duplicates: Counter::default(),
            rejected: ByReason::default(),
            misplaced_customers: Counter::default(),
            last_event: TimestampGauge::default(),
            partitions: Gauge::default(),
            assigned_partitions: Gauge::default(),
        }
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

    /// `Reason::ALL` is in declaration order, so a reason's discriminant is its slot.
    fn of(&self, reason: Reason) -> &Counter {
        &self.0[reason as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn topics_are_told_apart() {
        let telemetry = Telemetry::new("billing.subscriptions", "billing.usage");
        telemetry.topic(FactKind::Usage).applied.add(2);
        let seen: Vec<_> = telemetry.topics().map(|topic| (topic.name(), topic.applied.get())).into();
        assert_eq!(seen, [("billing.subscriptions", 0), ("billing.usage", 2)]);
    }

    #[test]
    fn the_group_is_settled_once() {
        let telemetry = Telemetry::new("s", "u");
        assert_eq!(telemetry.group(), None);
        telemetry.settle_group(GroupProtocol::Consumer, "range");
        telemetry.settle_group(GroupProtocol::Classic, "roundrobin");
        assert_eq!(telemetry.group(), Some((GroupProtocol::Consumer, "range")));
    }
}
