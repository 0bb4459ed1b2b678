//! Events as a producer writes them, acceptance, and the facts that are left.
//!
//! Every field an event may lack is an `Option`. [`accept`] is the table of rejection reasons, row by row.

use super::number::{big, fraction, half_even};
use num_bigint::BigInt;
use num_traits::Zero;
use std::collections::{BTreeMap, BTreeSet};
use upswell::domain::facts::{Interval, RawItem, RawSubscription, RawUsage, Reason, Status};

/// One item of a subscription event.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub item_id: Option<String>,
    pub product_id: Option<String>,
    pub plan_id: Option<String>,
    pub quantity: Option<i64>,
    pub unit_amount: Option<i64>,
    pub interval: Option<Interval>,
    pub interval_count: Option<i64>,
    pub discount: Option<i64>,
}

/// A subscription event.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    pub event_id: Option<String>,
    pub customer_id: Option<String>,
    pub subscription_id: Option<String>,
    pub effective_at: Option<i64>,
    pub version: Option<i64>,
    pub status: Option<Status>,
    pub currency: Option<String>,
    pub items: Option<Vec<Item>>,
    pub attributes: BTreeMap<String, String>,
}

/// A usage event.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    pub event_id: Option<String>,
    pub customer_id: Option<String>,
    pub used_at: Option<i64>,
    pub meter: Option<String>,
    pub amount: Option<i64>,
    pub currency: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Subscription(Subscription),
    Usage(Usage),
}

impl Subscription {
    /// The event as a decoder hands it to the program under test.
    pub fn raw(&self) -> RawSubscription<'_> {
        RawSubscription {
            event_id: self.event_id.as_deref(),
            customer_id: self.customer_id.as_deref(),
            subscription_id: self.subscription_id.as_deref(),
            effective_at: self.effective_at,
            version: self.version,
            status: self.status,
            currency: self.currency.as_deref(),
            items: self.items.as_ref().map(|items| items.iter().map(Item::raw).collect()),
            attributes: self.attributes.iter().map(|(key, value)| (key.as_str(), Some(value.as_str()))).collect(),
        }
    }
}

impl Item {
    fn raw(&self) -> RawItem<'_> {
        RawItem {
            item_id: self.item_id.as_deref(),
            product_id: self.product_id.as_deref(),
            plan_id: self.plan_id.as_deref(),
            quantity: self.quantity,
            unit_amount_micros: self.unit_amount,
            interval: self.interval,
            interval_count: self.interval_count,
            discount_micros: self.discount,
        }
    }

    /// Monthly recurring revenue in the item's own currency; `None` where a number it needs is missing or out of bounds.
    fn mrr(&self) -> Option<BigInt> {
        let count = self.interval_count.unwrap_or(1);
        if !(1..=10_000).contains(&count) {
            return None;
        }
        let (numerator, denominator) = match self.interval? {
            Interval::Day => (365, 12 * count),
            Interval::Week => (52, 12 * count),
            Interval::Month => (1, count),
            Interval::Quarter => (1, 3 * count),
            Interval::Year => (1, 12 * count),
        };
        let per_invoice = big(self.unit_amount?) * big(self.quantity?) - big(self.discount.unwrap_or(0));
        let exact = fraction(per_invoice * numerator, big(denominator));
        Some(half_even(&exact).max(BigInt::zero()))
    }
}

impl Usage {
    /// The event as a decoder hands it to the program under test.
    pub fn raw(&self) -> RawUsage<'_> {
        RawUsage {
            event_id: self.event_id.as_deref(),
            customer_id: self.customer_id.as_deref(),
            used_at: self.used_at,
            meter: self.meter.as_deref(),
            amount_micros: self.amount,
            currency: self.currency.as_deref(),
        }
    }
}

/// An accepted item, worth `mrr` in the currency of its state while that counts.
#[derive(Clone, Debug)]
pub struct PricedItem {
    pub item_id: String,
    pub product_id: String,
    pub plan_id: String,
    pub quantity: BigInt,
    pub mrr: BigInt,
}

/// The complete state of one subscription from `effective_at` on.
#[derive(Clone, Debug)]
pub struct State {
    pub event_id: String,
    pub customer_id: String,
    pub subscription_id: String,
    pub effective_at: i64,
    pub version: i64,
    pub counts: bool,
    /// Only known to be valid while the state counts and has items.
    pub currency: String,
    pub items: Vec<PricedItem>,
    pub attributes: BTreeMap<String, String>,
}

/// Something consumed.
#[derive(Clone, Debug)]
pub struct Consumption {
    pub event_id: String,
    pub customer_id: String,
    pub used_at: i64,
    pub amount: BigInt,
    pub currency: String,
}

#[derive(Clone, Debug)]
pub enum Fact {
    State(State),
    Consumption(Consumption),
}

