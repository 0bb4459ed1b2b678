//! Business gauges, all from one view of one instant.
//!
//! Money, counts and customers cover the partitions of this instance and add up over a group; ratios and ARPA do not, so they
//! are there only if this instance owns all partitions. What is undefined is absent.

use super::catalog::{self as metrics, Metric};
use super::family::Family;
use crate::domain::calendar::Instant;
use crate::domain::money::{Micros, major_units};
use crate::domain::motion::{MOTIONS, Motion};
use crate::domain::rates::{Customers, Money, Rates, Sums};
use crate::engine::report::{Report, SegmentReport, WindowReport};
use crate::wire::published::View;
use prometheus::proto::MetricFamily;

/// Every business family of a view.
pub fn families(view: &View) -> Vec<MetricFamily> {
    let report = &view.report;
    let mut out = now(report);
    out.extend(windows(report));
    out.push(folded(report));
    let shown = shown_segments(view);
    out.extend(segments(&shown));
    if view.owns_all {
        out.extend(ratios(report));
        out.extend(segment_ratios(&shown));
    }
    out
}

fn now(report: &Report) -> Vec<MetricFamily> {
    let mut currency = Family::new(&metrics::REPORTING_CURRENCY);
    currency.add([&report.currency], 1.0);
    vec![
        Family::single(&metrics::MRR, Some(major_units(report.mrr))),
        Family::single(&metrics::USAGE_TODAY, report.usage_today.map(major_units)),
        Family::single(&metrics::AS_OF, Some(seconds(report.as_of))),
        currency.done(),
    ]
}

fn windows(report: &Report) -> Vec<MetricFamily> {
    let per = |metric, of: &dyn Fn(&WindowReport) -> Option<f64>| per_window(metric, report, of);
    let by = |metric, of: &dyn Fn(&Sums) -> [(&'static str, f64); 5]| {
        per_window_and(metric, report, |of_window| of(&of_window.total).map(|(label, value)| (label, Some(value))))
    };
    vec![
        per(&metrics::WINDOW_START, &|window| Some(seconds(window.opening_edge))),
        per(&metrics::COMPARISON_START, &|window| window.comparison_opening.map(seconds)),
        per(&metrics::WINDOW_END, &|window| Some(seconds(window.closing_edge))),
        per(&metrics::OPENING_MRR, &|window| Some(major_units(window.total.money.opening))),
        per(&metrics::CLOSING_MRR, &|window| Some(major_units(window.total.money.closing()))),
        per(&metrics::COMPARISON_EXPANSION_MRR, &|window| comparison(&window.total.money, window.has_comparison())),
        per(&metrics::OPENING_CUSTOMERS, &|window| Some(window.total.customers.opening as f64)),
        per(&metrics::CLOSING_CUSTOMERS, &|window| Some(window.total.customers.closing() as f64)),
        by(&metrics::MOVEMENT_MRR, &|sums| movements(&sums.money)),
        by(&metrics::MOVEMENT_CUSTOMERS, &|sums| customer_movements(&sums.customers)),
        by(&metrics::EXPANSION_MRR, &|sums| by_motion(&sums.money.expansion)),
        by(&metrics::CONTRACTION_MRR, &|sums| by_motion(&sums.money.contraction)),
    ]
}

fn ratios(report: &Report) -> Vec<MetricFamily> {
    let per = |metric, of: fn(&Rates) -> Option<f64>| {
        per_window(metric, report, &|window| of(&window.total.rates(window.has_comparison())))
    };
    vec![
        per(&metrics::EXPANSION_RATE, |rates| rates.expansion_rate),
        per(&metrics::EXPANSION_GROWTH, |rates| rates.expansion_growth),
        per(&metrics::NET_REVENUE_RETENTION, |rates| rates.net_revenue_retention),
        per(&metrics::GROSS_REVENUE_RETENTION, |rates| rates.gross_revenue_retention),
        per(&metrics::QUICK_RATIO, |rates| rates.quick_ratio),
        per(&metrics::CUSTOMER_CHURN, |rates| rates.customer_churn_rate),
        per(&metrics::CUSTOMER_EXPANSION, |rates| rates.customer_expansion_share),
        per(&metrics::ARPA, |rates| rates.arpa),
        per_window_and(&metrics::MOTION_EXPANSION_RATE, report, |window| {
            let rates = window.total.motion_rates();
            std::array::from_fn::<_, MOTIONS, _>(|motion| (Motion::ALL[motion].as_str(), rates[motion]))
        }),
    ]
}

fn folded(report: &Report) -> MetricFamily {
    let mut family = Family::new(&metrics::SEGMENTS_FOLDED);
    for window in &report.windows {
        for dimension in &window.dimensions {
            family.add([&window.window, &dimension.dimension], dimension.folded as f64);
        }
    }
    family.done()
}

/// One segment together with the labels that say where it belongs.
struct Shown<'a> {
    labels: [&'a str; 3],
    sums: &'a Sums,
    has_comparison: bool,
}

/// The segments of the windows whose segments are exported, in the order of their labels: sorted once here, no family of them needs
/// to be.
fn shown_segments(view: &View) -> Vec<Shown<'_>> {
    let exported = |window: &&WindowReport| view.segment_windows.contains(&window.window);
    let mut shown = Vec::new();
    for window in view.report.windows.iter().filter(exported) {
        for dimension in &window.dimensions {
            shown.extend(dimension.segments.iter().map(|SegmentReport { value, sums }| Shown {
                labels: [&window.window, &dimension.dimension, value],
                sums,
                has_comparison: window.has_comparison(),
            }));
        }
    }
    shown.sort_by_key(|segment| segment.labels);
    shown
}

