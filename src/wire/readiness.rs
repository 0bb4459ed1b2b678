//! Whether the service can be relied on yet: the phase it is in, and a sentence for the person who waits.
//!
//! Only [`Phase::Live`] is ready. The phase says nothing about the gauges: they stay through an outage once they are there.

use super::telemetry::Telemetry;
use serde_json::{Value, json};

/// Where the service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before the first contact with anything outside.
    Starting,
    /// No broker answers.
    WaitingForBrokers,
    /// A topic is missing or its properties are not known yet.
    WaitingForTopics,
    /// The schema registry is away: records that need a schema wait.
    WaitingForRegistry,
    /// The dead-letter topic does not take letters fast enough, or not at all: applying waits for it.
    WaitingForDeadLetters,
    /// The checkpoint store is away: what was read before cannot be taken up.
    WaitingForCheckpoints,
    /// The group has not assigned partitions yet.
    WaitingForAssignment,
    /// Reading the checkpoints of the assigned partitions.
    Restoring,
    /// Reading up to the ends seen at assignment.
    CatchingUp,
    /// The state has reached `limits.memory`: intake waits.
    MemoryFull,
    /// Every assigned partition has reached the end seen at its assignment.
    Live,
    /// Intake of a partition has stopped: somebody has to act.
    Stopped,
    /// Draining before the exit.
    ShuttingDown,
}

impl Phase {
    /// Every phase, in the order of a start.
    pub const ALL: [Phase; 13] = [
        Phase::Starting,
        Phase::WaitingForBrokers,
        Phase::WaitingForTopics,
        Phase::WaitingForRegistry,
        Phase::WaitingForDeadLetters,
        Phase::WaitingForCheckpoints,
        Phase::WaitingForAssignment,
        Phase::Restoring,
        Phase::CatchingUp,
        Phase::MemoryFull,
        Phase::Live,
        Phase::Stopped,
        Phase::ShuttingDown,
    ];

    /// The public name, as in `/-/ready`.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::WaitingForBrokers => "waiting_for_brokers",
            Phase::WaitingForTopics => "waiting_for_topics",
            Phase::WaitingForRegistry => "waiting_for_registry",
            Phase::WaitingForDeadLetters => "waiting_for_dead_letters",
            Phase::WaitingForCheckpoints => "waiting_for_checkpoints",
            Phase::WaitingForAssignment => "waiting_for_assignment",
            Phase::Restoring => "restoring",
            Phase::CatchingUp => "catching_up",
            Phase::MemoryFull => "memory_full",
            Phase::Live => "live",
            Phase::Stopped => "stopped",
            Phase::ShuttingDown => "shutting_down",
        }
    }
}

/// The phase and what to know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    pub phase: Phase,
    /// A sentence: what is waited for, or what to do.
    pub detail: String,
}

impl Readiness {
    pub fn new(phase: Phase, detail: impl Into<String>) -> Readiness {
        Readiness { phase, detail: detail.into() }
    }

    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Live
    }
}

/// The body of `/-/ready`: phase, sentence, lag of every assigned partition, partitions whose intake has stopped.
pub fn document(readiness: &Readiness, telemetry: &Telemetry) -> Value {
    let lags = telemetry.partitions.lags();
    let total: u64 = lags.iter().map(|lag| lag.records).sum();
    let partitions = lags
        .iter()
        .map(|lag| json!({ "topic": telemetry.topic(lag.kind).name(), "partition": lag.partition, "records": lag.records }));
    let stops = telemetry.partitions.stops().into_iter();
    let stopped = stops.map(|(partition, reason)| json!({ "partition": partition, "reason": reason.as_str() }));
    json!({
        "ready": readiness.is_ready(),
        "phase": readiness.phase.as_str(),
        "detail": readiness.detail,
        "lag": { "records": total, "partitions": partitions.collect::<Value>() },
        "stopped": stopped.collect::<Value>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::facts::FactKind;
    use crate::wire::telemetry::StopReason;

    #[test]
    fn the_document_names_phase_lag_and_stops() {
        let telemetry = Telemetry::new("subs", "usage", "retries");
        telemetry.partitions.set_lag(FactKind::Usage, 1, 5);
        telemetry.partitions.set_lag(FactKind::Subscription, 1, 2);
        telemetry.partitions.stop(0, StopReason::DeadLetterRefused);
        let readiness = Readiness::new(Phase::CatchingUp, "Reading \"old\" records.");
        let expected = r#"{"ready":false,"phase":"catching_up","detail":"Reading \"old\" records.","lag":{"records":7,"partitions":[{"topic":"subs","partition":1,"records":2},{"topic":"usage","partition":1,"records":5}]},"stopped":[{"partition":0,"reason":"dead_letter_refused"}]}"#;
        assert_eq!(document(&readiness, &telemetry).to_string(), expected);
    }

    #[test]
    fn only_live_is_ready() {
        for phase in Phase::ALL {
            assert_eq!(Readiness::new(phase, "").is_ready(), phase == Phase::Live, "{}", phase.as_str());
        }
    }

    #[test]
    fn phases_have_distinct_names_in_the_order_of_a_start() {
        let names: std::collections::BTreeSet<_> = Phase::ALL.map(Phase::as_str).into();
        assert_eq!(names.len(), Phase::ALL.len());
        assert!(Phase::ALL.map(|phase| phase as usize).is_sorted());
    }
}
