//! The report: everything that is published, for one instant, as values. Wire formats and gauges are drawn from it.

use crate::domain::calendar::Instant;
use crate::domain::money::Micros;
use crate::domain::rates::Sums;

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
    /// Usage of the civil day in progress, which no rate counts yet, in micro-units.
    pub usage_today: Micros,
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
    /// Whether the window has a comparison window; without one, growth and comparison expansion are absent.
    pub has_comparison: bool,
    pub total: Sums,
    /// By dimension in configured order.
    pub dimensions: Vec<DimensionReport>,
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
