//! What a partition begins with, for what the store holds and the logs say.

use super::*;
use crate::adapter::store::{Settings, Store};
use crate::domain::alert::State as AlertState;
use crate::domain::calendar::{Day, Instant, Zone};
use crate::domain::currency::{Currency, ExchangeRates, RateTable};
use crate::domain::facts::UsageFact;
use crate::domain::window::Window;
use crate::engine::image::{Head, Scope, Step};
use crate::wire::checkpoint::{Section, account};
use Outcome::{Anew, Fail, Held as Kept, Restored, Stop, Wait};
use StopReason::{CheckpointUnusable, ClusterChanged, LogTruncated, PartitionCountChanged, TopicRecreated};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;

const PARTITION: i32 = 3;
const FIRST_VIEW: Instant = Zone::EARLIEST_VIEW;

/// What the brokers say.
#[derive(Clone)]
struct Brokers {
    starts: Result<Vec<i64>, String>,
    ends: Result<Vec<i64>, String>,
    ids: Result<Ids, String>,
}

impl Logs for Brokers {
    fn starts(&self, _: &[TopicName], _: i32) -> Result<Vec<i64>, String> {
        self.starts.clone()
    }

    fn ends(&self, _: &[TopicName], _: i32) -> Result<Vec<i64>, String> {
        self.ends.clone()
    }

    fn ids(&self, _: &[TopicName]) -> Result<Ids, String> {
        self.ids.clone()
    }
}

/// A beginning, as far as it differs; a number is the generation.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Restored(u32, [i64; TOPICS]),
    Anew(u32, [i64; TOPICS]),
    Held([i64; TOPICS]),
    Wait(Stall),
    Stop(StopReason, String),
    Fail(String),
}

impl Outcome {
    fn of(found: Result<Beginning, Hindrance>) -> Outcome {
        match found {
            Ok(Beginning::Held(next)) => Kept(next),
            Ok(Beginning::State(state)) => {
                let next = state.positions.map(|position| position.map_or(-1, |position| position.next));
                if state.newest.is_some() { Restored(state.generation, next) } else { Anew(state.generation, next) }
            }
            Err(Hindrance::Wait(stall)) => Wait(stall),
            Err(Hindrance::Stop(reason, sentence)) => Stop(reason, sentence),
            Err(Hindrance::Fail(failure)) => Fail(failure.to_string()),
        }
    }

    /// Whether it stops for a reason, with a sentence that has all of these words.
    fn stops(&self, reason: StopReason, words: &[&str]) -> bool {
        matches!(self, Stop(found, sentence) if *found == reason && words.iter().all(|word| sentence.contains(word)))
    }
}

struct World {
    beginnings: Beginnings,
    brokers: Brokers,
    plan: Arc<Plan>,
}

fn plan(currencies: &[&str]) -> Arc<Plan> {
    let code = |text: &str| Currency::parse(text).expect("a code");
    let rates: BTreeMap<Currency, i64> = currencies.iter().map(|currency| (code(currency), 1_000_000)).collect();
    let rates = ExchangeRates::new(code("USD"), vec![RateTable { from: Day(0), rates }]);
    let windows = vec![Window::parse("month_to_date").expect("a window")];
    Arc::new(Plan { zone: Zone::named("UTC").expect("a zone"), rates, windows, dimensions: vec![], max_values: 100, history: 0 })
}

fn world() -> World {
    let store = Store::open(&Settings { url: "memory:///".to_owned() }).expect("a store");
    let name = |name: &str| TopicName { name: name.into(), id: Some(format!("id-{name}").into()) };
    let topics: Arc<[TopicName]> = ["s", "u", "r"].map(name).into();
    let ids = topics.iter().map(|topic| topic.id.as_deref().map(str::to_owned)).collect();
    let brokers = Brokers {
        starts: Ok(vec![0; TOPICS]),
        ends: Ok(vec![100; TOPICS]),
        ids: Ok(Ids { cluster: Some("c".to_owned()), topics: ids }),
    };
    let beginnings = Beginnings {
        archive: Archive::new(store, "g"),
        logs: Box::new(brokers.clone()),
        topics,
        cluster_id: Some("c".to_owned()),
        partitions: 8,
        dedup_window: 86_400_000,
        accept_truncated_log: false,
        rebuild: false,
        rebuilt: Mutex::default(),
        telemetry: Arc::new(Telemetry::new("s", "u", "r")),
        threads: 1,
    };
    World { beginnings, brokers, plan: plan(&[]) }
}

impl World {
    fn begin(&mut self, held: Option<Held>, tries: u32) -> Outcome {
        self.beginnings.logs = Box::new(self.brokers.clone());
        Outcome::of(self.beginnings.of(PARTITION, &self.plan, held, tries))
    }

