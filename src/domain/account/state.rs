//! The complete state of a subscription from an instant on: spelt out, and as accounts keep it.
//!
//! The packed form of a state, after the varint of its length:
//!
//! - 8 bytes: instant it takes effect, in milliseconds, little-endian
//! - byte: number of the status, plus [`HAS_CURRENCY`], [`IS_REVENUE`], [`HAS_NUMBER`]
//! - if so: currency, 3 bytes; version, zigzag
//! - id: event id
//! - varint: how many attributes; of each, varints: key, value
//! - varint: how many items; of each, id: item id; varints: product, plan, quantity, MRR

use crate::domain::calendar::Instant;
use crate::domain::currency::Currency;
use crate::domain::facts::{Status, SubscriptionFact};
use crate::domain::packed::{Id, Packing, Unread, put_id, put_varint, put_zigzag};
use crate::domain::symbol::{Symbol, Symbols};

const STATUS: u8 = 0b111;
const HAS_CURRENCY: u8 = 0b1000;
/// It counts, and an item is worth something.
const IS_REVENUE: u8 = 0b1_0000;
const HAS_NUMBER: u8 = 0b10_0000;

/// A state spelt out.
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

/// One item of a state, spelt out.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub id: Box<str>,
    pub product: Symbol,
    pub plan: Symbol,
    pub quantity: i64,
    /// In micro-units of the state's currency, before the zero for not counting.
    pub mrr: i64,
}

/// A state as it is kept.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    pub effective_at: Instant,
    flags: u8,
    /// From the currency on.
    rest: &'a [u8],
}

/// What a state says beside its instant and status.
#[derive(Clone, Copy, Debug)]
pub struct Details<'a> {
    pub currency: Option<Currency>,
    pub version: i64,
    pub event_id: Id<'a>,
    /// From the attributes on.
    rest: Unread<'a>,
}

/// An item as it is kept.
#[derive(Clone, Copy, Debug)]
pub struct ItemRef<'a> {
    pub id: Id<'a>,
    pub product: Symbol,
    pub plan: Symbol,
    pub quantity: i64,
    /// In micro-units of the state's currency, before the zero for not counting.
    pub mrr: i64,
}

impl Version {
    /// Whether currency, items and their order are as acceptance leaves them.
    pub(super) fn is_sound(&self) -> bool {
        let ordered = self.items.is_sorted_by(|one, next| one.id < next.id);
        let in_range = |item: &Item| item.quantity >= 0 && item.mrr >= 0;
        let valued = self.status.counts() && !self.items.is_empty();
        ordered && self.items.iter().all(in_range) && (self.currency.is_some() || !valued)
    }

    /// Appends the packed form, without its length.
    pub(super) fn pack(&self, out: &mut Packing) {
        let is_revenue = self.status.counts() && self.items.iter().any(|item| item.mrr > 0);
        put_head(out, (self.effective_at, self.version), self.status, self.currency, is_revenue);
        put_id(out, &self.event_id);
        put_varint(out, self.attributes.len() as u64);
        self.attributes.iter().for_each(|(key, value)| put_symbols(out, *key, *value));
        put_varint(out, self.items.len() as u64);
        for item in &self.items {
            put_id(out, &item.id);
            put_symbols(out, item.product, item.plan);
            put_worth(out, item.quantity, item.mrr);
        }
    }
}

/// Appends the packed form of a fact's state, without its length.
pub(super) fn pack(fact: &SubscriptionFact, symbols: &mut Symbols, out: &mut Packing) {
    put_head(out, (fact.effective_at, fact.version), fact.status, fact.currency, is_revenue(fact));
    put_id(out, fact.event_id);
    put_varint(out, fact.attributes.len() as u64);
    for (key, value) in &fact.attributes {
        let (key, value) = (symbols.intern(key), symbols.intern(value));
        put_symbols(out, key, value);
    }
    put_varint(out, fact.items.len() as u64);
    for item in &fact.items {
        put_id(out, item.item_id);
        let (product, plan) = (symbols.intern(item.product_id), symbols.intern(item.plan_id));
        put_symbols(out, product, plan);
        put_worth(out, item.quantity, item.mrr);
    }
}

