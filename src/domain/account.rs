//! A customer's timeline of facts.
//!
//! Facts may arrive in any order and any number of times: of the states of one subscription at one instant only the greatest by
//! (version, event id) is kept, so the account is the same whatever the order, and every number is a function of it.

use super::calendar::{Day, Instant, Zone};
use super::currency::Currency;
use super::facts::{Status, SubscriptionFact};
use super::symbol::{Symbol, Symbols};
use super::usage::{Bin, UsageDays};

/// Everything known of one customer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// By subscription id.
    subscriptions: Vec<Subscription>,
    usage: UsageDays,
    /// First `used_at` of usage with a positive amount; it only ever falls.
    first_usage: Option<Instant>,
    /// First `effective_at` of a counting state with an item worth something; a superseding state can move it either way.
    first_subscription: Option<Instant>,
}

/// One subscription: its states by `effective_at`, distinct.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    pub id: Box<str>,
    pub versions: Vec<Version>,
}

/// The complete state of a subscription from `effective_at` on.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    pub effective_at: Instant,
    pub version: i64,
    pub event_id: Box<str>,
    pub status: Status,
    /// Known wherever items count.
    pub currency: Option<Currency>,
    /// By item id.
    pub items: Box<[Item]>,
    /// Key and value of each attribute.
    pub attributes: Box<[(Symbol, Symbol)]>,
}

/// One item of a state.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub id: Box<str>,
    pub product: Symbol,
    pub plan: Symbol,
    pub quantity: i64,
    /// In micro-units of the state's currency, before the zero for not counting.
    pub mrr: i64,
}

impl Version {
    fn of(fact: &SubscriptionFact, symbols: &mut Symbols) -> Version {
        let item = |symbols: &mut Symbols, item: &super::facts::ItemFact| Item {
            id: item.item_id.into(),
            product: symbols.intern(item.product_id),
            plan: symbols.intern(item.plan_id),
            quantity: item.quantity,
            mrr: item.mrr,
        };
        Version {
            effective_at: fact.effective_at,
            version: fact.version,
            event_id: fact.event_id.into(),
            status: fact.status,
            currency: fact.currency,
            items: fact.items.iter().map(|fact| item(symbols, fact)).collect(),
            attributes: fact.attributes.iter().map(|(key, value)| (symbols.intern(key), symbols.intern(value))).collect(),
        }
    }

    /// Memory of this state, about.
    fn bytes(&self) -> usize {
        let items: usize = self.items.iter().map(|item| size_of::<Item>() + item.id.len()).sum();
        size_of::<Version>() + self.event_id.len() + items + size_of_val(&*self.attributes)
    }

    /// Whether currency, items and their order are as acceptance leaves them.
    fn is_sound(&self) -> bool {
        let ordered = self.items.is_sorted_by(|one, next| one.id < next.id);
        let in_range = |item: &Item| item.quantity >= 0 && item.mrr >= 0;
        ordered && self.items.iter().all(in_range) && (self.currency.is_some() || !self.is_valued())
    }

    fn is_valued(&self) -> bool {
        self.status.counts() && !self.items.is_empty()
    }

    fn is_revenue(&self) -> bool {
        self.status.counts() && self.items.iter().any(|item| item.mrr > 0)
    }

    /// The value of an attribute in this state.
    pub fn attribute(&self, key: Symbol) -> Option<Symbol> {
        self.attributes.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }
}

impl Subscription {
    /// The states that began before an instant.
    pub fn before(&self, at: Instant) -> &[Version] {
        &self.versions[..self.versions.partition_point(|version| version.effective_at < at)]
    }

    /// The state at an edge.
    pub fn at(&self, at: Instant) -> Option<&Version> {
        self.before(at).last()
    }

    /// The instant of the latest change from counting to not counting before an edge.
    fn last_stop(&self, at: Instant) -> Option<Instant> {
        let stop = |pair: &&[Version]| pair[0].status.counts() && !pair[1].status.counts();
        self.before(at).windows(2).rev().find(stop).map(|pair| pair[1].effective_at)
    }
}

/// Where a subscription fact stands among those known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A greater state of the same subscription and instant is known, or this one: nothing changes.
    Superseded,
    /// The state changes the timeline.
    New,
}

impl Account {
    /// The account that another one's parts make, in the order their getters give them; `None` if they cannot be those of an
    /// account.
    pub fn from_parts(subscriptions: Vec<Subscription>, bins: Vec<Bin>, first_usage: Option<Instant>) -> Option<Account> {
        let sound = |subscription: &Subscription| {
            let ordered = subscription.versions.is_sorted_by(|one, next| one.effective_at < next.effective_at);
            ordered && !subscription.versions.is_empty() && subscription.versions.iter().all(Version::is_sound)
        };
        let ordered = subscriptions.is_sorted_by(|one, next| one.id < next.id);
        if !ordered || !subscriptions.iter().all(sound) {
            return None;
        }
        let usage = UsageDays::from_bins(bins)?;
        let first_subscription = first_subscription(&subscriptions);
        Some(Account { subscriptions, usage, first_usage, first_subscription })
    }

    pub fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    pub fn usage(&self) -> &UsageDays {
        &self.usage
    }

    /// First `used_at` of usage with a positive amount.
    pub fn first_usage(&self) -> Option<Instant> {
        self.first_usage
    }

