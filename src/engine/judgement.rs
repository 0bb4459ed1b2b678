//! What a rule observes in a report: one observation for the total, or one for each segment.

use super::report::{OTHER, Report, WindowReport};
use crate::domain::alert::{Fraction, Observation, Rule, Suppression};
use crate::domain::calendar::Instant;
use crate::domain::rates::Sums;

/// How far the figures of a view can be relied on, whatever the rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footing {
    pub partial_coverage: bool,
    pub not_ready: bool,
    pub stale: bool,
    pub truncated_log: bool,
    /// Since when the history is complete; `None` while that is not known.
    pub complete_since: Option<Instant>,
}

/// What a rule observes of the total or of one segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The segment's value; `None` for the total.
    pub segment: Option<String>,
    pub observation: Observation,
    /// The figure, where it is defined.
    pub value: Option<Fraction>,
}

/// What a rule observes in a view, by segment where it has a scope.
///
/// # Errors
/// Nothing of the rule can be judged, whatever the segment.
pub fn judge(rule: &Rule, report: &Report, footing: &Footing) -> Result<Vec<Judgement>, Suppression> {
    footing.unsound()?;
    let name = rule.window.to_string();
    let window = report.windows.iter().find(|window| window.window == name).ok_or(Suppression::NotReady)?;
    if is_short(rule, window, footing) {
        return Err(Suppression::ShortHistory);
    }
    let Some(scope) = &rule.scope else { return Ok(vec![judgement(rule, window, None, &window.total)]) };
    let wanted = |value: &str| match scope.values.is_empty() {
        true => value != OTHER,
        false => scope.values.iter().any(|one| one == value),
    };
    let dimension = window.dimensions.iter().filter(|dimension| dimension.dimension == scope.dimension);
    let segments = dimension.flat_map(|dimension| &dimension.segments).filter(|segment| wanted(&segment.value));
    Ok(segments.map(|segment| judgement(rule, window, Some(&segment.value), &segment.sums)).collect())
}

fn judgement(rule: &Rule, window: &WindowReport, segment: Option<&str>, sums: &Sums) -> Judgement {
    let value = rule.metric.of(sums, window.has_comparison());
    let observation = match value {
        _ if !rule.guards.are_met(sums) => Observation::Suppressed(Suppression::SmallBase),
        None => Observation::Suppressed(Suppression::Undefined),
        Some(value) => Observation::Value { breached: rule.test.is_breached(value), clear: rule.test.is_clear(value) },
    };
    Judgement { segment: segment.map(str::to_owned), observation, value }
}

impl Footing {
    /// # Errors
    /// What keeps every rule from being judged.
    fn unsound(&self) -> Result<(), Suppression> {
        let holds = [
            (self.partial_coverage, Suppression::PartialCoverage),
            (self.not_ready, Suppression::NotReady),
            (self.stale, Suppression::Stale),
            (self.truncated_log, Suppression::TruncatedLog),
        ];
        holds.into_iter().find(|(holds, _)| *holds).map_or(Ok(()), |(_, reason)| Err(reason))
    }
}

