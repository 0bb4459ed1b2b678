//! The shard that is checkpointed: accounts of one subscription with one item and a few usage days each.

use std::sync::Arc;
use upswell::domain::calendar::{Instant, Zone};
use upswell::domain::currency::{Currency, ExchangeRates};
use upswell::domain::facts::{ItemFact, Status, SubscriptionFact, UsageFact};
use upswell::domain::window::Window;
use upswell::engine::dedup::Memory;
use upswell::engine::plan::Plan;
use upswell::engine::shard::{Shard, UsageVerdict};

pub const DAY: i64 = 86_400_000;
/// The view's instant: ten in the morning of a day in the middle of a month.
pub const AS_OF: Instant = Instant(20_345 * DAY + 10 * 3_600_000);
pub const MEMORY: Memory = Memory::Window { millis: DAY };
const WINDOWS: [&str; 7] =
    ["month_to_date", "last_month", "quarter_to_date", "last_quarter", "trailing_30d", "trailing_90d", "trailing_365d"];

fn usd() -> Currency {
    Currency::parse("USD").expect("a code")
}

pub fn plan() -> Arc<Plan> {
    Arc::new(Plan {
        zone: Zone::named("UTC").expect("a zone"),
        rates: ExchangeRates::new(usd(), vec![]),
        windows: WINDOWS.iter().map(|name| Window::parse(name).expect("a window")).collect(),
        dimensions: ["cohort", "plan", "vertical"].map(String::from).to_vec(),
        max_values: 100,
        history: 0,
    })
}

/// A shard that is not live; each usage day of an account is one event, whose id is remembered.
pub fn shard(accounts: usize, usage_days: usize) -> Shard {
    let mut shard = Shard::new(plan(), MEMORY, (1, 2));
    // Without a clock all usage would count as still ahead, and stand in the manifest one by one.
    shard.observe_clock(AS_OF);
    for customer in 0..accounts {
        state(&mut shard, customer);
        for day in 0..usage_days {
            usage(&mut shard, customer, AS_OF.0 - (90 - day as i64) * DAY, (customer << 8) + day);
        }
    }
    shard
}

fn state(shard: &mut Shard, customer: usize) {
    let (customer_id, subscription_id, event_id) =
        (format!("cus_{customer:08}"), format!("sub_{customer:08}"), format!("evt_{customer:016x}"));
    let seats = 1 + customer as i64 % 40;
    let item = ItemFact { item_id: "it_base", product_id: "platform", plan_id: "team", quantity: seats, mrr: seats * 49_000_000 };
    shard.apply_subscription(&SubscriptionFact {
        event_id: &event_id,
        customer_id: &customer_id,
        subscription_id: &subscription_id,
        effective_at: Instant(AS_OF.0 - (200 + customer as i64 % 200) * DAY),
        version: 0,
        status: Status::Active,
        currency: Some(usd()),
        items: vec![item],
        attributes: vec![("vertical", ["fintech", "health", "retail", "media"][customer % 4])],
    });
}

pub fn usage(shard: &mut Shard, customer: usize, at: i64, event: usize) -> UsageVerdict {
    let (customer_id, event_id) = (format!("cus_{customer:08}"), format!("use_{event:016x}"));
    let fact =
        UsageFact { event_id: &event_id, customer_id: &customer_id, used_at: Instant(at), amount: 1_234_567, currency: usd() };
    shard.apply_usage(&fact, Some(AS_OF))
}
