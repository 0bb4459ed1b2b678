//! Acceptance: the one place where a decoded event becomes a fact or a named rejection.
//!
//! Reasons are tested in the order of [`Reason`], each over the whole event (all its items) before the next, so the reason that
//! is counted does not depend on where in the event the fault stands.

use super::calendar::Instant;
use super::currency::{Currency, ExchangeRates};
use super::facts::{Interval, ItemFact, RawItem, RawSubscription, RawUsage, Reason, Rejection, SubscriptionFact, UsageFact};
use super::money::half_even;

/// Greatest quantity of an item.
pub const MAX_QUANTITY: i64 = 1_000_000_000_000;
/// Greatest size of an amount, and of an item's MRR, in micro-units.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000_000_000;
/// Greatest number of billing intervals between two invoices.
pub const MAX_INTERVAL_COUNT: i64 = 10_000;
/// Greatest number of items of one subscription.
pub const MAX_ITEMS: usize = 1_000;
/// Facts take effect from 2000-01-01 (inclusive) ...
pub const EARLIEST: Instant = Instant(946_684_800_000);
/// ... to 2100-01-01 (exclusive), UTC.
pub const LATEST: Instant = Instant(4_102_444_800_000);
/// How far after its record's timestamp usage may lie: one day.
const FUTURE_USAGE_MILLIS: i64 = 86_400_000;

/// Judges a subscription event.
pub fn subscription<'a>(raw: &RawSubscription<'a>, rates: &ExchangeRates) -> Result<SubscriptionFact<'a>, Rejection> {
    let status = raw.status.ok_or_else(|| missing(Reason::Decode, "status"))?;
    let raw_items = raw.items.as_deref().ok_or_else(|| missing(Reason::Decode, "items"))?;
    let event_id = id(raw.event_id, "event_id")?;
    let customer_id = id(raw.customer_id, "customer_id")?;
    let subscription_id = id(raw.subscription_id, "subscription_id")?;
    let effective_at = instant(raw.effective_at, "effective_at");
    let (mut items, effective_at) = match (items(raw_items), effective_at) {
        (Some(items), Ok(effective_at)) => (items, effective_at),
        (_, effective_at) => return Err(first_fault(raw_items, effective_at)),
    };
    if items.len() > MAX_ITEMS {
        return Err(Rejection::new(Reason::TooManyItems, format!("{} items; at most {MAX_ITEMS} are accepted", items.len())));
    }
    items.sort_by_key(|item| item.item_id);
    if let Some(pair) = items.windows(2).find(|pair| pair[0].item_id == pair[1].item_id) {
        return Err(Rejection::new(Reason::DuplicateItem, format!("two items have the item_id {:?}", pair[0].item_id)));
    }
    let currency = known_currency(raw.currency, rates);
    let currency = if status.counts() && !items.is_empty() { Some(currency?) } else { currency.ok() };
    let attributes = attributes(&raw.attributes);
    Ok(SubscriptionFact {
        event_id,
        customer_id,
        subscription_id,
        effective_at,
        version: raw.version.unwrap_or(0),
        status,
        currency,
        items,
        attributes,
    })
}

/// Judges a usage event. `record_timestamp` is the Kafka record's; a replay from files has none.
pub fn usage<'a>(
    raw: &RawUsage<'a>,
    rates: &ExchangeRates,
    record_timestamp: Option<Instant>,
) -> Result<UsageFact<'a>, Rejection> {
    let event_id = id(raw.event_id, "event_id")?;
    let customer_id = id(raw.customer_id, "customer_id")?;
    id(raw.meter, "meter")?;
    let used_at = instant(raw.used_at, "used_at")?;
    let amount = raw.amount_micros.ok_or_else(|| missing(Reason::InvalidAmount, "amount_micros"))?;
    if !(-MAX_AMOUNT..=MAX_AMOUNT).contains(&amount) {
        return Err(Rejection::new(
            Reason::InvalidAmount,
            format!("amount_micros is {amount}; its size is at most {MAX_AMOUNT}"),
        ));
    }
    let currency = known_currency(raw.currency, rates)?;
    if let Some(record) = record_timestamp
        && used_at.0 - record.0 > FUTURE_USAGE_MILLIS
    {
        let (used, written) = (used_at.to_rfc3339(), record.to_rfc3339());
        return Err(Rejection::new(
            Reason::FutureUsage,
            format!("used_at {used} is over a day after the record's timestamp {written}"),
        ));
    }
    Ok(UsageFact { event_id, customer_id, used_at, amount, currency })
}

