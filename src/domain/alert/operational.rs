//! Alerts about the service itself: whether the figures can be relied on at all.

use super::{Observation, Severity};
use crate::domain::calendar::Instant;
use std::collections::BTreeMap;

const MINUTE: i64 = 60_000;

/// Something that can go wrong with the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    NotReady,
    PartitionStopped,
    InvariantViolated,
    NoEvents,
    LagGrowing,
    RegistryAway,
    DeadLetters,
    CheckpointFailing,
    AlertSuppressed,
}

/// From when on something is trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Milliseconds without a new record in any topic; `None` if silence is fine.
    pub no_events: Option<i64>,
    /// Records behind that are no trouble even if they become more.
    pub lag: u64,
    /// Milliseconds since the partition that was saved longest ago was.
    pub checkpoint_age: i64,
}

/// What is known of the service at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    pub is_ready: bool,
    pub has_stopped: bool,
    /// Totals that differed from their recomputation, since the start.
    pub violations: u64,
    pub waits_for_registry: bool,
    /// Timestamp of the newest record of any topic.
    pub newest_record: Option<Instant>,
    /// Records behind now, and ten minutes ago.
    pub lag: u64,
    pub lag_before: Option<u64>,
    /// Records rejected within the last fifteen minutes.
    pub rejected: u64,
    pub checkpoint_at: Option<Instant>,
    /// Since when the rule that has been suppressed longest has been.
    pub suppressed_since: Option<Instant>,
}

/// How long a rule may be suppressed before that is trouble.
const SUPPRESSED_MILLIS: i64 = 24 * 60 * MINUTE;

impl Trouble {
    pub const ALL: [Trouble; 9] = [
        Trouble::NotReady,
        Trouble::PartitionStopped,
        Trouble::InvariantViolated,
        Trouble::NoEvents,
        Trouble::LagGrowing,
        Trouble::RegistryAway,
        Trouble::DeadLetters,
        Trouble::CheckpointFailing,
        Trouble::AlertSuppressed,
    ];

