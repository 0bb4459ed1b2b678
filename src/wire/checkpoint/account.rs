//! The form of one customer's account, versions 1 and 2. [`super::bytes`] names the primitives.
//!
//! - text: customer id
//! - option of zigzag: first instant of positive usage, in milliseconds since 1970
//! - list of subscriptions, strictly ascending by id; each
//!   - text: id
//!   - list of states, strictly ascending by instant; each
//!     - zigzag: instant, less that of the state before (0 before the first), modulo 2^64
//!     - zigzag: version
//!     - text: event id
//!     - byte: status (0 trialing, 1 active, 2 past due, 3 paused, 4 canceled), plus 8 if a currency follows
//!     - currency, if so
//!     - list of items, strictly ascending by id; each: text: id; varint: product; varint: plan; zigzag: quantity; zigzag: MRR
//!     - list of attributes; each: varint: key; varint: value
//! - list of usage bins, strictly ascending by day and currency, none 0; each
//!   - varint: twice the zigzag of its day (since 1970) less that of the bin before (0 before the first), plus 1 if a currency
//!     follows; otherwise it is that of the bin before
//!   - currency, if so
//!   - zigzag: amount, up to 128 bits
//!
//! Products, plans, attribute keys and values are numbers of texts.

use super::bytes::{Cursor, narrow, put_currency, put_instant, put_option, put_text, put_varint, put_wide, put_zigzag};
use super::damage::Damage;
use crate::domain::account::{Account, Item, State, Subscription, Version};
use crate::domain::calendar::{Day, Instant};
use crate::domain::currency::Currency;
use crate::domain::facts::Status;
use crate::domain::symbol::Symbol;
use crate::domain::usage::{Bin, UsageDays};

/// The least bytes of an account: no text, no list has an element.
pub const LEAST_BYTES: usize = 4;
/// Set beside the status if a currency follows.
const HAS_CURRENCY: u8 = 8;

/// Appends the form of an account.
pub fn encode(customer_id: &str, account: &Account, out: &mut Vec<u8>) {
    put_text(out, customer_id);
    put_option(out, account.usage().first_positive(), put_instant);
    put_varint(out, account.subscriptions().iter().count() as u64);
    for subscription in account.subscriptions().iter() {
        put_text(out, &subscription.id.text());
        let mut before = 0;
        put_varint(out, subscription.states().count() as u64);
        for state in subscription.states() {
            put_zigzag(out, state.effective_at.0.wrapping_sub(before));
            before = state.effective_at.0;
            put_state(out, state);
        }
    }
    put_bins(out, account.usage());
}

fn put_state(out: &mut Vec<u8>, state: State) {
    let details = state.details();
    put_zigzag(out, details.version);
    put_text(out, &details.event_id.text());
    out.push(status_code(state.status()) | if details.currency.is_some() { HAS_CURRENCY } else { 0 });
    if let Some(currency) = details.currency {
        put_currency(out, currency);
    }
    put_varint(out, details.items().len() as u64);
    for item in details.items() {
        put_text(out, &item.id.text());
        put_varint(out, item.product.0.into());
        put_varint(out, item.plan.0.into());
        put_zigzag(out, item.quantity);
        put_zigzag(out, item.mrr);
    }
    put_varint(out, details.attributes().len() as u64);
    for (key, value) in details.attributes() {
        put_varint(out, key.0.into());
        put_varint(out, value.0.into());
    }
}

fn put_bins(out: &mut Vec<u8>, usage: &UsageDays) {
    let mut before: (i32, Option<Currency>) = (0, None);
    put_varint(out, usage.len() as u64);
    for bin in usage.bins() {
        let days = i64::from(bin.day.0) - i64::from(before.0);
        let other_currency = before.1 != Some(bin.currency);
        put_varint(out, (((days << 1) ^ (days >> 63)) as u64) << 1 | u64::from(other_currency));
        if other_currency {
            put_currency(out, bin.currency);
        }
        put_wide(out, bin.amount);
        before = (bin.day.0, Some(bin.currency));
    }
}

