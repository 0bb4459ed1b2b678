//! What checkpoints cost: how long a shard that works is held up by freezing, by a step of capturing and by a step of auditing; what
//! a delta is against a base; and how fast a shard is restored from a directory.
//!
//! Run with `cargo bench --bench checkpoint`; `ACCOUNTS=10000000` changes the number of accounts from a million. Each measurement has
//! a process of its own, so what one leaves behind in memory is not in the way of the next.

mod history;
#[path = "../common/process.rs"]
mod process;
mod restore;

use history::{AS_OF, DAY, usage};
use process::busy_time;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant as Moment};
use upswell::engine::image::{Chunk, Scope, Step};
use upswell::engine::shard::{AuditStep, Shard};
use upswell::wire::checkpoint::account::encode;

/// Accounts or ids a step of capturing looks at, as in the service.
const STEP: usize = 500;
/// Accounts a step of auditing looks at, as in the service.
const AUDIT_ACCOUNTS: usize = 100;
/// Usage days of each account of the shard whose pauses are measured.
const USAGE_DAYS: usize = 3;

/// An image, and what taking it cost.
#[derive(Default)]
struct Taken {
    accounts: u64,
    bytes: usize,
    freeze: Duration,
    longest: Duration,
    /// The longest by the processor time of its thread, which what else the machine does leaves alone.
    busiest: Duration,
    /// Steps, and those over 1 ms and 10 ms: a machine that does something else shows in a few of them.
    steps: [usize; 3],
    all: Duration,
}

/// Takes an image while `changes` of usage arrive after every step.
fn take(shard: &mut Shard, scope: Scope, changes: usize, accounts: usize) -> Taken {
    let began = Moment::now();
    shard.freeze(scope, encode).expect("an image can be taken");
    let mut taken = Taken { freeze: began.elapsed(), ..Taken::default() };
    let mut event = 1 << 60;
    loop {
        let (began, busy) = (Moment::now(), busy_time());
        let step = shard.capture(STEP);
        taken.time(began.elapsed(), busy_time() - busy);
        match step {
            Step::Chunk(chunk) => taken.count(&chunk),
            Step::Working => {}
            Step::Done => return taken,
        }
        for _ in 0..changes {
            event += 7919;
            usage(shard, event % accounts, AS_OF.0 - DAY, event);
        }
    }
}

impl Taken {
    fn time(&mut self, took: Duration, busy: Duration) {
        (self.longest, self.busiest, self.all) = (self.longest.max(took), self.busiest.max(busy), self.all + took);
        for (steps, over) in self.steps.iter_mut().zip([0, 1, 10]) {
            *steps += usize::from(took >= Duration::from_millis(over));
        }
    }

    fn count(&mut self, chunk: &Chunk) {
        self.bytes += match chunk {
            Chunk::Texts { texts, .. } => texts.iter().map(|text| text.len()).sum(),
            Chunk::Ids { ids, .. } => size_of_val(ids.as_slice()),
            Chunk::Accounts { bytes, .. } => bytes.len(),
        };
        self.accounts += if let Chunk::Accounts { count, .. } = chunk { u64::from(*count) } else { 0 };
    }

    fn print(&self, name: &str) {
        let Taken { accounts, bytes, freeze, .. } = self;
        println!("{name}: {accounts} accounts, {bytes} bytes, freeze {freeze:?}, {}", self.pauses());
    }

    fn pauses(&self) -> String {
        let (Taken { longest, busiest, all, .. }, [steps, over_1, over_10]) = (self, self.steps);
        format!(
            "{steps} steps, longest {longest:?} ({busiest:?} of processor time), {over_1} of 1 ms or more, {over_10} of 10 ms or more, all {all:?}"
        )
    }
}

fn pauses(accounts: usize) {
    let mut live = history::shard(accounts, USAGE_DAYS);
    live.observe_clock(AS_OF);
    live.go_live(AS_OF);
    println!("{accounts} accounts, {} ids, {} bytes", live.dedup_entries(), live.tracked_bytes());
    let quiet = take(&mut live, Scope::Base, 0, accounts);
    quiet.print("base, nothing else happening");
    let base = take(&mut live, Scope::Base, 20, accounts);
    base.print("base, 20 events after each step");
    // What changed while the base was taken is a delta of its own.
    take(&mut live, Scope::Delta, 0, accounts).print("delta of what changed meanwhile");
    for number in 0..1_000 {
        usage(&mut live, number * 7919 % accounts, AS_OF.0 - DAY, (1 << 50) + number);
    }
    let delta = take(&mut live, Scope::Delta, 0, accounts);
    delta.print("delta after 1000 events");
    println!(
        "base to delta: {} times the bytes, {:.0} times the work",
        base.bytes / delta.bytes,
        base.all.as_secs_f64() / delta.all.as_secs_f64()
    );
    audit(&mut live);
}

fn audit(live: &mut Shard) {
    let (mut taken, mut clean) = (Taken::default(), false);
    while !clean {
        let (began, busy) = (Moment::now(), busy_time());
        let step = live.audit_step(1, AUDIT_ACCOUNTS);
        taken.time(began.elapsed(), busy_time() - busy);
        assert!(!matches!(step, AuditStep::Violated(_)), "{step:?}");
        clean = step == AuditStep::Clean;
    }
    println!("audit: {}", taken.pauses());
}

/// Runs one measurement in a process of its own.
fn apart(measurement: &str) {
    let status = Command::new(std::env::current_exe().expect("a path")).args(measurement.split(' ')).status().expect("started");
    assert!(status.success(), "{measurement}: {status}");
}

fn main() {
    let accounts = std::env::var("ACCOUNTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| arguments[index].parse().expect("a number");
    match arguments.first().map(String::as_str) {
        Some("write") => restore::write(Path::new(&arguments[1]), accounts, number(2)),
        Some("restore") => restore::restore(Path::new(&arguments[1]), number(2), number(3)),
        Some("pauses") => pauses(accounts),
        _ => {
            for usage_days in [0, USAGE_DAYS] {
                let directory = tempfile::tempdir().expect("a directory");
                let path = directory.path().display();
                apart(&format!("write {path} {usage_days}"));
                [1, 2].iter().for_each(|threads| apart(&format!("restore {path} {usage_days} {threads}")));
            }
            apart("pauses");
        }
    }
}