/// MRR of one item in micro-units of its own currency, rounded once, never negative; before the zero for not counting.
pub fn mrr(unit_amount: i64, quantity: i64, discount: i64, interval: Interval, interval_count: i64) -> i128 {
    let per_invoice = i128::from(unit_amount) * i128::from(quantity) - i128::from(discount);
    let (times, over) = match interval {
        Interval::Day => (365, 12),
        Interval::Week => (52, 12),
        Interval::Month => (1, 1),
        Interval::Quarter => (1, 3),
        Interval::Year => (1, 12),
    };
    half_even(per_invoice * times, over * i128::from(interval_count)).max(0)
}

/// Why an item by itself is rejected, the first reason in order; a decoder that meets more items than are accepted keeps those
/// that matter for the reason of the whole event.
pub fn item_reason(raw: &RawItem) -> Option<Reason> {
    let checks = item_ids(raw).map(drop).and(item_quantity(raw).map(drop)).and(item_mrr(raw).map(drop));
    checks.and(item_interval(raw).map(drop)).err().map(|rejection| rejection.reason)
}

fn missing(reason: Reason, field: &str) -> Rejection {
    Rejection::new(reason, format!("{field} is missing"))
}

fn id<'a>(value: Option<&'a str>, field: &str) -> Result<&'a str, Rejection> {
    match value {
        Some("") => Err(Rejection::new(Reason::MissingId, format!("{field} is empty"))),
        Some(text) => Ok(text),
        None => Err(missing(Reason::MissingId, field)),
    }
}

fn instant(value: Option<i64>, field: &str) -> Result<Instant, Rejection> {
    let at = Instant(value.ok_or_else(|| missing(Reason::InvalidTimestamp, field))?);
    if (EARLIEST..LATEST).contains(&at) {
        return Ok(at);
    }
    let detail = format!("{field} is {} ({} ms); facts lie from 2000-01-01 to before 2100-01-01 UTC", at.to_rfc3339(), at.0);
    Err(Rejection::new(Reason::InvalidTimestamp, detail))
}

fn known_currency(value: Option<&str>, rates: &ExchangeRates) -> Result<Currency, Rejection> {
    let text = value.ok_or_else(|| missing(Reason::UnknownCurrency, "currency"))?;
    Currency::parse(text).filter(|currency| rates.knows(*currency)).ok_or_else(|| {
        Rejection::new(
            Reason::UnknownCurrency,
            format!("currency {text:?} has no exchange rate; add it to revenue.exchange_rates"),
        )
    })
}

/// The items, if none is at fault by itself: all that nearly every event takes.
fn items<'a>(raw: &[RawItem<'a>]) -> Option<Vec<ItemFact<'a>>> {
    let mut items = Vec::with_capacity(raw.len());
    for raw in raw {
        let (quantity, mrr) = (item_quantity(raw).ok()?, item_mrr(raw).ok()?);
        item_interval(raw).ok()?;
        items.push(ItemFact { quantity, mrr, ..item_ids(raw).ok()? });
    }
    Some(items)
}

/// The rejection of an event that is at fault in an item or in its instant: each check over all items before the next.
fn first_fault(items: &[RawItem], effective_at: Result<Instant, Rejection>) -> Rejection {
    let in_order = || {
        each(items, item_ids)?;
        effective_at?;
        each(items, item_quantity)?;
        each(items, item_mrr)?;
        each(items, item_interval)
    };
    in_order().expect_err("a check has failed")
}

