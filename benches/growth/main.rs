//! How the engine's costs grow with the number of accounts in a shard: usage of the day, late usage, a seat change, a midnight, and
//! memory.
//!
//! Run with `make bench-growth` for the sizes of docs/growth.svg, or `ACCOUNTS=100000,300000 cargo bench --bench growth` for others;
//! `cargo bench --bench growth -- catch-up` compares a catch-up with a live shard. `USAGE_DAYS` changes how many days with usage an account has, and `SVG` names a file for the plot. Each size has a process of its
//! own. Times are processor time of the one thread there is, which what else the machine does leaves alone but for its caches; the
//! time of a fact is the median of many batches.

#[path = "../common/fixture.rs"]
mod fixture;
mod groups;
mod plot;
#[path = "../common/process.rs"]
mod process;

use fixture::{AS_OF, Change, DAY, Numbers, Used, history};
use groups::{apply_changes, apply_usage};
use plot::{Line, Panel, Point};
use process::{busy_time, resident_bytes};
use std::process::Command;
use std::time::Duration;
use upswell::adapter::allocator;
use upswell::domain::calendar::Instant;
use upswell::engine::shard::Shard;
use upswell::service::worker::MOVED_AT_ONCE;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Facts that are timed together.
const BATCH: usize = 1_000;
/// Batches of each kind of fact at most; the first tenth is not counted.
const BATCHES: usize = 200;
/// Facts of each kind for so many accounts: they stay what they are said to be.
const ACCOUNTS_A_FACT: usize = 2;
/// The view's instant when facts are timed: the midnight is over.
const NOW: i64 = AS_OF + DAY;

/// What is measured, in the order in which one size's process prints it.
const OPERATIONS: [&str; 4] = ["usage of today", "late usage", "seat change", "midnight, per account"];

/// What was measured with one number of accounts.
struct Size {
    accounts: f64,
    /// Nanoseconds, in the order of [`OPERATIONS`].
    times: Vec<f64>,
    /// Nanoseconds of the longest step of the midnight, between which events are taken in.
    longest: f64,
    /// Resident bytes of the process for each account, once the shard is live.
    bytes: f64,
    /// The part of them that the shard counts.
    tracked: f64,
}

fn main() {
    allocator::keep_large_pages();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage_days = setting("USAGE_DAYS", "3").parse().expect("USAGE_DAYS is a number");
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["measure", accounts] => measure(accounts.parse().expect("a number"), usage_days),
        ["catch-up"] => compare_catch_up(),
        _ => compare(usage_days),
    }
}

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// Measures one size and prints the figures in one line.
fn measure(accounts: usize, usage_days: usize) {
    let mut shard = history(accounts, usage_days);
    shard.go_live(Instant(AS_OF));
    let (bytes, tracked) = (resident_bytes(), shard.tracked_bytes());
    let (mut midnight, mut longest, mut more) = (Duration::ZERO, Duration::ZERO, true);
    shard.begin_move(Instant(NOW));
    while more {
        let step = timed(|| more = shard.move_on(MOVED_AT_ONCE));
        (midnight, longest) = (midnight + step, longest.max(step));
    }
    assert_eq!(shard.totals().expect("it is live").as_of, Instant(NOW));

    let mut numbers = Numbers(7);
    let today = batches(&mut shard, |event| Used::new(numbers.below(accounts), NOW - 1_000, NOW, event), time_usage);
    let late = batches(
        &mut shard,
        |event| {
            let day = 1 + numbers.below(90) as i64;
            Used::new(numbers.below(accounts), NOW - day * DAY, NOW, event)
        },
        time_usage,
    );
    let change = batches(
        &mut shard,
        |event| {
            let at = NOW - 1 - (event % 1_000_000) as i64;
            Change::new(numbers.below(accounts), at, 1 + numbers.below(60) as i64, event)
        },
        time_changes,
    );
    let per_account = |figure: f64| figure / accounts as f64;
    let midnight = per_account(midnight.as_nanos() as f64);
    let (bytes, tracked) = (per_account(bytes as f64), per_account(tracked as f64));
    let longest = longest.as_nanos();
    println!("{accounts} {today} {late} {change} {midnight} {longest} {bytes} {tracked}");
}

/// Prints what an event costs when a log of 90 days is read from its beginning, which stores facts and then assesses every account
/// once, and what it costs a shard that was live all along: its facts, and its view that moved along, over 90 midnights.
fn compare_catch_up() {
    println!(
        "| accounts | events an account | catch-up: facts | assessment | both | live: facts | midnights |\n|---|---|---|---|---|---|---|"
    );
    for accounts in setting("ACCOUNTS", "100000").split(',').map(|accounts| accounts.trim().parse().expect("a number")) {
        for each in [5, 20, 50] {
            let [[stored, assessed], [applied, moved]] =
                [false, true].map(|live| read_log(accounts, accounts * each / BATCH, live));
            let times = [stored, assessed, stored + assessed, applied, moved].map(plot::time);
            println!("| {} | {each} | {} |", plot::count(accounts as f64), times.join(" | "));
        }
    }
}

