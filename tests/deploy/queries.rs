//! Every query of every dashboard, run by a real Prometheus that scrapes a service: it is understood and returns data.

use super::dashboard::{Dashboard, all, substitute};
use super::demo::Demo;
use super::repository;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use upswell::adapter::http::{self, Access, Standing, State};
use upswell::domain::calendar::Instant;
use upswell::domain::facts::FactKind;
use upswell::domain::rates::{Customers, Money, Sums};
use upswell::engine::report::{DimensionReport, Report, SegmentReport, WindowReport};
use upswell::wire::published::{Published, View};
use upswell::wire::telemetry::Telemetry;
use upswell_testkit::{Prometheus, wait};

const RULES: &str = "deploy/prometheus/upswell.rules.yml";

/// What has no data while all is well, and the series that says so. Panels of these say in `noValue` what their silence means.
const EMPTY_IN_HEALTH: [(&str, &str); 9] = [
    ("annotation", "ALERTS"),
    ("Configuration", "upswell_config_last_reload_successful"),
    ("Latest restore", "upswell_restore_duration_seconds"),
    ("Latest rollover", "upswell_rollover_duration_seconds"),
    ("Rejected events", "upswell_events_rejected_total"),
    ("Alerts that Upswell judges", "upswell_alerts"),
    ("Alerts that cannot be judged", "upswell_alerts_suppressed"),
    ("Notifications", "upswell_notifications"),
    ("Expansion rate of $window and its alerts", "upswell_alert_threshold"),
];

fn may_be_empty(place: &str, expr: &str) -> bool {
    let panel = place.rsplit(" / ").next().unwrap_or_default();
    EMPTY_IN_HEALTH.iter().any(|(name, series)| *name == panel && expr.contains(series))
}

#[test]
fn every_query_is_understood_and_returns_data() {
    let demo = Demo::start();
    let prometheus = Prometheus::start_with_rules(demo.address(), &repository(RULES));
    let mut empty = 0;
    for dashboard in all() {
        let values = dashboard.settle(&prometheus);
        for query in dashboard.queries() {
            let expr = substitute(&query.expr, &values);
            if may_be_empty(&query.place, &query.expr) {
                prometheus.results(&expr);
                empty += 1;
            } else {
                wait::until(&format!("{}: {expr}", query.place), || {
                    Some(prometheus.results(&expr)).filter(|found| !found.is_empty())
                });
            }
        }
    }
    assert!(empty >= EMPTY_IN_HEALTH.len(), "a panel is gone: take it out of the list");
}

#[test]
fn panels_that_are_empty_in_health_say_what_that_means() {
    for (name, _) in EMPTY_IN_HEALTH.iter().filter(|(name, _)| *name != "annotation") {
        let dashboards = all();
        let panel = dashboards.iter().flat_map(Dashboard::panels).find(|panel| panel["title"] == *name);
        let panel = panel.unwrap_or_else(|| panic!("no panel {name}"));
        let says = |field: &str| panel["fieldConfig"]["defaults"][field].is_string();
        assert!(says("noValue") || name.contains("$window"), "{name}");
    }
}

/// One of two instances: a share of the money, and one of two partitions.
fn half(share: i128) -> View {
    let money = Money {
        opening: 100_000_000 * share,
        expansion: [5_000_000, 0, 0, 0, 1_000_000],
        comparison_expansion: 4_000_000,
        churn: 2_000_000,
        ..Money::default()
    };
    let sums = Sums { money, customers: Customers { opening: 40, expansion: 5, churn: 1, ..Customers::default() } };
    let window = |name: &str| WindowReport {
        window: name.to_owned(),
        opening_edge: Instant(1_781_049_600_000),
        closing_edge: Instant(1_789_027_200_000),
        comparison_opening: Some(Instant(1_773_273_600_000)),
        total: sums,
        dimensions: vec![DimensionReport {
            dimension: "vertical".to_owned(),
            segments: vec![SegmentReport { value: "fintech".to_owned(), sums }],
            folded: 0,
        }],
    };
    let report = Report {
        as_of: Instant(1_789_027_200_000),
        currency: "USD".to_owned(),
        time_zone: "UTC".to_owned(),
        mrr: 595_000_001,
        usage_today: Some(0),
        windows: vec![window("trailing_365d")],
    };
    View { report, live_partitions: 1, owns_all: false, segment_windows: Arc::new(["trailing_365d".to_owned()]) }
}

fn instance(runtime: &tokio::runtime::Runtime, view: View) -> String {
    let published = Arc::new(Published::new());
    published.publish(view);
    let telemetry = Arc::new(Telemetry::new("billing.subscriptions", "billing.usage", "billing.retries"));
    telemetry.topic(FactKind::Usage).partitions.set(2);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    listener.set_nonblocking(true).expect("a socket can be set non-blocking");
    let standing = Standing::new(Access::default(), address, telemetry.clone()).expect("nothing to read");
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a non-blocking socket");
        http::serve(
            listener,
            State { published, telemetry, reload: None, inquiries: crossbeam_channel::bounded(1).0 },
            Arc::new(standing),
            std::future::pending(),
        )
        .await;
    });
    address.to_string()
}

#[test]
fn two_instances_of_a_group_show_one_figure_over_both() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let (one, other) = (instance(&runtime, half(1)), instance(&runtime, half(3)));
    let prometheus = Prometheus::start_group(&[&one, &other], &repository(RULES));
    wait::until("both are summed", || prometheus.query("window:upswell_expansion_rate:ratio"));
    let mut found: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for dashboard in all().iter().filter(|dashboard| !dashboard.name.contains("operations")) {
        let values = dashboard.settle(&prometheus);
        for query in dashboard.queries() {
            let results = prometheus.results(&substitute(&query.expr, &values));
            for (labels, value) in results {
                assert!(labels["instance"].is_null(), "{} shows one instance: {labels}", query.place);
                found.entry(query.place.clone()).or_default().push(value);
            }
        }
    }
    for (place, value) in [
        ("upswell-overview.json / Expansion rate", 0.03),
        ("upswell-overview.json / Expansion growth", 0.5),
        ("upswell-overview.json / Net revenue retention", 1.02),
        ("upswell-overview.json / Gross revenue retention", 0.99),
        ("upswell-overview.json / Customers churned", 0.025),
        ("upswell-overview.json / MRR now", 1_190.000_002),
        ("upswell-segments.json / Ten strongest by expansion rate", 0.03),
        ("upswell-segments.json / Largest share of revenue", 1.0),
    ] {
        assert_eq!(found.get(place).map(Vec::as_slice), Some(&[value][..]), "{place}");
    }
    assert_eq!(found["upswell-overview.json / Instances ready"].len(), 2, "ready and all");
}
