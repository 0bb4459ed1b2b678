//! What images cost a shard that works: how long freezing and a step of capturing hold it up, what a delta is against a base, and
//! how fast a shard is restored.
//!
//! Run with `cargo bench --bench checkpoint`; `ACCOUNTS=10000000` changes the number of accounts from a million. Each account has
//! one subscription and three usage days.

use std::sync::Arc;
use std::time::{Duration, Instant as Moment};
use upswell::domain::calendar::{Instant, Zone};
use upswell::domain::currency::{Currency, ExchangeRates};
use upswell::domain::facts::{ItemFact, Status, SubscriptionFact, UsageFact};
use upswell::domain::window::Window;
use upswell::engine::dedup::Memory;
use upswell::engine::image::{Chunk, Head, Scope, Step};
use upswell::engine::plan::Plan;
use upswell::engine::restoring::Restoring;
use upswell::engine::shard::{AuditStep, Shard};
use upswell::wire::checkpoint::account::{decode, encode};
use upswell::wire::checkpoint::bytes::Cursor;

const DAY: i64 = 86_400_000;
/// The view's instant: ten in the morning of a day in the middle of a month.
const AS_OF: i64 = 20_345 * DAY + 10 * 3_600_000;
const WINDOWS: [&str; 7] =
    ["month_to_date", "last_month", "quarter_to_date", "last_quarter", "trailing_30d", "trailing_90d", "trailing_365d"];
const USAGE_DAYS: i64 = 3;
/// Accounts or ids a step of capturing looks at.
const BUDGET: usize = 1_024;
const MEMORY: Memory = Memory::Window { millis: DAY };

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
    })
}

fn state(shard: &mut Shard, customer: usize, at: i64, seats: i64, event: usize) {
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

fn usage(shard: &mut Shard, customer: usize, at: i64, event: usize) {
    let (customer_id, event_id) = (format!("cus_{customer:08}"), format!("use_{event:016x}"));
    let fact =
        UsageFact { event_id: &event_id, customer_id: &customer_id, used_at: Instant(at), amount: 1_234_567, currency: usd() };
    shard.apply_usage(&fact, Some(Instant(AS_OF)));
}

fn shard(accounts: usize) -> Shard {
    let mut shard = Shard::new(plan(), MEMORY, (1, 2));
    for customer in 0..accounts {
        state(&mut shard, customer, AS_OF - (200 + customer as i64 % 200) * DAY, 1 + customer as i64 % 40, customer);
        for day in 0..USAGE_DAYS {
            usage(&mut shard, customer, AS_OF - (90 - day) * DAY, (customer << 8) + day as usize);
        }
    }
    shard
}

/// An image, and what taking it cost.
struct Taken {
    head: Head,
    chunks: Vec<Chunk>,
    freeze: Duration,
    longest: Duration,
    all: Duration,
}

/// Takes an image while `changes` of usage arrive after every step.
fn take(shard: &mut Shard, scope: Scope, changes: usize, accounts: usize) -> Taken {
    let began = Moment::now();
    let head = shard.freeze(scope, encode).expect("an image can be taken");
    let freeze = began.elapsed();
    let (mut longest, mut all, mut chunks, mut event) = (Duration::ZERO, Duration::ZERO, Vec::new(), 1 << 60);
    loop {
        let began = Moment::now();
        let step = shard.capture(BUDGET);
        let took = began.elapsed();
        (longest, all) = (longest.max(took), all + took);
        match step {
            Step::Chunk(chunk) => chunks.push(chunk),
            Step::Working => {}
            Step::Done => return Taken { head, chunks, freeze, longest, all },
        }
        for _ in 0..changes {
            event += 7919;
            usage(shard, event % accounts, AS_OF - DAY, event);
        }
    }
}

impl Taken {
    fn bytes(&self) -> usize {
        let bytes = |chunk: &Chunk| match chunk {
            Chunk::Texts { texts, .. } => texts.iter().map(|text| text.len()).sum(),
            Chunk::Ids { ids, .. } => size_of_val(ids.as_slice()),
            Chunk::Accounts { bytes, .. } => bytes.len(),
        };
        self.chunks.iter().map(bytes).sum()
    }

    fn print(&self, name: &str) {
        let accounts: u64 =
            self.chunks.iter().map(|chunk| if let Chunk::Accounts { count, .. } = chunk { u64::from(*count) } else { 0 }).sum();
        println!(
            "{name}: {accounts} accounts, {} bytes, freeze {:?}, longest step {:?}, all steps {:?}",
            self.bytes(),
            self.freeze,
            self.longest,
            self.all
        );
    }
}

fn restore(images: &[Taken], threads: usize) -> Shard {
    let head = &images.last().expect("an image").head;
    let began = Moment::now();
    let restoring = Restoring::new(plan(), MEMORY, head);
    for image in images {
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let chunks = image.chunks.iter().skip(thread).step_by(threads);
                let restoring = &restoring;
                scope.spawn(move || chunks.for_each(|chunk| take_up(restoring, chunk, head.texts)));
            }
        });
    }
    let taken_up = began.elapsed();
    let mut shard = restoring.finish().expect("a whole image");
    let finished = began.elapsed();
    shard.observe_clock(Instant(AS_OF));
    shard.go_live(Instant(AS_OF));
    println!(
        "restored with {threads} threads: {taken_up:?}, checked {:?}, live {:?}",
        finished - taken_up,
        began.elapsed() - finished
    );
    shard
}