/// Applies one check to every item; the first rejection names the item by its position, counted from 0.
fn each<'r, 'a, T>(items: &'r [RawItem<'a>], check: impl Fn(&'r RawItem<'a>) -> Result<T, Rejection>) -> Result<(), Rejection> {
    let numbered = |(index, item)| {
        check(item).map_err(|rejection| Rejection { detail: format!("items[{index}]: {}", rejection.detail), ..rejection })
    };
    items.iter().enumerate().try_for_each(|item| numbered(item).map(drop))
}

fn item_ids<'a>(raw: &RawItem<'a>) -> Result<ItemFact<'a>, Rejection> {
    Ok(ItemFact {
        item_id: id(raw.item_id, "item_id")?,
        product_id: id(raw.product_id, "product_id")?,
        plan_id: id(raw.plan_id, "plan_id")?,
        quantity: 0,
        mrr: 0,
    })
}

fn item_quantity(raw: &RawItem) -> Result<i64, Rejection> {
    let quantity = raw.quantity.ok_or_else(|| missing(Reason::InvalidQuantity, "quantity"))?;
    if (0..=MAX_QUANTITY).contains(&quantity) {
        return Ok(quantity);
    }
    Err(Rejection::new(Reason::InvalidQuantity, format!("quantity is {quantity}; it lies from 0 to {MAX_QUANTITY}")))
}

fn item_amount(value: i64, field: &str) -> Result<i64, Rejection> {
    if (0..=MAX_AMOUNT).contains(&value) {
        return Ok(value);
    }
    Err(Rejection::new(Reason::InvalidAmount, format!("{field} is {value}; it lies from 0 to {MAX_AMOUNT}")))
}

/// The item's MRR; 0 where the interval is at fault, which is a later reason and found by the next check.
fn item_mrr(raw: &RawItem) -> Result<i64, Rejection> {
    let unit_amount = raw.unit_amount_micros.ok_or_else(|| missing(Reason::InvalidAmount, "unit_amount_micros"))?;
    let unit_amount = item_amount(unit_amount, "unit_amount_micros")?;
    let discount = item_amount(raw.discount_micros.unwrap_or(0), "discount_micros")?;
    let (Ok((interval, count)), Ok(quantity)) = (item_interval(raw), item_quantity(raw)) else {
        return Ok(0);
    };
    let mrr = mrr(unit_amount, quantity, discount, interval, count);
    if mrr <= i128::from(MAX_AMOUNT) {
        return Ok(mrr as i64);
    }
    Err(Rejection::new(Reason::InvalidAmount, format!("the item's MRR is {mrr} micro-units; at most {MAX_AMOUNT} is accepted")))
}

fn item_interval(raw: &RawItem) -> Result<(Interval, i64), Rejection> {
    let interval = raw.interval.ok_or_else(|| missing(Reason::InvalidInterval, "interval"))?;
    let count = raw.interval_count.unwrap_or(1);
    if (1..=MAX_INTERVAL_COUNT).contains(&count) {
        return Ok((interval, count));
    }
    Err(Rejection::new(Reason::InvalidInterval, format!("interval_count is {count}; it lies from 1 to {MAX_INTERVAL_COUNT}")))
}

