//! The history of closed months, quarters and years: JSON, CSV and a table; `exposition::backfill` has it as OpenMetrics.
//!
//! Each period has the figures of the report's window of that name at the period's closing edge; the JSON shapes agree.

pub mod csv;
pub mod json;
pub mod table;

use crate::domain::calendar::Instant;
use crate::domain::window::Period;
use crate::engine::survey::periods::PeriodSums;

/// Closed periods, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The instant the figures are exact for: facts that came later may change periods that are closed.
    pub as_of: Instant,
    /// Reporting currency, ISO 4217.
    pub currency: String,
    /// Reporting zone, IANA name.
    pub time_zone: String,
    pub every: Period,
    /// From when on the whole history was read; `None` if that is not known.
    pub complete_since: Option<Instant>,
    /// Whether all partitions are counted: else ratios mean little.
    pub owns_all: bool,
    pub periods: Vec<PeriodSums>,
}

impl History {
    /// The newest so many periods of it.
    pub fn newest(&self, most: usize) -> History {
        let from = self.periods.len().saturating_sub(most);
        History { periods: self.periods[from..].to_vec(), ..self.clone() }
    }
}

#[cfg(test)]
pub(in crate::wire) mod tests {
    use super::*;
    use crate::engine::report::WindowReport;

    /// Two months; nobody had revenue when the first began.
    pub(in crate::wire) fn example() -> History {
        let (report, _) = crate::wire::report::tests::example();
        let second = WindowReport { dimensions: vec![], ..report.windows[0].clone() };
        let mut first =
            WindowReport { opening_edge: Instant(1_782_864_000_000), closing_edge: second.opening_edge, ..second.clone() };
        first.total = Default::default();
        (first.total.money.new, first.total.customers.new) = (620_000_000, 14);
        let period = |period: &str, figures| PeriodSums { period: period.to_owned(), figures };
        History {
            as_of: report.as_of,
            currency: report.currency,
            time_zone: report.time_zone,
            every: Period::Month,
            complete_since: None,
            owns_all: true,
            periods: vec![period("2026-07", first), period("2026-08", second)],
        }
    }

    #[test]
    fn the_newest_are_the_last() {
        let names = |most| example().newest(most).periods.iter().map(|one| one.period.clone()).collect::<Vec<_>>();
        assert_eq!((names(1), names(2), names(3)), (vec!["2026-08".to_owned()], names(9), names(9)));
    }
}