/// Reads an account whose symbols are among the first so many texts.
pub fn decode<'a>(bytes: &mut Cursor<'a>, texts: u32) -> Result<(&'a str, Account), Damage> {
    let customer_id = bytes.text()?;
    let first_usage = bytes.option(Cursor::instant)?;
    let mut id_before = None;
    let subscriptions = bytes.list(2, |bytes| {
        let id = next_id(bytes, &mut id_before)?.into();
        let mut before = 0;
        Ok(Subscription { id, versions: bytes.list(6, |bytes| version(bytes, &mut before, texts))? })
    })?;
    let account = Account::from_parts(&subscriptions, &bins(bytes)?, first_usage);
    Ok((customer_id, account.ok_or(Damage::Inconsistent("an account's facts are not in order"))?))
}

fn version(bytes: &mut Cursor, before: &mut i64, texts: u32) -> Result<Version, Damage> {
    *before = before.wrapping_add(bytes.zigzag()?);
    let (version, event_id) = (bytes.zigzag()?, bytes.text()?.into());
    let code = bytes.byte()?;
    let status = status(code & !HAS_CURRENCY)?;
    let currency = if code & HAS_CURRENCY == 0 { None } else { Some(bytes.currency()?) };
    let mut id_before = None;
    let items = bytes.list(5, |bytes| item(bytes, &mut id_before, texts))?;
    let attributes = bytes.list(2, |bytes| Ok((symbol(bytes, texts)?, symbol(bytes, texts)?)))?;
    let effective_at = Instant(*before);
    Ok(Version { effective_at, version, event_id, status, currency, items: items.into(), attributes: attributes.into() })
}

fn item<'a>(bytes: &mut Cursor<'a>, id_before: &mut Option<&'a str>, texts: u32) -> Result<Item, Damage> {
    Ok(Item {
        id: next_id(bytes, id_before)?.into(),
        product: symbol(bytes, texts)?,
        plan: symbol(bytes, texts)?,
        quantity: bytes.zigzag()?,
        mrr: bytes.zigzag()?,
    })
}

/// An id that is greater than the one before. Found at once, so that many empty ids do not take memory first.
fn next_id<'a>(bytes: &mut Cursor<'a>, before: &mut Option<&'a str>) -> Result<&'a str, Damage> {
    let id = bytes.text()?;
    if before.replace(id).is_none_or(|before| before < id) { Ok(id) } else { Err(Damage::Inconsistent("ids are not in order")) }
}

fn symbol(bytes: &mut Cursor, texts: u32) -> Result<Symbol, Damage> {
    let number = bytes.u32_varint()?;
    if number < texts { Ok(Symbol(number)) } else { Err(Damage::Inconsistent("an account names a text that there is not")) }
}

fn bins(bytes: &mut Cursor) -> Result<Vec<Bin>, Damage> {
    let mut before: (i64, Option<Currency>) = (0, None);
    bytes.list(2, |bytes| {
        let code = bytes.varint()?;
        let days = (code >> 2) as i64 ^ -((code >> 1 & 1) as i64);
        let day = narrow(before.0.wrapping_add(days)).map(Day)?;
        let currency = if code & 1 == 0 { before.1 } else { Some(bytes.currency()?) };
        let currency = currency.ok_or(Damage::Inconsistent("a usage bin has no currency"))?;
        before = (day.0.into(), Some(currency));
        Ok(Bin { day, currency, amount: bytes.wide()? })
    })
}

/// Numbers of the format, which new statuses do not move.
fn status_code(status: Status) -> u8 {
    match status {
        Status::Trialing => 0,
        Status::Active => 1,
        Status::PastDue => 2,
        Status::Paused => 3,
        Status::Canceled => 4,
    }
}

fn status(code: u8) -> Result<Status, Damage> {
    let known = Status::SYMBOLS.iter().map(|(_, status)| *status).find(|status| status_code(*status) == code);
    known.ok_or(Damage::Inconsistent("a status is unknown"))
}
