//! Alerts about the service itself, as rules of Prometheus: those that Upswell evaluates too, and those that only somebody outside can.

use super::Settings;
use super::alerting::{BRIDGE, JUDGED};
use super::document::{Alert, Entry};
use super::figures::COMPLETE;
use super::text::duration;
use crate::domain::alert::{Limits, Severity, Trouble};
use crate::wire::runbook::runbook_url;
use std::collections::BTreeMap;

const MINUTE: i64 = 60_000;
/// How long a rule may go without being judged.
const SUPPRESSED: i64 = 24 * 60 * MINUTE;

/// An alert that only Prometheus can give: Upswell cannot say that it is away.
struct Outside {
    name: &'static str,
    severity: Severity,
    pending: i64,
    summary: &'static str,
}

const DOWN: Outside = Outside {
    name: "UpswellDown",
    severity: Severity::Warning,
    pending: 10 * MINUTE,
    summary: "An instance of Upswell does not answer scrapes.",
};
const ABSENT: Outside = Outside {
    name: "UpswellAbsent",
    severity: Severity::Critical,
    pending: 15 * MINUTE,
    summary: "No instance of Upswell is scraped; no revenue figure exists.",
};
const INCOMPLETE: Outside = Outside {
    name: "UpswellFiguresIncomplete",
    severity: Severity::Warning,
    pending: 30 * MINUTE,
    summary: "The instances of Upswell do not count each partition once; no alert over revenue can be judged.",
};
const RELOAD_FAILED: Outside = Outside {
    name: "UpswellConfigReloadFailed",
    severity: Severity::Warning,
    pending: 5 * MINUTE,
    summary: "Upswell refused its latest configuration and runs on with the one before.",
};
const NOTIFICATIONS_FAILING: Outside = Outside {
    name: "UpswellNotificationsFailing",
    severity: Severity::Warning,
    pending: 15 * MINUTE,
    summary: "Upswell cannot deliver alerts to a receiver.",
};

/// The names of those that only Prometheus gives.
pub const OUTSIDE: [&str; 5] = [DOWN.name, ABSENT.name, INCOMPLETE.name, RELOAD_FAILED.name, NOTIFICATIONS_FAILING.name];

/// All of them.
pub fn alerts(settings: &Settings, limits: &Limits) -> Vec<Entry> {
    let over = settings.instance_labels.join(", ");
    let inside = Trouble::ALL.into_iter().filter_map(|trouble| {
        let (expr, description) = observed(trouble, &over, limits)?;
        let pending = if trouble == Trouble::AlertSuppressed { SUPPRESSED } else { trouble.pending() };
        Some(entry(trouble.name(), trouble.severity(), pending, trouble.keep(), trouble.summary(), description, expr))
    });
    inside.chain(outside(&over)).collect()
}

fn outside(over: &str) -> impl Iterator<Item = Entry> {
    // Whatever the job is called: what showed Upswell's metrics within a day and is down now.
    let down = "up == 0\nand on (job, instance) last_over_time(upswell_build_info[1d])".to_owned();
    let failing = format!("sum without ({over}) (rate(upswell_notifications_failed_total[15m])) > 0");
    let rows = [
        (DOWN, "{{ $labels.instance }} of job {{ $labels.job }} does not answer.", down),
        (ABSENT, "No target has upswell_build_info.", "absent(upswell_build_info)".to_owned()),
        (
            INCOMPLETE,
            "The sum of upswell_live_partitions has differed from the partitions of the usage topic for 30 minutes.",
            format!("last_over_time({COMPLETE}[{BRIDGE}]) == 0"),
        ),
        (
            RELOAD_FAILED,
            "{{ $labels.instance }}: the log names each fault with line and column.",
            "upswell_config_last_reload_successful == 0".to_owned(),
        ),
        (NOTIFICATIONS_FAILING, "Receiver {{ $labels.receiver }}: the log says what it answers.", failing),
    ];
    rows.into_iter().map(|(alert, description, expr)| {
        entry(alert.name, alert.severity, alert.pending, 5 * MINUTE, alert.summary, description, expr)
    })
}

/// Where it shows in the metrics, and what to tell; `None` if nobody is to be told.
fn observed(trouble: Trouble, over: &str, limits: &Limits) -> Option<(String, &'static str)> {
    let seconds = |millis: i64| millis / 1000;
    Some(match trouble {
        Trouble::NotReady => {
            (format!("last_over_time(upswell_ready[{BRIDGE}]) == 0"), "{{ $labels.instance }} has not been ready for 30 minutes.")
        }
        Trouble::PartitionStopped => {
            ("upswell_partition_stopped == 1".to_owned(), "Partition {{ $labels.partition }} has stopped: {{ $labels.reason }}.")
        }
        Trouble::InvariantViolated => (
            "upswell_invariant_violations_total > 0".to_owned(),
            "{{ $value }} totals of {{ $labels.instance }} differed since its start.",
        ),
        Trouble::NoEvents => (
            format!(
                "time() - max without ({over}, topic) (last_over_time(upswell_last_event_timestamp_seconds[{BRIDGE}])) > {}",
                seconds(limits.no_events?)
            ),
            "The newest record is {{ $value | humanizeDuration }} old.",
        ),
        Trouble::LagGrowing => {
            let lag = format!("sum without ({over}, topic, partition) (upswell_consumer_lag");
            (format!("{lag}) > {}\nand {lag}) > {lag} offset 10m)", limits.lag), "{{ $value }} records are not applied yet.")
        }
        Trouble::RegistryAway => (
            format!("max without ({over}, phase) (upswell_phase{{phase=\"waiting_for_registry\"}}) == 1"),
            "Records of schemas not known yet wait; none is rejected.",
        ),
        Trouble::DeadLetters => (
            format!("sum without ({over}, topic, reason) (increase(upswell_events_rejected_total[15m])) > 0"),
            "{{ $value | printf \"%.0f\" }} events were rejected within 15 minutes.",
        ),
        Trouble::CheckpointFailing => (
            format!(
                "time() - (last_over_time(upswell_checkpoint_last_success_timestamp_seconds[{BRIDGE}])\n  \
                 or on (job, instance) process_start_time_seconds and on (job, instance) upswell_live_partitions > 0) > {}",
                seconds(limits.checkpoint_age)
            ),
            "The last checkpoint of {{ $labels.instance }} is {{ $value | humanizeDuration }} old.",
        ),
        Trouble::AlertSuppressed => (
            format!("last_over_time({JUDGED}[{BRIDGE}]) == 0"),
            "{{ $labels.rule }} has not been judged for 24 hours; upswell_alerts_suppressed of a single instance says why.",
        ),
    })
}

fn entry(name: &str, severity: Severity, pending: i64, keep: i64, summary: &str, description: &str, expr: String) -> Entry {
    let texts = [("summary", summary.to_owned()), ("description", description.to_owned()), ("runbook_url", runbook_url(name))];
    let annotations = texts.into_iter().map(|(name, text)| (name.to_owned(), text));
    Entry::Alert(Alert {
        name: name.to_owned(),
        expr,
        pending,
        keep,
        labels: BTreeMap::from([("severity".to_owned(), severity.as_str().to_owned())]),
        annotations: annotations.collect(),
    })
}

/// What the thresholds of these alerts are, for people.
pub fn about(limits: &Limits) -> String {
    let silence = limits.no_events.map_or("never".to_owned(), |longest| format!("after {}", duration(longest)));
    let (lag, age) = (limits.lag, duration(limits.checkpoint_age));
    format!(
        "Whether the service can be relied on. Silence is told {silence}, a lag above {lag} records, a checkpoint older than {age}."
    )
}
