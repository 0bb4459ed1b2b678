//! Events of the synthetic history, before they become bytes.
//!
//! An event knows why it was made and how it was delivered, so that a history can be counted and judged without decoding it.

use crate::domain::calendar::Instant;
use crate::domain::facts::{Interval, RawItem, RawSubscription, RawUsage, Status};
use std::sync::Arc;

/// One item of a subscription.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub item_id: String,
    pub product_id: &'static str,
    pub plan_id: String,
    pub quantity: i64,
    pub unit_amount_micros: i64,
    pub interval: Interval,
    pub interval_count: i64,
    pub discount_micros: i64,
}

/// A subscription event with every field of the schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    pub event_id: String,
    pub customer_id: Arc<str>,
    pub subscription_id: String,
    pub effective_at: i64,
    pub version: i64,
    pub status: Status,
    pub currency: &'static str,
    pub items: Vec<Item>,
    pub attributes: Vec<(&'static str, &'static str)>,
}

/// A usage event with every field of the schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    pub event_id: String,
    pub customer_id: Arc<str>,
    pub used_at: i64,
    pub meter: &'static str,
    /// Units of the meter; informational.
    pub quantity: i64,
    pub amount_micros: i64,
    pub currency: &'static str,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Subscription(Subscription),
    Usage(Usage),
}

/// Why an event was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    TrialStarted,
    TrialLost,
    Converted,
    SignedUp,
    SeatsAdded,
    SeatsRemoved,
    Upgraded,
    Downgraded,
    AddOnBought,
    AddOnDropped,
    WentAnnual,
    PriceRise,
    DiscountEnded,
    PaymentFailed,
    PaymentRecovered,
    Paused,
    Resumed,
    CancelScheduled,
    CancelRevoked,
    Canceled,
    Returned,
    /// A scheduled state is written again, with a greater version, after the subscription changed before it took effect.
    Rescheduled,
    /// The right state after a wrong one, with a greater version at the same instant.
    Corrected,
    Used,
    /// Usage taken back: a negative amount at the time of what it corrects.
    UsageCredited,
}

impl Cause {
    /// Every cause, with the words of the summary.
    pub const ALL: [(Cause, &'static str); 25] = [
        (Cause::TrialStarted, "trials started"),
        (Cause::TrialLost, "trials lost"),
        (Cause::Converted, "trials converted"),
        (Cause::SignedUp, "sign-ups without trial"),
        (Cause::SeatsAdded, "seats added"),
        (Cause::SeatsRemoved, "seats removed"),
        (Cause::Upgraded, "upgrades"),
        (Cause::Downgraded, "downgrades"),
        (Cause::AddOnBought, "add-ons bought"),
        (Cause::AddOnDropped, "add-ons dropped"),
        (Cause::WentAnnual, "switches to annual billing"),
        (Cause::PriceRise, "price rises"),
        (Cause::DiscountEnded, "discounts ended"),
        (Cause::PaymentFailed, "payments failed"),
        (Cause::PaymentRecovered, "payments recovered"),
        (Cause::Paused, "pauses"),
        (Cause::Resumed, "resumptions"),
        (Cause::CancelScheduled, "cancellations scheduled"),
        (Cause::CancelRevoked, "cancellations revoked"),
        (Cause::Canceled, "cancellations at once"),
        (Cause::Returned, "returns"),
        (Cause::Rescheduled, "scheduled states renewed"),
        (Cause::Corrected, "corrections"),
        (Cause::Used, "usage"),
        (Cause::UsageCredited, "usage credited"),
    ];
}

/// What is wrong with an invalid event. Each is an extra, broken copy of an event that also arrives whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// An empty customer (of a subscription) or meter (of usage).
    MissingId,
    /// Seconds where milliseconds belong: an instant in January 1970.
    SecondsForMillis,
    /// A refund written as a negative number of seats.
    NegativeQuantity,
    /// An amount beyond every limit.
    AbsurdAmount,
    /// An interval of 0 months.
    ZeroInterval,
    /// The same item twice.
    RepeatedItem,
    /// A currency nobody has a rate for.
    UnknownCurrency,
    /// Usage dated three days ahead. Only a Kafka record has the timestamp to tell.
    FromTheFuture,
    /// The last bytes are cut off. Kafka only.
    Truncated,
    /// Bytes after the value. Kafka only.
    TrailingBytes,
    /// JSON in a topic of Avro. Kafka only.
    NotFramed,
}

impl Flaw {
    /// Every flaw, with the name of the reason for which the event is rejected.
    pub const ALL: [(Flaw, &'static str); 11] = [
        (Flaw::MissingId, "missing_id"),
        (Flaw::SecondsForMillis, "invalid_timestamp"),
        (Flaw::NegativeQuantity, "invalid_quantity"),
        (Flaw::AbsurdAmount, "invalid_amount"),
        (Flaw::ZeroInterval, "invalid_interval"),
        (Flaw::RepeatedItem, "duplicate_item"),
        (Flaw::UnknownCurrency, "unknown_currency"),
        (Flaw::FromTheFuture, "future_usage"),
        (Flaw::Truncated, "decode"),
        (Flaw::TrailingBytes, "trailing_bytes"),
        (Flaw::NotFramed, "framing"),
    ];

    /// Whether the flaw can be told only from a Kafka record, so that files do not hold the event.
    pub fn needs_kafka(self) -> bool {
        matches!(self, Flaw::FromTheFuture | Flaw::Truncated | Flaw::TrailingBytes | Flaw::NotFramed)
    }
}

/// How an event reaches its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Within minutes of what it tells.
    OnTime,
    /// Over half a day after it took effect.
    Late,
    /// Before it takes effect.
    Ahead,
    /// The same bytes once more.
    Repeated,
    /// A broken copy of an event that arrives whole later.
    Broken(Flaw),
}

/// One event of the history.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When the event is written to its topic: the record's timestamp.
    pub arrival: Instant,
    /// The record's key: the customer it belongs to, even where a broken body does not say so.
    pub customer: Arc<str>,
    pub body: Body,
    pub cause: Cause,
    pub delivery: Delivery,
}

impl Subscription {
    /// The event as a decoder would give it.
    pub fn raw(&self) -> RawSubscription<'_> {
        RawSubscription {
            event_id: Some(&self.event_id),
            customer_id: Some(&self.customer_id),
            subscription_id: Some(&self.subscription_id),
            effective_at: Some(self.effective_at),
            version: Some(self.version),
            status: Some(self.status),
            currency: Some(self.currency),
            items: Some(self.items.iter().map(Item::raw).collect()),
            attributes: self.attributes.iter().map(|(key, value)| (*key, Some(*value))).collect(),
        }
    }
}

impl Item {
    fn raw(&self) -> RawItem<'_> {
        RawItem {
            item_id: Some(&self.item_id),
            product_id: Some(self.product_id),
            plan_id: Some(&self.plan_id),
            quantity: Some(self.quantity),
            unit_amount_micros: Some(self.unit_amount_micros),
            interval: Some(self.interval),
            interval_count: Some(self.interval_count),
            discount_micros: Some(self.discount_micros),
        }
    }
}

impl Usage {
    /// The event as a decoder would give it.
    pub fn raw(&self) -> RawUsage<'_> {
        RawUsage {
            event_id: Some(&self.event_id),
            customer_id: Some(&self.customer_id),
            used_at: Some(self.used_at),
            meter: Some(self.meter),
            amount_micros: Some(self.amount_micros),
            currency: Some(self.currency),
        }
    }
}