    fn first(&mut self) -> Outcome {
        self.begin(None, 1)
    }

    fn ids(&mut self) -> &mut Ids {
        self.brokers.ids.as_mut().expect("ids")
    }

    /// Draft of an image with these next offsets, that of an empty shard.
    fn draft(&self, generation: u32, next: [i64; TOPICS]) -> Manifest {
        let head = Head {
            accounts: 0,
            texts: 0,
            floor: Zone::FIRST,
            floor_at: FIRST_VIEW,
            record_time: None,
            hash_key: (1, 2),
            generations: vec![],
            ahead: vec![],
            passed: FIRST_VIEW,
        };
        Manifest {
            identity: self.beginnings.identity(PARTITION, &self.plan),
            generation,
            writer: 5,
            sequence: 6,
            taken_at: Instant(0),
            positions: next.map(|next| Some(Position { next, ..Position::default() })),
            placement: [[0; 3]; 2],
            head,
            pieces: vec![],
            base_pieces: 0,
            alerts: vec![],
        }
    }

    /// Writes an image of the partition; its name.
    fn write(&self, draft: &Manifest) -> String {
        let mut writing = self.beginnings.archive.write(&draft.identity, draft.writer, draft.sequence, None);
        writing.finish(draft, Duration::ZERO).expect("written").file_name()
    }

    /// One image, changed; what the partition begins with then.
    fn with(change: impl FnOnce(&mut Manifest)) -> Outcome {
        let mut world = world();
        let mut draft = world.draft(4, [10, 20, 30]);
        change(&mut draft);
        world.write(&draft);
        world.first()
    }
}

#[test]
fn the_newest_image_goes_before_the_state_in_memory_unless_that_is_as_new() {
    let held = |generation, sum| Some(Held { generation, next: [sum, 0, 0] });
    for (state, expected) in [
        (None, Restored(4, [10, 20, 30])),
        (held(4, 59), Restored(4, [10, 20, 30])),
        (held(4, 60), Kept([60, 0, 0])),
        (held(4, 61), Kept([61, 0, 0])),
        (held(3, 1000), Restored(4, [10, 20, 30])),
        (held(5, 0), Kept([0; 3])),
    ] {
        let mut world = world();
        world.write(&world.draft(3, [40, 40, 40]));
        world.write(&world.draft(4, [10, 20, 30]));
        world.write(&world.draft(4, [10, 20, 29]));
        assert_eq!(world.begin(state, 1), expected, "{state:?}");
    }
    assert_eq!(world().begin(held(0, 7), 1), Kept([7, 0, 0]));
}

#[test]
fn without_an_image_the_log_is_read_if_it_is_whole() {
    let mut world = world();
    assert_eq!(world.first(), Anew(0, [0, 0, 0]));
    world.brokers.starts = Ok(vec![0, 0, 9]);
    assert_eq!(world.first(), Anew(0, [0, 0, 9]), "retries may be gone");
    world.brokers.starts = Ok(vec![0, 9, 0]);
    assert!(world.first().stops(LogTruncated, &["log of u", "offset 9"]));
    world.beginnings.accept_truncated_log = true;
    assert_eq!(world.first(), Anew(0, [0, 9, 0]));
    assert_eq!(world.beginnings.telemetry.rebuilds.get(), 0);
    let Ok(Beginning::State(state)) = world.beginnings.of(PARTITION, &world.plan, None, 1) else { unreachable!() };
    assert_eq!(state.positions[1], Some(Position { next: 9, began: 9, ..Position::default() }));
    assert_eq!(state.identity, world.draft(0, [0; 3]).identity);
}

#[test]
fn alerts_outlive_a_state_that_is_made_anew() {
    let mut world = world();
    let alert = Record {
        rule: "Low".to_owned(),
        segment: None,
        definition: 1,
        state: AlertState::Firing { since: Instant(7), clear: None },
        suppressed: None,
        value: None,
        resolved: None,
        labels: BTreeMap::new(),
        told: vec![],
    };
    world.write(&Manifest { alerts: vec![alert.clone()], ..world.draft(4, [10, 20, 30]) });
    let alerts = |world: &World| match world.beginnings.of(PARTITION, &world.plan, None, 1) {
        Ok(Beginning::State(state)) => (state.newest.is_some(), state.alerts),
        _ => panic!("it begins with a state"),
    };
    assert_eq!(alerts(&world), (true, vec![alert.clone()]));
    world.beginnings.rebuild = true;
    assert_eq!(alerts(&world), (false, vec![alert]));
}

