//! Facts: what a billing event says, before and after acceptance.
//!
//! A decoder yields a [`RawSubscription`] or [`RawUsage`]: fields that were missing are `None`, nothing is judged. Acceptance
//! (`domain::accept`) is the only way to a [`SubscriptionFact`] or [`UsageFact`], so the inner rings never meet a fact outside
//! the documented limits. All text is borrowed from the record.

use super::calendar::Instant;
use super::currency::Currency;

/// State of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    Trialing,
    Active,
    PastDue,
    Paused,
    Canceled,
}

impl Status {
    /// The Avro enum symbols, in schema order.
    pub const SYMBOLS: [(&'static str, Status); 5] = [
        ("TRIALING", Status::Trialing),
        ("ACTIVE", Status::Active),
        ("PAST_DUE", Status::PastDue),
        ("PAUSED", Status::Paused),
        ("CANCELED", Status::Canceled),
    ];

    /// Whether a subscription in this state is revenue: only ACTIVE and PAST_DUE are.
    pub fn counts(self) -> bool {
        matches!(self, Status::Active | Status::PastDue)
    }
}

/// Billing interval of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interval {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Interval {
    /// The Avro enum symbols, in schema order.
    pub const SYMBOLS: [(&'static str, Interval); 5] = [
        ("DAY", Interval::Day),
        ("WEEK", Interval::Week),
        ("MONTH", Interval::Month),
        ("QUARTER", Interval::Quarter),
        ("YEAR", Interval::Year),
    ];
}

/// One item of a subscription as decoded. Missing (absent or null) fields are `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawItem<'a> {
    pub item_id: Option<&'a str>,
    pub product_id: Option<&'a str>,
    pub plan_id: Option<&'a str>,
    pub quantity: Option<i64>,
    pub unit_amount_micros: Option<i64>,
    pub interval: Option<Interval>,
    pub interval_count: Option<i64>,
    pub discount_micros: Option<i64>,
}

/// A subscription event as decoded. Missing (absent or null) fields are `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawSubscription<'a> {
    pub event_id: Option<&'a str>,
    pub customer_id: Option<&'a str>,
    pub subscription_id: Option<&'a str>,
    /// Milliseconds since 1970, UTC; finer timestamps are floored by the decoder.
    pub effective_at: Option<i64>,
    pub version: Option<i64>,
    /// `None` is a `decode` rejection.
    pub status: Option<Status>,
    pub currency: Option<&'a str>,
    /// `None` is a `decode` rejection.
    pub items: Option<Vec<RawItem<'a>>>,
    /// Map entries in wire order; of two equal keys the later wins; a null value means no such key.
    pub attributes: Vec<(&'a str, Option<&'a str>)>,
}

/// A usage event as decoded. Missing (absent or null) fields are `None`. The informational quantity is not read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawUsage<'a> {
    pub event_id: Option<&'a str>,
    pub customer_id: Option<&'a str>,
    /// Milliseconds since 1970, UTC; finer timestamps are floored by the decoder.
    pub used_at: Option<i64>,
    pub meter: Option<&'a str>,
    pub amount_micros: Option<i64>,
    pub currency: Option<&'a str>,
}

/// A decoded event of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum RawFact<'a> {
    Subscription(RawSubscription<'a>),
    Usage(RawUsage<'a>),
}

/// Which of the two kinds of events a topic or file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FactKind {
    Subscription,
    Usage,
}

/// Which topic a record comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopicKind {
    Subscriptions,
    Usage,
    /// Rejected events of both other topics, written again after a fix.
    Retries,
}

impl TopicKind {
    /// Every topic, in the order of everything that is kept per topic.
    pub const ALL: [TopicKind; 3] = [TopicKind::Subscriptions, TopicKind::Usage, TopicKind::Retries];

    /// The kind of every event in the topic; `None` for retries, which may be of either.
    pub fn fact_kind(self) -> Option<FactKind> {
        match self {
            TopicKind::Subscriptions => Some(FactKind::Subscription),
            TopicKind::Usage => Some(FactKind::Usage),
            TopicKind::Retries => None,
        }
    }
}

impl From<FactKind> for TopicKind {
    fn from(kind: FactKind) -> TopicKind {
        match kind {
            FactKind::Subscription => TopicKind::Subscriptions,
            FactKind::Usage => TopicKind::Usage,
        }
    }
}

/// One accepted item: its identity and its worth.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemFact<'a> {
    pub item_id: &'a str,
    pub product_id: &'a str,
    pub plan_id: &'a str,
    /// 0 to 10^12.
    pub quantity: i64,
    /// Monthly recurring revenue in micro-units of the fact's currency, 0 to 10^18, before the zero for not counting.
    pub mrr: i64,
}

/// An accepted subscription event: the complete state of one subscription from `effective_at` on.
#[derive(Clone, Debug, PartialEq)]
pub struct SubscriptionFact<'a> {
    pub event_id: &'a str,
    pub customer_id: &'a str,
    pub subscription_id: &'a str,
    pub effective_at: Instant,
    pub version: i64,
    pub status: Status,
    /// Known while the subscription counts and has items; otherwise it may be anything and has no use.
    pub currency: Option<Currency>,
    /// Distinct `item_id`s, at most 1,000, sorted by `item_id`.
    pub items: Vec<ItemFact<'a>>,
    /// Distinct keys, sorted.
    pub attributes: Vec<(&'a str, &'a str)>,
}

/// An accepted usage event.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageFact<'a> {
    pub event_id: &'a str,
    pub customer_id: &'a str,
    pub used_at: Instant,
    /// -10^18 to 10^18 micro-units of `currency`.
    pub amount: i64,
    pub currency: Currency,
}

/// Why an event was rejected. In the order of precedence: the first reason that applies is the one reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    Framing,
    UnknownSchema,
    Decode,
    TrailingBytes,
    MissingId,
    InvalidTimestamp,
    InvalidQuantity,
    InvalidAmount,
    InvalidInterval,
    TooManyItems,
    DuplicateItem,
    UnknownCurrency,
    FutureUsage,
}

impl Reason {
    /// Every reason, in order of precedence.
    pub const ALL: [Reason; 13] = [
        Reason::Framing,
        Reason::UnknownSchema,
        Reason::Decode,
        Reason::TrailingBytes,
        Reason::MissingId,
        Reason::InvalidTimestamp,
        Reason::InvalidQuantity,
        Reason::InvalidAmount,
        Reason::InvalidInterval,
        Reason::TooManyItems,
        Reason::DuplicateItem,
        Reason::UnknownCurrency,
        Reason::FutureUsage,
    ];

    /// The public name, as in metrics, reports and dead-letter headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Framing => "framing",
            Reason::UnknownSchema => "unknown_schema",
            Reason::Decode => "decode",
            Reason::TrailingBytes => "trailing_bytes",
            Reason::MissingId => "missing_id",
            Reason::InvalidTimestamp => "invalid_timestamp",
            Reason::InvalidQuantity => "invalid_quantity",
            Reason::InvalidAmount => "invalid_amount",
            Reason::InvalidInterval => "invalid_interval",
            Reason::TooManyItems => "too_many_items",
            Reason::DuplicateItem => "duplicate_item",
            Reason::UnknownCurrency => "unknown_currency",
            Reason::FutureUsage => "future_usage",
        }
    }
}

/// A rejected event: the reason that is counted, and a sentence for the person who has to mend the producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub reason: Reason,
    pub detail: String,
}

impl Rejection {
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Rejection { reason, detail: detail.into() }
    }
}
