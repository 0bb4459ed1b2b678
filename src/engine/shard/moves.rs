//! Moving a shard's view: going live, later instants, midnights, another plan.

use super::{Shard, View};
use crate::domain::account::Account;
use crate::domain::calendar::{Day, Instant};
use crate::domain::currency::Currency;
use crate::domain::frame::Frame;
use crate::domain::money::Micros;
use crate::domain::segment::Dimension;
use crate::engine::accounts::{Accounts, Place};
use crate::engine::plan::Plan;
use crate::engine::touch;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

impl Shard {
    /// Assesses every account for a view at `as_of`; totals are kept from now on. The instant is not before
    /// [`Shard::earliest_view`].
    pub fn go_live(&mut self, as_of: Instant) {
        let frame = self.plan.frame(as_of);
        self.today.begin(&frame, usage_of_day(&self.accounts, frame.today));
        self.view = Some(View { totals: self.recomputed(&frame), ahead: self.states_ahead(as_of), frame, audit: None });
    }

    /// Moves the view's instant on; an instant that is not later changes nothing.
    pub fn advance(&mut self, as_of: Instant) {
        let Some(mut view) = self.view.take() else {
            return;
        };
        if as_of > view.frame.as_of {
            let same_day = self.plan.zone.day(as_of) == view.frame.today;
            let next = if same_day { view.frame.later_today(as_of) } else { self.plan.frame(as_of) };
            if same_day {
                self.reassess_due(&mut view, &next);
            } else {
                self.reassess_all(&mut view, &next);
            }
            if self.today.has_to_begin(&next) {
                self.today.begin(&next, usage_of_day(&self.accounts, next.today));
            } else {
                self.today.advance(&next);
            }
            view.frame = next;
        }
        self.view = Some(view);
    }

    /// Replaces windows, dimensions and rates; zone and reporting currency stay. Totals are made anew. The plan is one that
    /// [`Shard::can_serve`], with a rate for every currency stored ([`Shard::unserved_currency`]).
    pub fn reconfigure(&mut self, plan: Arc<Plan>) {
        self.dimensions = plan.dimensions.iter().map(|name| Dimension::named(name, &mut self.symbols)).collect();
        self.plan = plan;
        if let Some(view) = self.view.take() {
            let frame = self.plan.frame(view.frame.as_of);
            self.today.begin(&frame, usage_of_day(&self.accounts, frame.today));
            self.view = Some(View { totals: self.recomputed(&frame), frame, audit: None, ..view });
        }
    }

    /// Whether the usage days are still kept that the windows of a plan need at [`Shard::earliest_view`] or later.
    pub fn can_serve(&self, plan: &Plan) -> bool {
        plan.frame(self.floor_at).first_usage_day() >= self.floor
    }

    /// What the shard is asked to show.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Whether totals are kept.
    pub fn is_live(&self) -> bool {
        self.view.is_some()
    }

    /// No view before this instant may be drawn: usage days only it needs may be gone, and which usage of a day lay after it is
    /// known only from the latest clock on.
    pub fn earliest_view(&self) -> Instant {
        self.floor_at.max(self.today.as_of())
    }

    /// A currency that stored facts use and the plan has no rate for: it would count as worth nothing. Facts that are gone again
    /// may be remembered here until a restart.
    pub fn unserved_currency(&self, plan: &Plan) -> Option<Currency> {
        self.currencies.iter().copied().find(|currency| !plan.rates.knows(*currency))
    }

    /// Reassesses the accounts whose states ahead take effect before the next instant of the same day.
    fn reassess_due(&self, view: &mut View, next: &Frame) {
        for customer_id in due(&mut view.ahead, next.as_of) {
            let place = self.accounts.place(&customer_id);
            if let Some(account) = Accounts::get(&self.accounts.part(place.part).read(), place, &customer_id) {
                self.reassess(view, next, place, account);
            }
        }
    }

    /// Reassesses every account whose contribution can differ between two days, and forgets usage that no view can need.
    fn reassess_all(&mut self, view: &mut View, next: &Frame) {
        drop(due(&mut view.ahead, next.as_of));
        view.audit = None;
        let same_rates = view.frame.valuation == next.valuation;
        let floor = self.next_floor(next.as_of);
        let mut freed = 0;
        for number in 0..self.accounts.parts() {
            for (customer_id, entry) in self.accounts.part(number).write().iter_mut() {
                if !same_rates || touch::by_move(&entry.account, &view.frame, next) {
                    self.reassess(view, next, self.accounts.place(customer_id), &entry.account);
                }
                if let Some((floor, _)) = floor {
                    freed += entry.account.drop_usage_before(floor);
                }
            }
        }
        (self.floor, self.floor_at) = floor.unwrap_or((self.floor, self.floor_at));
        self.held_bytes -= freed;
    }

    /// From which day on usage is kept and for views from which instant on, if that is later than now: views, records and clock
    /// must have passed it. An image that is being taken, or a look, shows what was kept when its moment was fixed, so nothing is
    /// forgotten then; forgetting itself changes no account, since every image says from which day on usage counts.
    fn next_floor(&self, as_of: Instant) -> Option<(Day, Instant)> {
        let bound = as_of.min(self.dedup.record_time()?).min(self.clock?);
        let floor = self.plan.first_usage_day(bound);
        (floor > self.floor && !self.is_capturing() && self.look.is_none()).then_some((floor, bound))
    }

    fn reassess(&self, view: &mut View, next: &Frame, place: Place, account: &Account) {
        let spans = next.all_spans();
        let before = self.lens(&view.frame).assess(account, spans);
        let after = self.lens(next).assess(account, spans);
        view.replace(place, &before, &after);
    }

    fn states_ahead(&self, as_of: Instant) -> BinaryHeap<Reverse<(Instant, Box<str>)>> {
        let mut ahead = BinaryHeap::new();
        self.accounts.each(|customer_id, account| {
            for subscription in account.subscriptions() {
                let first = subscription.before(as_of).len();
                ahead.extend(
                    subscription.versions[first..].iter().map(|version| Reverse((version.effective_at, customer_id.into()))),
                );
            }
        });
        ahead
    }
}

/// All usage of a civil day, by customer and currency.
fn usage_of_day(accounts: &Accounts, day: Day) -> Vec<(Box<str>, Currency, Micros)> {
    let mut usage = Vec::new();
    accounts.each(|customer_id, account| {
        usage.extend(account.usage().of_day(day).iter().map(|bin| (customer_id.into(), bin.currency, bin.amount)));
    });
    usage
}

/// Takes the customers out whose states take effect before an instant, each once.
fn due(ahead: &mut BinaryHeap<Reverse<(Instant, Box<str>)>>, as_of: Instant) -> BTreeSet<Box<str>> {
    let mut customers = BTreeSet::new();
    while ahead.peek().is_some_and(|Reverse((at, _))| *at < as_of) {
        customers.extend(ahead.pop().map(|Reverse((_, customer))| customer));
    }
    customers
}
