//! A shard: the accounts of one partition, and the totals over them.
//!
//! Facts may arrive in any order; after each one, and after every move of the view's instant, the totals are exactly what
//! assessing every account from scratch at that instant gives. A fact costs work in proportion to the spans it touches. Until a
//! shard goes live it stores facts and keeps no totals, which is what reading a log from its beginning wants.

use super::dedup::{Dedup, Memory};
use super::plan::Plan;
use super::report::ShardTotals;
use super::today::{Today, Used};
use super::totals::Totals;
use super::touch;
use crate::domain::account::{Account, Place};
use crate::domain::assess::Lens;
use crate::domain::calendar::{Day, Instant, Zone};
use crate::domain::currency::Currency;
use crate::domain::facts::{SubscriptionFact, UsageFact};
use crate::domain::frame::Frame;
use crate::domain::money::Micros;
use crate::domain::segment::Dimension;
use crate::domain::symbol::Symbols;
use dashmap::DashMap;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

/// Accounts by customer id: one writer, any number of readers.
type Accounts = DashMap<Box<str>, Account>;

/// A customer id, and the account's place in a hash table that is three quarters full.
const ACCOUNT_OVERHEAD: usize = 48;

/// The accounts and totals of one partition.
#[derive(Debug)]
pub struct Shard {
    plan: Arc<Plan>,
    dimensions: Vec<Dimension>,
    symbols: Symbols,
    accounts: Arc<Accounts>,
    /// Memory of what the accounts hold, about.
    held_bytes: isize,
    dedup: Dedup,
    clock: Option<Instant>,
    today: Today,
    /// Usage of earlier days is not kept: no view from now on can need it.
    floor: Day,
    view: Option<View>,
}

/// What a live shard keeps for its instant.
#[derive(Debug)]
struct View {
    frame: Frame,
    totals: Totals,
    /// When states that lie ahead take effect, and for whom.
    ahead: BinaryHeap<Reverse<(Instant, Box<str>)>>,
}

/// What applying a fact found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The shard had no fact of this customer before.
    pub new_customer: bool,
}

/// What became of a usage event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageVerdict {
    Applied(Applied),
    /// Applied before, and remembered: ignored.
    Duplicate,
}

/// A look at which customers a shard holds, for other threads.
#[derive(Clone, Debug)]
pub struct Directory(Arc<Accounts>);

impl Directory {
    pub fn holds(&self, customer_id: &str) -> bool {
        self.0.contains_key(customer_id)
    }

    /// The first customer of this shard, in no order, for whom a condition holds.
    pub fn find(&self, condition: impl Fn(&str) -> bool) -> Option<String> {
        self.0.iter().map(|entry| entry.key().to_string()).find(|customer| condition(customer))
    }
}

impl Shard {
    /// An empty shard. `hash_key` keys the memory of usage ids.
    pub fn new(plan: Arc<Plan>, memory: Memory, hash_key: (u64, u64)) -> Shard {
        let mut symbols = Symbols::default();
        let dimensions = plan.dimensions.iter().map(|name| Dimension::named(name, &mut symbols)).collect();
        let accounts = Arc::new(Accounts::new());
        Shard {
            plan,
            dimensions,
            symbols,
            accounts,
            held_bytes: 0,
            dedup: Dedup::new(memory, hash_key),
            clock: None,
            today: Today::new(),
            floor: Zone::FIRST,
            view: None,
        }
    }

    /// Takes up a subscription fact.
    pub fn apply_subscription(&mut self, fact: &SubscriptionFact) -> Applied {
        let accounts = Arc::clone(&self.accounts);
        let new_customer = !accounts.contains_key(fact.customer_id);
        let mut account = accounts.entry(fact.customer_id.into()).or_default();
        if account.place(fact) == Place::Superseded {
            return Applied { new_customer };
        }
        let Some(view) = &mut self.view else {
            self.held_bytes += account.put(fact, &mut self.symbols);
            return Applied { new_customer };
        };
        let spans = touch::by_state(&account, fact.effective_at, &view.frame, &self.dimensions);
        let before = lens(&view.frame, &self.plan, &self.dimensions, &self.symbols).assess(&account, spans);
        self.held_bytes += account.put(fact, &mut self.symbols);
        let after = lens(&view.frame, &self.plan, &self.dimensions, &self.symbols).assess(&account, spans);
        view.totals.replace(&view.frame, &before, &after);
        if fact.effective_at >= view.frame.as_of {
            view.ahead.push(Reverse((fact.effective_at, fact.customer_id.into())));
        }
        Applied { new_customer }
    }

