//! The logs of three topics in memory: what the brokers have, and readers of it.

use crate::events::Event;
use rdkafka::Timestamp;
use rdkafka::message::{Header, OwnedHeaders, OwnedMessage};
use std::cell::Cell;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use upswell::adapter::kafka::consumer::Offer;
use upswell::adapter::kafka::letters::ORIGIN_HEADER;
use upswell::domain::calendar::Zone;
use upswell::service::beginning::{Ids, Logs};
use upswell::service::feed::Feed;
use upswell::service::ledger::{Ledger, TopicName};

pub const TOPICS: [&str; 3] = ["subscriptions", "usage", "retries"];

/// A record. Offsets without one are those of control and aborted records, and of transactions that left holes.
#[derive(Clone)]
pub struct Entry {
    pub event: Arc<Event>,
    pub at: i64,
    /// Of a retry: kind and offset of the record that it names, if that is one of its partition.
    pub origin: Option<(usize, i64)>,
    message: OwnedMessage,
}

#[derive(Clone, Default)]
pub struct Log {
    pub start: i64,
    pub end: i64,
    pub entries: BTreeMap<i64, Entry>,
}

#[derive(Clone)]
pub struct State {
    pub id: String,
    pub topic_ids: [String; 3],
    /// By topic and partition.
    pub logs: [Vec<Log>; 3],
    /// Records that readers are given before they have to wait.
    pub fetched: u64,
    /// Times that polling fails, and asking for bounds and ids.
    pub poll_trouble: u32,
    pub ask_trouble: u32,
    /// Every so manieth record is not handed out: a planted mistake.
    pub skip_every: Option<i64>,
    pub pass_too_far: i64,
    /// The latest that any instance's clock has shown.
    pub latest_clock: i64,
    /// Topic, partition and offset from which on nothing can be read.
    pub unreadable: Option<(usize, usize, i64)>,
}

/// Clones are the same cluster.
#[derive(Clone)]
pub struct Cluster(Arc<Mutex<State>>);

impl Cluster {
    pub fn new(partitions: usize) -> Cluster {
        let logs = [0, 1, 2].map(|_| vec![Log::default(); partitions]);
        let topic_ids = TOPICS.map(|topic| format!("id-of-{topic}"));
        Cluster(Arc::new(Mutex::new(State {
            id: "cluster".into(),
            topic_ids,
            logs,
            fetched: u64::MAX,
            poll_trouble: 0,
            ask_trouble: 0,
            skip_every: None,
            pass_too_far: 0,
            latest_clock: i64::MIN,
            unreadable: None,
        })))
    }

    /// An instance's clock shows this.
    pub fn saw_clock(&self, now: i64) {
        let mut state = self.state();
        state.latest_clock = state.latest_clock.max(now);
    }

    /// Where the billing logs of a partition end.
    pub fn ends(&self, partition: i32) -> [i64; 2] {
        let state = self.state();
        [0, 1].map(|topic: usize| state.logs[topic][partition as usize].end)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("one thread")
    }

    pub fn append(&self, topic: usize, partition: usize, event: &Arc<Event>, at: i64, origin: Option<&str>) -> i64 {
        let state = &mut *self.state();
        let offset = state.logs[topic][partition].end;
        let header = |value| OwnedHeaders::new().insert(Header { key: ORIGIN_HEADER, value: Some(value) });
        let (key, timestamp) = (Some(event.customer.clone().into_bytes()), Timestamp::CreateTime(at));
        let number = partition as i32;
        let message =
            OwnedMessage::new(Some(event.bytes()), key, TOPICS[topic].to_owned(), timestamp, number, offset, origin.map(header));
        let named = origin.and_then(|text| state.named(text, partition));
        let log = &mut state.logs[topic][partition];
        log.entries.insert(offset, Entry { event: event.clone(), at, origin: named, message });
        log.end += 1;
        offset
    }
}

