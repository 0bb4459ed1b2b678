//! A shard: the accounts of one partition, and the totals over them.
//!
//! Facts may arrive in any order; after each one, and after every move of the view's instant, the totals are exactly what
//! assessing every account from scratch at that instant gives. A fact costs work in proportion to the spans it touches. Until a
//! shard goes live it stores facts and keeps no totals, which is what reading a log from its beginning wants.

mod audit;
mod capture;
mod look;
pub mod movers;
mod moves;
pub mod portrait;

pub use super::accounts::Directory;
pub use audit::AuditStep;
pub(super) use capture::RESTORED;
pub use look::{Frozen, Listed};

use super::accounts::{Accounts, Entry, PARTS, Place};
use super::dedup::{Dedup, Memory, Remembered};
use super::key::Key;
use super::plan::Plan;
use super::report::ShardTotals;
use super::today::{Today, Used};
use super::totals::Totals;
use super::touch;
use crate::domain::account::Account;
use crate::domain::assess::{Lens, Placed};
use crate::domain::calendar::{Day, Instant, Zone};
use crate::domain::currency::Currency;
use crate::domain::facts::{SubscriptionFact, UsageFact};
use crate::domain::frame::Frame;
use crate::domain::segment::Dimension;
use crate::domain::symbol::Symbols;
use crate::domain::usage::UsageDays;
use audit::Audit;
use capture::Changes;
use look::Look;
use moves::{Moving, Standing};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// An account with its key in a hash table that is three quarters full, and what the allocator adds to the block of its
/// subscriptions.
const ACCOUNT_BYTES: usize = size_of::<(Key, Account)>() * 4 / 3 + 16;

/// The accounts and totals of one partition.
#[derive(Debug)]
pub struct Shard {
    plan: Arc<Plan>,
    dimensions: Vec<Dimension>,
    symbols: Symbols,
    accounts: Accounts,
    changes: Changes,
    /// A look at all accounts that is under way.
    look: Option<Box<Look>>,
    /// Memory of what the accounts hold, about.
    held_bytes: isize,
    dedup: Dedup,
    clock: Option<Instant>,
    today: Today,
    /// Usage of earlier days is not kept: no view from `floor_at` on can need it.
    floor: Day,
    floor_at: Instant,
    /// Of facts stored; may hold one whose facts were superseded.
    currencies: Vec<Currency>,
    view: Option<View>,
}

/// What a shard is restored from.
pub(super) struct Restored {
    pub plan: Arc<Plan>,
    pub symbols: Symbols,
    /// Texts that the images held.
    pub texts: u32,
    pub accounts: Accounts,
    pub held_bytes: isize,
    pub dedup: Dedup,
    pub today: Today,
    pub floor: (Day, Instant),
    pub currencies: Vec<Currency>,
}

/// When states take effect, and for whom; the earliest first.
type Ahead = BinaryHeap<Reverse<(Instant, Box<str>)>>;

/// What a live shard keeps for its instant.
#[derive(Debug)]
struct View {
    frame: Frame,
    /// Those of the frame; of accounts that a move has not come to yet, those of the frame before.
    totals: Totals,
    /// When states that lie ahead take effect, and for whom.
    ahead: Ahead,
    audit: Option<Audit>,
    moving: Option<Moving>,
}

/// Where a fact's account will be looked for in a shard, and what a usage event is remembered by: worked out once.
#[derive(Clone, Copy, Debug)]
pub struct Aim {
    place: Place,
    event: Option<Remembered>,
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

impl Shard {
    /// An empty shard. `hash_key` keys the hashes of customer and usage ids.
    pub fn new(plan: Arc<Plan>, memory: Memory, hash_key: (u64, u64)) -> Shard {
        let mut symbols = Symbols::default();
        let dimensions = plan.dimensions.iter().map(|name| Dimension::named(name, &mut symbols)).collect();
        Shard {
            plan,
            dimensions,
            symbols,
            accounts: Accounts::new(PARTS, hash_key),
            changes: Changes::new(),
            look: None,
            held_bytes: 0,
            dedup: Dedup::new(memory, hash_key),
            clock: None,
            today: Today::new(),
            floor: Zone::FIRST,
            floor_at: Zone::EARLIEST_VIEW,
            currencies: Vec::new(),
            view: None,
        }
    }