    /// Takes up a usage fact; `record_at` is the Kafka record's timestamp.
    pub fn apply_usage(&mut self, fact: &UsageFact, record_at: Option<Instant>) -> UsageVerdict {
        if let Some(record_at) = record_at {
            self.dedup.observe(record_at, self.clock);
        }
        if !self.dedup.insert(fact.customer_id, fact.event_id) {
            return UsageVerdict::Duplicate;
        }
        let accounts = Arc::clone(&self.accounts);
        let (mut account, new_customer) = match accounts.get_mut(fact.customer_id) {
            Some(account) => (account, false),
            None => (accounts.entry(fact.customer_id.into()).or_default(), true),
        };
        let day = self.plan.zone.day(fact.used_at);
        let kept = day >= self.floor;
        let put = |account: &mut Account| {
            if fact.amount > 0 {
                account.put_first_usage(fact.used_at);
            }
            if kept { account.add_usage(day, fact.currency, fact.amount) } else { 0 }
        };
        let (currency, amount) = (fact.currency, fact.amount.into());
        self.today.add(&Used { at: fact.used_at, day, customer_id: fact.customer_id, currency, amount });
        let Some(view) = &mut self.view else {
            self.held_bytes += put(&mut account);
            return UsageVerdict::Applied(Applied { new_customer });
        };
        let spans = touch::by_usage(&account, fact, day, &view.frame);
        if spans.is_empty() {
            self.held_bytes += put(&mut account);
        } else {
            let lens = lens(&view.frame, &self.plan, &self.dimensions, &self.symbols);
            let before = lens.assess(&account, spans);
            self.held_bytes += put(&mut account);
            let after = lens.assess(&account, spans);
            view.totals.replace(&view.frame, &before, &after);
        }
        UsageVerdict::Applied(Applied { new_customer })
    }

    /// Tells the shard what time it is: bounds record time, so that a record from the future makes nothing be forgotten.
    pub fn observe_clock(&mut self, wall: Instant) {
        self.clock = Some(wall);
        self.today.expect_view_from(wall);
    }