#[test]
fn a_rebuild_is_done_once_for_each_partition() {
    let mut world = world();
    world.beginnings.rebuild = true;
    world.write(&world.draft(4, [10, 20, 30]));
    world.brokers.starts = Ok(vec![1, 0, 0]);
    assert!(world.first().stops(LogTruncated, &["log of s", "offset 1"]));
    world.beginnings.accept_truncated_log = true;
    assert_eq!(world.first(), Anew(5, [1, 0, 0]));
    assert_eq!(world.beginnings.telemetry.rebuilds.get(), 1);
    assert_eq!(world.first(), Restored(4, [10, 20, 30]));

    world.beginnings.accept_truncated_log = false;
    world.beginnings.rebuilt.lock().expect("no panic").clear();
    world.brokers.starts = Ok(vec![0; 3]);
    assert_eq!(world.first(), Anew(5, [0, 0, 0]), "the log is whole");
}

#[test]
fn another_cluster_or_topic_is_read_by_nobody() {
    let mut world = world();
    world.ids().cluster = Some("d".to_owned());
    assert!(world.first().stops(ClusterChanged, &["cluster d,", "cluster c."]));
    // What the cluster does not tell, now or then, cannot differ.
    world.ids().cluster = None;
    assert_eq!(world.first(), Anew(0, [0; 3]));
    world.ids().cluster = Some("d".to_owned());
    world.beginnings.cluster_id = None;
    assert_eq!(world.first(), Anew(0, [0; 3]));
    world.ids().topics[1] = Some("other".to_owned());
    assert!(world.first().stops(TopicRecreated, &["topic u ", "was id-u", "is other"]));
    world.ids().topics[1] = None;
    assert_eq!(world.first(), Anew(0, [0; 3]));
    world.brokers.ids = Err("away".to_owned());
    assert_eq!(world.first(), Wait(Stall::Broker("away".to_owned())));
}

#[test]
fn an_image_of_something_else_is_not_taken() {
    let restored = Restored(4, [10, 20, 30]);
    assert!(
        World::with(|draft| draft.identity.cluster_id = Some("d".to_owned()))
            .stops(ClusterChanged, &["cluster c,", "cluster d."])
    );
    assert_eq!(World::with(|draft| draft.identity.cluster_id = None), restored);
    let topic = |number: usize, name: &'static str, id: Option<&'static str>| {
        World::with(move |draft| {
            draft.identity.topics[number] = Some(TopicIdentity { name: name.to_owned(), id: id.map(str::to_owned) });
        })
    };
    assert!(topic(0, "x", Some("id-s")).stops(TopicRecreated, &["topic x "]));
    assert!(topic(1, "u", Some("other")).stops(TopicRecreated, &["topic u ", "was other", "is id-u"]));
    assert!(topic(1, "x", None).stops(TopicRecreated, &["was unknown"]));
    assert_eq!(topic(0, "s", None), restored);
    assert!(World::with(|draft| draft.identity.partitions = 4).stops(PartitionCountChanged, &["had 4 ", "has 8"]));
    assert_eq!(World::with(|draft| draft.identity.time_zone = "Asia/Tokyo".to_owned()), Anew(5, [0; 3]));
}

#[test]
fn an_image_without_the_usage_that_windows_need_is_made_anew() {
    let needed = plan(&[]).frame(FIRST_VIEW).first_usage_day();
    assert_eq!(World::with(|draft| draft.head.floor = needed), Restored(4, [10, 20, 30]));
    assert_eq!(World::with(|draft| draft.head.floor = needed.plus(-1)), Restored(4, [10, 20, 30]));
    assert_eq!(World::with(|draft| draft.head.floor = needed.plus(1)), Anew(5, [0; 3]));

    let mut world = world();
    let mut draft = world.draft(4, [10, 20, 30]);
    draft.head.floor = needed.plus(1);
    world.write(&draft);
    world.brokers.starts = Ok(vec![0, 1, 0]);
    world.beginnings.accept_truncated_log = true;
    assert!(world.first().stops(CheckpointUnusable, &["need usage days", "that of u", "offset 1"]), "nobody asked for it");
}

