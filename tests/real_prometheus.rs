//! A real Prometheus scrapes the service in both formats and stores what was published.
//!
//! Which format a scraper gets depends on its `Accept` header; Prometheus asks for OpenMetrics, or for the text format through
//! the testkit's relay.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use upswell::adapter::http::{self, Access, Standing, State};
use upswell::domain::calendar::{Day, Instant, Zone};
use upswell::domain::facts::TopicKind;
use upswell::domain::rates::{Customers, Money, Sums};
use upswell::domain::window::Period;
use upswell::engine::report::{DimensionReport, Report, SegmentReport, WindowReport};
use upswell::engine::survey::periods::PeriodSums;
use upswell::wire::exposition::backfill;
use upswell::wire::history::History;
use upswell::wire::published::{Published, View};
use upswell::wire::telemetry::Telemetry;
use upswell_testkit::{Prometheus, wait};

const HOSTILE: &str = "say \"hi\"\\\n\u{0}\u{1b} Ü😀";

fn view() -> View {
    let money = Money { opening: 620_000_000, expansion: [25_000_000, 0, 0, 0, 0], churn: 50_000_000, ..Money::default() };
    let sums = Sums { money, customers: Customers { opening: 14, expansion: 2, churn: 1, ..Customers::default() } };
    let segment = SegmentReport { value: HOSTILE.to_owned(), sums };
    let window = WindowReport {
        window: "trailing_90d".to_owned(),
        opening_edge: Instant(1_781_049_600_000),
        closing_edge: Instant(1_789_027_200_000),
        comparison_opening: Some(Instant(1_773_273_600_000)),
        total: sums,
        dimensions: vec![DimensionReport { dimension: "vertical".to_owned(), segments: vec![segment], folded: 0 }],
    };
    let report = Report {
        as_of: Instant(1_789_027_200_000),
        currency: "USD".to_owned(),
        time_zone: "UTC".to_owned(),
        mrr: 595_000_001,
        usage_today: Some(0),
        windows: vec![window],
    };
    View { report, live_partitions: 1, owns_all: true, segment_windows: Arc::new(["trailing_90d".to_owned()]) }
}

/// The service, for as long as the runtime lives.
fn service(runtime: &tokio::runtime::Runtime) -> SocketAddr {
    let published = Arc::new(Published::new());
    published.publish(view());
    let telemetry = Arc::new(Telemetry::new("billing.subscriptions", "billing.usage", "billing.retries"));
    telemetry.topic(TopicKind::Usage).partitions.set(1);
    telemetry.checkpoint_duration.observe(Duration::from_millis(1_500));
    telemetry.checkpoint_duration.observe(Duration::from_mins(10));
    telemetry.notifications.open("oncall").duration.observe(Duration::from_secs(2));
    telemetry.notifications.open("chat");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    listener.set_nonblocking(true).expect("a socket can be set non-blocking");
    let standing = Standing::new(Access::default(), address, telemetry.clone()).expect("nothing to read");
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a non-blocking socket");
        let state = State { published, telemetry, reload: None, inquiries: crossbeam_channel::bounded(1).0 };
        http::serve(listener, state, Arc::new(standing), std::future::pending()).await;
    });
    address
}

#[test]
fn both_formats_arrive_whole() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let service = service(&runtime).to_string();
    for openmetrics in [true, false] {
        let prometheus = Prometheus::start(&service, openmetrics);
        prometheus.wait_scraped();
        for (metric, value, segment) in [
            ("upswell_mrr", 595.000001, None),
            ("upswell_expansion_rate_ratio", 25.0 / 620.0, None),
            ("upswell_segment_opening_mrr", 620.0, Some(HOSTILE)),
            ("upswell_reporting_currency_info", 1.0, None),
            ("upswell_build_info", 1.0, None),
            ("upswell_rebalances_total", 0.0, None),
            ("upswell_checkpoint_duration_seconds_bucket{le=~'1|1.0'}", 0.0, None),
            ("upswell_checkpoint_duration_seconds_bucket{le='2.5'}", 1.0, None),
            ("upswell_checkpoint_duration_seconds_bucket{le='+Inf'}", 2.0, None),
            ("upswell_checkpoint_duration_seconds_count", 2.0, None),
            ("upswell_checkpoint_duration_seconds_sum", 601.5, None),
            ("upswell_notifications_dropped_total{receiver='chat'}", 0.0, None),
            ("upswell_notification_duration_seconds_bucket{receiver='oncall',le='2.5'}", 1.0, None),
            ("upswell_notification_duration_seconds_sum{receiver='oncall'}", 2.0, None),
            ("upswell_notification_duration_seconds_count{receiver='chat'}", 0.0, None),
            ("process_cpu_seconds_total", f64::NAN, None),
        ] {
            let (found, labels) = wait::until(metric, || prometheus.series(metric));
            assert!(value.is_nan() || found == value, "{metric}, OpenMetrics {openmetrics}: {found}");
            assert_eq!(labels["segment"].as_str(), segment, "{metric}, OpenMetrics {openmetrics}");
        }
        let metadata = wait::until("metadata", || {
            Some(prometheus.metadata("upswell_checkpoint_duration_seconds")).filter(|known| known.is_object())
        });
        assert_eq!(metadata["type"].as_str(), Some("histogram"), "OpenMetrics {openmetrics}");
    }
}

