//! A customer's timeline of facts.
//!
//! Facts may arrive in any order and any number of times: of the states of one subscription at one instant only the greatest by
//! (version, event id) is kept, so the account is the same whatever the order, and every number is a function of it. Accounts are kept
//! packed; [`Subscription`], [`Version`] and [`Item`] are what they hold, spelt out.

mod state;
mod subscriptions;

pub use state::{Details, Item, ItemRef, State, Version};
pub use subscriptions::{States, Subscription, SubscriptionRef, Subscriptions};

use super::calendar::{Day, Instant};
use super::currency::Currency;
use super::facts::SubscriptionFact;
use super::packed::prefetch;
use super::symbol::{Symbol, Symbols};
use super::usage::{Bin, UsageDays};

/// Cache lines of an account's blocks that are worth asking for before they are needed: how long a block is stands in it.
const USAGE_LINES: usize = 9;
const SUBSCRIPTION_LINES: usize = 2;

/// Everything known of one customer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    pub(super) subscriptions: Subscriptions,
    pub(super) usage: UsageDays,
}

impl Account {
    /// The account that another one's parts make, in the order their getters give them; `None` if they cannot be those of an
    /// account.
    pub fn from_parts(subscriptions: &[Subscription], bins: &[Bin], first_usage: Option<Instant>) -> Option<Account> {
        let (subscriptions, usage) = (Subscriptions::of(subscriptions)?, UsageDays::from_bins(bins, first_usage)?);
        Some(Account { subscriptions, usage })
    }

    /// By subscription id.
    pub fn subscriptions(&self) -> &Subscriptions {
        &self.subscriptions
    }

    pub fn usage(&self) -> &UsageDays {
        &self.usage
    }

    /// A number of use to whoever keeps the account, and no part of its value; 0 at first.
    #[inline]
    pub fn mark(&self) -> u32 {
        self.usage.mark
    }

    #[inline]
    pub fn set_mark(&mut self, mark: u32) {
        self.usage.mark = mark;
    }

    /// Memory that the account holds beside itself, without the allocator's share.
    pub fn bytes(&self) -> usize {
        self.subscriptions.bytes() + self.usage.bytes()
    }

    /// Says that all of the account is about to be read.
    #[inline]
    pub fn prefetch(&self) {
        for (address, lines) in [(self.usage.address(), USAGE_LINES), (self.subscriptions.address(), SUBSCRIPTION_LINES)] {
            (0..lines).for_each(|line| prefetch(address.wrapping_add(64 * line)));
        }
    }

    /// Every text that the account names.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol> {
        let states = self.subscriptions.iter().flat_map(SubscriptionRef::states);
        states.map(State::details).flat_map(|details| {
            let items = details.items().flat_map(|item| [item.product, item.plan]);
            items.chain(details.attributes().flat_map(|(key, value)| [key, value]))
        })
    }

    /// The currencies that valuing the account can need, some more than once.
    pub fn currencies(&self) -> impl Iterator<Item = Currency> {
        let states = self.subscriptions.iter().flat_map(SubscriptionRef::states).filter(|state| state.counts());
        let valued = states.map(State::details).filter(|details| details.items().len() > 0);
        valued.filter_map(|details| details.currency).chain(self.usage.bins().map(|bin| bin.currency))
    }

    /// The first instant at which the customer brought revenue.
    #[inline]
    pub fn first_revenue(&self) -> Option<Instant> {
        first_revenue(&self.subscriptions, &self.usage)
    }

    /// The account's subscriptions with a fact's state; `None` if a greater state of the same subscription and instant is known, or
    /// this one.
    pub fn subscriptions_with(&self, fact: &SubscriptionFact, symbols: &mut Symbols) -> Option<Subscriptions> {
        self.subscriptions.with(fact, symbols)
    }

    /// Takes up what [`Account::subscriptions_with`] gave. Returns what it replaces.
    pub fn put_subscriptions(&mut self, subscriptions: Subscriptions) -> Subscriptions {
        std::mem::replace(&mut self.subscriptions, subscriptions)
    }

    /// The usage, to add to.
    pub fn usage_mut(&mut self) -> &mut UsageDays {
        &mut self.usage
    }

    /// Forgets usage days that no view can need any more. Returns how many bytes were freed.
    pub fn drop_usage_before(&mut self, floor: Day) -> usize {
        let before = self.usage.bytes();
        self.usage.drop_before(floor);
        before.saturating_sub(self.usage.bytes())
    }

    /// Whether any fact lies at or after one instant and before another: a state that begins, or the first revenue.
    pub fn has_change_between(&self, from: Instant, to: Instant) -> bool {
        let here = |at: Instant| at >= from && at < to;
        let begins = |subscription: SubscriptionRef| subscription.states().any(|state| here(state.effective_at));
        self.first_revenue().is_some_and(here) || self.subscriptions.iter().any(begins)
    }
}

/// The first instant of revenue from either.
#[inline]
pub(super) fn first_revenue(subscriptions: &Subscriptions, usage: &UsageDays) -> Option<Instant> {
    usage.first_positive().into_iter().chain(subscriptions.first_revenue()).min()
}