    /// Memory that the account holds beside itself, about: the sum of what [`Account::put`], [`Account::add_usage`] and
    /// [`Account::drop_usage_before`] said.
    pub fn bytes(&self) -> usize {
        let subscription = |subscription: &Subscription| {
            let versions: usize = subscription.versions.iter().map(Version::bytes).sum();
            size_of::<Subscription>() + subscription.id.len() + versions
        };
        self.subscriptions.iter().map(subscription).sum::<usize>() + size_of_val(self.usage.bins())
    }

    /// Every text that the account names.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol> {
        let versions = self.subscriptions.iter().flat_map(|subscription| &subscription.versions);
        versions.flat_map(|version| {
            let items = version.items.iter().flat_map(|item| [item.product, item.plan]);
            items.chain(version.attributes.iter().flat_map(|(key, value)| [*key, *value]))
        })
    }

    /// The currencies that valuing the account can need, some more than once.
    pub fn currencies(&self) -> impl Iterator<Item = Currency> {
        let versions = self.subscriptions.iter().flat_map(|subscription| &subscription.versions);
        let valued = versions.filter(|version| version.is_valued()).filter_map(|version| version.currency);
        valued.chain(self.usage.bins().iter().map(|bin| bin.currency))
    }

    /// The first instant at which the customer brought revenue.
    pub fn first_revenue(&self) -> Option<Instant> {
        self.first_usage.into_iter().chain(self.first_subscription).min()
    }

    /// Where a fact would stand; [`Account::put`] changes nothing if it is superseded.
    pub fn place(&self, fact: &SubscriptionFact) -> Place {
        let known = self.find(fact.subscription_id).ok().and_then(|index| {
            let versions = &self.subscriptions[index].versions;
            versions.binary_search_by_key(&fact.effective_at, |version| version.effective_at).ok().map(|at| &versions[at])
        });
        match known {
            Some(version) if (version.version, &*version.event_id) >= (fact.version, fact.event_id) => Place::Superseded,
            _ => Place::New,
        }
    }

    /// Takes up a subscription fact that is not superseded, replacing the state of the same instant if there is one. Returns by
    /// how many bytes the account grew, about.
    pub fn put(&mut self, fact: &SubscriptionFact, symbols: &mut Symbols) -> isize {
        let version = Version::of(fact, symbols);
        let mut growth = version.bytes() as isize;
        let index = self.find(fact.subscription_id).unwrap_or_else(|index| {
            growth += (size_of::<Subscription>() + fact.subscription_id.len()) as isize;
            self.subscriptions.insert(index, Subscription { id: fact.subscription_id.into(), versions: Vec::with_capacity(1) });
            index
        });
        let versions = &mut self.subscriptions[index].versions;
        match versions.binary_search_by_key(&fact.effective_at, |version| version.effective_at) {
            Ok(at) => growth -= std::mem::replace(&mut versions[at], version).bytes() as isize,
            Err(at) => versions.insert(at, version),
        }
        if self.first_subscription.is_none_or(|first| fact.effective_at <= first) {
            self.first_subscription = first_subscription(&self.subscriptions);
        }
        growth
    }

    /// Takes up the instant of positive usage, which may be the first revenue.
    pub fn put_first_usage(&mut self, used_at: Instant) {
        self.first_usage = Some(self.first_usage.map_or(used_at, |first| first.min(used_at)));
    }

    /// Adds usage to its civil day. Returns by how many bytes the account grew, about.
    pub fn add_usage(&mut self, day: Day, currency: Currency, amount: i64) -> isize {
        let before = self.usage.bins().len();
        self.usage.add(day, currency, amount.into());
        (self.usage.bins().len() as isize - before as isize) * size_of::<Bin>() as isize
    }

    /// Forgets usage days that no view can need any more. Returns how many bytes were freed, about.
    pub fn drop_usage_before(&mut self, floor: Day) -> isize {
        let before = self.usage.bins().len();
        self.usage.drop_before(floor);
        ((before - self.usage.bins().len()) * size_of::<Bin>()) as isize
    }

    /// The civil day up to which usage is left out at an edge: if nothing counts there but something did, the day of the latest
    /// change from counting to not counting.
    pub fn usage_cut_off(&self, at: Instant, zone: &Zone) -> Option<Day> {
        if self.subscriptions.iter().any(|subscription| subscription.at(at).is_some_and(|version| version.status.counts())) {
            return None;
        }
        self.subscriptions.iter().filter_map(|subscription| subscription.last_stop(at)).max().map(|stop| zone.day(stop))
    }

    /// Whether any fact lies at or after one instant and before another: a state that begins, or the first revenue.
    pub fn has_change_between(&self, from: Instant, to: Instant) -> bool {
        let begins = |subscription: &Subscription| {
            let index = subscription.versions.partition_point(|version| version.effective_at < from);
            subscription.versions.get(index).is_some_and(|version| version.effective_at < to)
        };
        self.first_revenue().is_some_and(|first| first >= from && first < to) || self.subscriptions.iter().any(begins)
    }

    fn find(&self, subscription_id: &str) -> Result<usize, usize> {
        self.subscriptions.binary_search_by(|subscription| (*subscription.id).cmp(subscription_id))
    }
}

/// First `effective_at` of a counting state with an item worth something.
fn first_subscription(subscriptions: &[Subscription]) -> Option<Instant> {
    let first = |subscription: &Subscription| {
        subscription.versions.iter().find(|version| version.is_revenue()).map(|version| version.effective_at)
    };
    subscriptions.iter().filter_map(first).min()
}
