//! What is there when: counters from the start, gauges once known, business gauges with a view, ratios with all partitions.

use crate::fixture;
use crate::grammar::{Family, parse};
use std::collections::BTreeMap;
use upswell::domain::facts::Reason;
use upswell::wire::exposition::Format;
use upswell::wire::exposition::catalog::{self, Kind};
use upswell::wire::published::Published;
use upswell::wire::telemetry::Telemetry;

fn scraped(published: Published, telemetry: Telemetry) -> BTreeMap<String, Family> {
    parse(&fixture::scrape(published, telemetry, Format::Text))
}

fn published_with(change: impl FnOnce(&mut upswell::wire::published::View)) -> Published {
    let published = Published::new();
    let mut view = fixture::view();
    change(&mut view);
    published.publish(view);
    published
}

fn value(families: &BTreeMap<String, Family>, name: &str, labels: &[&str]) -> Option<f64> {
    let samples = &families.get(name)?.samples;
    let matches = |of: &[(String, String)]| of.iter().map(|(_, value)| value.as_str()).eq(labels.iter().copied());
    samples.iter().find(|sample| matches(&sample.labels)).map(|sample| sample.value)
}

#[test]
fn everything_in_the_catalog_appears_with_its_labels() {
    let families = scraped(fixture::published(), fixture::telemetry());
    for metric in catalog::all() {
        let family = families.get(metric.name).unwrap_or_else(|| panic!("{} is missing", metric.name));
        for sample in &family.samples {
            let bound = (metric.kind == Kind::Histogram && sample.name.ends_with("_bucket")).then_some("le");
            let expected = metric.labels.iter().copied().chain(bound);
            assert!(sample.labels.iter().map(|(name, _)| name.as_str()).eq(expected), "{}", metric.name);
        }
    }
    let others: Vec<_> = families.keys().filter(|name| catalog::all().all(|metric| metric.name != *name)).collect();
    assert!(others.iter().all(|name| name.starts_with("process_")) && others.len() == 7, "{others:?}");
}

/// Exactly these topics are there, with all their counters.
fn counters_of_topics_are_0(families: &BTreeMap<String, Family>, topics: &[&str]) {
    assert_eq!(families["upswell_events_applied_total"].samples.len(), topics.len());
    for topic in topics {
        assert_eq!(value(families, "upswell_events_applied_total", &[topic]), Some(0.0));
        assert_eq!(value(families, "upswell_misplaced_customers_total", &[topic]), Some(0.0));
        for reason in Reason::ALL {
            assert_eq!(value(families, "upswell_events_rejected_total", &[topic, reason.as_str()]), Some(0.0));
            assert_eq!(value(families, "upswell_dead_letters_total", &[reason.as_str()]), Some(0.0));
        }
    }
}

/// Topic and reason of every counter of ignored events.
fn ignored(families: &BTreeMap<String, Family>) -> Vec<(&str, &str)> {
    let samples = families["upswell_events_ignored_total"].samples.iter();
    samples.map(|sample| (sample.labels[0].1.as_str(), sample.labels[1].1.as_str())).collect()
}

#[test]
fn the_retries_topic_has_counters_once_it_is_there() {
    let telemetry = Telemetry::new("s", "u", "r");
    telemetry.open_retries();
    let families = scraped(Published::new(), telemetry);
    counters_of_topics_are_0(&families, &["r", "s", "u"]);
    let of_retries = ["duplicate", "not_rejected", "unknown_origin"].map(|reason| ("r", reason));
    assert_eq!(ignored(&families), [&of_retries[..], &[("s", "duplicate"), ("u", "duplicate")]].concat());
    assert_eq!(value(&families, "upswell_last_event_timestamp_seconds", &["r"]), None);
}

#[test]
fn a_fresh_service_shows_counters_at_0_and_no_unknown_gauge() {
    let families = scraped(Published::new(), Telemetry::new("s", "u", "r"));
    counters_of_topics_are_0(&families, &["s", "u"]);
    assert_eq!(ignored(&families), [("s", "duplicate"), ("u", "duplicate")]);
    let expected = [
        "upswell_build_info",
        "upswell_checkpoint_duration_seconds",
        "upswell_checkpoint_failures_total",
        "upswell_checkpoint_written_bytes_total",
        "upswell_checkpoints_total",
        "upswell_checkpoints_unreadable_total",
        "upswell_dead_letters_total",
        "upswell_events_applied_total",
        "upswell_events_ignored_total",
        "upswell_events_rejected_total",
        "upswell_invariant_violations_total",
        "upswell_live_partitions",
        "upswell_misplaced_customers_total",
        "upswell_phase",
        "upswell_ready",
        "upswell_rebalances_total",
        "upswell_rebuilds_total",
    ];
    assert!(families.keys().filter(|name| !name.starts_with("process_")).eq(expected.iter().copied()), "{:?}", families.keys());
    assert_eq!(value(&families, "upswell_ready", &[]), Some(0.0));
    assert_eq!(value(&families, "upswell_live_partitions", &[]), Some(0.0));
}

#[test]
fn ratios_need_all_partitions() {
    let families = scraped(published_with(|view| view.owns_all = false), fixture::telemetry());
    assert!(families.keys().all(|name| !name.ends_with("_ratio") && name != "upswell_arpa"), "{:?}", families.keys());
    assert!(families.contains_key("upswell_segment_opening_mrr") && families.contains_key("upswell_movement_mrr"));
}