/// Nanoseconds of one event of so many batches, in which one in twenty changes seats and the others are usage: for its fact, and for
/// assessments.
fn read_log(accounts: usize, batches: usize, live: bool) -> [f64; 2] {
    let (mut shard, mut numbers, began) = (history(accounts, 0), Numbers(7), NOW - 90 * DAY);
    let (mut facts, mut views) = (Duration::ZERO, Duration::ZERO);
    if live {
        shard.go_live(Instant(began));
    }
    for batch in 0..batches {
        let (first, at) = ((1 << 50) + (batch * BATCH) as u64, began + 90 * DAY / batches as i64 * batch as i64);
        let used = |event| Used::new(numbers.below(accounts), at, at, first + event);
        let used: Vec<Used> = (0..BATCH as u64 * 19 / 20).map(used).collect();
        let change = |event| Change::new(numbers.below(accounts), at - event as i64, 1 + numbers.below(60) as i64, first + event);
        let changes: Vec<Change> = (0..BATCH as u64 / 20).map(change).collect();
        if live {
            views += timed(|| shard.advance(Instant(at + 1)));
        }
        facts += time_usage(&used, &mut shard) + time_changes(&changes, &mut shard);
    }
    if !live {
        views += timed(|| shard.go_live(Instant(NOW)));
    }
    [facts, views].map(|busy| busy.as_nanos() as f64 / (batches * BATCH) as f64)
}

/// Processor time that applying events takes, all of which are ready.
fn time_usage(events: &[Used], shard: &mut Shard) -> Duration {
    let facts: Vec<_> = events.iter().map(Used::fact).collect();
    timed(|| apply_usage(&facts, shard))
}

/// The same of changes of subscriptions.
fn time_changes(events: &[Change], shard: &mut Shard) -> Duration {
    let facts: Vec<_> = events.iter().map(Change::fact).collect();
    timed(|| apply_changes(&facts, shard))
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = busy_time();
    work();
    busy_time() - began
}

/// Median time of one event in nanoseconds: events are made outside the time that counts, a batch at a time.
fn batches<T>(shard: &mut Shard, mut event: impl FnMut(u64) -> T, time: impl Fn(&[T], &mut Shard) -> Duration) -> f64 {
    let first = (1 << 50) + ((shard.dedup_entries() as u64) << 20);
    let count = (shard.accounts() / ACCOUNTS_A_FACT / BATCH).clamp(10, BATCHES);
    let mut times: Vec<Duration> = (0..count as u64)
        .map(|batch| {
            let events: Vec<T> = (0..BATCH as u64).map(|number| event(first + batch * BATCH as u64 + number)).collect();
            time(&events, shard)
        })
        .skip(count / 10)
        .collect();
    times.sort();
    times[times.len() / 2].as_nanos() as f64 / BATCH as f64
}

/// Measures every size, prints a table, and draws the plot if there is a file for it.
fn compare(usage_days: usize) {
    let sizes = setting("ACCOUNTS", "10000,30000,100000");
    let sizes: Vec<Size> = sizes.split(',').map(|accounts| apart(accounts.trim())).collect();
    print_table(&sizes);
    if let Ok(path) = std::env::var("SVG") {
        std::fs::write(&path, drawn(&sizes, usage_days)).unwrap_or_else(|error| panic!("{path} cannot be written: {error}"));
    }
}

/// Measures one size in a process of its own.
fn apart(accounts: &str) -> Size {
    let program = std::env::current_exe().expect("a path");
    let output = Command::new(program).args(["measure", accounts]).output().expect("started");
    assert!(output.status.success(), "{accounts} accounts: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let figures: Vec<f64> = text.split_whitespace().map(|figure| figure.parse().expect("a number")).collect();
    match figures[..] {
        [accounts, ref times @ .., longest, bytes, tracked] if times.len() == OPERATIONS.len() => {
            Size { accounts, times: times.to_vec(), longest, bytes, tracked }
        }
        _ => panic!("{} figures: {text}", figures.len()),
    }
}

fn print_table(sizes: &[Size]) {
    println!(
        "| accounts | {} | longest step of a midnight | resident, per account | counted, per account |",
        OPERATIONS.join(" | ")
    );
    println!("|---|{}---|---|---|", "---|".repeat(OPERATIONS.len()));
    for Size { accounts, times, longest, bytes, tracked } in sizes {
        let times: Vec<String> = times.iter().chain([longest]).map(|nanos| plot::time(*nanos)).collect();
        println!("| {} | {} | {bytes:.0} B | {tracked:.0} B |", plot::count(*accounts), times.join(" | "));
    }
}

fn drawn(sizes: &[Size], usage_days: usize) -> String {
    let line = |name: &'static str, of: &dyn Fn(&Size) -> f64| Line {
        name,
        points: sizes.iter().map(|size| Point { accounts: size.accounts, value: of(size) }).collect(),
    };
    let times = OPERATIONS.iter().enumerate().map(|(index, name)| line(name, &|size: &Size| size.times[index])).collect();
    let memory = vec![line("resident memory", &|size: &Size| size.bytes)];
    let title = format!("One thread, one shard; one subscription and {usage_days} days with usage for each account");
    plot::svg(
        &title,
        &[
            Panel { axis: "processor time", height: 330.0, show: plot::time, lines: times },
            Panel { axis: "bytes per account", height: 110.0, show: |bytes| format!("{bytes:.0} B"), lines: memory },
        ],
    )
}
