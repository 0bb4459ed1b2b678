//! Who is likely to expand: existing customers whose usage run rate grew over 28 days, and those whose states ahead are worth more.
//!
//! The amount is growth of the run rate plus what the states ahead change; customers with more than 0 are listed. Growth counts
//! only of customers that had revenue 28 days ago: the first weeks of a new one are no expansion.

use super::Sight;
use super::rows::{Order, Row, Rows, Why};
use crate::domain::account::Account;
use crate::domain::calendar::{Day, Instant};
use crate::domain::frame::{Frame, QUIET_DAYS, RATE_DAYS, Role};
use crate::domain::money::Micros;
use crate::domain::side::{RunRates, Sides, lines};
use crate::domain::window::Window;
use crate::engine::plan::Plan;

/// The question on its way.
#[derive(Clone, Debug)]
pub struct Expanding {
    /// Of one window, that of the 28 days before the view's instant.
    frame: Frame,
    /// Whether the usage days are kept that the run rate of 28 days ago needs.
    kept: bool,
    pub(super) rows: Rows,
}

/// The window between the two edges, and the number of its span.
const WINDOW: Window = Window::Trailing(RATE_DAYS as u16);
const SPAN: usize = 1;

impl Expanding {
    pub(super) fn new(order: Order, plan: &Plan, as_of: Instant, floor: Day) -> Expanding {
        let frame = Frame::new(&[WINDOW], &plan.zone, &plan.rates, as_of);
        let before = frame.edges[usize::from(frame.spans[SPAN].opening)].day;
        let kept = before.plus(-(RATE_DAYS + QUIET_DAYS)) >= floor;
        Expanding { frame, kept, rows: Rows::new(order, Rows::MOST) }
    }

    pub(super) fn take(&mut self, customer_id: &str, account: &Account, sight: Sight) {
        let frame = &self.frame;
        let lens = Sight { dimensions: &[], ..sight }.lens(frame);
        let edges = frame.edges_of(frame.only(Role::Window(0)));
        let sides = Sides::new(&lens, account.subscriptions(), account.first_revenue(), edges);
        let mut rates = RunRates::new();
        sides.put_rates(&lens, account.usage(), edges, &mut rates);
        let at = |edge: u8| (sides.epoch(edge.into()).committed, rates[usize::from(edge)]);
        let ((before, rate_before), (committed, run_rate)) = (at(frame.spans[SPAN].opening), at(frame.spans[SPAN].closing));
        if committed + run_rate == 0 {
            return;
        }
        let run_rate_before = self.kept.then(|| if before + rate_before > 0 { rate_before } else { run_rate });
        let (scheduled, scheduled_at) = scheduled(account, frame);
        let amount = run_rate - run_rate_before.unwrap_or(run_rate) + scheduled - committed;
        if amount > 0 {
            let why = Why::Likely { run_rate, run_rate_before, committed, scheduled, scheduled_at };
            self.rows.push(Row { customer_id: customer_id.into(), amount, why });
        }
    }
}

/// Committed MRR once all states known have begun, and when the next one does.
fn scheduled(account: &Account, frame: &Frame) -> (Micros, Option<Instant>) {
    let (mut committed, mut next) = (0, None::<Instant>);
    for (number, subscription) in account.subscriptions().iter().enumerate() {
        let ahead = subscription.states().find(|state| state.effective_at >= frame.as_of).map(|state| state.effective_at);
        next = next.into_iter().chain(ahead).min();
        committed += lines(number, subscription.states().last(), &frame.valuation).map(|line| line.mrr).sum::<Micros>();
    }
    (committed, next)
}