    /// A shard as its images held it, not live; its next image may follow them.
    pub(super) fn restored(parts: Restored) -> Shard {
        let mut symbols = parts.symbols;
        let dimensions = parts.plan.dimensions.iter().map(|name| Dimension::named(name, &mut symbols)).collect();
        Shard {
            plan: parts.plan,
            dimensions,
            symbols,
            accounts: parts.accounts,
            changes: Changes::restored(parts.texts),
            look: None,
            held_bytes: parts.held_bytes,
            dedup: parts.dedup,
            clock: None,
            today: parts.today,
            floor: parts.floor.0,
            floor_at: parts.floor.1,
            currencies: parts.currencies,
            view: None,
        }
    }

    /// Where a subscription fact's account will be looked for.
    #[inline]
    pub fn aim_subscription(&self, fact: &SubscriptionFact) -> Aim {
        Aim { place: self.accounts.place(fact.customer_id), event: None }
    }

    /// Where a usage fact's account will be looked for, and what the fact is remembered by.
    #[inline]
    pub fn aim_usage(&self, fact: &UsageFact) -> Aim {
        Aim { place: self.accounts.place(fact.customer_id), event: Some(self.dedup.id(fact.customer_id, fact.event_id)) }
    }

    /// Says that a fact is coming: what it looks for first is asked for from memory.
    #[inline]
    pub fn expect(&self, Aim { place, event }: Aim) {
        self.accounts.prefetch(place);
        event.into_iter().for_each(|event| self.dedup.prefetch(event));
    }

    /// Says that the account of a fact that was aimed at this shard is about to be needed: it has come from memory, its blocks have not.
    #[inline]
    pub fn warm(&self, Aim { place, .. }: Aim, customer_id: &str) {
        self.accounts.get(place, customer_id).into_iter().for_each(Account::prefetch);
    }

    /// Takes up a subscription fact.
    pub fn apply_subscription(&mut self, fact: &SubscriptionFact) -> Applied {
        let aim = self.aim_subscription(fact);
        self.expect(aim);
        self.apply_subscription_at(aim, fact)
    }

    /// Takes up a subscription fact that was aimed at this shard.
    pub fn apply_subscription_at(&mut self, Aim { place, .. }: Aim, fact: &SubscriptionFact) -> Applied {
        let Entry { mut account, is_new: new_customer, accounts } = self.accounts.entry(place, fact.customer_id);
        let account = &mut *account;
        account.prefetch();
        let Some(subscriptions) = account.subscriptions_with(fact, &mut self.symbols) else {
            return Applied { new_customer };
        };
        Look::before_change(&mut self.look, place, fact.customer_id, account, &self.symbols);
        self.changes.before_change(accounts, place, fact.customer_id, account);
        fact.currency.into_iter().for_each(|currency| note(&mut self.currencies, currency));
        if let Some(View { frame, totals, ahead, audit, moving }) = &mut self.view {
            let spans_in = |frame| touch::by_state(account, fact.effective_at, frame, &self.dimensions);
            let state = moving.as_ref().map_or(Standing::Moved, |moving| moving.standing(place));
            if let Some(frame) = state.frame(frame) {
                let (lens, spans) = (lens(frame, &self.plan, &self.dimensions, &self.symbols), spans_in(frame));
                if !spans.is_empty() {
                    let before = lens.look(account, spans);
                    let after = before.with(account.usage(), &subscriptions, spans);
                    spans.each(|span| {
                        let change = (before.contribution(span), after.contribution(span));
                        replace((totals, audit.as_mut()), frame, (place, span), change);
                    });
                }
            }
            if fact.effective_at >= frame.as_of && !matches!(state, Standing::Unknown) {
                ahead.push(Reverse((fact.effective_at, fact.customer_id.into())));
            }
        }
        let grown = subscriptions.bytes() as isize;
        self.held_bytes += grown - account.put_subscriptions(subscriptions).bytes() as isize;
        Applied { new_customer }
    }

    /// Takes up a usage fact; `record_at` is the Kafka record's timestamp.
    pub fn apply_usage(&mut self, fact: &UsageFact, record_at: Option<Instant>) -> UsageVerdict {
        let aim = self.aim_usage(fact);
        self.expect(aim);
        self.apply_usage_at(aim, fact, record_at)
    }

