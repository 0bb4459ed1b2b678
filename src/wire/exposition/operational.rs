//! Operational families: what the service says about itself, from its telemetry and its readiness.

use super::catalog::{self as metrics, Metric};
use super::family::Family;
use crate::domain::facts::Reason;
use crate::wire::published::View;
use crate::wire::readiness::Readiness;
use crate::wire::telemetry::{Counter, Telemetry, Topic};
use prometheus::proto::MetricFamily;

/// The reason usage events are ignored for: the only one there is.
const DUPLICATE: &str = "duplicate";

/// Every operational family.
pub fn families(telemetry: &Telemetry, readiness: &Readiness, view: Option<&View>) -> Vec<MetricFamily> {
    let mut out = service(telemetry, readiness, view);
    out.extend(topics(telemetry));
    out.extend([dead_letters(telemetry), consumer_group(telemetry), lag(telemetry), stopped(telemetry)]);
    out
}

fn service(telemetry: &Telemetry, readiness: &Readiness, view: Option<&View>) -> Vec<MetricFamily> {
    let mut build = Family::new(&metrics::BUILD);
    build.add([env!("CARGO_PKG_VERSION")], 1.0);
    let live = view.map_or(0, |view| view.live_partitions);
    let count = |metric, counter: &Counter| Family::single(metric, Some(counter.get() as f64));
    let known = |metric, value: Option<u64>| Family::single(metric, value.map(|value| value as f64));
    vec![
        build.done(),
        Family::single(&metrics::READY, Some(f64::from(readiness.is_ready()))),
        Family::single(&metrics::LIVE_PARTITIONS, Some(live as f64)),
        Family::single(&metrics::ROLLOVER_DURATION, telemetry.rollover_duration.get()),
        count(&metrics::REBALANCES, &telemetry.rebalances),
        count(&metrics::INVARIANT_VIOLATIONS, &telemetry.invariant_violations),
        known(&metrics::ACCOUNTS, telemetry.accounts.get()),
        known(&metrics::DEDUP_ENTRIES, telemetry.dedup_entries.get()),
        known(&metrics::TRACKED_BYTES, telemetry.tracked_bytes.get()),
        known(&metrics::HISTORY_INCOMPLETE, telemetry.history_incomplete.get()),
        known(&metrics::CONFIG_LAST_RELOAD, telemetry.config_last_reload_successful.get()),
    ]
}

fn topics(telemetry: &Telemetry) -> Vec<MetricFamily> {
    let per = |metric, of: fn(&Topic) -> Option<f64>| per_topic(metric, telemetry, of);
    let mut ignored = Family::new(&metrics::EVENTS_IGNORED);
    let mut rejected = Family::new(&metrics::EVENTS_REJECTED);
    for topic in telemetry.topics() {
        ignored.add([topic.name(), DUPLICATE], topic.duplicates.get() as f64);
        for reason in Reason::ALL {
            rejected.add([topic.name(), reason.as_str()], topic.rejected.get(reason) as f64);
        }
    }
    vec![
        per(&metrics::EVENTS_APPLIED, |topic| Some(topic.applied.get() as f64)),
        ignored.done(),
        rejected.done(),
        per(&metrics::MISPLACED_CUSTOMERS, |topic| Some(topic.misplaced_customers.get() as f64)),
        per(&metrics::LAST_EVENT, |topic| topic.last_event.get().map(|at| at.0 as f64 / 1000.0)),
        per(&metrics::TOPIC_PARTITIONS, |topic| topic.partitions.get().map(|count| count as f64)),
        per(&metrics::ASSIGNED_PARTITIONS, |topic| topic.assigned_partitions.get().map(|count| count as f64)),
    ]
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
