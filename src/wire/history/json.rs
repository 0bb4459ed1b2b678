//! A history as JSON: money, customers, motions and rates as a window of the report has them.

use super::History;
use crate::domain::calendar::Instant;
use crate::engine::survey::periods::PeriodSums;
use crate::wire::report::json::{Between, indented};
use serde::Serialize;

/// The whole history as indented JSON, ending in a line feed.
pub fn render(history: &History) -> String {
    indented(&Document::of(history))
}

#[derive(Serialize)]
pub(super) struct Document<'a> {
    as_of: String,
    currency: &'a str,
    time_zone: &'a str,
    every: &'static str,
    complete_since: Option<String>,
    owns_all_partitions: bool,
    periods: Vec<Period<'a>>,
}

#[derive(Serialize)]
struct Period<'a> {
    period: &'a str,
    #[serde(flatten)]
    between: Between,
}

impl<'a> Document<'a> {
    pub(super) fn of(history: &'a History) -> Document<'a> {
        Document {
            as_of: history.as_of.to_rfc3339(),
            currency: &history.currency,
            time_zone: &history.time_zone,
            every: history.every.as_str(),
            complete_since: history.complete_since.map(Instant::to_rfc3339),
            owns_all_partitions: history.owns_all,
            periods: history.periods.iter().map(Period::of).collect(),
        }
    }
}

impl<'a> Period<'a> {
    fn of(PeriodSums { period, figures }: &'a PeriodSums) -> Period<'a> {
        Period { period, between: Between::of(figures) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_period_has_the_figures_of_the_reports_window() {
        let history: Value = serde_json::from_str(&render(&example())).expect("JSON");
        let (report, events) = crate::wire::report::tests::example();
        let report: Value = serde_json::from_str(&crate::wire::report::json::render(&report, &events)).expect("JSON");
        let (mut period, mut window) = (history["periods"][1].clone(), report["windows"][0].clone());
        let keys: Vec<_> = history.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["as_of", "currency", "time_zone", "every", "complete_since", "owns_all_partitions", "periods"]);
        assert_eq!(period["period"], "2026-08");
        period.as_object_mut().expect("an object").shift_remove("period");
        for name in ["window", "segments"] {
            window.as_object_mut().expect("an object").shift_remove(name);
        }
        assert_eq!(period.to_string(), window.to_string());
    }
}