    /// The name of the alert.
    pub fn name(self) -> &'static str {
        match self {
            Trouble::NotReady => "UpswellNotReady",
            Trouble::PartitionStopped => "UpswellPartitionStopped",
            Trouble::InvariantViolated => "UpswellInvariantViolated",
            Trouble::NoEvents => "UpswellNoEvents",
            Trouble::LagGrowing => "UpswellConsumerLagGrowing",
            Trouble::RegistryAway => "UpswellRegistryAway",
            Trouble::DeadLetters => "UpswellDeadLetters",
            Trouble::CheckpointFailing => "UpswellCheckpointFailing",
            Trouble::AlertSuppressed => "UpswellAlertSuppressed",
        }
    }

    pub fn severity(self) -> Severity {
        match self {
            Trouble::PartitionStopped | Trouble::InvariantViolated => Severity::Critical,
            _ => Severity::Warning,
        }
    }

    /// The labels of its alert but for the name.
    pub fn labels(self) -> BTreeMap<String, String> {
        BTreeMap::from([("severity".to_owned(), self.severity().as_str().to_owned())])
    }

    /// How long it has to last, in milliseconds.
    pub fn pending(self) -> i64 {
        match self {
            Trouble::NotReady => 30 * MINUTE,
            Trouble::LagGrowing => 15 * MINUTE,
            Trouble::RegistryAway => 10 * MINUTE,
            Trouble::PartitionStopped => MINUTE,
            Trouble::InvariantViolated => 0,
            // Long enough that a clock which jumps for a moment tells nobody.
            Trouble::NoEvents | Trouble::AlertSuppressed | Trouble::DeadLetters | Trouble::CheckpointFailing => 5 * MINUTE,
        }
    }

    /// How long it has to be over, in milliseconds.
    pub fn keep(self) -> i64 {
        5 * MINUTE
    }

    /// One sentence for people.
    pub fn summary(self) -> &'static str {
        match self {
            Trouble::NotReady => "Upswell is not ready; /-/ready says what it waits for.",
            Trouble::PartitionStopped => "A partition has stopped; its figures stand still until a person acts.",
            Trouble::InvariantViolated => "Totals differed from their recomputation; report it as a defect.",
            Trouble::NoEvents => "No billing event has arrived for long.",
            Trouble::LagGrowing => "Upswell falls behind the billing streams.",
            Trouble::RegistryAway => "Records wait for the schema registry.",
            Trouble::DeadLetters => "Billing events are being rejected; read the dead letters.",
            Trouble::CheckpointFailing => "No checkpoint has been completed for long.",
            Trouble::AlertSuppressed => "An alerting rule could not be judged for over 24 hours.",
        }
    }

    /// What is observed. What is not known is no trouble.
    pub fn observe(self, vitals: &Vitals, limits: &Limits, now: Instant) -> Observation {
        let age = |at: Option<Instant>| at.map_or(0, |at| now.0.saturating_sub(at.0));
        let breached = match self {
            Trouble::NotReady => !vitals.is_ready,
            Trouble::PartitionStopped => vitals.has_stopped,
            Trouble::InvariantViolated => vitals.violations > 0,
            Trouble::NoEvents => limits.no_events.is_some_and(|longest| age(vitals.newest_record) > longest),
            Trouble::LagGrowing => vitals.lag > limits.lag && vitals.lag_before.is_some_and(|before| vitals.lag > before),
            Trouble::RegistryAway => vitals.waits_for_registry,
            Trouble::DeadLetters => vitals.rejected > 0,
            Trouble::CheckpointFailing => age(vitals.checkpoint_at) > limits.checkpoint_age,
            Trouble::AlertSuppressed => age(vitals.suppressed_since) > SUPPRESSED_MILLIS,
        };
        Observation::Value { breached, clear: !breached }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant(1_800_000_000_000);

    #[test]
    fn each_trouble_shows_in_the_vitals() {
        let well = Vitals { is_ready: true, newest_record: Some(NOW), checkpoint_at: Some(NOW), ..Vitals::default() };
        let limits = Limits { no_events: Some(1_000), lag: 10, checkpoint_age: 600_000 };
        let ago = |millis: i64| Some(Instant(NOW.0 - millis));
        for (trouble, ill, fine) in [
            (Trouble::NotReady, Vitals { is_ready: false, ..well }, well),
            (Trouble::PartitionStopped, Vitals { has_stopped: true, ..well }, well),
            (Trouble::InvariantViolated, Vitals { violations: 1, ..well }, well),
            (Trouble::NoEvents, Vitals { newest_record: ago(1_001), ..well }, Vitals { newest_record: ago(1_000), ..well }),
            (
                Trouble::LagGrowing,
                Vitals { lag: 12, lag_before: Some(11), ..well },
                Vitals { lag: 12, lag_before: Some(12), ..well },
            ),
            (
                Trouble::LagGrowing,
                Vitals { lag: 11, lag_before: Some(0), ..well },
                Vitals { lag: 10, lag_before: Some(0), ..well },
            ),
            (Trouble::RegistryAway, Vitals { waits_for_registry: true, ..well }, well),
            (Trouble::DeadLetters, Vitals { rejected: 1, ..well }, well),
            (Trouble::CheckpointFailing, Vitals { checkpoint_at: ago(600_001), ..well }, Vitals { checkpoint_at: None, ..well }),
            (
                Trouble::AlertSuppressed,
                Vitals { suppressed_since: ago(86_400_001), ..well },
                Vitals { suppressed_since: ago(86_400_000), ..well },
            ),
        ] {
            let breached =
                |vitals: &Vitals| trouble.observe(vitals, &limits, NOW) == Observation::Value { breached: true, clear: false };
            assert!(breached(&ill) && !breached(&fine), "{trouble:?}");
        }
        let silent = Limits { no_events: None, ..limits };
        let observed = Trouble::NoEvents.observe(&Vitals { newest_record: ago(i64::MAX / 2), ..well }, &silent, NOW);
        assert_eq!(observed, Observation::Value { breached: false, clear: true });
    }
}
