//! Restarts: whatever way the service ended, the next one goes on from its checkpoints, and no event is lost or counted twice.

use crate::bench::Bench;
use crate::history::{History, scattered};
use serde_json::Value;
use std::collections::BTreeMap;
use upswell_testkit::Upswell;
use upswell_testkit::samples::Samples;

/// What a process counted, by what it means for the figures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counted {
    applied: f64,
    duplicates: f64,
    rejected: f64,
}

impl Counted {
    fn of(samples: &Samples) -> Counted {
        Counted {
            applied: samples.sum("upswell_events_applied_total", &[]),
            duplicates: samples.sum("upswell_events_ignored_total", &[("reason", "duplicate")]),
            rejected: samples.sum("upswell_events_rejected_total", &[]),
        }
    }

    /// What `replay` says of the whole history.
    fn replayed(history: &History) -> Counted {
        let events = &history.replay(&jiff::Timestamp::now().to_string())["events"];
        let number = |value: &Value| value.as_f64().expect("a number");
        let rejected = events["rejected"].as_object().expect("rejections by reason").values().map(number).sum();
        let applied = ["subscriptions", "usage", "after_as_of"].iter().map(|key| number(&events[*key])).sum();
        Counted { applied, duplicates: number(&events["duplicates"]), rejected }
    }

    fn all(&self) -> f64 {
        self.applied + self.duplicates + self.rejected
    }
}

/// Where the group stands, made up: at the beginning of every log, far behind their ends, nowhere.
fn lie_about_offsets(bench: &Bench, turn: usize) {
    let at = |next: i64| {
        let place = |partition| [(&*bench.subscriptions, partition, next), (&*bench.usage, partition, next)];
        bench.kafka.commit(bench.group(), &(0..2).flat_map(place).collect::<Vec<_>>());
    };
    match turn {
        0 => at(0),
        1 => at(1_000_000),
        _ => bench.kafka.delete_group(bench.group()),
    }
}

#[test]
fn the_next_start_goes_on_from_the_checkpoint_whatever_offsets_are_committed() {
    const PARTS: usize = 4;
    let history = History::generated();
    let bench = Bench::new("restarts", 2).revenue(&history.revenue()).kept();
    let mut sum = Counted::default();
    let mut repeated = 0.0;
    for part in 0..PARTS {
        let mut written = history.produce_part(&bench, part, PARTS);
        if part > 0 {
            let again = history.repeat_usage(&bench, 100 * part); // of the first part, so applied by an earlier process
            (written, repeated) = (written + again, repeated + again as f64);
        }
        let mut service = bench.run();
        service.wait_ready();
        let counted = Counted::of(&service.scrape());
        assert_eq!(counted.all(), written as f64, "part {part}: exactly what was written since is read");
        sum.applied += counted.applied;
        sum.duplicates += counted.duplicates;
        sum.rejected += counted.rejected;
        if part == PARTS - 1 {
            history.assert_equals(&service);
        }
        assert_eq!(service.terminate(), 0, "part {part}");
        lie_about_offsets(&bench, part);
    }
    let replayed = Counted::replayed(history);
    assert_eq!(sum, Counted { duplicates: replayed.duplicates + repeated, ..replayed });
    let letters = bench.kafka.read(&bench.dead_letters).len();
    assert_eq!(letters as f64, replayed.rejected, "an orderly end repeats no letter");
}

/// When to kill a process: at once, while it restores, once it has read something, once it has written a checkpoint.
fn doomed(service: &Upswell, way: u64, read: f64) -> bool {
    let samples = || service.get("/metrics").map(|answer| Samples::parse(&answer.body));
    match way {
        0 => true,
        1 => service.log().contains("partitions assigned partitions=[0"),
        2 => samples().is_some_and(|samples| Counted::of(&samples).all() >= read),
        _ => samples().is_some_and(|samples| samples.sum("upswell_checkpoint_duration_seconds_count", &[]) >= 1.0),
    }
}

#[test]
fn processes_killed_at_any_instant_lose_nothing_and_count_nothing_twice() {
    const PARTS: usize = 12;
    let history = History::generated();
    let bench = Bench::new("killed", 2).revenue(&history.revenue()).kept();
    // Restarts follow each other faster than a session ends, so each process takes its predecessor's place.
    let bench = bench.kafka_key("instance_id: one").kafka_key("group_protocol: classic");
    for part in 0..PARTS {
        let written = history.produce_part(&bench, part, PARTS);
        history.repeat_usage(&bench, 20);
        let mut service = bench.run();
        let (way, share) = (scattered(part) % 4, (scattered(part + PARTS) % 100) as f64 / 100.0);
        service.wait("an instant to kill it", |service| doomed(service, way, written as f64 * share).then_some(()));
        service.kill();
    }
    let mut service = bench.run();
    service.wait_ready();
    history.assert_equals(&service);
    assert_eq!(letters_by_origin(&bench).len() as f64, Counted::replayed(history).rejected);
    assert_eq!(service.terminate(), 0);
}

/// Dead letters by the record they are about: a killed process may write one twice.
fn letters_by_origin(bench: &Bench) -> BTreeMap<Vec<Option<String>>, usize> {
    let mut letters = BTreeMap::new();
    for letter in bench.kafka.read(&bench.dead_letters) {
        let headers = ["upswell.source.topic.id", "upswell.source.partition", "upswell.source.offset"];
        *letters.entry(headers.map(|name| letter.header(name)).to_vec()).or_default() += 1;
    }
    letters
}
