//! The state of the service in one small document: what a page needs to know at once, and what the stream sends.
//!
//! It says which figures there are without holding them: `figures` changes whenever the report would show another figure, so that
//! a client asks for the report only then. What is not known is null, never 0.

use super::alerting::Standing;
use super::published::{Published, View};
use super::readiness;
use super::telemetry::Telemetry;
use crate::domain::calendar::Instant;
use crate::domain::facts::FactKind;
use crate::domain::money::decimal;
use crate::engine::report::{Report, WindowReport};
use serde_json::{Value, json};

/// The document; `figures` is the caller's number of the view, see [`same_figures`].
pub fn document(view: Option<&View>, figures: u64, published: &Published, telemetry: &Telemetry) -> Value {
    let report = view.map(|view| &view.report);
    let mut readiness = readiness::document(&published.readiness(), telemetry);
    if let Some(lag) = readiness["lag"].as_object_mut() {
        lag.remove("partitions");
    }
    json!({
        "figures": figures,
        "as_of": report.map(|report| Instant::to_rfc3339(report.as_of)),
        "currency": report.map(|report| &report.currency),
        "time_zone": report.map(|report| &report.time_zone),
        "mrr": report.map(|report| decimal(report.mrr)),
        "usage_today": report.and_then(|report| report.usage_today).map(decimal),
        "windows": report.map(|report| report.windows.iter().map(|window| &window.window).collect::<Vec<_>>()),
        "partitions": view.map(|view| json!({
            "counted": view.live_partitions,
            "all": telemetry.topic(FactKind::Subscription).partitions.get(),
            "complete": view.owns_all,
        })),
        "alerts": alerts(&published.alerts()),
        "readiness": readiness,
    })
}

/// How many alerts are in which state, and since when the rules say so.
fn alerts(standing: &Standing) -> Value {
    let count = |state| standing.rules.iter().map(|rule| rule.count(state)).sum::<usize>();
    standing.evaluated_at.map_or(Value::Null, |_| json!({ "pending": count("pending"), "firing": count("firing") }))
}

/// Whether two views show the same figures; only the instant may differ, for which they are exact.
pub fn same_figures(one: &View, other: &View) -> bool {
    let head = |view: &View| (view.live_partitions, view.owns_all, view.report.mrr, view.report.usage_today);
    let names = |report: &Report| (report.currency.clone(), report.time_zone.clone(), report.windows.len());
    head(one) == head(other)
        && names(&one.report) == names(&other.report)
        && one.report.windows.iter().zip(&other.report.windows).all(|(one, other)| same_window(one, other))
}

/// The closing edge of a window that ends now is the instant itself.
fn same_window(one: &WindowReport, other: &WindowReport) -> bool {
    one.window == other.window
        && one.opening_edge == other.opening_edge
        && one.comparison_opening == other.comparison_opening
        && one.total == other.total
        && one.dimensions == other.dimensions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::readiness::{Phase, Readiness};
    use std::sync::Arc;

    fn view() -> View {
        let window = WindowReport {
            window: "trailing_90d".into(),
            opening_edge: Instant(0),
            closing_edge: Instant(5),
            comparison_opening: None,
            total: Default::default(),
            dimensions: vec![],
        };
        let report = Report {
            as_of: Instant(5),
            currency: "USD".into(),
            time_zone: "UTC".into(),
            mrr: 1_500_000,
            usage_today: None,
            windows: vec![window],
        };
        View { report, live_partitions: 2, owns_all: false, segment_windows: Arc::new([]) }
    }

    #[test]
    fn what_is_not_known_is_null() {
        let (published, telemetry) = (Published::new(), Telemetry::new("subs", "usage", "retries"));
        let document = document(None, 0, &published, &telemetry);
        for field in ["as_of", "currency", "mrr", "usage_today", "windows", "partitions", "alerts"] {
            assert!(document[field].is_null(), "{field}: {document}");
        }
        assert_eq!(document["readiness"]["phase"], "starting");
    }

    #[test]
    fn a_view_in_a_few_words() {
        let (published, telemetry) = (Published::new(), Telemetry::new("subs", "usage", "retries"));
        published.set_readiness(Readiness::new(Phase::Live, "Caught up."));
        telemetry.topic(FactKind::Subscription).partitions.set(4);
        let expected = r#"{"figures":7,"as_of":"1970-01-01T00:00:00.005Z","currency":"USD","time_zone":"UTC","mrr":"1.500000","usage_today":null,"windows":["trailing_90d"],"partitions":{"counted":2,"all":4,"complete":false},"alerts":null,"readiness":{"ready":true,"phase":"live","detail":"Caught up.","lag":{"records":0},"stopped":[]}}"#;
        assert_eq!(document(Some(&view()), 7, &published, &telemetry).to_string(), expected);
    }

    #[test]
    fn figures_are_the_same_while_only_the_instant_moves() {
        let mut later = view();
        (later.report.as_of, later.report.windows[0].closing_edge) = (Instant(9), Instant(9));
        assert!(same_figures(&view(), &later));
        let changes: [fn(&mut View); 6] = [
            |view| view.report.mrr += 1,
            |view| view.report.usage_today = Some(0),
            |view| view.owns_all = true,
            |view| view.report.windows[0].total.money.opening += 1,
            |view| view.report.windows[0].opening_edge = Instant(1),
            |view| view.report.windows.clear(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut other = view();
            change(&mut other);
            assert!(!same_figures(&view(), &other), "change {number}");
        }
    }
}