    /// Assesses every account for a view at `as_of`; totals are kept from now on.
    pub fn go_live(&mut self, as_of: Instant) {
        let frame = self.plan.frame(as_of);
        self.today.begin(&frame, usage_of_day(&self.accounts, frame.today));
        self.view = Some(View { totals: self.recomputed(&frame), ahead: self.states_ahead(as_of), frame });
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
            self.today.advance(&next);
            view.frame = next;
        }
        self.view = Some(view);
    }

    /// Replaces windows, dimensions and rates; zone and reporting currency stay. Totals are made anew.
    pub fn reconfigure(&mut self, plan: Arc<Plan>) {
        self.dimensions = plan.dimensions.iter().map(|name| Dimension::named(name, &mut self.symbols)).collect();
        self.plan = plan;
        if let Some(view) = self.view.take() {
            let frame = self.plan.frame(view.frame.as_of);
            self.today.begin(&frame, usage_of_day(&self.accounts, frame.today));
            self.view = Some(View { totals: self.recomputed(&frame), frame, ..view });
        }
    }

    /// Whether usage days that the windows of a plan need are still kept.
    pub fn can_serve(&self, plan: &Plan) -> bool {
        self.view.as_ref().is_none_or(|view| plan.frame(view.frame.as_of).first_usage_day() >= self.floor)
    }

    /// A copy of the totals, for the instant they are exact for; `None` until the shard is live.
    pub fn totals(&self) -> Option<ShardTotals> {
        let view = self.view.as_ref()?;
        Some(ShardTotals::new(view.frame.as_of, &view.totals, self.today.worth(), &self.dimensions, &self.symbols))
    }

    /// Recomputes every total from the accounts; a sentence about the first difference, if there is one.
    pub fn audit(&self) -> Result<(), String> {
        let Some(view) = &self.view else {
            return Ok(());
        };
        let expected = self.recomputed(&view.frame);
        if expected.mrr != view.totals.mrr {
            return Err(format!("recurring revenue is {}, recomputed {}", view.totals.mrr, expected.mrr));
        }
        for ((window, kept), recomputed) in self.plan.windows.iter().zip(&view.totals.windows).zip(&expected.windows) {
            if kept.total != recomputed.total {
                return Err(format!("window {window}: kept {:?}, recomputed {:?}", kept.total, recomputed.total));
            }
            if kept.segments != recomputed.segments {
                return Err(format!("window {window}: the segments differ from recomputed ones although the total does not"));
            }
        }
        Ok(())
    }

    /// Number of customers with a fact.
    pub fn accounts(&self) -> usize {
        self.accounts.len()
    }

    /// Number of usage events remembered.
    pub fn dedup_entries(&self) -> usize {
        self.dedup.entries()
    }

    /// Memory of accounts, texts and remembered ids, in bytes: an estimate from what they hold, without the allocator's share.
    pub fn tracked_bytes(&self) -> usize {
        let accounts = self.accounts.len() * (size_of::<Box<str>>() + size_of::<Account>() + ACCOUNT_OVERHEAD);
        accounts + self.held_bytes.max(0).unsigned_abs() + self.symbols.bytes() + self.dedup.bytes()
    }

    pub fn directory(&self) -> Directory {
        Directory(Arc::clone(&self.accounts))
    }

    /// Reassesses the accounts whose states ahead take effect before the next instant of the same day.
    fn reassess_due(&self, view: &mut View, next: &Frame) {
        for customer_id in due(&mut view.ahead, next.as_of) {
            if let Some(account) = self.accounts.get(&customer_id) {
                self.reassess(view, next, &account);
            }
        }
    }

    /// Reassesses every account whose contribution can differ between two days, and forgets usage that no view can need.
    fn reassess_all(&mut self, view: &mut View, next: &Frame) {
        drop(due(&mut view.ahead, next.as_of));
        let same_rates = view.frame.valuation == next.valuation;
        let bound = self.dedup.record_time().into_iter().chain(self.clock).fold(next.as_of, Instant::min);
        let forgets = self.dedup.record_time().is_some() && self.clock.is_some();
        let floor = if forgets { self.plan.frame(bound).first_usage_day().max(self.floor) } else { self.floor };
        let mut freed = 0;
        for mut account in self.accounts.iter_mut() {
            if !same_rates || touch::by_move(&account, &view.frame, next) {
                self.reassess(view, next, &account);
            }
            if floor > self.floor {
                freed += account.drop_usage_before(floor);
            }
        }
        (self.floor, self.held_bytes) = (floor, self.held_bytes - freed);
    }

    fn reassess(&self, view: &mut View, next: &Frame, account: &Account) {
        let spans = next.all_spans();
        let before = lens(&view.frame, &self.plan, &self.dimensions, &self.symbols).assess(account, spans);
        let after = lens(next, &self.plan, &self.dimensions, &self.symbols).assess(account, spans);
        view.totals.replace(next, &before, &after);
    }

    /// Totals from scratch.
    fn recomputed(&self, frame: &Frame) -> Totals {
        let mut totals = Totals::new(self.plan.windows.len(), self.dimensions.len());
        let lens = lens(frame, &self.plan, &self.dimensions, &self.symbols);
        for account in self.accounts.iter() {
            totals.add(frame, &lens.assess(&account, frame.all_spans()));
        }
        totals
    }

    fn states_ahead(&self, as_of: Instant) -> BinaryHeap<Reverse<(Instant, Box<str>)>> {
        let mut ahead = BinaryHeap::new();
        for entry in self.accounts.iter() {
            for subscription in entry.subscriptions() {
                let first = subscription.before(as_of).len();
                ahead.extend(
                    subscription.versions[first..].iter().map(|version| Reverse((version.effective_at, entry.key().clone()))),
                );
            }
        }
        ahead
    }
}

/// What assessment sees of an account.
fn lens<'a>(frame: &'a Frame, plan: &'a Plan, dimensions: &'a [Dimension], symbols: &'a Symbols) -> Lens<'a> {
    Lens { frame, zone: &plan.zone, dimensions, symbols }
}

