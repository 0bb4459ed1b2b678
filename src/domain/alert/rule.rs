//! A rule: which figure of which window, compared with what, for how long, over how large a base.

use super::{Fraction, Metric, Template};
use crate::domain::money::Micros;
use crate::domain::rates::Sums;
use crate::domain::window::Window;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// An alerting rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Unique; the label `alertname`.
    pub name: String,
    pub metric: Metric,
    pub window: Window,
    /// Judged by segment, one alert each; `None` for the total.
    pub scope: Option<Scope>,
    pub test: Test,
    /// How long the condition has to be judged true before it fires, in milliseconds (`for`).
    pub pending: i64,
    /// How long it has to be judged clear before it resolves, in milliseconds (`keep_firing_for`).
    pub keep: i64,
    pub guards: Guards,
    pub severity: Severity,
    /// In addition to those that the rule has by itself.
    pub labels: BTreeMap<String, String>,
    /// By name; `summary` and `description` are always there.
    pub annotations: BTreeMap<String, Template>,
}

impl Rule {
    /// The labels of all its alerts; they identify, whatever the figure is.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        labels.insert("severity".to_owned(), self.severity.as_str().to_owned());
        labels.insert("window".to_owned(), self.window.to_string());
        if let Some(scope) = &self.scope {
            labels.insert("dimension".to_owned(), scope.dimension.clone());
        }
        labels
    }
}

/// The segments of one dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub dimension: String,
    /// Only these values; all published ones, without what is folded into `other`, if empty.
    pub values: Vec<String>,
}

/// On which side of the threshold the trouble lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Below,
    Above,
}

/// The comparison. Thresholds in millionths: of one for a ratio, of a major unit for money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Test {
    pub side: Side,
    pub threshold: Micros,
    /// Where a firing alert is clear: at the threshold or on its good side.
    pub clear: Micros,
}

impl Test {
    /// Whether a value is beyond the threshold; one that equals it is not.
    pub fn is_breached(&self, value: Fraction) -> bool {
        value.cmp_micros(self.threshold) == self.bad()
    }

    /// Whether a value is at the clear mark or better.
    pub fn is_clear(&self, value: Fraction) -> bool {
        value.cmp_micros(self.clear) != self.bad()
    }

    fn bad(&self) -> Ordering {
        match self.side {
            Side::Below => Ordering::Less,
            Side::Above => Ordering::Greater,
        }
    }
}

/// The least base a figure has to stand on to be judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guards {
    /// MRR at the opening edge, in micro-units of the reporting currency.
    pub min_opening_mrr: Micros,
    /// Customers with revenue at the opening edge.
    pub min_opening_customers: i64,
}

impl Guards {
    pub fn are_met(&self, sums: &Sums) -> bool {
        sums.money.opening >= self.min_opening_mrr && sums.customers.opening >= self.min_opening_customers
    }
}

/// How urgent an alert is; the label `severity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Critical,
    Warning,
    Info,
}

impl Severity {
    pub const NAMES: [(&'static str, Severity); 3] =
        [("critical", Severity::Critical), ("warning", Severity::Warning), ("info", Severity::Info)];

    pub fn as_str(self) -> &'static str {
        Severity::NAMES.iter().find(|(_, severity)| *severity == self).map_or("", |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_the_threshold_is_not_beyond_it() {
        let below = Test { side: Side::Below, threshold: 100_000, clear: 110_000 };
        let above = Test { side: Side::Above, threshold: 100_000, clear: 90_000 };
        for (test, per_mille, breached, clear) in [
            (below, 99, true, false),
            (below, 100, false, false),
            (below, 109, false, false),
            (below, 110, false, true),
            (above, 101, true, false),
            (above, 100, false, false),
            (above, 91, false, false),
            (above, 90, false, true),
        ] {
            let value = Fraction::new(per_mille, 1000).expect("defined");
            assert_eq!((test.is_breached(value), test.is_clear(value)), (breached, clear), "{test:?} {per_mille}");
        }
    }

    #[test]
    fn guards_include_their_bound() {
        let mut sums = Sums::default();
        (sums.money.opening, sums.customers.opening) = (5_000_000, 20);
        let guards = |mrr, customers| Guards { min_opening_mrr: mrr, min_opening_customers: customers };
        assert!(guards(5_000_000, 20).are_met(&sums));
        assert!(!guards(5_000_001, 20).are_met(&sums));
        assert!(!guards(5_000_000, 21).are_met(&sums));
    }
}
