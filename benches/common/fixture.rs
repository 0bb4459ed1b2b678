//! The shards that are measured, and events with all their texts at hand, so that what is timed is applying and not formatting.
//!
//! Default windows, three dimensions, one currency, UTC. Every account has one subscription of one item, and usage on so many of
//! the 90 days before the view's. Ids are as long as billing systems make them: customers and subscriptions 18 bytes, items 17,
//! events a UUID of 36.

use divan::black_box;
use std::sync::Arc;
use upswell::domain::calendar::{Instant, Zone};
use upswell::domain::currency::{Currency, ExchangeRates};
use upswell::domain::facts::{ItemFact, Status, SubscriptionFact, UsageFact};
use upswell::domain::window::Window;
use upswell::engine::dedup::Memory;
use upswell::engine::plan::Plan;
use upswell::engine::shard::Shard;

pub const DAY: i64 = 86_400_000;
/// The view's instant: ten in the morning of a day in the middle of a month.
pub const AS_OF: i64 = 20_345 * DAY + 10 * 3_600_000;
/// How many days before the view's have usage, some or all of them.
const USAGE_DAYS: usize = 90;
const WINDOWS: [&str; 7] =
    ["month_to_date", "last_month", "quarter_to_date", "last_quarter", "trailing_30d", "trailing_90d", "trailing_365d"];

fn usd() -> Currency {
    Currency::parse("USD").expect("a code")
}

fn plan() -> Arc<Plan> {
    Arc::new(Plan {
        zone: Zone::named("UTC").expect("a zone"),
        rates: ExchangeRates::new(usd(), vec![]),
        windows: WINDOWS.iter().map(|name| Window::parse(name).expect("a window")).collect(),
        dimensions: ["cohort", "plan", "vertical"].map(String::from).to_vec(),
        max_values: 100,
        history: 0,
    })
}

/// A deterministic stream of numbers.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// A UUID whose first digits look like nothing and whose last say which event it is.
fn event_id(event: u64) -> String {
    let scattered = event.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let (time, random) = (scattered >> 32, scattered & 0xfff);
    format!("{time:08x}-{:04x}-7{random:03x}-9{random:03x}-{:012x}", event >> 48, event & 0xffff_ffff_ffff)
}

fn customer_id(customer: usize) -> String {
    format!("cus_{customer:014}")
}

/// A subscription's new state.
pub struct Change {
    event_id: String,
    customer_id: String,
    subscription_id: String,
    item_id: String,
    at: i64,
    seats: i64,
    vertical: &'static str,
}

impl Change {
    pub fn new(customer: usize, at: i64, seats: i64, event: u64) -> Change {
        Change {
            event_id: event_id(event),
            customer_id: customer_id(customer),
            subscription_id: format!("sub_{customer:014}"),
            item_id: format!("it_{customer:014}"),
            at,
            seats,
            vertical: ["fintech", "health", "retail", "media"][customer % 4],
        }
    }

    pub fn apply(&self, shard: &mut Shard) {
        black_box(shard.apply_subscription(&self.fact()));
    }

    pub fn fact(&self) -> SubscriptionFact<'_> {
        SubscriptionFact {
            event_id: &self.event_id,
            customer_id: &self.customer_id,
            subscription_id: &self.subscription_id,
            effective_at: Instant(self.at),
            version: 0,
            status: Status::Active,
            currency: Some(usd()),
            items: vec![ItemFact {
                item_id: &self.item_id,
                product_id: "platform",
                plan_id: "team",
                quantity: self.seats,
                mrr: self.seats * 49_000_000,
            }],
            attributes: vec![("vertical", self.vertical)],
        }
    }
}

/// A usage event.
pub struct Used {
    event_id: String,
    customer_id: String,
    at: i64,
    record_at: i64,
}

impl Used {
    /// Usage at an instant, in a record of another.
    pub fn new(customer: usize, at: i64, record_at: i64, event: u64) -> Used {
        Used { event_id: event_id(event), customer_id: customer_id(customer), at, record_at }
    }

    pub fn apply(&self, shard: &mut Shard) {
        let (fact, record_at) = self.fact();
        black_box(shard.apply_usage(&fact, Some(record_at)));
    }

    /// With the timestamp of its record.
    pub fn fact(&self) -> (UsageFact<'_>, Instant) {
        let fact = UsageFact {
            event_id: &self.event_id,
            customer_id: &self.customer_id,
            used_at: Instant(self.at),
            amount: 1_234_567,
            currency: usd(),
        };
        (fact, Instant(self.record_at))
    }
}

/// A shard of accounts with so many usage days each, not yet live. Its usage came day by day, so the ids of the last day or so are
/// remembered and no others.
pub fn history(accounts: usize, usage_days: usize) -> Shard {
    assert!(usage_days <= USAGE_DAYS, "usage lies within {USAGE_DAYS} days");
    let mut shard = Shard::new(plan(), Memory::Window { millis: DAY }, (1, 2));
    // Without a clock all usage would count as still ahead.
    shard.observe_clock(Instant(AS_OF));
    for customer in 0..accounts {
        let began = AS_OF - (200 + customer as i64 % 200) * DAY;
        Change::new(customer, began, 1 + customer as i64 % 40, customer as u64).apply(&mut shard);
    }
    for day in 1..=USAGE_DAYS {
        let at = AS_OF - (USAGE_DAYS + 1 - day) as i64 * DAY;
        // Each account's days are spread evenly, and each day has as many accounts.
        for customer in (0..accounts).filter(|customer| (customer + day) * usage_days % USAGE_DAYS < usage_days) {
            Used::new(customer, at, at, ((customer as u64) << 8) + day as u64 + (1 << 40)).apply(&mut shard);
        }
    }
    shard
}