impl Fact {
    pub fn customer(&self) -> &str {
        match self {
            Fact::State(state) => &state.customer_id,
            Fact::Consumption(consumption) => &consumption.customer_id,
        }
    }

    /// When it takes effect.
    pub fn at(&self) -> i64 {
        match self {
            Fact::State(state) => state.effective_at,
            Fact::Consumption(consumption) => consumption.used_at,
        }
    }
}

/// A fact, or the first reason of the table that applies. `currencies` are the known ones.
pub fn accept(event: &Event, currencies: &BTreeSet<String>) -> Result<Fact, Reason> {
    match event {
        Event::Subscription(event) => accept_subscription(event, currencies).map(Fact::State),
        Event::Usage(event) => accept_usage(event, currencies).map(Fact::Consumption),
    }
}

const LIMIT: i64 = 1_000_000_000_000_000_000;

fn blank(id: &Option<String>) -> bool {
    id.as_deref().unwrap_or("").is_empty()
}

fn outside(value: Option<i64>, bounds: std::ops::RangeInclusive<i64>) -> bool {
    value.is_none_or(|value| !bounds.contains(&value))
}

/// From 2000-01-01 to before 2100-01-01, UTC.
fn untimely(at: Option<i64>) -> bool {
    outside(at, 946_684_800_000..=4_102_444_799_999)
}

fn unknown(currency: &Option<String>, currencies: &BTreeSet<String>) -> bool {
    currency.as_ref().is_none_or(|currency| !currencies.contains(currency))
}

fn first(rows: &[(Reason, bool)]) -> Result<(), Reason> {
    rows.iter().find(|(_, applies)| *applies).map_or(Ok(()), |(reason, _)| Err(*reason))
}

fn accept_subscription(event: &Subscription, currencies: &BTreeSet<String>) -> Result<State, Reason> {
    let items = event.items.as_deref().unwrap_or(&[]);
    let any = |fault: fn(&Item) -> bool| items.iter().any(fault);
    let counts = matches!(event.status, Some(Status::Active | Status::PastDue));
    let distinct: BTreeSet<_> = items.iter().map(|item| &item.item_id).collect();
    first(&[
        (Reason::Decode, event.status.is_none() || event.items.is_none()),
        (Reason::MissingId, blank(&event.event_id) || blank(&event.customer_id) || blank(&event.subscription_id)),
        (Reason::MissingId, any(|item| blank(&item.item_id) || blank(&item.product_id) || blank(&item.plan_id))),
        (Reason::InvalidTimestamp, untimely(event.effective_at)),
        (Reason::InvalidQuantity, any(|item| outside(item.quantity, 0..=1_000_000_000_000))),
        (Reason::InvalidAmount, any(|item| outside(item.unit_amount, 0..=LIMIT))),
        (Reason::InvalidAmount, any(|item| outside(item.discount.or(Some(0)), 0..=LIMIT))),
        (Reason::InvalidAmount, any(|item| item.mrr().is_some_and(|mrr| mrr > big(LIMIT)))),
        (Reason::InvalidInterval, any(|item| item.interval.is_none())),
        (Reason::InvalidInterval, any(|item| outside(item.interval_count.or(Some(1)), 1..=10_000))),
        (Reason::TooManyItems, items.len() > 1000),
        (Reason::DuplicateItem, distinct.len() < items.len()),
        (Reason::UnknownCurrency, counts && !items.is_empty() && unknown(&event.currency, currencies)),
    ])?;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let priced = |item: &Item| PricedItem {
        item_id: text(&item.item_id),
        product_id: text(&item.product_id),
        plan_id: text(&item.plan_id),
        quantity: big(item.quantity.unwrap_or(0)),
        mrr: item.mrr().expect("all its numbers are within bounds"),
    };
    Ok(State {
        event_id: text(&event.event_id),
        customer_id: text(&event.customer_id),
        subscription_id: text(&event.subscription_id),
        effective_at: event.effective_at.expect("a timestamp within bounds"),
        version: event.version.unwrap_or(0),
        counts,
        currency: text(&event.currency),
        items: items.iter().map(priced).collect(),
        attributes: event.attributes.clone(),
    })
}

fn accept_usage(event: &Usage, currencies: &BTreeSet<String>) -> Result<Consumption, Reason> {
    first(&[
        (Reason::MissingId, blank(&event.event_id) || blank(&event.customer_id) || blank(&event.meter)),
        (Reason::InvalidTimestamp, untimely(event.used_at)),
        (Reason::InvalidAmount, outside(event.amount, -LIMIT..=LIMIT)),
        (Reason::UnknownCurrency, unknown(&event.currency, currencies)),
    ])?;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    Ok(Consumption {
        event_id: text(&event.event_id),
        customer_id: text(&event.customer_id),
        used_at: event.used_at.expect("a timestamp within bounds"),
        amount: big(event.amount.unwrap_or(0)),
        currency: text(&event.currency),
    })
}
