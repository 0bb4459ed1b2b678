//! A history as OpenMetrics with timestamps, for `promtool tsdb create-blocks-from openmetrics`.
//!
//! Each closed period is one sample per series at its closing edge, under the names and labels that a scrape has at that instant:
//! the window is `last_month` (`last_quarter`, `last_year`), and `upswell_mrr` is recurring revenue then. So what is filled in
//! continues into what is scraped.

use super::{business, openmetrics};
use crate::domain::calendar::Instant;
use crate::engine::report::Report;
use crate::wire::history::History;
use crate::wire::published::View;
use prometheus::proto::{Metric, MetricFamily};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Families that say nothing about a period that is closed.
const LEFT_OUT: [&str; 2] = ["upswell_as_of_timestamp_seconds", "upswell_reporting_currency_info"];

/// The whole history; every series in the order of time, as the format asks for.
pub fn render(history: &History) -> String {
    let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
    for period in &history.periods {
        let at = period.figures.closing_edge;
        let report = Report {
            as_of: at,
            currency: history.currency.clone(),
            time_zone: history.time_zone.clone(),
            mrr: period.figures.total.money.closing(),
            usage_today: None,
            windows: vec![period.figures.clone()],
        };
        let view = View { report, live_partitions: 0, owns_all: history.owns_all, segment_windows: Arc::new([]) };
        for family in business::families(&view) {
            gather(&mut families, family, at);
        }
    }
    let families: Vec<MetricFamily> = families.into_values().map(in_order).collect();
    openmetrics::encode(&families)
}

/// Adds the samples of one instant.
fn gather(families: &mut BTreeMap<String, MetricFamily>, mut family: MetricFamily, at: Instant) {
    if family.get_metric().is_empty() || LEFT_OUT.contains(&family.name()) {
        return;
    }
    let mut samples = family.take_metric();
    samples.iter_mut().for_each(|sample| sample.set_timestamp_ms(at.0));
    let known = families.entry(family.name().to_owned()).or_insert(family);
    let mut all = known.take_metric();
    all.extend(samples);
    known.set_metric(all);
}

/// Series by their labels; the samples of one stay in the order of time.
fn in_order(mut family: MetricFamily) -> MetricFamily {
    let labels = |sample: &Metric| sample.get_label().iter().map(|pair| pair.value().to_owned()).collect::<Vec<_>>();
    let mut samples = family.take_metric();
    samples.sort_by_cached_key(labels);
    family.set_metric(samples);
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_has_a_sample_at_each_closing_edge() {
        let history = crate::wire::history::tests::example();
        let text = render(&history);
        for line in [
            "upswell_mrr 620 1785542400",
            "upswell_mrr 625 1788220800",
            "upswell_opening_mrr{window=\"last_month\"} 620 1788220800",
            "upswell_movement_mrr{window=\"last_month\",movement=\"churn\"} -50 1788220800",
            "# EOF",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} is missing in\n{text}");
        }
        assert!(!text.contains("as_of") && text.ends_with("# EOF\n"));
        // Both of one series come before the next series.
        let of = |name: &str| text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect::<Vec<_>>();
        let moved = of("upswell_movement_mrr{");
        assert_eq!(moved.len(), 10);
        assert!(moved.chunks(2).all(|pair| pair[0].split(' ').next() == pair[1].split(' ').next()), "{moved:?}");
        assert_eq!(render(&History { periods: vec![], ..history }), "# EOF\n");
    }
}
