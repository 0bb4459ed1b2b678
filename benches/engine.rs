//! What a fact, an assessment and a midnight cost, by number of accounts.
//!
//! Default windows, three dimensions, one currency. Run with `cargo bench --bench engine`; the sizes are arguments of each
//! benchmark, so growth with the number of customers can be read off one run.

use divan::{Bencher, black_box};
use std::sync::Arc;
use upswell::domain::calendar::{Day, Instant, Zone};
use upswell::domain::currency::{Currency, ExchangeRates};
use upswell::domain::facts::{ItemFact, Status, SubscriptionFact, UsageFact};
use upswell::domain::window::Window;
use upswell::engine::dedup::Memory;
use upswell::engine::plan::Plan;
use upswell::engine::shard::Shard;

const ACCOUNTS: [usize; 2] = [10_000, 100_000];
const DAY: i64 = 86_400_000;
/// The view's instant: ten in the morning of a day in the middle of a month.
const AS_OF: i64 = 20_345 * DAY + 10 * 3_600_000;
const WINDOWS: [&str; 7] =
    ["month_to_date", "last_month", "quarter_to_date", "last_quarter", "trailing_30d", "trailing_90d", "trailing_365d"];

fn main() {
    divan::main();
}

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
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn state(shard: &mut Shard, customer: usize, at: i64, seats: i64, event: u64) {
    let (customer_id, subscription_id, event_id) =
        (format!("cus_{customer:08}"), format!("sub_{customer:08}"), format!("evt_{event:016x}"));
    let item = ItemFact { item_id: "it_base", product_id: "platform", plan_id: "team", quantity: seats, mrr: seats * 49_000_000 };
    shard.apply_subscription(&SubscriptionFact {
        event_id: &event_id,
        customer_id: &customer_id,
        subscription_id: &subscription_id,
        effective_at: Instant(at),
        version: 0,
        status: Status::Active,
        currency: Some(usd()),
        items: vec![item],
        attributes: vec![("vertical", ["fintech", "health", "retail", "media"][customer % 4])],
    });
}

fn usage(shard: &mut Shard, customer: usize, at: i64, event: u64) {
    let (customer_id, event_id) = (format!("cus_{customer:08}"), format!("evt_{event:016x}"));
    let fact =
        UsageFact { event_id: &event_id, customer_id: &customer_id, used_at: Instant(at), amount: 1_234_567, currency: usd() };
    black_box(shard.apply_usage(&fact, Some(Instant(AS_OF))));
}

/// A shard of accounts with one subscription and so many usage days each, not yet live.
fn history(accounts: usize, usage_days: i64) -> Shard {
    let mut shard = Shard::new(plan(), Memory::Window { millis: DAY }, (1, 2));
    for customer in 0..accounts {
        state(&mut shard, customer, AS_OF - (200 + customer as i64 % 200) * DAY, 1 + customer as i64 % 40, customer as u64);
        for day in 0..usage_days {
            usage(&mut shard, customer, AS_OF - (90 - day) * DAY, ((customer as u64) << 20) + day as u64);
        }
    }
    shard
}

fn live(accounts: usize, usage_days: i64) -> Shard {
    let mut shard = history(accounts, usage_days);
    shard.go_live(Instant(AS_OF));
    shard
}

#[divan::bench(args = ACCOUNTS, sample_count = 20, sample_size = 2_000)]
fn apply_usage_of_today(bencher: Bencher, accounts: usize) {
    let (mut shard, mut numbers, mut event) = (live(accounts, 0), Numbers(7), 1 << 50);
    bencher.bench_local(|| {
        event += 1;
        usage(&mut shard, numbers.below(accounts), AS_OF - 1_000, event);
    });
}

#[divan::bench(args = ACCOUNTS, sample_count = 20, sample_size = 500)]
fn apply_late_usage(bencher: Bencher, accounts: usize) {
    let (mut shard, mut numbers, mut event) = (live(accounts, 60), Numbers(7), 1 << 50);
    bencher.bench_local(|| {
        event += 1;
        let day = 1 + numbers.below(90) as i64;
        usage(&mut shard, numbers.below(accounts), AS_OF - day * DAY, event);
    });
}

#[divan::bench(args = ACCOUNTS, sample_count = 20, sample_size = 500)]
fn apply_seat_change_now(bencher: Bencher, accounts: usize) {
    let (mut shard, mut numbers, mut event) = (live(accounts, 0), Numbers(7), 1 << 50);
    bencher.bench_local(|| {
        event += 1;
        state(&mut shard, numbers.below(accounts), AS_OF - 1 - (event % 1_000_000) as i64, 1 + numbers.below(60) as i64, event);
    });
}

#[divan::bench(args = ACCOUNTS, sample_count = 3, sample_size = 1)]
fn assess_every_account(bencher: Bencher, accounts: usize) {
    bencher.with_inputs(|| history(accounts, 0)).bench_local_refs(|shard| shard.go_live(Instant(AS_OF)));
}

#[divan::bench(args = ACCOUNTS, sample_count = 3, sample_size = 1)]
fn midnight_with_60_usage_days(bencher: Bencher, accounts: usize) {
    bencher.with_inputs(|| live(accounts, 60)).bench_local_refs(|shard| shard.advance(Instant(AS_OF + DAY)));
}

#[divan::bench(args = ACCOUNTS, sample_count = 3, sample_size = 1)]
fn midnight_without_usage(bencher: Bencher, accounts: usize) {
    bencher.with_inputs(|| live(accounts, 0)).bench_local_refs(|shard| shard.advance(Instant(AS_OF + DAY)));
}

#[divan::bench]
fn civil_day_of_an_instant(bencher: Bencher) {
    let (zone, mut at) = (Zone::named("America/New_York").expect("a zone"), AS_OF);
    bencher.bench_local(|| {
        at += 977;
        zone.day(Instant(black_box(at)))
    });
}

#[divan::bench]
fn zone_of_a_name() -> Option<Day> {
    Zone::named(black_box("America/New_York")).map(|zone| zone.day(Instant(AS_OF)))
}