/// Whether the history begins after the earliest edge that the figure needs.
fn is_short(rule: &Rule, window: &WindowReport, footing: &Footing) -> bool {
    let Some(since) = footing.complete_since else { return true };
    let comparison = window.comparison_opening.filter(|_| rule.metric.needs_comparison());
    comparison.unwrap_or(window.opening_edge) < since
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::{Guards, Metric, Scope, shipped};
    use crate::domain::calendar::Zone;
    use crate::domain::currency::{Currency, ExchangeRates};
    use crate::domain::window::Window;
    use crate::engine::plan::Plan;
    use crate::engine::report::{DimensionReport, SegmentReport};

    const DAY: i64 = 86_400_000;
    const AS_OF: Instant = Instant(20_000 * DAY + 1);

    fn plan() -> Plan {
        Plan {
            zone: Zone::named("UTC").expect("a zone"),
            rates: ExchangeRates::new(Currency::parse("USD").expect("a code"), Vec::new()),
            windows: vec![Window::Trailing(365), Window::Trailing(90)],
            dimensions: vec!["vertical".to_owned()],
            max_values: 100,
            history: 0,
        }
    }

    /// An opening MRR in major units, of which so much expanded, by so many customers.
    fn sums(opening: i128, expansion: i128, customers: i64) -> Sums {
        let mut sums = Sums::default();
        (sums.money.opening, sums.money.expansion[0]) = (opening * 1_000_000, expansion * 1_000_000);
        (sums.money.comparison_expansion, sums.customers.opening) = (10_000_000, customers);
        sums
    }

    fn report() -> Report {
        let segment = |value: &str, sums: Sums| SegmentReport { value: value.to_owned(), sums };
        let segments =
            vec![segment("retail", sums(800, 90, 25)), segment("media", sums(200, 1, 5)), segment("other", sums(9, 0, 30))];
        let window = |window: &Window| WindowReport {
            window: window.to_string(),
            opening_edge: window.span().0.instant(&plan().zone, AS_OF, plan().zone.day(AS_OF)),
            closing_edge: AS_OF,
            comparison_opening: window.comparison().map(|(edge, _)| edge.instant(&plan().zone, AS_OF, plan().zone.day(AS_OF))),
            total: sums(1000, 91, 30),
            dimensions: vec![DimensionReport { dimension: "vertical".to_owned(), segments: segments.clone(), folded: 1 }],
        };
        let mut report = Report::of(&Plan { windows: vec![], ..plan() }, AS_OF, &[]);
        report.windows = plan().windows.iter().map(window).collect();
        report
    }

    fn rule() -> Rule {
        shipped::shipped().remove(0).rule
    }

    fn sound() -> Footing {
        Footing { complete_since: Some(Instant(19_635 * DAY)), ..Footing::default() }
    }

    #[test]
    fn the_total_is_judged_exactly() {
        for (expansion, breached, clear) in [(99, true, false), (100, false, false), (104, false, false), (105, false, true)] {
            let mut report = report();
            report.windows[0].total = sums(1000, expansion, 30);
            let judged = judge(&rule(), &report, &sound()).expect("sound");
            assert_eq!(judged.len(), 1);
            assert_eq!(judged[0].observation, Observation::Value { breached, clear }, "{expansion}");
        }
    }

    #[test]
    fn segments_are_judged_one_by_one() {
        let scope = |values: &[&str]| Scope {
            dimension: "vertical".to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        let judged = |values: &[&str]| {
            let rule = Rule { scope: Some(scope(values)), ..rule() };
            let judged = judge(&rule, &report(), &sound()).expect("sound");
            judged.into_iter().map(|judgement| (judgement.segment.unwrap_or_default(), judgement.observation)).collect::<Vec<_>>()
        };
        let retail = ("retail".to_owned(), Observation::Value { breached: false, clear: true });
        let media = ("media".to_owned(), Observation::Suppressed(Suppression::SmallBase));
        assert_eq!(judged(&[]), [retail.clone(), media]);
        assert_eq!(judged(&["retail", "nobody"]), [retail]);
        assert_eq!(judged(&["other"]).len(), 1, "asked for by name it is judged");
    }

    #[test]
    fn what_cannot_be_relied_on_is_not_judged() {
        let early = Footing { complete_since: Some(Instant(19_635 * DAY + 1)), ..sound() };
        for (footing, reason) in [
            (Footing { partial_coverage: true, not_ready: true, ..sound() }, Suppression::PartialCoverage),
            (Footing { not_ready: true, stale: true, ..sound() }, Suppression::NotReady),
            (Footing { stale: true, truncated_log: true, ..sound() }, Suppression::Stale),
            (Footing { truncated_log: true, ..early }, Suppression::TruncatedLog),
            (early, Suppression::ShortHistory),
            (Footing { complete_since: None, ..sound() }, Suppression::ShortHistory),
        ] {
            assert_eq!(judge(&rule(), &report(), &footing), Err(reason));
        }
        let elsewhere = Rule { window: Window::Trailing(7), ..rule() };
        assert_eq!(judge(&elsewhere, &report(), &sound()), Err(Suppression::NotReady));
    }

    #[test]
    fn growth_needs_the_comparison_windows_history() {
        let growth = Rule { metric: Metric::ExpansionGrowth, window: Window::Trailing(90), ..rule() };
        let since = |days: i64| Footing { complete_since: Some(Instant((20_000 - days) * DAY)), ..Footing::default() };
        assert!(judge(&growth, &report(), &since(180)).is_ok());
        assert_eq!(judge(&growth, &report(), &since(179)), Err(Suppression::ShortHistory));
        assert!(judge(&Rule { metric: Metric::ExpansionRate, ..growth }, &report(), &since(90)).is_ok());
    }

    #[test]
    fn undefined_figures_and_small_bases_are_held() {
        let mut report = report();
        report.windows[0].total = sums(0, 0, 30);
        let observed =
            |report: &Report, guards| judge(&Rule { guards, ..rule() }, report, &sound()).expect("sound")[0].observation;
        assert_eq!(observed(&report, Guards::default()), Observation::Suppressed(Suppression::Undefined));
        let guards = Guards { min_opening_mrr: 1, ..Guards::default() };
        assert_eq!(observed(&report, guards), Observation::Suppressed(Suppression::SmallBase));
    }
}