fn segments(shown: &[Shown]) -> Vec<MetricFamily> {
    let per = |metric, of: fn(&Shown) -> Option<f64>| per_segment(metric, shown, of);
    let mut moved = Family::sized(&metrics::SEGMENT_MOVEMENT_MRR, 5 * shown.len());
    for Shown { labels: [window, dimension, segment], sums, .. } in shown {
        for (movement, amount) in movements(&sums.money) {
            moved.add([window, dimension, segment, movement], amount);
        }
    }
    vec![
        per(&metrics::SEGMENT_OPENING_MRR, |segment| Some(major_units(segment.sums.money.opening))),
        per(&metrics::SEGMENT_CLOSING_MRR, |segment| Some(major_units(segment.sums.money.closing()))),
        per(&metrics::SEGMENT_COMPARISON_EXPANSION_MRR, |segment| comparison(&segment.sums.money, segment.has_comparison)),
        per(&metrics::SEGMENT_OPENING_CUSTOMERS, |segment| Some(segment.sums.customers.opening as f64)),
        moved.done(),
    ]
}

fn segment_ratios(shown: &[Shown]) -> Vec<MetricFamily> {
    let per = |metric, of: fn(Rates) -> Option<f64>| {
        per_segment(metric, shown, |segment| of(segment.sums.rates(segment.has_comparison)))
    };
    vec![
        per(&metrics::SEGMENT_EXPANSION_RATE, |rates| rates.expansion_rate),
        per(&metrics::SEGMENT_NET_REVENUE_RETENTION, |rates| rates.net_revenue_retention),
        per(&metrics::SEGMENT_GROSS_REVENUE_RETENTION, |rates| rates.gross_revenue_retention),
    ]
}

fn per_window(metric: &'static Metric, report: &Report, of: &dyn Fn(&WindowReport) -> Option<f64>) -> MetricFamily {
    let mut family = Family::new(metric);
    for window in &report.windows {
        family.add_known([&window.window], of(window));
    }
    family.done()
}

fn per_window_and(
    metric: &'static Metric,
    report: &Report,
    of: impl Fn(&WindowReport) -> [(&'static str, Option<f64>); 5],
) -> MetricFamily {
    let mut family = Family::new(metric);
    for window in &report.windows {
        for (label, value) in of(window) {
            family.add_known([&window.window, label], value);
        }
    }
    family.done()
}

fn per_segment(metric: &'static Metric, shown: &[Shown], of: impl Fn(&Shown) -> Option<f64>) -> MetricFamily {
    let mut family = Family::sized(metric, shown.len());
    for segment in shown {
        family.add_known(segment.labels, of(segment));
    }
    family.done()
}

/// Signed so that opening and all movements sum to closing; in the order of their labels.
fn movements(money: &Money) -> [(&'static str, f64); 5] {
    [
        ("churn", major_units(-money.churn)),
        ("contraction", major_units(-money.contraction())),
        ("expansion", major_units(money.expansion())),
        ("new", major_units(money.new)),
        ("reactivation", major_units(money.reactivation)),
    ]
}

fn customer_movements(customers: &Customers) -> [(&'static str, f64); 5] {
    [
        ("new", customers.new as f64),
        ("reactivation", customers.reactivation as f64),
        ("expansion", customers.expansion as f64),
        ("contraction", customers.contraction as f64),
        ("churn", customers.churn as f64),
    ]
}

fn by_motion(amounts: &[Micros; MOTIONS]) -> [(&'static str, f64); MOTIONS] {
    std::array::from_fn(|motion| (Motion::ALL[motion].as_str(), major_units(amounts[motion])))
}

fn comparison(money: &Money, has_comparison: bool) -> Option<f64> {
    has_comparison.then(|| major_units(money.comparison_expansion))
}

/// Unix time in seconds.
fn seconds(at: Instant) -> f64 {
    at.0 as f64 / 1000.0
}