#[test]
fn the_shipped_rules_record_the_ratios_that_are_exported() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/upswell.rules.yml");
    let prometheus = Prometheus::start_with_rules(&service(&runtime).to_string(), &rules);
    for (name, gauge) in [
        ("expansion_rate:ratio", "expansion_rate_ratio"),
        ("net_revenue_retention:ratio", "net_revenue_retention_ratio"),
        ("gross_revenue_retention:ratio", "gross_revenue_retention_ratio"),
        ("quick:ratio", "quick_ratio"),
        ("customer_churn:ratio", "customer_churn_ratio"),
        ("customer_expansion:ratio", "customer_expansion_ratio"),
        ("arpa:ratio", "arpa"),
    ] {
        let recorded = wait::until(name, || prometheus.query(&format!("window:upswell_{name}")));
        assert_eq!(Some(recorded), prometheus.query(&format!("upswell_{gauge}")), "{name}");
    }
    for (name, gauge) in [
        ("window_motion:upswell_expansion_rate:ratio{motion='upsell'}", "upswell_motion_expansion_rate_ratio{motion='upsell'}"),
        ("segment:upswell_expansion_rate:ratio", "upswell_segment_expansion_rate_ratio"),
        ("segment:upswell_net_revenue_retention:ratio", "upswell_segment_net_revenue_retention_ratio"),
        ("segment:upswell_gross_revenue_retention:ratio", "upswell_segment_gross_revenue_retention_ratio"),
    ] {
        let (recorded, labels) = wait::until(name, || prometheus.series(name));
        let (exported, of) = prometheus.series(gauge).expect(gauge);
        assert_eq!((recorded, &labels["segment"], &labels["window"]), (exported, &of["segment"], &of["window"]), "{name}");
    }
}

#[test]
fn a_history_is_filled_in_and_found_again() {
    let day = |date: &str| Day::parse(date).expect("a date");
    let zone = Zone::named("Europe/Berlin").expect("a zone");
    let edge = |date: &str| zone.midnight(day(date));
    let period = |name: &str, opening: &str, closing: &str, units: i128| {
        let money = Money { opening: units * 1_000_000, expansion: [units * 100_000, 0, 0, 0, 0], ..Money::default() };
        let total = Sums { money, customers: Customers { opening: 3, expansion: 1, ..Customers::default() } };
        let figures = WindowReport {
            window: "last_month".to_owned(),
            opening_edge: edge(opening),
            closing_edge: edge(closing),
            comparison_opening: None,
            total,
            dimensions: vec![],
        };
        PeriodSums { period: name.to_owned(), figures }
    };
    let history = History {
        as_of: edge("2026-09-10"),
        currency: "EUR".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        every: Period::Month,
        complete_since: None,
        owns_all: true,
        periods: vec![
            period("2025-02", "2025-02-01", "2025-03-01", 100),
            period("2025-03", "2025-03-01", "2025-04-01", 200),
            period("2025-04", "2025-04-01", "2025-05-01", 400),
        ],
    };
    let prometheus = Prometheus::with_history(&backfill::render(&history));
    for (date, mrr) in [("2025-03-01", 110.0), ("2025-04-01", 220.0), ("2025-05-01", 440.0)] {
        let at = |expression| wait::until("the filled in sample", || prometheus.query_at(expression, edge(date).0 / 1000));
        assert_eq!(at("upswell_mrr"), mrr, "{date}");
        assert_eq!(at("upswell_closing_mrr{window='last_month'}"), mrr, "{date}");
        assert_eq!(at("upswell_expansion_rate_ratio{window='last_month'}"), 0.1, "{date}");
        assert_eq!(at("upswell_movement_customers{movement='expansion'}"), 1.0, "{date}");
    }
    let all = prometheus.query_at("count_over_time(upswell_mrr[1y])", edge("2025-06-01").0 / 1000);
    assert_eq!(all, Some(3.0));
}
