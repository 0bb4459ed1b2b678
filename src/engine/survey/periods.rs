//! Closed months, quarters and years: each as a report at its closing edge has it.
//!
//! A period's figures are those of `last_month` (`last_quarter`, `last_year`) in a view at the period's closing edge, valued with that
//! view's rates. Usage days that no window needs any more are dropped, so a period is known only while the days that it needs are
//! kept, or if that makes no difference: a run rate is 0 until the customer's first usage with a positive amount, whatever was dropped,
//! and a customer whose first one is late enough has lost none of the days that count after it. A period that is not known is absent,
//! and so are all before it.

use super::Sight;
use crate::domain::account::Account;
use crate::domain::calendar::{Day, Instant, Zone};
use crate::domain::frame::{Frame, QUIET_DAYS, RATE_DAYS};
use crate::domain::rates::Sums;
use crate::domain::window::{Period, Window};
use crate::engine::plan::Plan;
use crate::engine::report::WindowReport;
use crate::engine::totals::Totals;

/// One closed period.
#[derive(Clone, Debug, PartialEq)]
pub struct PeriodSums {
    /// `2026-03`, `2026-Q1`, `2026`.
    pub period: String,
    /// The figures: those of the period as a window, without segments.
    pub figures: WindowReport,
}

/// The question on its way.
#[derive(Clone, Debug)]
pub struct Periods {
    every: Period,
    /// Newest first.
    known: Vec<Known>,
    /// Periods from this number on need usage days that are not kept ...
    kept: usize,
    /// ... but not those of customers whose usage began on this day or later.
    begun: Day,
    /// Periods from this number on are not known.
    end: usize,
}

#[derive(Clone, Debug)]
struct Known {
    frame: Frame,
    totals: Totals,
}

impl Periods {
    /// The periods that are closed at `as_of`, the newest `most` of them, none before 2000.
    pub(super) fn new(every: Period, most: usize, plan: &Plan, as_of: Instant, floor: Day) -> Periods {
        let zone = &plan.zone;
        let closed = |day: &Day| Some(day.plus(-1).period_start(every.months()));
        let first = zone.day(as_of).period_start(every.months());
        let closing = std::iter::successors(Some(first), closed).map(|day| zone.midnight(day));
        let frame = |at| Frame::new(&[Window::Last(every)], zone, &plan.rates, at);
        let known: Vec<Known> = closing
            .take_while(|at| *at > Zone::EARLIEST_VIEW)
            .take(most)
            .map(|at| Known { frame: frame(at), totals: Totals::new(1, 0) })
            .collect();
        let kept = known.iter().take_while(|known| known.frame.first_usage_day() >= floor).count();
        Periods { every, end: known.len(), known, kept, begun: floor.plus(RATE_DAYS + QUIET_DAYS) }
    }

    pub(super) fn cost(&self) -> usize {
        self.known.len().max(1)
    }

    pub(super) fn take(&mut self, account: &Account, sight: Sight) {
        let Some(first) = account.first_revenue() else { return };
        let used = account.usage().first_positive().filter(|at| sight.plan.zone.day(*at) < self.begun);
        let plain = Sight { dimensions: &[], ..sight };
        for (number, Known { frame, totals }) in self.known.iter_mut().enumerate().take(self.end) {
            // Newest first: no earlier period has anything of this customer.
            if frame.as_of <= first {
                break;
            }
            if number >= self.kept && used.is_some_and(|at| at < frame.as_of) {
                self.end = number;
                break;
            }
            plain.lens(frame).assess(account, frame.all_spans(), |span, placed| {
                totals.replace(frame.spans[span].role, None, Some(placed));
            });
        }
    }

    pub(super) fn found(self) -> Vec<PeriodSums> {
        let window = Window::Last(self.every);
        let of = |Known { frame, totals }: &Known| {
            let edge = |number: u8| frame.edges[usize::from(number)].at;
            let spans = &frame.spans;
            PeriodSums {
                period: self.every.name_of(frame.today.plus(-1)),
                figures: WindowReport {
                    window: window.to_string(),
                    opening_edge: edge(spans[1].opening),
                    closing_edge: edge(spans[1].closing),
                    comparison_opening: spans.get(2).map(|span| edge(span.opening)),
                    total: totals.windows[0].total,
                    dimensions: Vec::new(),
                },
            }
        };
        self.known.iter().take(self.end).map(of).collect()
    }
}

/// Adds the same periods of another shard; what either does not know is not known.
pub(super) fn merge(periods: &mut Vec<PeriodSums>, more: Vec<PeriodSums>) {
    periods.truncate(more.len());
    for (period, more) in periods.iter_mut().zip(more) {
        period.figures.total.add(&more.figures.total);
    }
}

/// Takes the oldest periods off in which nobody had revenue: facts do not reach back to them.
pub fn reached(mut periods: Vec<PeriodSums>) -> Vec<PeriodSums> {
    while periods.last().is_some_and(|period| period.figures.total == Sums::default()) {
        periods.pop();
    }
    periods
}
