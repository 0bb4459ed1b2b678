//! A fixed report and telemetry with awkward values, and scrapes of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use upswell::domain::alert::{State, Suppression};
use upswell::domain::calendar::Instant;
use upswell::domain::facts::{FactKind, Reason, TopicKind};
use upswell::domain::rates::{Customers, Money, Sums};
use upswell::engine::report::{DimensionReport, Report, SegmentReport, WindowReport};
use upswell::wire::alerting::{AlertStanding, RuleStanding, Standing, Threshold};
use upswell::wire::exposition::{Exposition, Format};
use upswell::wire::published::{Published, View};
use upswell::wire::readiness::{Phase, Readiness};
use upswell::wire::telemetry::{GroupProtocol, StopReason, Telemetry};

/// Values a producer may send: quotes, line breaks, backslashes, control characters, other scripts, nothing.
pub const HOSTILE: [&str; 9] = [
    "say \"hi\"",
    "two\nlines\r\n",
    "back\\slash\\n",
    "\u{0}\u{1b}[2J\u{7f}",
    "Ünïcode 😀\u{2028}\u{202e}",
    "",
    "a,b=\"c\"} 1",
    "# EOF",
    "other",
];

/// Sums with every figure different.
pub fn sums(scale: i128) -> Sums {
    let money = Money {
        opening: 620_000_000 * scale,
        new: 30_000_000 * scale,
        reactivation: 7_000_001 * scale,
        expansion: [25_000_000, 1, 2, 3_500_000, 4].map(|amount| amount * scale),
        contraction: [0, 9_000_000, 1, 0, 250_000].map(|amount| amount * scale),
        churn: 50_000_000 * scale,
        comparison_expansion: 10_000_000 * scale,
    };
    let customers = Customers { opening: 14, new: 1, reactivation: 2, expansion: 3, contraction: 4, churn: 5 };
    Sums { money, customers }
}

fn window(name: &str, has_comparison: bool) -> WindowReport {
    let values = HOSTILE.into_iter().map(|value| SegmentReport { value: value.to_owned(), sums: sums(1) });
    let cohort = SegmentReport { value: "2026-03".to_owned(), sums: Sums::default() };
    WindowReport {
        window: name.to_owned(),
        opening_edge: Instant(1_781_049_600_000),
        closing_edge: Instant(1_789_027_200_500),
        comparison_opening: has_comparison.then_some(Instant(1_773_273_600_000)),
        total: sums(9),
        dimensions: vec![
            DimensionReport { dimension: "cohort".to_owned(), segments: vec![cohort], folded: 0 },
            DimensionReport { dimension: "vertical".to_owned(), segments: values.collect(), folded: 17 },
        ],
    }
}

/// A view over all partitions; segments of `trailing_90d` only.
pub fn view() -> View {
    let report = Report {
        as_of: Instant(1_789_027_200_500),
        currency: "USD".to_owned(),
        time_zone: "UTC".to_owned(),
        mrr: 90_071_992_547_409_930_001,
        usage_today: Some(-1),
        windows: vec![window("month_to_date", false), window("trailing_90d", true)],
    };
    View { report, live_partitions: 3, owns_all: true, segment_windows: Arc::new(["trailing_90d".to_owned()]) }
}

/// Telemetry with something in every cell.
pub fn telemetry() -> Telemetry {
    let telemetry = Telemetry::new("billing.subscriptions", "billing.usage", "billing.retries");
    for (count, kind) in [(1_000, FactKind::Subscription), (123_456_789, FactKind::Usage)] {
        let topic = telemetry.topic(kind);
        topic.applied.add(count);
        topic.last_event.saw(Instant(1_789_027_199_000));
        topic.partitions.set(3);
        topic.assigned_partitions.set(3);
        (0..3).for_each(|partition| telemetry.partitions.set_lag(kind, partition, count));
    }
    retries(&telemetry);
    checkpoints(&telemetry);
    notifications(&telemetry);
    telemetry.topic(FactKind::Usage).duplicates.add(17);
    telemetry.topic(FactKind::Usage).rejected.add(Reason::Decode, 3);
    telemetry.dead_letters.add(Reason::Decode, 2);
    telemetry.rebalances.add(1);
    telemetry.settle_group(GroupProtocol::Consumer, "range");
    telemetry.accounts.set(14);
    telemetry.dedup_entries.set(123_456_789);
    telemetry.tracked_bytes.set(1 << 30);
    telemetry.memory_limit.set(3 << 30);
    telemetry.memory_full.set_flag(false);
    telemetry.history_incomplete.set_flag(false);
    telemetry.history_complete_since.set(Instant(1_735_689_600_000));
    telemetry.input_stale.set_flag(false);
    telemetry.rollover_duration.set(Duration::from_micros(1_500));
    telemetry.config_last_reload_successful.set_flag(true);
    telemetry.partitions.stop(2, StopReason::LogTruncated);
    telemetry
}