/// Whether a fact's state brings revenue.
pub(super) fn is_revenue(fact: &SubscriptionFact) -> bool {
    fact.status.counts() && fact.items.iter().any(|item| item.mrr > 0)
}

fn put_head(out: &mut Packing, at: (Instant, i64), status: Status, currency: Option<Currency>, is_revenue: bool) {
    let (effective_at, version) = at;
    out.extend_from_slice(&effective_at.0.to_le_bytes());
    let flag = |flag, holds| if holds { flag } else { 0 };
    out.push(
        status as u8 | flag(HAS_CURRENCY, currency.is_some()) | flag(IS_REVENUE, is_revenue) | flag(HAS_NUMBER, version != 0),
    );
    if let Some(currency) = currency {
        out.extend_from_slice(&currency.code());
    }
    if version != 0 {
        put_zigzag(out, version);
    }
}

fn put_symbols(out: &mut Packing, one: Symbol, other: Symbol) {
    put_varint(out, one.0.into());
    put_varint(out, other.0.into());
}

/// Neither is negative.
fn put_worth(out: &mut Packing, quantity: i64, mrr: i64) {
    put_varint(out, quantity as u64);
    put_varint(out, mrr as u64);
}

impl<'a> State<'a> {
    /// From its packed form, without the length.
    #[inline]
    pub(super) fn of(packed: &'a [u8]) -> State<'a> {
        let mut unread = Unread(packed);
        let effective_at = Instant(i64::from_le_bytes(unread.array()));
        State { effective_at, flags: unread.byte(), rest: unread.0 }
    }

    pub fn status(self) -> Status {
        let number = usize::from(self.flags & STATUS);
        Status::SYMBOLS[number].1
    }

    /// Whether its items are revenue.
    #[inline]
    pub fn counts(self) -> bool {
        self.status().counts()
    }

    /// Whether it counts and an item is worth something.
    pub fn is_revenue(self) -> bool {
        self.flags & IS_REVENUE != 0
    }

    /// Whether it is the very same state of the same account, not merely an equal one.
    #[inline]
    pub fn is(self, other: State) -> bool {
        std::ptr::eq(self.rest, other.rest)
    }

    #[inline]
    pub fn details(self) -> Details<'a> {
        let mut rest = Unread(self.rest);
        let currency = (self.flags & HAS_CURRENCY != 0).then(|| Currency::of_code(rest.array()));
        let version = if self.flags & HAS_NUMBER != 0 { rest.zigzag() } else { 0 };
        Details { currency, version, event_id: rest.id(), rest }
    }

    /// Spelt out.
    pub fn to_version(self) -> Version {
        let details = self.details();
        let spelt = |item: ItemRef| Item {
            id: (*item.id.text()).into(),
            product: item.product,
            plan: item.plan,
            quantity: item.quantity,
            mrr: item.mrr,
        };
        Version {
            effective_at: self.effective_at,
            version: details.version,
            event_id: (*details.event_id.text()).into(),
            status: self.status(),
            currency: details.currency,
            items: details.items().map(spelt).collect(),
            attributes: details.attributes().collect(),
        }
    }
}

impl<'a> Details<'a> {
    /// Key and value of each attribute.
    #[inline]
    pub fn attributes(self) -> impl ExactSizeIterator<Item = (Symbol, Symbol)> {
        let mut rest = self.rest;
        let count = rest.varint() as usize;
        (0..count).map(move |_| (Symbol(rest.varint() as u32), Symbol(rest.varint() as u32)))
    }

    /// The value of an attribute.
    pub fn attribute(self, key: Symbol) -> Option<Symbol> {
        self.attributes().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    /// By item id.
    #[inline]
    pub fn items(self) -> impl ExactSizeIterator<Item = ItemRef<'a>> {
        let mut rest = self.rest;
        for _ in 0..2 * rest.varint() {
            rest.varint();
        }
        let count = rest.varint() as usize;
        (0..count).map(move |_| ItemRef {
            id: rest.id(),
            product: Symbol(rest.varint() as u32),
            plan: Symbol(rest.varint() as u32),
            quantity: rest.varint() as i64,
            mrr: rest.varint() as i64,
        })
    }
}
