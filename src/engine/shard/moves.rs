//! Moving a shard's view: going live, later instants, midnights, another plan.
//!
//! What needs a look at every account, going live and a new civil day, is done in slices between which facts go on arriving. An account
//! that the move has passed is seen through the new frame, any other through the one before, and the totals hold of each what it is
//! seen to contribute. So nothing is lost that arrives meanwhile, and at the end the totals are those of the new frame. Until then
//! they are those of no instant, and nobody is shown them.

use super::{Ahead, Shard, View, lens};
use crate::domain::account::{Account, SubscriptionRef};
use crate::domain::assess::{Lens, Placed};
use crate::domain::calendar::{Day, Instant};
use crate::domain::currency::Currency;
use crate::domain::frame::Frame;
use crate::domain::segment::Dimension;
use crate::engine::accounts::{Pass, Place};
use crate::engine::key::Key;
use crate::engine::plan::Plan;
use crate::engine::today::Today;
use crate::engine::totals::Totals;
use crate::engine::touch;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

/// A move that has to look at every account.
#[derive(Debug)]
pub(super) struct Moving {
    /// The frame of accounts not passed yet; `None` while going live.
    from: Option<Frame>,
    /// Whether accounts whose facts cannot matter may be passed by: both frames have equal rates.
    same_rates: bool,
    pass: Pass,
}

/// Where an account stands in a move.
#[derive(Clone, Copy, Debug)]
pub(super) enum Standing<'a> {
    /// The totals hold what it contributes to the view's frame.
    Moved,
    /// They hold what it contributes to the one before.
    Before(&'a Frame),
    /// They hold nothing of it.
    Unknown,
}

impl<'a> Standing<'a> {
    /// The frame through which the account is seen, if the view's is `frame`.
    #[inline]
    pub(super) fn frame(self, frame: &'a Frame) -> Option<&'a Frame> {
        match self {
            Standing::Moved => Some(frame),
            Standing::Before(before) => Some(before),
            Standing::Unknown => None,
        }
    }
}

impl Moving {
    #[inline]
    pub(super) fn standing(&self, place: Place) -> Standing<'_> {
        match &self.from {
            _ if self.pass.has_passed(place) => Standing::Moved,
            Some(before) => Standing::Before(before),
            None => Standing::Unknown,
        }
    }
}

impl Shard {
    /// Assesses every account for a view at `as_of`; totals are kept from now on. The instant is not before
    /// [`Shard::earliest_view`].
    pub fn go_live(&mut self, as_of: Instant) {
        self.begin_view(as_of);
        while self.move_on(usize::MAX) {}
    }

    /// Moves the view's instant on; an instant that is not later changes nothing.
    pub fn advance(&mut self, as_of: Instant) {
        self.begin_move(as_of);
        while self.move_on(usize::MAX) {}
    }

    /// Begins to go live: [`Shard::move_on`] does the work. The instant is not before [`Shard::earliest_view`].
    pub fn begin_view(&mut self, as_of: Instant) {
        let frame = self.plan.frame(as_of);
        self.today.begin(&frame);
        let moving = Moving { from: None, same_rates: false, pass: Pass::default() };
        let (totals, ahead) = (self.no_totals(), BinaryHeap::new());
        self.view = Some(View { frame, totals, ahead, audit: None, moving: Some(moving) });
    }

    /// Moves the view's instant on, at once within a civil day; into another day [`Shard::move_on`] does the work. An instant that is
    /// not later changes nothing, nor does any while the view moves.
    pub fn begin_move(&mut self, as_of: Instant) {
        let Some(mut view) = self.view.take_if(|view| view.moving.is_none() && as_of > view.frame.as_of) else { return };
        if self.plan.zone.day(as_of) == view.frame.today {
            let next = view.frame.later_today(as_of);
            self.reassess_due(&mut view, &next);
            view.frame = next;
            self.today.advance(&view.frame);
        } else {
            let next = self.plan.frame(as_of);
            drop(due(&mut view.ahead, as_of));
            view.audit = None;
            if self.today.has_to_begin(&next) {
                self.today.begin(&next);
            } else {
                self.today.advance(&next);
            }
            (self.floor, self.floor_at) = self.next_floor(as_of).unwrap_or((self.floor, self.floor_at));
            let same_rates = view.frame.valuation == next.valuation;
            let from = Some(std::mem::replace(&mut view.frame, next));
            view.moving = Some(Moving { from, same_rates, pass: Pass::default() });
        }
        self.view = Some(view);
    }