#[test]
fn the_logs_have_to_hold_what_follows_an_image() {
    for (starts, ends, tries, expected) in [
        ([10, 20, 0], [10, 20, 0], 1, Ok(())),
        ([11, 20, 0], [100, 100, 0], 1, Err("s no longer holds offset 10")),
        ([0, 21, 0], [100, 100, 0], 1, Err("u no longer holds offset 20")),
        ([0, 0, 0], [100, 19, 0], 5, Err("u ends at offset 19, but everything before 20 was read")),
        ([0, 0, 0], [9, 100, 0], 6, Err("s ends at offset 9, but everything before 10 was read")),
    ] {
        let mut world = world();
        world.write(&world.draft(4, [10, 20, 0]));
        (world.brokers.starts, world.brokers.ends) = (Ok(starts.to_vec()), Ok(ends.to_vec()));
        let outcome = world.begin(None, tries);
        match expected {
            Ok(()) => assert_eq!(outcome, Restored(4, [10, 20, 0])),
            Err(words) => assert!(outcome.stops(LogTruncated, &[words]), "{outcome:?}"),
        }
    }
    let mut world = world();
    world.write(&world.draft(4, [10, 20, 30]));
    world.brokers.ends = Ok(vec![100, 19, 0]);
    let sentence = "u ends at offset 19, before the checkpoint's 20".to_owned();
    for tries in [1, 4] {
        assert_eq!(world.begin(None, tries), Wait(Stall::Broker(sentence.clone())), "another leader may know more");
    }
    world.brokers.ends = Err("away".to_owned());
    assert_eq!(world.first(), Wait(Stall::Broker("away".to_owned())));
    world.brokers.starts = Err("far away".to_owned());
    assert_eq!(world.first(), Wait(Stall::Broker("far away".to_owned())));
}

#[test]
fn retries_go_on_where_they_were_unless_their_topic_is_another_one() {
    let retries = |start, change: fn(&mut Manifest)| {
        let mut world = world();
        let mut draft = world.draft(4, [10, 20, 30]);
        change(&mut draft);
        world.write(&draft);
        world.brokers.starts = Ok(vec![0, 0, start]);
        world.first()
    };
    assert_eq!(retries(0, |_| {}), Restored(4, [10, 20, 30]));
    assert_eq!(retries(30, |_| {}), Restored(4, [10, 20, 30]));
    assert_eq!(retries(31, |_| {}), Restored(4, [10, 20, 31]), "they are gone");
    assert_eq!(retries(2, |draft| draft.identity.topics[2] = None), Restored(4, [10, 20, 2]));
    assert_eq!(retries(2, |draft| draft.positions[2] = None), Restored(4, [10, 20, 2]));
}

#[test]
fn a_damaged_image_is_passed_over_told_once_and_counted() {
    let mut world = world();
    let store = world.beginnings.archive.store().clone();
    let broken = world.draft(4, [50, 50, 50]).file_name();
    store.create(&format!("g/p00003/{broken}"), &Bytes::from_static(b"no manifest")).expect("created");
    assert_eq!(world.first(), Anew(5, [0; 3]));
    world.brokers.starts = Ok(vec![0, 1, 0]);
    assert!(world.first().stops(CheckpointUnusable, &["no checkpoint can be used", "that of u"]));
    world.brokers.starts = Ok(vec![0; 3]);
    world.write(&world.draft(3, [10, 20, 30]));
    for _ in 0..3 {
        assert_eq!(world.first(), Restored(3, [10, 20, 30]));
        assert_eq!(world.beginnings.telemetry.checkpoint_unreadable.get(), 1);
    }
    let marked = world.beginnings.archive.candidates(PARTITION).expect("a list");
    assert_eq!(marked.iter().map(|candidate| candidate.unreadable).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn an_image_with_a_currency_that_is_not_served_any_more_ends_the_process() {
    let mut world = world();
    world.plan = plan(&["EUR"]);
    let mut shard = Shard::new(world.plan.clone(), Memory::Window { millis: 1 }, (1, 2));
    let currency = Currency::parse("EUR").expect("a code");
    let used_at = Instant(1_789_027_200_000);
    shard.apply_usage(&UsageFact { event_id: "e", customer_id: "c", used_at, amount: 5, currency }, None);
    let head = shard.freeze(Scope::Base, account::encode).expect("nothing is under way");
    let draft = Manifest { head, ..world.draft(4, [10, 20, 30]) };
    let mut writing = world.beginnings.archive.write(&draft.identity, draft.writer, draft.sequence, None);
    loop {
        match shard.capture(10) {
            Step::Chunk(chunk) => writing.push(&Section::Chunk(chunk)).expect("stored"),
            Step::Working => {}
            Step::Done => break,
        }
    }
    writing.finish(&draft, Duration::ZERO).expect("written");
    assert_eq!(world.first(), Restored(4, [10, 20, 30]));
    world.plan = plan(&[]);
    let outcome = world.first();
    assert!(matches!(&outcome, Fail(sentence) if sentence.contains("rate of EUR")), "{outcome:?}");
}

#[test]
fn a_store_that_cannot_be_read_is_waited_for() {
    let place = tempfile::tempdir().expect("a directory");
    let mut world = world();
    let url = format!("file://{}", place.path().display());
    let store = Store::open(&Settings { url }).expect("a store");
    world.beginnings.archive = Archive::new(store, "g");
    std::fs::write(place.path().join("g"), "no directory").expect("written");
    let outcome = world.first();
    assert!(matches!(outcome, Wait(Stall::Checkpoints(_))), "{outcome:?}");
}
