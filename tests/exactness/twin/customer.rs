//! One customer's facts, and what they are worth at an edge.

use super::calendar::{Calendar, Day};
use super::facts::{Consumption, Fact, State};
use super::number::{fraction, half_even};
use super::setup::Valuation;
use num_bigint::BigInt;
use num_traits::Zero;
use std::collections::{BTreeMap, BTreeSet};

/// All facts of one customer that take effect before the instant of the view: superseded states and repeated usage taken out.
pub struct Customer {
    states: Vec<State>,
    usage: Vec<Consumption>,
}

/// An item that counts at an edge; MRR converted.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldItem {
    pub subscription_id: String,
    pub item_id: String,
    pub product_id: String,
    pub plan_id: String,
    pub quantity: BigInt,
    pub mrr: BigInt,
}

/// What a customer is worth at an edge, in the reporting currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    pub items: Vec<HeldItem>,
    pub run_rate: BigInt,
}

impl Side {
    pub fn total(&self) -> BigInt {
        self.items.iter().map(|item| &item.mrr).sum::<BigInt>() + &self.run_rate
    }
}

impl Customer {
    pub fn new<'a>(facts: impl Iterator<Item = &'a Fact>) -> Customer {
        let mut states: BTreeMap<(String, i64), State> = BTreeMap::new();
        let mut usage: BTreeMap<String, Consumption> = BTreeMap::new();
        for fact in facts {
            match fact {
                Fact::State(state) => {
                    let greatest = states.entry((state.subscription_id.clone(), state.effective_at)).or_insert(state.clone());
                    if (state.version, &state.event_id) > (greatest.version, &greatest.event_id) {
                        *greatest = state.clone();
                    }
                }
                Fact::Consumption(consumption) => {
                    usage.entry(consumption.event_id.clone()).or_insert(consumption.clone());
                }
            }
        }
        Customer { states: states.into_values().collect(), usage: usage.into_values().collect() }
    }

    /// The state of each subscription at an edge: its latest before it.
    fn states_at(&self, edge: i64) -> Vec<&State> {
        let mut latest: BTreeMap<&str, &State> = BTreeMap::new();
        for state in self.states.iter().filter(|state| state.effective_at < edge) {
            let held = latest.entry(&state.subscription_id).or_insert(state);
            if state.effective_at > held.effective_at {
                *held = state;
            }
        }
        latest.into_values().collect()
    }

    pub fn side(&self, edge: i64, calendar: &Calendar, valuation: &Valuation) -> Side {
        let mut items = Vec::new();
        for state in self.states_at(edge).into_iter().filter(|state| state.counts) {
            items.extend(state.items.iter().map(|item| HeldItem {
                subscription_id: state.subscription_id.clone(),
                item_id: item.item_id.clone(),
                product_id: item.product_id.clone(),
                plan_id: item.plan_id.clone(),
                quantity: item.quantity.clone(),
                mrr: valuation.convert(&item.mrr, &state.currency),
            }));
        }
        let rates = self.run_rates(edge, calendar);
        Side { items, run_rate: rates.iter().map(|(currency, rate)| valuation.convert(rate, currency)).sum() }
    }

    /// The latest change from counting to not counting, if nothing counts at the edge but something did before.
    fn end_of_service(&self, edge: i64) -> Option<i64> {
        if self.states_at(edge).iter().any(|state| state.counts) {
            return None;
        }
        let mut changes = Vec::new();
        for state in self.states.iter().filter(|state| state.effective_at < edge && !state.counts) {
            let same = |other: &&State| other.subscription_id == state.subscription_id;
            let earlier = self.states.iter().filter(same).filter(|other| other.effective_at < state.effective_at);
            if earlier.max_by_key(|other| other.effective_at).is_some_and(|previous| previous.counts) {
                changes.push(state.effective_at);
            }
        }
        changes.into_iter().max()
    }

    /// Amounts per civil day and currency.
    fn amounts(&self, calendar: &Calendar, wanted: impl Fn(Day) -> bool) -> BTreeMap<Day, BTreeMap<String, BigInt>> {
        let mut days: BTreeMap<Day, BTreeMap<String, BigInt>> = BTreeMap::new();
        for usage in &self.usage {
            let day = calendar.day(usage.used_at);
            if wanted(day) {
                *days.entry(day).or_default().entry(usage.currency.clone()).or_default() += &usage.amount;
            }
        }
        days
    }

    /// The usage run rate at an edge, per currency.
    fn run_rates(&self, edge: i64, calendar: &Calendar) -> BTreeMap<String, BigInt> {
        let d = calendar.day(edge);
        let cut = self.end_of_service(edge).map(|change| calendar.day(change));
        let amounts = self.amounts(calendar, |day| cut.is_none_or(|cut| day > cut));
        let usage_day = |day: &Day| amounts.get(day).is_some_and(|sums| sums.values().any(|sum| !sum.is_zero()));
        let Some(f) = (d - 28..d).find(usage_day) else {
            return BTreeMap::new();
        };
        let in_use_before = (f - 35..f).any(|day| usage_day(&day));
        let n = if in_use_before { 28 } else { (d - f).clamp(7, 28) };
        let mut sums: BTreeMap<String, BigInt> = BTreeMap::new();
        for (currency, amount) in amounts.range(d - 28..d).flat_map(|(_, sums)| sums) {
            *sums.entry(currency.clone()).or_default() += amount;
        }
        let rate = |sum: BigInt| half_even(&fraction(sum * 365, BigInt::from(12 * n))).max(BigInt::zero());
        sums.into_iter().map(|(currency, sum)| (currency, rate(sum))).collect()
    }

    /// Usage of the civil day in progress, each currency's sum converted.
    pub fn usage_today(&self, as_of: i64, calendar: &Calendar, valuation: &Valuation) -> BigInt {
        let today = calendar.day(as_of);
        let amounts = self.amounts(calendar, |day| day == today);
        amounts.values().flatten().map(|(currency, sum)| valuation.convert(sum, currency)).sum()
    }

    /// When the customer first was worth something, in the facts' own currencies.
    pub fn first_revenue(&self) -> Option<i64> {
        let worth = |state: &&State| state.counts && state.items.iter().any(|item| item.mrr > BigInt::zero());
        let subscribed = self.states.iter().filter(worth).map(|state| state.effective_at);
        let used = self.usage.iter().filter(|usage| usage.amount > BigInt::zero()).map(|usage| usage.used_at);
        subscribed.chain(used).min()
    }

    /// The attribute at an edge: of the latest state before it that has the key, or else of the earliest from it on.
    pub fn attribute(&self, key: &str, edge: i64) -> Option<String> {
        let order = |state: &&&State| (state.effective_at, state.version, state.event_id.clone(), state.subscription_id.clone());
        let having: Vec<&State> = self.states.iter().filter(|state| state.attributes.contains_key(key)).collect();
        let before = having.iter().filter(|state| state.effective_at < edge).max_by_key(order);
        let from = having.iter().filter(|state| state.effective_at >= edge).min_by_key(order);
        before.or(from).map(|state| state.attributes[key].clone())
    }
}

/// Facts of a view by customer: those that take effect before its instant.
pub fn customers(facts: &[Fact], as_of: i64) -> Vec<Customer> {
    let before: Vec<&Fact> = facts.iter().filter(|fact| fact.at() < as_of).collect();
    let ids: BTreeSet<&str> = before.iter().map(|fact| fact.customer()).collect();
    let of = |id: &str| Customer::new(before.iter().copied().filter(|fact| fact.customer() == id));
    ids.into_iter().map(of).collect()
}
