//! Segments: the value a customer has in one dimension at one edge.

use super::account::{State, Subscriptions};
use super::assess::Lens;
use super::calendar::Instant;
use super::packed::Id;
use super::side::Epoch;
use super::symbol::{Symbol, Symbols};
use smallvec::SmallVec;
use std::cmp::Ordering;
use std::sync::Arc;

/// The value of customers that have none.
pub const UNKNOWN: &str = "unknown";
/// The plan of customers whose revenue is usage alone.
pub const USAGE_PLAN: &str = "usage";

/// A dimension, with what it needs to find a customer's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Civil month of first revenue.
    Cohort,
    /// Plan of the counting item worth most.
    Plan { usage: Symbol },
    /// An attribute by its key.
    Attribute { key: Symbol, unknown: Symbol },
}

/// A value of a dimension by its number: of a plan or an attribute that of its symbol, of a cohort months from January of the year 0.
/// Two values are equal only within one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SegmentValue(pub u32);

impl Dimension {
    /// The dimension of a configured name.
    pub fn named(name: &str, symbols: &mut Symbols) -> Dimension {
        match name {
            "cohort" => Dimension::Cohort,
            "plan" => Dimension::Plan { usage: symbols.intern(USAGE_PLAN) },
            _ => Dimension::Attribute { key: symbols.intern(name), unknown: symbols.intern(UNKNOWN) },
        }
    }

    /// The text of a value of this dimension.
    pub fn text(self, value: SegmentValue, symbols: &Symbols) -> Arc<str> {
        match self {
            Dimension::Cohort => format!("{:04}-{:02}", value.0 / 12, value.0 % 12 + 1).into(),
            Dimension::Plan { .. } | Dimension::Attribute { .. } => symbols.text(Symbol(value.0)).clone(),
        }
    }
}

impl Lens<'_> {
    /// The civil month of first revenue, the value of a customer in [`Dimension::Cohort`].
    #[inline]
    pub(super) fn cohort(&self, first_revenue: Option<Instant>) -> SegmentValue {
        if !self.dimensions.contains(&Dimension::Cohort) {
            return SegmentValue(0);
        }
        SegmentValue(self.zone.day(first_revenue.unwrap_or(self.frame.as_of)).months())
    }

    /// The values of a customer judged at an edge of an epoch.
    pub(super) fn segments(
        &self,
        subscriptions: &Subscriptions,
        epoch: &Epoch,
        at: Instant,
        cohort: SegmentValue,
    ) -> SmallVec<[SegmentValue; 4]> {
        let value = |dimension: &Dimension| match *dimension {
            Dimension::Cohort => cohort,
            Dimension::Plan { usage } => SegmentValue(epoch.top_plan(&self.frame.valuation, self.symbols).unwrap_or(usage).0),
            Dimension::Attribute { key, unknown } => {
                let held = held_now(subscriptions, epoch, key);
                SegmentValue(held.or_else(|| attribute(subscriptions, key, at, self.frame.as_of)).unwrap_or(unknown).0)
            }
        };
        self.dimensions.iter().map(value).collect()
    }
}

/// The attribute's value if every subscription's present state has one: then no earlier state can be the latest that has. `None` says
/// nothing.
fn held_now(subscriptions: &Subscriptions, epoch: &Epoch, key: Symbol) -> Option<Symbol> {
    let mut latest: Option<Holding> = None;
    for (subscription, state) in subscriptions.iter().zip(epoch.states()) {
        let Some(state) = *state else { continue };
        let holding = Holding { subscription: subscription.id, state, value: state.details().attribute(key)? };
        if latest.is_none_or(|latest| latest.is_before(&holding)) {
            latest = Some(holding);
        }
    }
    latest.map(|holding| holding.value)
}

/// Of the states before the edge that have the attribute the latest; if there is none, the earliest from the edge to `as_of`.
fn attribute(subscriptions: &Subscriptions, key: Symbol, at: Instant, as_of: Instant) -> Option<Symbol> {
    let (mut latest, mut later): (Option<Holding>, Option<Holding>) = (None, None);
    for subscription in subscriptions.iter() {
        for state in subscription.states().take_while(|state| state.effective_at < as_of.max(at)) {
            let Some(value) = state.details().attribute(key) else { continue };
            let holding = Holding { subscription: subscription.id, state, value };
            if state.effective_at < at {
                if latest.is_none_or(|latest| latest.is_before(&holding)) {
                    latest = Some(holding);
                }
            } else if state.effective_at < as_of && later.is_none_or(|later| holding.is_before(&later)) {
                later = Some(holding);
            }
        }
    }
    latest.or(later).map(|holding| holding.value)
}

/// A state, of any status, that has an attribute.
#[derive(Clone, Copy)]
struct Holding<'a> {
    subscription: Id<'a>,
    state: State<'a>,
    value: Symbol,
}

impl Holding<'_> {
    /// In the order of states over all subscriptions of a customer.
    fn is_before(&self, other: &Holding) -> bool {
        let order = |holding: &Holding| {
            let details = holding.state.details();
            (details.version, details.event_id.text().to_string(), holding.subscription.text().to_string())
        };
        match self.state.effective_at.cmp(&other.state.effective_at) {
            Ordering::Less => true,
            Ordering::Greater => false,
            Ordering::Equal => order(self) < order(other),
        }
    }
}