    /// Goes on with a move, looking at about so many accounts. Whether there is more to do.
    pub fn move_on(&mut self, most: usize) -> bool {
        let Some(mut view) = self.view.take_if(|view| view.moving.is_some()) else { return false };
        view.moving = view.moving.take().and_then(|moving| self.carry_on(&mut view, moving, most));
        let more = view.moving.is_some();
        self.view = Some(view);
        more
    }

    /// Carries about so many accounts over; the move, unless it is over.
    fn carry_on(&mut self, view: &mut View, mut moving: Moving, most: usize) -> Option<Moving> {
        let (mut left, mut pass) = (most.max(1), moving.pass);
        let lens = |frame| lens(frame, &self.plan, &self.dimensions, &self.symbols);
        let mut carrying = Carrying {
            from: moving.from.as_ref().map(lens),
            to: lens(&view.frame),
            same_rates: moving.same_rates,
            floor: self.floor,
            totals: &mut view.totals,
            ahead: &mut view.ahead,
            today: &mut self.today,
            held_bytes: &mut self.held_bytes,
        };
        while left > 0 && !pass.is_over(&self.accounts) {
            // A part is cut by what a whole turn looks at, not by the rest of one: each slice takes a look at every key of its part. A
            // part without accounts takes time as well.
            let looked_at = pass.next_mut(&mut self.accounts, most, |key, account| carrying.carry_over(key, account));
            left = left.saturating_sub(1 + looked_at);
        }
        moving.pass = pass;
        if !pass.is_over(&self.accounts) {
            return Some(moving);
        }
        self.today.finish();
        None
    }

    /// Whether a view is on its way to an instant.
    pub fn is_moving(&self) -> bool {
        self.view.as_ref().is_some_and(|view| view.moving.is_some())
    }

    /// Whether a move has passed the place of a customer, known or not; `None` while no view moves.
    pub fn has_moved(&self, customer_id: &str) -> Option<bool> {
        let moving = self.view.as_ref()?.moving.as_ref()?;
        Some(moving.pass.has_passed(self.accounts.place(customer_id)))
    }

