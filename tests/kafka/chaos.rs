//! Chaos: two instances and their broker are killed, stopped and restarted at random while events keep coming, and in the end the
//! instances add up to a replay of the same events, to the micro-unit, and the dead letters are exactly the invalid records.

use crate::bench::{Bench, usage, usage_schema};
use crate::history::{History, scattered};
use crate::rebalances::{Instances, PARTITIONS};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use upswell_testkit::RealKafka;
use upswell_testkit::kafka::{Outgoing, Record, SHORT_SESSIONS};
use upswell_testkit::program::Signal;

/// Parts the history is written in.
const PARTS: usize = 40;
/// Least number of instances killed in each of the two runs.
const KILLS: usize = 15;

/// How long both runs together take.
fn seconds() -> u64 {
    std::env::var("UPSWELL_CHAOS_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(180)
}

/// Lets some time pass: chaos needs it.
fn pass(millis: u64) {
    let end = Instant::now() + Duration::from_millis(millis);
    while let Some(rest) = end.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(rest);
    }
}

/// Writes the history part by part, with repeated usage, poison, and transactions that are aborted. Answers the poison.
fn write(bench: &Bench, calm: &Mutex<()>, end: Instant) -> usize {
    let history = History::generated();
    let share = end.saturating_duration_since(Instant::now()).as_millis() as u64 / (PARTS as u64 + 1);
    for part in 0..PARTS {
        // The broker stays while this is written; what reads it does not.
        let quiet = calm.lock().unwrap_or_else(PoisonError::into_inner);
        let records = history.produce_part(bench, part, PARTS);
        history.repeat_usage(bench, records / 100 + 1);
        let poison = format!("poison {part}");
        bench.send(&bench.usage, &format!("c-{part}"), poison.as_bytes());
        bench.kafka.transactional(&format!("{}-{part}", bench.group())).transaction(false, |writer| {
            let value = usage_schema().confluent(&usage("cus_aborted", &format!("aborted-{part}"), 1_000_000));
            writer.send(Outgoing { topic: &bench.usage, partition: Some(0), value: Some(&value), ..Outgoing::default() });
        });
        drop(quiet);
        pass(share);
    }
    PARTS
}

/// Does one thing at random; whether it killed an instance.
fn disturb(instances: &mut Instances, step: usize, calm: &Mutex<()>) -> bool {
    let (what, whom) = (scattered(step) % 12, (scattered(step + 7) % 2) as usize);
    match what {
        0 => {
            let _quiet = calm.lock().unwrap_or_else(PoisonError::into_inner);
            instances.bench.kafka.kill();
            instances.bench.kafka.restart();
        }
        1 | 2 => {
            instances.running[whom].signal(Signal::STOP);
            pass(if what == 1 { 1_000 } else { 9_000 });
            instances.running[whom].signal(Signal::CONT);
        }
        3 | 4 => {
            instances.terminate(whom);
            instances.start("again");
        }
        _ => {
            instances.kill(whom);
            instances.start("again");
            return true;
        }
    }
    false
}

/// Fails if an instance has ended that nobody ended.
fn look_after(instances: &mut Instances) {
    for instance in &mut instances.running {
        if let Some(status) = instance.ended() {
            panic!("an instance has ended by itself with {status}: {}", instance.log().lines().last().unwrap_or_default());
        }
    }
}

/// Dead letters by where their records were read.
fn collapsed(letters: Vec<Record>) -> BTreeMap<[Option<String>; 3], Option<Vec<u8>>> {
    let identity =
        |letter: &Record| ["topic.id", "partition", "offset"].map(|part| letter.header(&format!("upswell.source.{part}")));
    letters.into_iter().map(|letter| (identity(&letter), letter.value)).collect()
}

fn chaos(protocol: &str) {
    let kafka: &'static RealKafka = Box::leak(Box::new(RealKafka::start_with(SHORT_SESSIONS)));
    let mut instances = Instances::of(Bench::at(kafka, &format!("chaos-{protocol}"), PARTITIONS as i32), protocol, false);
    let (calm, end) = (Mutex::new(()), Instant::now() + Duration::from_secs(seconds() / 2));
    let poison = std::thread::scope(|scope| {
        let bench = Bench::at_same_topics(&instances.bench);
        let writer = scope.spawn({
            let calm = &calm;
            move || write(&bench, calm, end)
        });
        ["a", "b"].into_iter().for_each(|name| instances.start(name));
        let (mut step, mut kills) = (0, 0);
        while Instant::now() < end || kills < KILLS {
            kills += usize::from(disturb(&mut instances, step, &calm));
            step += 1;
            pass(scattered(step) % 1_500);
            look_after(&mut instances);
        }
        eprintln!("{protocol}: {step} disturbances, {kills} kills");
        writer.join().expect("everything was written")
    });
    look_after(&mut instances);
    instances.wait_complete();
    let replayed = History::generated().replay(instances.running[0].report()["as_of"].as_str().expect("an instant"));
    let rejected = replayed["events"]["rejected"].as_object().expect("rejected events by reason");
    let invalid: u64 = rejected.values().map(|count| count.as_u64().expect("a count")).sum();
    let letters = collapsed(kafka.read(&instances.bench.dead_letters));
    assert_eq!(letters.len() as u64, invalid + poison as u64, "letters of invalid records, each once: {rejected:?}");
    for part in 0..poison {
        let value = Some(format!("poison {part}").into_bytes());
        assert_eq!(letters.values().filter(|letter| **letter == value).count(), 1, "poison {part}");
    }
    (0..2).for_each(|_| instances.terminate(0));
    kafka.kill();
}

#[test]
fn nothing_is_lost_or_doubled_in_chaos_with_the_new_protocol() {
    chaos("consumer");
}

#[test]
fn nothing_is_lost_or_doubled_in_chaos_with_the_classic_protocol() {
    chaos("classic");
}
