//! The report: everything that is published, for one instant, as values. Wire formats and gauges are drawn from it.

use super::plan::Plan;
use super::totals::Totals;
use crate::domain::calendar::Instant;
use crate::domain::money::Micros;
use crate::domain::rates::Sums;
use crate::domain::segment::Dimension;
use crate::domain::symbol::Symbols;
use std::collections::HashMap;
use std::sync::Arc;

/// The value that all values beyond the published ones are summed into.
pub const OTHER: &str = "other";

/// One view of one instant over one or more shards.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The instant every figure is exact for.
    pub as_of: Instant,
    /// Reporting currency, ISO 4217.
    pub currency: String,
    /// Reporting zone, IANA name.
    pub time_zone: String,
    /// Recurring revenue at `as_of`: committed MRR and usage run rate, in micro-units.
    pub mrr: Micros,
    /// Usage of the civil day in progress, which no rate counts yet, in micro-units; `None` while some shard does not know its own.
    pub usage_today: Option<Micros>,
    /// In configured order.
    pub windows: Vec<WindowReport>,
}

/// One window of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowReport {
    /// The configured name, such as `trailing_90d`.
    pub window: String,
    pub opening_edge: Instant,
    pub closing_edge: Instant,
    /// Opening edge of the comparison window; without one, growth and comparison expansion are absent.
    pub comparison_opening: Option<Instant>,
    pub total: Sums,
    /// By dimension in configured order.
    pub dimensions: Vec<DimensionReport>,
}

impl WindowReport {
    pub fn has_comparison(&self) -> bool {
        self.comparison_opening.is_some()
    }
}

/// The segments of one dimension in one window; they add up to the window's total.
#[derive(Clone, Debug, PartialEq)]
pub struct DimensionReport {
    pub dimension: String,
    /// By rank; `other`, where there is one, is last.
    pub segments: Vec<SegmentReport>,
    /// Number of values summed into `other`.
    pub folded: usize,
}

/// One value of a dimension in one window.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentReport {
    pub value: String,
    pub sums: Sums,
}

/// A copy of one shard's totals for one instant, with segment values as text, so that shards can be summed.
#[derive(Clone, Debug, PartialEq)]
pub struct ShardTotals {
    /// The instant the totals are exact for.
    pub as_of: Instant,
    mrr: Micros,
    usage_today: Option<Micros>,
    windows: Vec<WindowTotals>,
}

/// One window of a shard's totals.
#[derive(Clone, Debug, Default, PartialEq)]
struct WindowTotals {
    total: Sums,
    segments: Vec<HashMap<Arc<str>, Sums>>,
}

impl ShardTotals {
    pub(super) fn new(
        as_of: Instant,
        totals: &Totals,
        usage_today: Option<Micros>,
        dimensions: &[Dimension],
        symbols: &Symbols,
    ) -> ShardTotals {
        let windows = totals.windows.iter().map(|window| WindowTotals {
            total: window.total,
            segments: window
                .segments
                .iter()
                .zip(dimensions)
                .map(|(values, dimension)| values.iter().map(|(value, sums)| (dimension.text(value, symbols), *sums)).collect())
                .collect(),
        });
        ShardTotals { as_of, mrr: totals.mrr, usage_today, windows: windows.collect() }
    }
}

impl Report {
    /// The report over shards whose totals are all for `as_of`; without shards, that of no customers.
    pub fn of(plan: &Plan, as_of: Instant, parts: &[ShardTotals]) -> Report {
        debug_assert!(parts.iter().all(|part| part.as_of == as_of));
        let frame = plan.frame(as_of);
        let window = |number: usize| {
            let (opening, closing) = plan.windows[number].span();
            let comparison = plan.windows[number].comparison();
            WindowReport {
                window: plan.windows[number].to_string(),
                opening_edge: opening.instant(&plan.zone, as_of, frame.today),
                closing_edge: closing.instant(&plan.zone, as_of, frame.today),
                comparison_opening: comparison.map(|(edge, _)| edge.instant(&plan.zone, as_of, frame.today)),
                total: summed(parts.iter().map(|part| &part.windows[number].total)),
                dimensions: dimension_reports(plan, parts, number),
            }
        };
        Report {
            as_of,
            currency: plan.rates.reporting().as_str().to_owned(),
            time_zone: plan.zone.name().to_owned(),
            mrr: parts.iter().map(|part| part.mrr).sum(),
            usage_today: parts.iter().map(|part| part.usage_today).sum(),
            windows: (0..plan.windows.len()).map(window).collect(),
        }
    }
}

fn summed<'a>(sums: impl Iterator<Item = &'a Sums>) -> Sums {
    sums.fold(Sums::default(), |mut total, sums| {
        total.add(sums);
        total
    })
}

fn dimension_reports(plan: &Plan, parts: &[ShardTotals], window: usize) -> Vec<DimensionReport> {
    let report = |(number, dimension): (usize, &String)| {
        let mut values: HashMap<Arc<str>, Sums> = HashMap::new();
        for (value, sums) in parts.iter().flat_map(|part| &part.windows[window].segments[number]) {
            values.entry(value.clone()).or_default().add(sums);
        }
        ranked(dimension.clone(), values, plan.max_values)
    };
    plan.dimensions.iter().enumerate().map(report).collect()
}

/// The values of a dimension by opening, closing and comparison expansion, greatest first, then by name; those beyond `most`,
/// and a value that is itself called `other`, are summed into `other`. Values with none of the three are left out.
fn ranked(dimension: String, values: HashMap<Arc<str>, Sums>, most: usize) -> DimensionReport {
    let rank = |sums: &Sums| (sums.money.opening, sums.money.closing(), sums.money.comparison_expansion);
    let present = values.into_iter().filter(|(_, sums)| rank(sums) != (0, 0, 0));
    let (mut named, mut rest): (Vec<_>, Vec<_>) = present.partition(|(value, _)| &**value != OTHER);
    named.sort_by(|(a, first), (b, second)| rank(second).cmp(&rank(first)).then_with(|| a.cmp(b)));
    rest.extend(named.split_off(named.len().min(most)));
    let mut segments: Vec<_> = named.into_iter().map(|(value, sums)| SegmentReport { value: value.to_string(), sums }).collect();
    if !rest.is_empty() {
        segments.push(SegmentReport { value: OTHER.to_owned(), sums: summed(rest.iter().map(|(_, sums)| sums)) });
    }
    DimensionReport { dimension, segments, folded: rest.len() }
}
