//! What a fact, an assessment and a midnight cost, by number of accounts.
//!
//! Run with `cargo bench --bench engine`; the sizes are arguments of each benchmark. `make bench-growth` measures the growth with
//! the number of customers over a wider range.

#[path = "common/fixture.rs"]
mod fixture;

use divan::{Bencher, black_box};
use fixture::{AS_OF, Change, DAY, Numbers, Used, history};
use upswell::domain::calendar::{Day, Instant, Zone};
use upswell::engine::shard::Shard;

const ACCOUNTS: [usize; 2] = [10_000, 100_000];

fn main() {
    divan::main();
}

fn live(accounts: usize, usage_days: usize) -> Shard {
    let mut shard = history(accounts, usage_days);
    shard.go_live(Instant(AS_OF));
    shard
}

/// Numbers of customers and events of one benchmark.
fn numbers() -> (Numbers, u64) {
    (Numbers(7), 1 << 50)
}

#[divan::bench(args = ACCOUNTS, sample_count = 20, sample_size = 2_000)]
fn apply_usage_of_today(bencher: Bencher, accounts: usize) {
    let (mut shard, (mut numbers, mut event)) = (live(accounts, 0), numbers());
    let used = || {
        event += 1;
        Used::new(numbers.below(accounts), AS_OF - 1_000, AS_OF, event)
    };
    bencher.with_inputs(used).bench_local_refs(|used| used.apply(&mut shard));
}

#[divan::bench(args = ACCOUNTS, sample_count = 20, sample_size = 500)]
fn apply_late_usage(bencher: Bencher, accounts: usize) {
    let (mut shard, (mut numbers, mut event)) = (live(accounts, 60), numbers());
    let used = || {
        event += 1;
        let day = 1 + numbers.below(90) as i64;
        Used::new(numbers.below(accounts), AS_OF - day * DAY, AS_OF, event)
    };
    bencher.with_inputs(used).bench_local_refs(|used| used.apply(&mut shard));
}

#[divan::bench(args = ACCOUNTS, sample_count = 20, sample_size = 500)]
fn apply_seat_change_now(bencher: Bencher, accounts: usize) {
    let (mut shard, (mut numbers, mut event)) = (live(accounts, 0), numbers());
    let change = || {
        event += 1;
        let at = AS_OF - 1 - (event % 1_000_000) as i64;
        Change::new(numbers.below(accounts), at, 1 + numbers.below(60) as i64, event)
    };
    bencher.with_inputs(change).bench_local_refs(|change| change.apply(&mut shard));
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