    /// Takes up a usage fact that was aimed at this shard.
    pub fn apply_usage_at(&mut self, Aim { place, event }: Aim, fact: &UsageFact, record_at: Option<Instant>) -> UsageVerdict {
        if let Some(record_at) = record_at {
            self.dedup.observe(record_at, self.clock);
        }
        let event = event.unwrap_or_else(|| self.dedup.id(fact.customer_id, fact.event_id));
        if !self.dedup.insert(event) {
            return UsageVerdict::Duplicate;
        }
        let Entry { mut account, is_new: new_customer, accounts } = self.accounts.entry(place, fact.customer_id);
        let account = &mut *account;
        Look::before_change(&mut self.look, place, fact.customer_id, account, &self.symbols);
        self.changes.before_change(accounts, place, fact.customer_id, account);
        note(&mut self.currencies, fact.currency);
        let day = self.plan.zone.day(fact.used_at);
        if self.view.as_ref().is_some_and(|view| day < view.frame.today) {
            account.prefetch();
        }
        let (currency, amount) = (fact.currency, fact.amount.into());
        let held = account.usage().bytes();
        let kept = day >= self.floor;
        let put = |usage: &mut UsageDays| {
            if amount > 0 {
                usage.put_positive(fact.used_at);
            }
            if kept {
                usage.add(day, currency, amount);
            }
        };
        let used = Used { at: fact.used_at, day, customer_id: fact.customer_id, currency, amount };
        let mut reach = None;
        if let Some(View { frame, totals, audit, moving, .. }) = &mut self.view {
            let state = moving.as_ref().map_or(Standing::Moved, |moving| moving.standing(place));
            self.today.add(&used, matches!(state, Standing::Moved));
            if let Some(frame) = state.frame(frame) {
                reach = touch::by_usage(account, fact, day, frame);
                if let Some(reach) = &mut reach {
                    // While a view moves, an account seen through the frame before may be seen at edges that need days not kept any more.
                    reach.added = reach.added.filter(|_| kept);
                    let lens = lens(frame, &self.plan, &self.dimensions, &self.symbols);
                    let around = lens.look_around(account, reach, put);
                    reach.spans.each(|span| {
                        replace((totals, audit.as_mut()), frame, (place, span), around.contributions(span));
                    });
                }
            }
        } else {
            self.today.add(&used, false);
        }
        if reach.is_none() {
            put(account.usage_mut());
        }
        self.held_bytes += account.usage().bytes() as isize - held as isize;
        UsageVerdict::Applied(Applied { new_customer })
    }

    /// Tells the shard what time it is: bounds record time, so that a record from the future makes nothing be forgotten.
    pub fn observe_clock(&mut self, wall: Instant) {
        self.clock = Some(wall);
        self.today.expect_view_from(wall);
    }

    /// A copy of the totals, for the instant they are exact for; `None` until the shard is live, and while its view moves.
    pub fn totals(&self) -> Option<ShardTotals> {
        let view = self.view.as_ref().filter(|view| view.moving.is_none())?;
        Some(ShardTotals::new(view.frame.as_of, &view.totals, self.today.worth(), &self.dimensions, &self.symbols))
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
        let accounts = self.accounts.len() * ACCOUNT_BYTES + self.accounts.key_bytes();
        accounts + self.held_bytes.max(0).unsigned_abs() + self.symbols.bytes() + self.dedup.bytes()
    }

    pub fn directory(&self) -> Directory {
        self.accounts.directory()
    }

    /// What assessment sees of an account.
    fn lens<'a>(&'a self, frame: &'a Frame) -> Lens<'a> {
        lens(frame, &self.plan, &self.dimensions, &self.symbols)
    }
}

fn lens<'a>(frame: &'a Frame, plan: &'a Plan, dimensions: &'a [Dimension], symbols: &'a Symbols) -> Lens<'a> {
    Lens { frame, zone: &plan.zone, dimensions, symbols }
}

/// Replaces what an account adds to a span, in the totals and in those that an audit has recomputed for it.
#[inline]
fn replace(
    (totals, audit): (&mut Totals, Option<&mut Audit>),
    frame: &Frame,
    (place, span): (Place, usize),
    (before, after): (Option<Placed>, Option<Placed>),
) {
    let role = frame.spans[span].role;
    totals.replace(role, before, after);
    if let Some(audit) = audit {
        audit.replace(place, role, before, after);
    }
}

/// Adds a currency to a set of a few.
fn note(currencies: &mut Vec<Currency>, currency: Currency) {
    if !currencies.contains(&currency) {
        currencies.push(currency);
    }
}

#[cfg(test)]
mod tests;
