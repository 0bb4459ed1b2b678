//! Operational families: what the service says about itself, from its telemetry and its readiness.

use super::catalog::{self as metrics, Metric};
use super::family::Family;
use crate::domain::facts::{Reason, TopicKind};
use crate::wire::published::View;
use crate::wire::readiness::{Phase, Readiness};
use crate::wire::telemetry::{Counter, Gauge, Telemetry, TimestampGauge, Topic};
use prometheus::proto::MetricFamily;

/// Every operational family.
pub fn families(telemetry: &Telemetry, readiness: &Readiness, view: Option<&View>) -> Vec<MetricFamily> {
    let mut out = service(telemetry, readiness, view);
    out.extend(memory(telemetry));
    out.extend(checkpoints(telemetry));
    out.extend(notifications(telemetry));
    out.extend(topics(telemetry));
    out.extend([dead_letters(telemetry), consumer_group(telemetry), lag(telemetry), stopped(telemetry)]);
    out
}

fn service(telemetry: &Telemetry, readiness: &Readiness, view: Option<&View>) -> Vec<MetricFamily> {
    let mut build = Family::new(&metrics::BUILD);
    build.add([env!("CARGO_PKG_VERSION")], 1.0);
    let live = view.map_or(0, |view| view.live_partitions);
    vec![
        build.done(),
        Family::single(&metrics::READY, Some(f64::from(readiness.is_ready()))),
        Family::single(&metrics::LIVE_PARTITIONS, Some(live as f64)),
        Family::single(&metrics::ROLLOVER_DURATION, telemetry.rollover_duration.get()),
        count(&metrics::REBALANCES, &telemetry.rebalances),
        count(&metrics::INVARIANT_VIOLATIONS, &telemetry.invariant_violations),
        known(&metrics::HISTORY_INCOMPLETE, &telemetry.history_incomplete),
        Family::single(&metrics::HISTORY_COMPLETE_SINCE, unix_time(&telemetry.history_complete_since)),
        known(&metrics::INPUT_STALE, &telemetry.input_stale),
        phase(readiness),
        Family::single(&metrics::CONFIG_LAST_RELOAD, telemetry.configuration_is_current().map(f64::from)),
    ]
}

fn phase(readiness: &Readiness) -> MetricFamily {
    let mut family = Family::new(&metrics::PHASE);
    for phase in Phase::ALL {
        family.add([phase.as_str()], f64::from(phase == readiness.phase));
    }
    family.done()
}

fn memory(telemetry: &Telemetry) -> [MetricFamily; 5] {
    [
        known(&metrics::ACCOUNTS, &telemetry.accounts),
        known(&metrics::DEDUP_ENTRIES, &telemetry.dedup_entries),
        known(&metrics::TRACKED_BYTES, &telemetry.tracked_bytes),
        known(&metrics::MEMORY_LIMIT, &telemetry.memory_limit),
        known(&metrics::MEMORY_FULL, &telemetry.memory_full),
    ]
}

fn checkpoints(telemetry: &Telemetry) -> [MetricFamily; 8] {
    [
        count(&metrics::CHECKPOINTS, &telemetry.checkpoints),
        count(&metrics::CHECKPOINT_FAILURES, &telemetry.checkpoint_failures),
        Family::single(&metrics::CHECKPOINT_LAST_SUCCESS, unix_time(&telemetry.checkpoint_last_success)),
        Family::histogram(&metrics::CHECKPOINT_DURATION, &telemetry.checkpoint_duration.snapshot()),
        count(&metrics::CHECKPOINT_WRITTEN, &telemetry.checkpoint_bytes),
        count(&metrics::CHECKPOINTS_UNREADABLE, &telemetry.checkpoint_unreadable),
        Family::single(&metrics::RESTORE_DURATION, telemetry.restore_duration.get()),
        count(&metrics::REBUILDS, &telemetry.rebuilds),
    ]
}

