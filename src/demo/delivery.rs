//! What happens to events on their way to the topic: some come late, twice, wrong at first, or broken.
//!
//! Nothing here changes what is true in the end. A wrong state is corrected by a greater version, a broken event is an extra
//! copy of one that also arrives whole, and a repeated one has the same id, so any reader that follows the rules ends up with
//! the numbers of an undisturbed history.

use super::customer::DAY_MILLIS;
use super::event::{Body, Cause, Delivery, Event, Flaw, Subscription, Usage};
use super::random::Random;

const HOUR: i64 = 3_600_000;

/// Flaws a subscription event can have, and those usage can have.
const OF_SUBSCRIPTIONS: [Flaw; 10] = [
    Flaw::MissingId,
    Flaw::SecondsForMillis,
    Flaw::NegativeQuantity,
    Flaw::AbsurdAmount,
    Flaw::ZeroInterval,
    Flaw::RepeatedItem,
    Flaw::UnknownCurrency,
    Flaw::Truncated,
    Flaw::TrailingBytes,
    Flaw::NotFramed,
];
const OF_USAGE: [Flaw; 8] = [
    Flaw::MissingId,
    Flaw::SecondsForMillis,
    Flaw::AbsurdAmount,
    Flaw::UnknownCurrency,
    Flaw::FromTheFuture,
    Flaw::Truncated,
    Flaw::TrailingBytes,
    Flaw::NotFramed,
];

/// Sends one event on its way; `out` gets it and everything that goes wrong with it.
pub fn deliver(mut event: Event, random: &mut Random, out: &mut Vec<Event>) {
    if event.due() <= event.arrival.0 && random.chance(30_000) {
        event.arrival.0 += random.between(DAY_MILLIS / 2, 4 * DAY_MILLIS);
    } else if event.cause == Cause::SeatsAdded && random.chance(15_000) {
        event = correct(event, random, out);
    }
    if random.chance(if matches!(event.body, Body::Usage(_)) { 700 } else { 10_000 })
        && let Some(broken) = break_copy(&event, random)
    {
        out.push(broken);
        event.arrival.0 += random.between(5 * 60_000, HOUR);
    }
    if random.chance(4_000) {
        let arrival = crate::domain::calendar::Instant(event.arrival.0 + random.between(1_000, 18 * HOUR));
        out.push(Event { arrival, delivery: Delivery::Repeated, ..event.clone() });
    }
    if event.cause == Cause::Used && random.chance(3_000) {
        out.push(credit(&event, random));
    }
    out.push(event);
}

impl Event {
    /// When the event takes effect, in milliseconds.
    pub fn due(&self) -> i64 {
        match &self.body {
            Body::Subscription(state) => state.effective_at,
            Body::Usage(usage) => usage.used_at,
        }
    }
}

/// Writes a state with half as many seats again first; returns the right one, which follows with a greater version.
fn correct(event: Event, random: &mut Random, out: &mut Vec<Event>) -> Event {
    let mut wrong = event.clone();
    let mut right = event;
    if let Body::Subscription(state) = &mut wrong.body {
        state.items.iter_mut().for_each(|item| item.quantity += item.quantity / 2 + 1);
    }
    if let Body::Subscription(state) = &mut right.body {
        state.version += 1;
        state.event_id.push_str("-c");
    }
    right.cause = Cause::Corrected;
    right.arrival.0 += random.between(HOUR, 40 * HOUR);
    out.push(wrong);
    right
}

/// Takes back a part of some use, days later.
fn credit(event: &Event, random: &mut Random) -> Event {
    let mut credit = Event { cause: Cause::UsageCredited, ..event.clone() };
    credit.arrival.0 += random.between(DAY_MILLIS, 12 * DAY_MILLIS);
    if let Body::Usage(usage) = &mut credit.body {
        usage.event_id.push_str("-c");
        let percent = random.between(10, 60);
        usage.quantity = -(usage.quantity * percent / 100);
        usage.amount_micros = -(usage.amount_micros / 100 * percent);
    }
    credit
}

/// A broken copy of an event; `None` if it has not got what would have to break.
fn break_copy(event: &Event, random: &mut Random) -> Option<Event> {
    let mut copy = event.clone();
    let flaw = match &mut copy.body {
        Body::Subscription(state) => {
            let flaw = OF_SUBSCRIPTIONS[random.below(OF_SUBSCRIPTIONS.len() as u64) as usize];
            if state.items.is_empty() || !state.status.counts() {
                return None;
            }
            spoil_subscription(state, flaw);
            flaw
        }
        Body::Usage(usage) => {
            let flaw = OF_USAGE[random.below(OF_USAGE.len() as u64) as usize];
            spoil_usage(usage, flaw);
            flaw
        }
    };
    copy.delivery = Delivery::Broken(flaw);
    Some(copy)
}

fn spoil_subscription(state: &mut Subscription, flaw: Flaw) {
    match flaw {
        Flaw::MissingId => state.customer_id = "".into(),
        Flaw::SecondsForMillis => state.effective_at /= 1_000,
        Flaw::NegativeQuantity => state.items[0].quantity = -state.items[0].quantity.max(1),
        Flaw::AbsurdAmount => state.items[0].unit_amount_micros = i64::MAX,
        Flaw::ZeroInterval => state.items[0].interval_count = 0,
        Flaw::RepeatedItem => state.items.push(state.items[0].clone()),
        Flaw::UnknownCurrency => state.currency = "EURO",
        Flaw::FromTheFuture | Flaw::Truncated | Flaw::TrailingBytes | Flaw::NotFramed => {}
    }
}

fn spoil_usage(usage: &mut Usage, flaw: Flaw) {
    match flaw {
        Flaw::MissingId => usage.meter = "",
        Flaw::SecondsForMillis => usage.used_at /= 1_000,
        Flaw::AbsurdAmount => usage.amount_micros = i64::MAX,
        Flaw::UnknownCurrency => usage.currency = "EURO",
        Flaw::FromTheFuture => usage.used_at += 5 * DAY_MILLIS,
        _ => {}
    }
}