impl State {
    /// Nothing is taken from where the log cannot be read.
    pub fn check_unreadable(&self, ledger: &Ledger) -> Result<(), String> {
        let Some((topic, partition, offset)) = self.unreadable else { return Ok(()) };
        let passed = ledger.positions[topic].is_some_and(|position| position.next > offset);
        match ledger.partition as usize == partition && passed {
            true => Err("what cannot be read was passed".to_owned()),
            false => Ok(()),
        }
    }

    fn named(&self, text: &str, partition: usize) -> Option<(usize, i64)> {
        let kinds = 0..2;
        kinds.into_iter().find_map(|kind| {
            let head = format!("{}/{}/{partition}/", TOPICS[kind], self.topic_ids[kind]);
            Some((kind, text.strip_prefix(&head)?.parse().ok()?))
        })
    }
}

/// A reader of one topic's partition.
pub struct Reader {
    pub cluster: Cluster,
    topic: usize,
    partition: usize,
    next: Cell<i64>,
    polled: Cell<bool>,
}

impl Reader {
    pub fn new(cluster: Cluster, topic: usize, partition: usize, next: i64) -> Reader {
        Reader { cluster, topic, partition, next: Cell::new(next), polled: Cell::new(false) }
    }
}

impl Feed for Reader {
    type Fetched<'f> = OwnedMessage;

    fn poll(&self) -> Offer<OwnedMessage> {
        let state = &mut *self.cluster.state();
        if state.poll_trouble > 0 {
            state.poll_trouble -= 1;
            return Offer::Troubled("no leader".to_owned());
        }
        let log = &state.logs[self.topic][self.partition];
        if self.next.get() < log.start {
            return Offer::Truncated;
        }
        self.polled.set(true);
        if state.fetched == 0 {
            return Offer::Empty;
        }
        let skipped = |offset: i64| state.skip_every.is_some_and(|every| offset % every == every - 1);
        let found = log.entries.range(self.next.get()..).find(|(offset, _)| !skipped(**offset));
        // Where nothing comes out of what cannot be read, that is known all the same.
        let unreadable = state.unreadable.filter(|at| (at.0, at.1) == (self.topic, self.partition) && at.2 < log.end);
        if unreadable.is_some_and(|at| found.is_none_or(|(offset, _)| *offset >= at.2)) {
            return Offer::Unreadable("codec 7 is not known".to_owned());
        }
        let Some((offset, entry)) = found else {
            self.next.set(self.next.get().max(log.end));
            return Offer::Empty;
        };
        state.fetched -= 1;
        self.next.set(offset + 1);
        Offer::Record(entry.message.clone())
    }

    fn position(&mut self) -> Option<i64> {
        self.polled.get().then(|| self.next.get() + self.cluster.state().pass_too_far)
    }
}

impl Logs for Cluster {
    fn starts(&self, topics: &[TopicName], partition: i32) -> Result<Vec<i64>, String> {
        self.bounds(topics, partition, |log| log.start)
    }

    fn ends(&self, topics: &[TopicName], partition: i32) -> Result<Vec<i64>, String> {
        self.bounds(topics, partition, |log| log.end)
    }

    fn ids(&self, _: &[TopicName]) -> Result<Ids, String> {
        self.answers()?;
        let state = self.state();
        Ok(Ids { cluster: Some(state.id.clone()), topics: state.topic_ids.iter().cloned().map(Some).collect() })
    }
}

impl Cluster {
    fn answers(&self) -> Result<(), String> {
        let mut state = self.state();
        if state.ask_trouble > 0 {
            state.ask_trouble -= 1;
            return Err("the brokers are away".to_owned());
        }
        Ok(())
    }

    fn bounds(&self, topics: &[TopicName], partition: i32, bound: fn(&Log) -> i64) -> Result<Vec<i64>, String> {
        self.answers()?;
        let state = self.state();
        Ok((0..topics.len()).map(|topic| bound(&state.logs[topic][partition as usize])).collect())
    }
}

/// A zone's table of midnights takes a while; the thread remembers it.
pub fn zone(name: &'static str) -> Zone {
    thread_local!(static KNOWN: RefCell<HashMap<&'static str, Zone>> = Default::default());
    KNOWN.with_borrow_mut(|known| known.entry(name).or_insert_with(|| Zone::named(name).expect("a zone")).clone())
}