fn take_up(restoring: &Restoring, chunk: &Chunk, texts: u32) {
    match chunk {
        Chunk::Texts { first, texts } => restoring.texts(*first, texts.clone()),
        Chunk::Ids { until, ids } => restoring.ids(*until, ids),
        Chunk::Accounts { count, bytes } => {
            let mut bytes = Cursor::new(bytes);
            for _ in 0..*count {
                let (customer_id, account) = decode(&mut bytes, texts).expect("an account");
                restoring.account(customer_id, account).expect("an account of this image");
            }
        }
    }
}

fn main() {
    let accounts = std::env::var("ACCOUNTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let mut live = shard(accounts);
    live.observe_clock(Instant(AS_OF));
    live.go_live(Instant(AS_OF));
    println!("{accounts} accounts, {} ids, {} bytes", live.dedup_entries(), live.tracked_bytes());
    let quiet = take(&mut live, Scope::Base, 0, accounts);
    quiet.print("base, nothing else happening");
    let base = take(&mut live, Scope::Base, 100, accounts);
    base.print("base, 100 events after each step");
    // What changed while the base was taken is a delta of its own.
    let first = take(&mut live, Scope::Delta, 0, accounts);
    first.print("delta of what changed meanwhile");
    (0..1_000).for_each(|number| usage(&mut live, number * 7919 % accounts, AS_OF - DAY, (1 << 50) + number));
    let delta = take(&mut live, Scope::Delta, 0, accounts);
    delta.print("delta after 1000 events");
    println!(
        "base to delta: {} times the bytes, {:.0} times the work",
        base.bytes() / delta.bytes(),
        base.all.as_secs_f64() / delta.all.as_secs_f64()
    );
    let began = Moment::now();
    let (mut longest, mut clean) = (Duration::ZERO, false);
    while !clean {
        let began = Moment::now();
        let step = live.audit_step(1);
        longest = longest.max(began.elapsed());
        assert!(!matches!(step, AuditStep::Violated(_)), "{step:?}");
        clean = step == AuditStep::Clean;
    }
    println!("audit, a part of the map a step: longest {longest:?}, all {:?}", began.elapsed());
    let images = [base, first, delta];
    for threads in [1, 2] {
        let restored = restore(&images, threads);
        assert_eq!(restored.totals(), live.totals());
    }
}
