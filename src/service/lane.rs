//! A lane: the records of one topic of a partition, on their way into the ledger.
//!
//! One that cannot be judged yet (its schema is not known) or whose letter cannot be taken yet is copied and held, with what was fetched
//! after it: nothing after it in its topic is applied before it, and no other partition waits. The next offset is last taken + 1 while records are queued, else
//! the consumer's position, which passes control and aborted records.

use super::board::{Board, Stall};
use super::feed::{Feed, Fetched, Record};
use super::ledger::{Halt, Ledger, Surroundings};
use super::reading::Reading;
use crate::adapter::kafka::consumer::Offer;
use crate::domain::facts::TopicKind;
use crate::wire::telemetry::StopReason;
use rdkafka::message::OwnedMessage;
use smallvec::SmallVec;
use std::collections::VecDeque;

/// Records taken from one topic before the others have their turn.
const BATCH: usize = 500;
/// Records that are read before the first of them is applied.
pub const GROUP: usize = 16;

type Group<R> = SmallVec<[R; GROUP]>;

/// One topic of a partition.
pub struct Lane<F> {
    topic: TopicKind,
    feed: F,
    /// Fetched, and not taken yet.
    held: VecDeque<Held>,
    /// What comes after all records that were fetched.
    fault: Option<Fault>,
    /// What the client said of this partition, while there are records it does not bring.
    trouble: Option<String>,
}

/// Why nothing can be read after the records that were fetched.
enum Fault {
    Truncated,
    Unreadable(String),
}

/// What a feed offers instead of a record.
enum Break {
    Empty,
    Trouble(String),
    Fault(Fault),
}

/// A record that has to wait.
struct Held {
    message: OwnedMessage,
    /// How often the ends of the logs had been seen when it came, by topic.
    looks: [i64; 2],
}

impl<F: Feed> Lane<F> {
    pub fn new(topic: TopicKind, feed: F) -> Lane<F> {
        Lane { topic, feed, held: VecDeque::new(), fault: None, trouble: None }
    }

    pub fn feed(&mut self) -> &mut F {
        &mut self.feed
    }

    /// Takes the held records, then up to a batch. Answers how many were taken, and what keeps it from going on.
    pub fn take_in(&mut self, board: &Board, ledger: &mut Ledger, around: &mut Surroundings) -> (usize, Option<Halt>) {
        let outcome = self.take_batch(board, ledger, around);
        around.count(self.topic);
        outcome
    }

    fn take_batch(&mut self, board: &Board, ledger: &mut Ledger, around: &mut Surroundings) -> (usize, Option<Halt>) {
        let (mut taken, mut more) = (0, true);
        loop {
            while let Some(held) = self.held.pop_front() {
                let record = held.message.record();
                let reading = ledger.read(self.topic, record, around);
                if let Err(halt) = take(self.topic, (record, reading), |topic| held.end(board, topic), ledger, around) {
                    self.held.push_front(held);
                    return (taken, Some(halt));
                }
                taken += 1;
            }
            if let Some(fault) = self.fault.take() {
                return (taken, Some(fault.halt(self.topic, ledger)));
            }
            if taken >= BATCH || !more {
                break;
            }
            let mut group = Group::new();
            match fetch(&self.feed, &mut group, GROUP.min(BATCH - taken)) {
                None => {}
                Some(Break::Empty) => more = false,
                Some(Break::Trouble(trouble)) => self.trouble = Some(trouble),
                Some(Break::Fault(fault)) => self.fault = Some(fault),
            }
            // All are read before the first is applied: what they need from memory arrives meanwhile.
            let readings: Group<_> = group.iter().map(|fetched| ledger.read(self.topic, fetched.record(), around)).collect();
            readings.iter().flatten().for_each(|reading| reading.expect(&ledger.shard));
            readings.iter().flatten().for_each(|reading| reading.warm(&ledger.shard));
            for (index, (fetched, reading)) in group.iter().zip(readings).enumerate() {
                if let Err(halt) = take(self.topic, (fetched.record(), reading), |_| None, ledger, around) {
                    self.held.extend(group[index..].iter().map(|fetched| Held::new(fetched.detach(), board)));
                    return (taken, Some(halt));
                }
                taken += 1;
            }
        }
        if taken > 0 || board.lag(self.topic) == Some(0) {
            self.trouble = None;
        }
        (taken, self.trouble.clone().map(|trouble| Halt::Stall(Stall::Broker(trouble))))
    }

    /// Control and aborted records move the consumer's position, but never come out of the queue.
    pub fn pass_control_records(&mut self, board: &Board, ledger: &mut Ledger) {
        let behind = board.lag(self.topic).is_none_or(|lag| lag > 0);
        if !behind || !self.held.is_empty() || self.fault.is_some() {
            return;
        }
        if let Some(position) = self.feed.position() {
            ledger.pass(self.topic, position);
        }
    }
}

impl Held {
    fn new(message: OwnedMessage, board: &Board) -> Held {
        let [one, other] = [TopicKind::Subscriptions, TopicKind::Usage].map(|topic| board.end(topic).1);
        Held { message, looks: [one, other] }
    }

    /// The end of a billing topic's log, if it was seen after the record came. The look under way when it came does not count.
    fn end(&self, board: &Board, topic: TopicKind) -> Option<i64> {
        let (end, looks) = board.end(topic);
        end.filter(|_| self.looks.get(topic as usize).is_some_and(|known| looks > known + 1))
    }
}

impl Fault {
    fn halt(&self, topic: TopicKind, ledger: &Ledger) -> Halt {
        let (name, next) = (&ledger.topics[topic as usize].name, ledger.next(topic));
        match self {
            Fault::Truncated => Halt::Stop(StopReason::LogTruncated, truncation(name, next)),
            Fault::Unreadable(fault) => Halt::Stop(StopReason::UnreadableLog, unreadable(name, fault, next)),
        }
    }
}

/// Fetches up to so many records. What comes instead of a further one, if something does.
fn fetch<'f, F: Feed>(feed: &'f F, group: &mut Group<F::Fetched<'f>>, most: usize) -> Option<Break> {
    while group.len() < most {
        match feed.poll() {
            Offer::Record(fetched) => group.push(fetched),
            Offer::Empty => return Some(Break::Empty),
            Offer::Troubled(trouble) => return Some(Break::Trouble(trouble)),
            Offer::Truncated => return Some(Break::Fault(Fault::Truncated)),
            Offer::Unreadable(fault) => return Some(Break::Fault(Fault::Unreadable(fault))),
        }
    }
    None
}

/// Takes a record and its reading. One before the next offset is in the state already: a seek may take a moment to bite.
fn take(
    topic: TopicKind,
    (record, reading): (Record, Option<Reading>),
    end: impl Fn(TopicKind) -> Option<i64>,
    ledger: &mut Ledger,
    around: &mut Surroundings,
) -> Result<(), Halt> {
    if record.offset < ledger.next(topic) {
        return Ok(());
    }
    ledger.take(topic, (record, reading), end, around)
}

/// The sentence about a log that does not hold the next offset.
pub fn truncation(topic: &str, next: i64) -> String {
    format!(
        "{topic} no longer holds offset {next}: records were deleted before they were read. Raise the topic's retention.ms, and start \
         over with `upswell run --rebuild` and kafka.accept_truncated_log to read what is left; the figures then miss what was deleted."
    )
}

fn unreadable(topic: &str, fault: &str, next: i64) -> String {
    format!(
        "{topic} cannot be read from offset {next} on ({fault}), and nothing is skipped. Restore the log from a replica, or use \
         a build whose client knows the compression and format, and start again."
    )
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
