//! Who is likely to expand: existing customers whose usage run rate grew over 28 days, and those whose states ahead are worth more.
//!
//! The amount is growth of the run rate plus what the states ahead change; customers with more than 0 are listed. Growth counts
//! only of customers that had revenue 28 days ago: the first weeks of a new one are no expansion.

use super::Sight;
use super::rows::{Order, Row, Rows, Why};
use crate::domain::account::Account;
use crate::domain::calendar::{Day, Instant};
use crate::domain::frame::{EdgeAt, Frame, QUIET_DAYS, RATE_DAYS};
use crate::domain::side::Side;
use crate::engine::plan::Plan;

/// The question on its way.
#[derive(Clone, Debug)]
pub struct Expanding {
    frame: Frame,
    /// 28 days ago; `None` if usage days that its run rate needs are not kept.
    before: Option<EdgeAt>,
    pub(super) rows: Rows,
}

impl Expanding {
    pub(super) fn new(order: Order, plan: &Plan, frame: &Frame, floor: Day) -> Expanding {
        let day = frame.today.plus(-RATE_DAYS);
        let before = EdgeAt { at: plan.zone.midnight(day), day };
        let kept = day.plus(-(RATE_DAYS + QUIET_DAYS)) >= floor;
        Expanding { frame: frame.clone(), before: kept.then_some(before), rows: Rows::new(order, Rows::MOST) }
    }

    pub(super) fn take(&mut self, customer_id: &str, account: &Account, sight: Sight) {
        let side = |edge: &EdgeAt| Side::new(account, edge, &sight.plan.zone, &self.frame.valuation);
        let live = self.frame.edges[Frame::LIVE];
        let now = side(&live);
        if now.revenue() == 0 {
            return;
        }
        let before = self.before.map(|edge| side(&edge));
        let run_rate_before = before.as_ref().map(|before| if before.revenue() > 0 { before.run_rate } else { now.run_rate });
        let scheduled_at = next_state(account, live.at);
        let scheduled = scheduled_at.map_or(now.committed, |_| side(&EdgeAt { at: Instant(i64::MAX), ..live }).committed);
        let amount = now.run_rate - run_rate_before.unwrap_or(now.run_rate) + scheduled - now.committed;
        if amount > 0 {
            let (run_rate, committed) = (now.run_rate, now.committed);
            let why = Why::Likely { run_rate, run_rate_before, committed, scheduled, scheduled_at };
            self.rows.push(Row { customer_id: customer_id.into(), amount, why });
        }
    }
}

/// When the next state from an instant on begins.
fn next_state(account: &Account, from: Instant) -> Option<Instant> {
    let next = |subscription: &crate::domain::account::Subscription| {
        let passed = subscription.before(from).len();
        subscription.versions.get(passed).map(|version| version.effective_at)
    };
    account.subscriptions().iter().filter_map(next).min()
}
