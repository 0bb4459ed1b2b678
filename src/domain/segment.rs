//! Segments: the value a customer has in one dimension at one edge.

use super::account::{Account, Subscription, Version};
use super::calendar::{Instant, Zone};
use super::frame::{EdgeAt, Frame};
use super::side::Side;
use super::symbol::{Symbol, Symbols};
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

/// A value of a dimension; two values are equal only within one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SegmentValue(u32);

impl Dimension {
    /// The dimension of a configured name.
    pub fn named(name: &str, symbols: &mut Symbols) -> Dimension {
        match name {
            "cohort" => Dimension::Cohort,
            "plan" => Dimension::Plan { usage: symbols.intern(USAGE_PLAN) },
            _ => Dimension::Attribute { key: symbols.intern(name), unknown: symbols.intern(UNKNOWN) },
        }
    }

    /// The value of a customer that has revenue at one of the ends of a span, judged at `edge`.
    pub fn value(
        self,
        account: &Account,
        edge: &EdgeAt,
        side: &Side,
        frame: &Frame,
        zone: &Zone,
        symbols: &Symbols,
    ) -> SegmentValue {
        match self {
            Dimension::Cohort => {
                let first = account.first_revenue().unwrap_or(frame.as_of);
                let date = zone.day(first).date();
                SegmentValue(date.year() as u32 * 12 + date.month() as u32 - 1)
            }
            Dimension::Plan { usage } => SegmentValue(side.top_plan(symbols).unwrap_or(usage).0),
            Dimension::Attribute { key, unknown } => {
                SegmentValue(attribute(account.subscriptions(), key, edge.at, frame.as_of).unwrap_or(unknown).0)
            }
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

/// Of the states before the edge that have the attribute the latest; if there is none, the earliest from the edge to `as_of`.
fn attribute(subscriptions: &[Subscription], key: Symbol, at: Instant, as_of: Instant) -> Option<Symbol> {
    let holding = |subscription| states_with(subscription, key);
    let latest =
        subscriptions.iter().flat_map(holding).filter(|(_, version)| version.effective_at < at).max_by_key(|state| order(*state));
    let found = latest.or_else(|| {
        let later = |(_, version): &(&str, &Version)| version.effective_at >= at && version.effective_at < as_of;
        subscriptions.iter().flat_map(holding).filter(later).min_by_key(|state| order(*state))
    });
    found.and_then(|(_, version)| version.attribute(key))
}

/// The states of a subscription, of any status, that have an attribute.
fn states_with(subscription: &Subscription, key: Symbol) -> impl Iterator<Item = (&str, &Version)> {
    subscription
        .versions
        .iter()
        .filter(move |version| version.attribute(key).is_some())
        .map(|version| (&*subscription.id, version))
}

/// The order of states over all subscriptions of a customer.
fn order<'a>((id, version): (&'a str, &'a Version)) -> (Instant, i64, &'a str, &'a str) {
    (version.effective_at, version.version, &version.event_id, id)
}