/// All usage of a civil day, by customer and currency.
fn usage_of_day(accounts: &Accounts, day: Day) -> Vec<(Box<str>, Currency, Micros)> {
    let mut usage = Vec::new();
    for entry in accounts.iter() {
        usage.extend(entry.usage().of_day(day).iter().map(|bin| (entry.key().clone(), bin.currency, bin.amount)));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::currency::ExchangeRates;
    use crate::domain::facts::{ItemFact, Status};
    use crate::domain::window::Window;

    const DAY: i64 = 86_400_000;
    const AS_OF: Instant = Instant(20_345 * DAY + DAY / 2);

    fn usd() -> Currency {
        Currency::parse("USD").expect("a code")
    }

    fn shard() -> Shard {
        let plan = Plan {
            zone: Zone::named("UTC").expect("a zone"),
            rates: ExchangeRates::new(usd(), vec![]),
            windows: vec![Window::Trailing(30)],
            dimensions: vec!["plan".into()],
            max_values: 10,
        };
        Shard::new(Arc::new(plan), Memory::Window { millis: DAY }, (1, 2))
    }

    fn state(event_id: &str, at: i64, items: usize) -> SubscriptionFact<'_> {
        let item = ItemFact { item_id: "i", product_id: "p", plan_id: "l", quantity: 1, mrr: 1_000_000 };
        SubscriptionFact {
            event_id,
            customer_id: "c",
            subscription_id: "s",
            effective_at: Instant(at),
            version: 0,
            status: Status::Active,
            currency: Some(usd()),
            items: vec![item; items],
            attributes: vec![],
        }
    }

    fn usage(event_id: &str, at: i64) -> UsageFact<'_> {
        UsageFact { event_id, customer_id: "c", used_at: Instant(at), amount: 5, currency: usd() }
    }

    #[test]
    fn memory_is_tracked_as_facts_come_and_go() {
        let mut shard = shard();
        let empty = shard.tracked_bytes();
        assert_eq!(shard.apply_subscription(&state("a", AS_OF.0 - DAY, 3)), Applied { new_customer: true });
        let with_items = shard.tracked_bytes();
        assert!(with_items > empty);
        assert_eq!(shard.apply_subscription(&state("b", AS_OF.0 - DAY, 1)), Applied { new_customer: false });
        assert!(shard.tracked_bytes() < with_items, "the greater event superseded one with more items");
        let superseding = shard.tracked_bytes();
        shard.apply_subscription(&state("a", AS_OF.0 - DAY, 3));
        assert_eq!(shard.tracked_bytes(), superseding, "a superseded state is not kept");
        shard.apply_usage(&usage("u", AS_OF.0 - DAY), None);
        assert!(shard.tracked_bytes() > superseding);
    }

    #[test]
    fn usage_that_no_view_can_need_is_forgotten_once_wall_clock_and_records_have_passed_it() {
        let mut shard = shard();
        shard.go_live(AS_OF);
        shard.observe_clock(AS_OF);
        shard.apply_usage(&usage("old", AS_OF.0 - 100 * DAY), Some(AS_OF));
        let held = shard.held_bytes;
        assert!(held > 0);
        let later = Instant(AS_OF.0 + 30 * DAY);
        shard.advance(later);
        assert_eq!(shard.held_bytes, held, "neither the clock nor a record has come so far");
        shard.observe_clock(Instant(later.0 + DAY));
        shard.apply_usage(&usage("new", AS_OF.0), Some(later));
        shard.advance(Instant(later.0 + DAY));
        assert_eq!(shard.held_bytes, held, "the old day went, the new one came");
        assert!(shard.floor > Zone::FIRST);
        shard.apply_usage(&usage("older", AS_OF.0 - 200 * DAY), Some(later));
        assert_eq!(shard.held_bytes, held, "late usage of a forgotten day moves first revenue only");
        let first = shard.accounts.get("c").and_then(|account| account.first_revenue());
        assert_eq!(first, Some(Instant(AS_OF.0 - 200 * DAY)));
        assert_eq!(shard.audit(), Ok(()));
    }
}