fn retries(telemetry: &Telemetry) {
    telemetry.open_retries();
    let topic = telemetry.topic(TopicKind::Retries);
    topic.applied.add(5);
    topic.unknown_origin.add(2);
    topic.not_rejected.add(1);
    topic.partitions.set(3);
    topic.assigned_partitions.set(3);
    telemetry.partitions.set_lag(TopicKind::Retries, 0, 4);
}

/// A receiver that was never called, and one of whose three calls two failed.
fn notifications(telemetry: &Telemetry) {
    telemetry.notifications.open("chat");
    let oncall = telemetry.notifications.open("oncall");
    oncall.attempts.add(3);
    oncall.failures.add(2);
    oncall.dropped.add(1);
    for millis in [12, 2_000, 30_001] {
        oncall.duration.observe(Duration::from_millis(millis));
    }
}

/// Twelve checkpoints begun, two of them failed, three on a bound or beyond the last one.
fn checkpoints(telemetry: &Telemetry) {
    telemetry.checkpoints.add(12);
    telemetry.checkpoint_failures.add(2);
    telemetry.checkpoint_last_success.saw(Instant(1_789_027_200_123));
    for millis in [3, 10, 40, 41, 42, 43, 44, 800, 1_000, 600_000] {
        telemetry.checkpoint_duration.observe(Duration::from_millis(millis));
    }
    telemetry.checkpoint_bytes.add(123_456_789);
    telemetry.checkpoint_unreadable.add(1);
    telemetry.restore_duration.set(Duration::from_millis(2_250));
    telemetry.rebuilds.add(1);
}

/// Everything published, ready.
pub fn published() -> Published {
    let published = Published::new();
    published.publish(view());
    published.set_readiness(Readiness::new(Phase::Live, "All partitions have caught up."));
    published.set_alerts(alerts());
    published
}

/// A rule over the total that fires, and one about the service.
fn alerts() -> Standing {
    let alert = AlertStanding {
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        state: State::Firing { since: Instant(1_789_000_000_000), clear: None },
        value: Some(0.08),
        suppressed: Some((Suppression::Stale, Instant(1_789_027_000_000))),
    };
    let rule = |name: &str, threshold, alerts| RuleStanding {
        name: name.to_owned(),
        query: String::new(),
        pending: 0,
        keep: 0,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        threshold,
        suppressed: None,
        alerts,
    };
    let threshold = Threshold { metric: "expansion_rate", window: "trailing_365d".to_owned(), value: 0.1 };
    let rules = vec![rule("UpswellExpansionRateLow", Some(threshold), vec![alert]), rule("UpswellNoEvents", None, vec![])];
    Standing { evaluated_at: Some(Instant(1_789_027_200_000)), interval: Duration::from_secs(15), rules }
}

/// One scrape.
pub fn scrape(published: Published, telemetry: Telemetry, format: Format) -> String {
    let exposition = Exposition::new(Arc::new(published), Arc::new(telemetry));
    exposition.render(format).expect("the catalog keeps to the format")
}

/// A scrape of the whole fixture, without the families of the process, whose values differ from run to run.
pub fn stable_scrape(format: Format) -> String {
    let text = scrape(published(), telemetry(), format);
    let of_process = |line: &str| line.trim_start_matches("# TYPE ").trim_start_matches("# HELP ").starts_with("process_");
    text.split_inclusive('\n').filter(|line| !of_process(line.trim_start_matches("# UNIT "))).collect()
}