#[test]
fn segments_only_of_the_chosen_windows() {
    let families = scraped(published_with(|view| view.segment_windows = [].into()), fixture::telemetry());
    assert!(families.keys().all(|name| !name.starts_with("upswell_segment_")), "{:?}", families.keys());
    let families = scraped(fixture::published(), fixture::telemetry());
    let windows = families["upswell_segment_opening_mrr"].samples.iter().map(|sample| sample.labels[0].1.as_str());
    assert!(windows.into_iter().all(|window| window == "trailing_90d"));
    // How many were folded is said of every window.
    assert_eq!(value(&families, "upswell_segments_folded", &["month_to_date", "vertical"]), Some(17.0));
}

#[test]
fn what_is_undefined_is_absent() {
    let families = scraped(fixture::published(), fixture::telemetry());
    for name in ["upswell_expansion_growth_ratio", "upswell_comparison_expansion_mrr"] {
        assert_eq!(value(&families, name, &["month_to_date"]), None, "{name}");
        assert!(value(&families, name, &["trailing_90d"]).is_some(), "{name}");
    }
    let unknown = published_with(|view| view.report.usage_today = None);
    assert_eq!(value(&scraped(unknown, fixture::telemetry()), "upswell_usage_today", &[]), None);
    // The cohort has no opening revenue.
    assert_eq!(value(&families, "upswell_segment_opening_mrr", &["trailing_90d", "cohort", "2026-03"]), Some(0.0));
    assert_eq!(value(&families, "upswell_segment_expansion_rate_ratio", &["trailing_90d", "cohort", "2026-03"]), None);
}

#[test]
fn figures_are_the_reports() {
    let families = scraped(fixture::published(), fixture::telemetry());
    let window = "trailing_90d";
    let of = |movement| value(&families, "upswell_movement_mrr", &[window, movement]).expect("a movement");
    let opening = value(&families, "upswell_opening_mrr", &[window]).expect("opening");
    let sum: f64 = ["new", "reactivation", "expansion", "contraction", "churn"].map(of).iter().sum();
    let closing = value(&families, "upswell_closing_mrr", &[window]).expect("closing");
    assert!((opening + sum - closing).abs() < 1e-6, "{opening} + {sum} = {closing}");
    assert!(of("churn") == -450.0 && of("new") == 270.0);
    for (name, labels, expected) in [
        ("upswell_mrr", &[][..], 90_071_992_547_409.93),
        ("upswell_usage_today", &[], -0.000001),
        ("upswell_as_of_timestamp_seconds", &[], 1_789_027_200.5),
        ("upswell_window_start_timestamp_seconds", &[window], 1_781_049_600.0),
        ("upswell_movement_customers", &[window, "churn"], 5.0),
        ("upswell_expansion_mrr", &[window, "usage"], 31.5),
        ("upswell_contraction_mrr", &[window, "cross_sell"], 81.0),
        ("upswell_motion_expansion_rate_ratio", &[window, "upsell"], 25.0 / 620.0),
        ("upswell_gross_revenue_retention_ratio", &[window], fixture::sums(1).rates(true).gross_revenue_retention.unwrap_or(0.0)),
        ("upswell_reporting_currency_info", &["USD"], 1.0),
        ("upswell_consumer_lag", &["billing.usage", "2"], 123_456_789.0),
        ("upswell_partition_stopped", &["2", "log_truncated"], 1.0),
        ("upswell_consumer_group_info", &["consumer", "range"], 1.0),
        ("upswell_consumer_lag", &["billing.retries", "0"], 4.0),
        ("upswell_events_ignored_total", &["billing.retries", "unknown_origin"], 2.0),
        ("upswell_events_ignored_total", &["billing.retries", "not_rejected"], 1.0),
        ("upswell_checkpoints_total", &[], 12.0),
        ("upswell_checkpoint_failures_total", &[], 2.0),
        ("upswell_checkpoint_last_success_timestamp_seconds", &[], 1_789_027_200.123),
        ("upswell_checkpoint_duration_seconds", &["0.01"], 2.0),
        ("upswell_checkpoint_duration_seconds", &["0.5"], 7.0),
        ("upswell_checkpoint_duration_seconds", &["+Inf"], 10.0),
        ("upswell_checkpoint_written_bytes_total", &[], 123_456_789.0),
        ("upswell_checkpoints_unreadable_total", &[], 1.0),
        ("upswell_restore_duration_seconds", &[], 2.25),
        ("upswell_rebuilds_total", &[], 1.0),
        ("upswell_memory_limit_bytes", &[], 3_221_225_472.0),
        ("upswell_memory_full", &[], 0.0),
        ("upswell_rollover_duration_seconds", &[], 0.0015),
        ("upswell_notifications_total", &["oncall"], 3.0),
        ("upswell_notifications_failed_total", &["oncall"], 2.0),
        ("upswell_notifications_dropped_total", &["oncall"], 1.0),
        ("upswell_notifications_dropped_total", &["chat"], 0.0),
        ("upswell_live_partitions", &[], 3.0),
        ("upswell_ready", &[], 1.0),
    ] {
        assert_eq!(value(&families, name, labels), Some(expected), "{name} {labels:?}");
    }
}