/// Distinct keys in order: of equal keys the last in wire order wins, and a null value means no such key.
fn attributes<'a>(raw: &[(&'a str, Option<&'a str>)]) -> Vec<(&'a str, &'a str)> {
    let mut entries = raw.to_vec();
    // Stable: equal keys stay in wire order.
    entries.sort_by_key(|(key, _)| *key);
    entries.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            kept.1 = later.1;
        }
        same
    });
    entries.into_iter().filter_map(|(key, value)| value.map(|value| (key, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Day;
    use crate::domain::currency::RateTable;
    use crate::domain::facts::Status;

    fn rates() -> ExchangeRates {
        let code = |text: &str| Currency::parse(text).expect("a code");
        ExchangeRates::new(code("USD"), vec![RateTable { from: Day(0), rates: [(code("EUR"), 1_080_000)].into() }])
    }

    fn item() -> RawItem<'static> {
        RawItem {
            item_id: Some("i"),
            product_id: Some("p"),
            plan_id: Some("l"),
            quantity: Some(1),
            unit_amount_micros: Some(1),
            interval: Some(Interval::Month),
            ..RawItem::default()
        }
    }

    fn state() -> RawSubscription<'static> {
        RawSubscription {
            event_id: Some("e"),
            customer_id: Some("c"),
            subscription_id: Some("s"),
            effective_at: Some(EARLIEST.0),
            status: Some(Status::Active),
            currency: Some("EUR"),
            items: Some(vec![item()]),
            ..RawSubscription::default()
        }
    }

    fn used() -> RawUsage<'static> {
        RawUsage {
            event_id: Some("e"),
            customer_id: Some("c"),
            used_at: Some(EARLIEST.0),
            meter: Some("m"),
            amount_micros: Some(-MAX_AMOUNT),
            currency: Some("USD"),
        }
    }

    #[test]
    fn monthly_recurring_revenue() {
        for (unit, quantity, discount, interval, count, expected) in [
            (1_200_000_000, 1, 0, Interval::Year, 1, 100_000_000),
            (10_000_000, 1, 0, Interval::Week, 1, 43_333_333),
            (3_600_000_000, 1, 0, Interval::Year, 3, 100_000_000),
            (10_000_000, 1, 0, Interval::Day, 30, 10_138_889),
            (30_000_000, 12, 36_000_000, Interval::Month, 1, 324_000_000),
            (3, 1, 0, Interval::Month, 2, 2),
            (5, 1, 0, Interval::Month, 2, 2),
            (5, 1, 6, Interval::Quarter, 1, 0),
        ] {
            assert_eq!(
                mrr(unit, quantity, discount, interval, count),
                expected,
                "{unit} x {quantity} - {discount} {interval:?}/{count}"
            );
        }
    }

    /// One fault made in a sound event.
    type Fault = fn(&mut RawSubscription<'static>);

    fn with_item(raw: &mut RawSubscription<'static>, fault: impl Fn(&mut RawItem<'static>)) {
        raw.items.iter_mut().flatten().for_each(fault);
    }

    /// A fault for each reason, in the order of precedence.
    const FAULTS: [(Reason, Fault); 9] = [
        (Reason::Decode, |raw| raw.status = None),
        (Reason::MissingId, |raw| with_item(raw, |item| item.plan_id = Some(""))),
        (Reason::InvalidTimestamp, |raw| raw.effective_at = Some(LATEST.0)),
        (Reason::InvalidQuantity, |raw| with_item(raw, |item| item.quantity = Some(MAX_QUANTITY + 1))),
        (Reason::InvalidAmount, |raw| with_item(raw, |item| item.unit_amount_micros = Some(-1))),
        (Reason::InvalidInterval, |raw| with_item(raw, |item| item.interval_count = Some(0))),
        (Reason::TooManyItems, |raw| {
            raw.items = raw.items.take().map(|items| items.iter().cycle().take(MAX_ITEMS + 1).cloned().collect())
        }),
        (Reason::DuplicateItem, |raw| raw.items.iter_mut().for_each(|items| items.push(items[0].clone()))),
        (Reason::UnknownCurrency, |raw| raw.currency = Some("eur")),
    ];

    #[test]
    fn the_first_reason_that_applies_is_reported() {
        assert!(subscription(&state(), &rates()).is_ok());
        for (first, (reason, fault)) in FAULTS.iter().enumerate() {
            for (_, later) in &FAULTS[first..] {
                let mut raw = state();
                later(&mut raw);
                fault(&mut raw);
                assert_eq!(subscription(&raw, &rates()).map_err(|rejection| rejection.reason), Err(*reason));
            }
        }
    }

    #[test]
    fn faults_of_subscriptions() {
        let cases: &[(Fault, Option<Reason>)] = &[
            (|raw| raw.items = None, Some(Reason::Decode)),
            (|raw| raw.event_id = None, Some(Reason::MissingId)),
            (|raw| raw.subscription_id = Some(""), Some(Reason::MissingId)),
            (|raw| raw.effective_at = None, Some(Reason::InvalidTimestamp)),
            (|raw| raw.effective_at = Some(EARLIEST.0 - 1), Some(Reason::InvalidTimestamp)),
            (|raw| raw.effective_at = Some(LATEST.0 - 1), None),
            (|raw| with_item(raw, |item| item.quantity = None), Some(Reason::InvalidQuantity)),
            (|raw| with_item(raw, |item| item.quantity = Some(MAX_QUANTITY)), None),
            (|raw| with_item(raw, |item| item.discount_micros = Some(-1)), Some(Reason::InvalidAmount)),
            (|raw| with_item(raw, |item| item.unit_amount_micros = Some(MAX_AMOUNT)), None),
            (
                |raw| with_item(raw, |item| (item.unit_amount_micros, item.quantity) = (Some(MAX_AMOUNT), Some(2))),
                Some(Reason::InvalidAmount),
            ),
            (|raw| with_item(raw, |item| item.interval = None), Some(Reason::InvalidInterval)),
            (|raw| with_item(raw, |item| item.interval_count = Some(MAX_INTERVAL_COUNT)), None),
            (|raw| with_item(raw, |item| item.interval_count = Some(MAX_INTERVAL_COUNT + 1)), Some(Reason::InvalidInterval)),
            (|raw| raw.currency = None, Some(Reason::UnknownCurrency)),
            (|raw| (raw.currency, raw.status) = (None, Some(Status::Paused)), None),
            (|raw| (raw.currency, raw.items) = (Some("XXX"), Some(vec![])), None),
        ];
        for (number, (fault, expected)) in cases.iter().enumerate() {
            let mut raw = state();
            fault(&mut raw);
            assert_eq!(subscription(&raw, &rates()).err().map(|rejection| rejection.reason), *expected, "case {number}");
        }
    }

    #[test]
    fn faults_of_usage() {
        let cases: &[(fn(&mut RawUsage), Option<Reason>)] = &[
            (|_| {}, None),
            (|raw| raw.meter = Some(""), Some(Reason::MissingId)),
            (|raw| raw.customer_id = None, Some(Reason::MissingId)),
            (|raw| raw.used_at = None, Some(Reason::InvalidTimestamp)),
            (|raw| raw.amount_micros = None, Some(Reason::InvalidAmount)),
            (|raw| raw.amount_micros = Some(-MAX_AMOUNT - 1), Some(Reason::InvalidAmount)),
            (|raw| raw.currency = Some("GBP"), Some(Reason::UnknownCurrency)),
            (|raw| raw.used_at = Some(EARLIEST.0 + 86_400_000), None),
            (|raw| raw.used_at = Some(EARLIEST.0 + 86_400_001), Some(Reason::FutureUsage)),
        ];
        for (number, (fault, expected)) in cases.iter().enumerate() {
            let mut raw = used();
            fault(&mut raw);
            assert_eq!(usage(&raw, &rates(), Some(EARLIEST)).err().map(|rejection| rejection.reason), *expected, "case {number}");
        }
        let mut late = used();
        late.used_at = Some(LATEST.0 - 1);
        assert!(usage(&late, &rates(), None).is_ok(), "without a record timestamp nothing is from the future");
    }

    #[test]
    fn attributes_are_distinct_and_never_null() {
        let raw = [("b", Some("1")), ("a", Some("2")), ("b", Some("3")), ("c", Some("4")), ("c", None), ("d", Some(""))];
        assert_eq!(attributes(&raw), [("a", "2"), ("b", "3"), ("d", "")]);
    }
}
