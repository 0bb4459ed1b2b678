//! Latency: from the moment an event is handed to a producer to the moment a scrape shows what it did.
//!
//! A background of events arrives at an even pace. Between them marked ones are sent, each a new subscription so large that the
//! figure `upswell_mrr` says how many of them are in it; scrapes follow one another closely.

use crate::events::{Events, Scale};
use crate::process::machine;
use crate::stage::{SUBSCRIPTIONS, Stage, topic};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant as Moment};
use upswell::domain::facts::{Interval, RawItem, RawSubscription, Status};
use upswell::wire::encode;
use upswell_testkit::kafka::{Outgoing, Writer};
use upswell_testkit::{Upswell, wait};

/// What a marked event adds, in whole units: more than everything else together moves the figure by.
const MARK: i64 = 1_000_000_000;
/// Between two marked events.
const MARK_EVERY: Duration = Duration::from_millis(50);
/// Pace of the background: so often a few events are sent.
const BEAT: Duration = Duration::from_millis(2);
/// Between two scrapes.
const GLANCE: Duration = Duration::from_millis(5);

/// Sends `rate` events a second for so long, on top of `scale` that is there already, and prints how long marked ones took.
pub fn run(scale: Scale, partitions: i32, rate: usize, seconds: u64) {
    println!(
        "{}; {rate} events/s for {seconds} s, {} customers, {partitions} partitions of each topic",
        machine(),
        scale.customers
    );
    let stage = Stage::set(partitions);
    stage.load(scale);
    let mut service = stage.upswell("latency");
    service.wait_ready();
    let base = wait::until("a figure", || mrr(&service));
    let (sent, seen) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let (done, began) = (AtomicBool::new(false), Moment::now());
    let processor = crate::process::processor_time(service.id());
    std::thread::scope(|scope| {
        scope.spawn(|| watch(&service, base, &sent, &seen, &done));
        send(&stage, scale, rate, Duration::from_secs(seconds), &sent);
        let all = sent.lock().expect("nobody died").len();
        wait::holds("every marked event is seen", || seen.lock().expect("nobody died").len() >= all);
        done.store(true, Relaxed);
    });
    let busy = (crate::process::processor_time(service.id()) - processor).as_secs_f64() / began.elapsed().as_secs_f64();
    let mut took = seen.into_inner().expect("nobody died");
    took.sort();
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)].as_millis();
    println!(
        "{} marked events, produced to visible: p50 {} ms, p90 {} ms, p99 {} ms, longest {} ms; the service takes {:.0} % of a core, scrapes included",
        took.len(),
        at(50),
        at(90),
        at(99),
        at(100),
        busy * 100.0
    );
    service.terminate();
}

/// Notes of each marked event how long it took to be seen, in order.
fn watch(service: &Upswell, base: f64, sent: &Mutex<Vec<Moment>>, seen: &Mutex<Vec<Duration>>, done: &AtomicBool) {
    while !done.load(Relaxed) {
        let marks = mrr(service).map_or(0, |now| ((now - base) / MARK as f64).round() as usize);
        let (sent, mut seen) = (sent.lock().expect("nobody died"), seen.lock().expect("nobody died"));
        while seen.len() < marks.min(sent.len()) {
            let next = sent[seen.len()].elapsed();
            seen.push(next);
        }
        drop((sent, seen));
        std::thread::sleep(GLANCE);
    }
}

fn mrr(service: &Upswell) -> Option<f64> {
    let answer = service.get("/metrics")?;
    answer.body.lines().find_map(|line| line.strip_prefix("upswell_mrr ")?.parse().ok())
}

/// The background and the marked events.
fn send(stage: &Stage, scale: Scale, rate: usize, time: Duration, sent: &Mutex<Vec<Moment>>) {
    // As a producer that is tuned for latency.
    let (writer, began, mut value) = (stage.writer("1"), Moment::now(), Vec::new());
    let more = scale.events + rate * time.as_secs() as usize * 2;
    let mut events = Events::new(Scale { events: more, ..scale }, stage.ids);
    // Those that are there already.
    (0..scale.events).for_each(|_| drop(events.next(&mut value)));
    let (mut background, mut marks) = (0, 0);
    while began.elapsed() < time {
        let due = (began.elapsed().as_secs_f64() * rate as f64) as usize;
        for _ in background..due {
            let Some(event) = events.next(&mut value) else { break };
            let (key, value) = (Some(event.customer.as_bytes()), Some(event.value));
            writer.send(Outgoing { topic: topic(event.kind), key, value, ..Outgoing::default() });
        }
        background = due;
        if began.elapsed() >= MARK_EVERY * marks {
            mark(&writer, stage.ids[0], marks, scale.now, sent);
            marks += 1;
        }
        std::thread::sleep(BEAT);
    }
    writer.flush();
    println!("{background} events sent in {:.1?}, {marks} marked ones between them", began.elapsed());
}

fn mark(writer: &Writer, schema: u32, number: u32, now: i64, sent: &Mutex<Vec<Moment>>) {
    let name = format!("mark-{number:06}");
    let item = RawItem {
        item_id: Some("i"),
        product_id: Some("p"),
        plan_id: Some("mark"),
        quantity: Some(1),
        unit_amount_micros: Some(MARK * 1_000_000),
        interval: Some(Interval::Month),
        interval_count: Some(1),
        discount_micros: Some(0),
    };
    let raw = RawSubscription {
        event_id: Some(&name),
        customer_id: Some(&name),
        subscription_id: Some("s"),
        effective_at: Some(now - 60_000),
        version: Some(0),
        status: Some(Status::Active),
        currency: Some("USD"),
        items: Some(vec![item]),
        attributes: Vec::new(),
    };
    let mut value = Vec::new();
    encode::confluent_header(schema, &mut value);
    encode::subscription(&raw, &mut value);
    sent.lock().expect("nobody died").push(Moment::now());
    let (key, value) = (Some(name.as_bytes()), Some(value.as_slice()));
    writer.send(Outgoing { topic: SUBSCRIPTIONS, key, value, ..Outgoing::default() });
}