    /// Replaces windows, dimensions and rates; zone and reporting currency stay. Totals are made anew. The plan is one that
    /// [`Shard::can_serve`], with a rate for every currency stored ([`Shard::unserved_currency`]).
    pub fn reconfigure(&mut self, plan: Arc<Plan>) {
        self.dimensions = plan.dimensions.iter().map(|name| Dimension::named(name, &mut self.symbols)).collect();
        self.plan = plan;
        if let Some(view) = self.view.take() {
            self.go_live(view.frame.as_of);
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

    /// Whether totals are kept, or about to be.
    pub fn has_view(&self) -> bool {
        self.view.is_some()
    }

    /// Whether totals of all accounts are kept, though perhaps on their way from one civil day to another.
    pub fn is_live(&self) -> bool {
        let goes_live = |view: &View| view.moving.as_ref().is_some_and(|moving| moving.from.is_none());
        self.view.as_ref().is_some_and(|view| !goes_live(view))
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
        let (from, to) = (self.lens(&view.frame), self.lens(next));
        for customer_id in due(&mut view.ahead, next.as_of) {
            let place = self.accounts.place(&customer_id);
            if let Some(account) = self.accounts.get(place, &customer_id) {
                reassess(&mut view.totals, (&from, &to), account, |span, before, after| {
                    if let Some(audit) = &mut view.audit {
                        audit.replace(place, next.spans[span].role, before, after);
                    }
                });
            }
        }
    }

    /// From which day on usage is kept and for views from which instant on, if that is later than now: views, records and clock
    /// must have passed it. An image that is being taken, or a look, shows what was kept when its moment was fixed, so nothing is
    /// forgotten then; forgetting itself changes no account, since every image says from which day on usage counts.
    fn next_floor(&self, as_of: Instant) -> Option<(Day, Instant)> {
        let bound = as_of.min(self.dedup.record_time()?).min(self.clock?);
        let floor = self.plan.first_usage_day(bound);
        (floor > self.floor && !self.is_capturing() && self.look.is_none()).then_some((floor, bound))
    }
}

/// What accounts are carried over with.
struct Carrying<'a> {
    /// `None` while going live.
    from: Option<Lens<'a>>,
    to: Lens<'a>,
    same_rates: bool,
    floor: Day,
    totals: &'a mut Totals,
    ahead: &'a mut Ahead,
    today: &'a mut Today,
    held_bytes: &'a mut isize,
}

impl Carrying<'_> {
    /// Carries an account over to the view's frame, and forgets usage that no view can need.
    fn carry_over(&mut self, key: &Key, account: &mut Account) {
        let frame = self.to.frame;
        match &self.from {
            None => {
                self.to.assess(account, frame.all_spans(), |span, placed| {
                    self.totals.replace(frame.spans[span].role, None, Some(placed));
                });
                key.with_text(|customer_id| note_states_ahead(self.ahead, frame.as_of, customer_id, account));
            }
            Some(from) => {
                if !self.same_rates || touch::by_move(account, from.frame, frame) {
                    reassess(self.totals, (from, &self.to), account, |_, _, _| {});
                }
                *self.held_bytes -= account.drop_usage_before(self.floor) as isize;
            }
        }
        if let Some(day) = self.today.beginning() {
            for bin in account.usage().of_day(day) {
                key.with_text(|customer_id| self.today.count(customer_id, bin.currency, bin.amount));
            }
        }
    }
}

/// Replaces what an account contributes to one frame by what it contributes to another of the same plan. `also` is told of each span
/// that may differ.
fn reassess(
    totals: &mut Totals,
    (from, to): (&Lens, &Lens),
    account: &Account,
    mut also: impl FnMut(usize, Option<Placed>, Option<Placed>),
) {
    let (from_frame, frame) = (from.frame, to.frame);
    // An attribute that no state before an edge has is taken from the first one after it that has taken effect.
    let is_named = account.has_change_between(from_frame.as_of, frame.as_of)
        && touch::lacks_attribute(account, frame.earliest_edge(), to.dimensions);
    let spans = if is_named { frame.all_spans() } else { frame.spans_moved(from_frame) };
    let (before, after) = (from.look(account, spans), to.look(account, spans));
    spans.each(|span| {
        let (before, after) = (before.contribution(span), after.contribution(span));
        totals.replace(frame.spans[span].role, before, after);
        also(span, before, after);
    });
}

/// Notes when states of an account take effect that lie ahead.
fn note_states_ahead(ahead: &mut Ahead, as_of: Instant, customer_id: &str, account: &Account) {
    let states = account.subscriptions().iter().flat_map(SubscriptionRef::states);
    let later = states.map(|state| state.effective_at).filter(|at| *at >= as_of);
    ahead.extend(later.map(|at| Reverse((at, customer_id.into()))));
}

/// Takes the customers out whose states take effect before an instant, each once.
fn due(ahead: &mut Ahead, as_of: Instant) -> BTreeSet<Box<str>> {
    let mut customers = BTreeSet::new();
    while ahead.peek().is_some_and(|Reverse((at, _))| *at < as_of) {
        customers.extend(ahead.pop().map(|Reverse((_, customer))| customer));
    }
    customers
}