fn notifications(telemetry: &Telemetry) -> [MetricFamily; 4] {
    let metrics = [&metrics::NOTIFICATIONS, &metrics::NOTIFICATIONS_FAILED, &metrics::NOTIFICATIONS_DROPPED];
    let mut counts = metrics.map(Family::new);
    let mut durations = Family::new(&metrics::NOTIFICATION_DURATION);
    for (receiver, of) in telemetry.notifications.all() {
        for (family, counter) in counts.iter_mut().zip([&of.attempts, &of.failures, &of.dropped]) {
            family.add([&receiver], counter.get() as f64);
        }
        durations.add_histogram([&receiver], &of.duration.snapshot());
    }
    let [attempts, failures, dropped] = counts.map(Family::done);
    [attempts, failures, dropped, durations.done()]
}

fn count(metric: &'static Metric, counter: &Counter) -> MetricFamily {
    Family::single(metric, Some(counter.get() as f64))
}

fn known(metric: &'static Metric, gauge: &Gauge) -> MetricFamily {
    Family::single(metric, gauge.get().map(|value| value as f64))
}

fn unix_time(newest: &TimestampGauge) -> Option<f64> {
    newest.get().map(|at| at.0 as f64 / 1000.0)
}

fn topics(telemetry: &Telemetry) -> Vec<MetricFamily> {
    let per = |metric, of: fn(&Topic) -> Option<f64>| per_topic(metric, telemetry, of);
    let mut ignored = Family::new(&metrics::EVENTS_IGNORED);
    let mut rejected = Family::new(&metrics::EVENTS_REJECTED);
    for topic in telemetry.topics() {
        for (reason, counter) in ignored_of(topic) {
            ignored.add([topic.name(), reason], counter.get() as f64);
        }
        for reason in Reason::ALL {
            rejected.add([topic.name(), reason.as_str()], topic.rejected.get(reason) as f64);
        }
    }
    vec![
        per(&metrics::EVENTS_APPLIED, |topic| Some(topic.applied.get() as f64)),
        ignored.done(),
        rejected.done(),
        per(&metrics::MISPLACED_CUSTOMERS, |topic| Some(topic.misplaced_customers.get() as f64)),
        per(&metrics::LAST_EVENT, |topic| unix_time(&topic.last_event)),
        per(&metrics::TOPIC_PARTITIONS, |topic| topic.partitions.get().map(|count| count as f64)),
        per(&metrics::ASSIGNED_PARTITIONS, |topic| topic.assigned_partitions.get().map(|count| count as f64)),
    ]
}

/// The reasons why events of this topic are ignored.
fn ignored_of(topic: &Topic) -> Vec<(&'static str, &Counter)> {
    let mut reasons = vec![("duplicate", &topic.duplicates)];
    if topic.kind() == TopicKind::Retries {
        reasons.extend([("unknown_origin", &topic.unknown_origin), ("not_rejected", &topic.not_rejected)]);
    }
    reasons
}

fn per_topic(metric: &'static Metric, telemetry: &Telemetry, of: fn(&Topic) -> Option<f64>) -> MetricFamily {
    let mut family = Family::new(metric);
    for topic in telemetry.topics() {
        family.add_known([topic.name()], of(topic));
    }
    family.done()
}

fn dead_letters(telemetry: &Telemetry) -> MetricFamily {
    let mut family = Family::new(&metrics::DEAD_LETTERS);
    for reason in Reason::ALL {
        family.add([reason.as_str()], telemetry.dead_letters.get(reason) as f64);
    }
    family.done()
}

fn consumer_group(telemetry: &Telemetry) -> MetricFamily {
    let mut family = Family::new(&metrics::CONSUMER_GROUP);
    if let Some((protocol, assignor)) = telemetry.group() {
        family.add([protocol.as_str(), assignor], 1.0);
    }
    family.done()
}

fn lag(telemetry: &Telemetry) -> MetricFamily {
    let mut family = Family::new(&metrics::CONSUMER_LAG);
    for lag in telemetry.partitions.lags() {
        family.add([telemetry.topic(lag.kind).name(), &lag.partition.to_string()], lag.records as f64);
    }
    family.done()
}

fn stopped(telemetry: &Telemetry) -> MetricFamily {
    let mut family = Family::new(&metrics::PARTITION_STOPPED);
    for (partition, reason) in telemetry.partitions.stops() {
        family.add([&partition.to_string(), reason.as_str()], 1.0);
    }
    family.done()
}
