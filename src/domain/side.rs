//! One customer at one edge: what counts there and what it is worth in the reporting currency.

use super::account::{Account, Item, Version};
use super::calendar::Zone;
use super::currency::Valuation;
use super::frame::EdgeAt;
use super::money::Micros;
use super::symbol::{Symbol, Symbols};

/// A customer's revenue at an edge, and the states it comes from.
#[derive(Clone, Debug)]
pub struct Side<'a> {
    /// The state of each subscription at the edge, in the account's order; `None` before its first.
    states: Vec<Option<&'a Version>>,
    valuation: &'a Valuation,
    /// Committed MRR of all subscriptions, converted.
    pub committed: Micros,
    /// Usage run rate, converted.
    pub run_rate: Micros,
}

/// One counting item with its converted MRR.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Number of the subscription in the account.
    pub subscription: usize,
    pub item: &'a Item,
    pub mrr: Micros,
}

impl<'a> Side<'a> {
    pub fn new(account: &'a Account, edge: &EdgeAt, zone: &Zone, valuation: &'a Valuation) -> Side<'a> {
        let states = account.subscriptions().iter().map(|subscription| subscription.at(edge.at)).collect();
        let usage = account.usage();
        let run_rate =
            if usage.bins().is_empty() { 0 } else { usage.run_rate(edge, account.usage_cut_off(edge.at, zone), valuation) };
        let mut side = Side { states, valuation, committed: 0, run_rate };
        side.committed = side.lines().map(|line| line.mrr).sum();
        side
    }

    pub fn revenue(&self) -> Micros {
        self.committed + self.run_rate
    }

    /// Every item that counts, by subscription and item id.
    pub fn lines(&self) -> impl Iterator<Item = Line<'a>> {
        let valuation = self.valuation;
        let counting = |(number, state): (usize, &Option<&'a Version>)| state.filter(|v| v.status.counts()).map(|v| (number, v));
        self.states.iter().enumerate().filter_map(counting).flat_map(move |(subscription, version)| {
            let worth = move |item: &Item| version.currency.map_or(0, |currency| valuation.convert(item.mrr.into(), currency));
            version.items.iter().map(move |item| Line { subscription, item, mrr: worth(item) })
        })
    }

    /// Whether every subscription is in the same state at both edges.
    pub fn same_states(&self, other: &Side) -> bool {
        let same = |(a, b): (&Option<&Version>, &Option<&Version>)| match (a, b) {
            (Some(a), Some(b)) => std::ptr::eq(*a, *b),
            (None, None) => true,
            _ => false,
        };
        self.states.iter().zip(&other.states).all(same)
    }

    /// Plan of the counting item worth most, ties to the smallest plan id; `None` if no item is worth anything.
    pub fn top_plan(&self, symbols: &Symbols) -> Option<Symbol> {
        let worth_more =
            |a: &Line, b: &Line| a.mrr.cmp(&b.mrr).then_with(|| symbols.text(b.item.plan).cmp(symbols.text(a.item.plan)));
        self.lines().filter(|line| line.mrr > 0).max_by(worth_more).map(|line| line.item.plan)
    }
}
