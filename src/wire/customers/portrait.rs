//! One customer as JSON.

use super::Customer;
use super::json::{fields, version};
use crate::domain::assess::Class;
use crate::domain::calendar::Instant;
use crate::domain::facts::Status;
use crate::domain::money::{Micros, decimal};
use crate::domain::motion::{MOTIONS, Motion};
use crate::engine::shard::portrait::{ItemPortrait, Moved, Portrait, StatePortrait, SubscriptionPortrait, WindowPortrait};
use crate::engine::survey::listing::Movement;
use serde_json::{Map, Value, json};

/// The document, ending in a line feed.
pub fn render(customer: &Customer) -> String {
    let portrait = &customer.portrait;
    let mut document = version(&customer.version);
    document.insert("partition".to_owned(), json!(customer.partition));
    document.extend(fields(json!({
        "customer_id": portrait.customer_id,
        "first_revenue": portrait.first_revenue.map(Instant::to_rfc3339),
        "mrr": {
            "committed": decimal(portrait.committed),
            "usage": decimal(portrait.run_rate),
            "total": decimal(portrait.committed + portrait.run_rate),
        },
        "windows": portrait.windows.iter().map(window).collect::<Vec<Value>>(),
        "subscriptions": portrait.subscriptions.iter().map(|one| subscription(one, portrait.as_of)).collect::<Vec<Value>>(),
        "omitted_states": portrait.omitted_states,
        "usage": usage(portrait),
    })));
    format!("{}\n", Value::Object(document))
}

fn window(window: &WindowPortrait) -> Value {
    let mut out = fields(json!({
        "window": window.window,
        "opening_edge": window.opening_edge.to_rfc3339(),
        "closing_edge": window.closing_edge.to_rfc3339(),
    }));
    out.extend(fields(match &window.moved {
        None => json!({
            "movement": null, "amount": decimal(0), "opening": decimal(0), "closing": decimal(0),
            "motions": motions(&[0; MOTIONS]), "segments": {},
        }),
        Some(Moved { class, opening, closing, motions: amounts, segments }) => json!({
            "movement": Movement::of(*class).as_str(),
            "amount": decimal((closing - opening).abs()),
            "opening": decimal(*opening),
            "closing": decimal(*closing),
            "motions": motions(&signed(*class, amounts)),
            "segments": segments.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<String, Value>>(),
        }),
    }));
    Value::Object(out)
}

/// What a contraction is made of is negative.
fn signed(class: Class, amounts: &[Micros; MOTIONS]) -> [Micros; MOTIONS] {
    amounts.map(|amount| if class == Class::Contraction { -amount } else { amount })
}

fn motions(amounts: &[Micros; MOTIONS]) -> Value {
    let of = |(motion, amount): (&Motion, &Micros)| (motion.as_str().to_owned(), json!(decimal(*amount)));
    Value::Object(Motion::ALL.iter().zip(amounts).map(of).collect())
}

fn subscription(subscription: &SubscriptionPortrait, as_of: Instant) -> Value {
    // The last state that has begun is in force.
    let present = subscription.states.iter().rposition(|state| state.effective_at < as_of);
    let states = subscription.states.iter().enumerate().map(|(number, one)| {
        let when = match present {
            Some(present) if number < present => "past",
            Some(present) if number == present => "present",
            _ => "ahead",
        };
        state(one, when)
    });
    json!({ "subscription_id": subscription.subscription_id, "states": states.collect::<Vec<Value>>() })
}

fn state(state: &StatePortrait, when: &str) -> Value {
    json!({
        "effective_at": state.effective_at.to_rfc3339(),
        "when": when,
        "status": status(state.status),
        "counts": state.status.counts(),
        "currency": state.currency.map(|currency| currency.as_str().to_owned()),
        "version": state.version,
        "event_id": state.event_id,
        "items": state.items.iter().map(item).collect::<Vec<Value>>(),
        "attributes": state.attributes.iter().map(|(key, value)| (key.clone(), json!(value))).collect::<Map<String, Value>>(),
    })
}

fn item(item: &ItemPortrait) -> Value {
    json!({
        "item_id": item.item_id,
        "product_id": item.product_id,
        "plan_id": item.plan_id,
        "quantity": item.quantity,
        "mrr": decimal(item.mrr),
    })
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Trialing => "TRIALING",
        Status::Active => "ACTIVE",
        Status::PastDue => "PAST_DUE",
        Status::Paused => "PAUSED",
        Status::Canceled => "CANCELED",
    }
}

fn usage(portrait: &Portrait) -> Value {
    let day = |(day, currency, amount): &(crate::domain::calendar::Day, crate::domain::currency::Currency, Micros)| json!({ "day": day.date().to_string(), "currency": currency.as_str(), "amount": decimal(*amount) });
    let since = portrait.usage_since.max(crate::domain::calendar::Zone::FIRST);
    json!({
        "run_rate": decimal(portrait.run_rate),
        "kept_since": (since > crate::domain::calendar::Zone::FIRST).then(|| since.date().to_string()),
        "days": portrait.usage.iter().map(day).collect::<Vec<Value>>(),
    })
}
