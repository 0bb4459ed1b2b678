//! A lane: the records of one topic of a partition, on their way into the ledger.
//!
//! One that cannot be judged yet (its schema is not known) or whose letter cannot be taken yet is copied and held: nothing after it
//! in its topic is applied before it, and no other partition waits. The next offset is last taken + 1 while records are queued, else
//! the consumer's position, which passes control and aborted records.

use super::board::{Board, Stall};
use super::feed::{Feed, Fetched, Record};
use super::ledger::{Halt, Ledger, Surroundings};
use crate::adapter::kafka::consumer::Offer;
use crate::domain::facts::TopicKind;
use crate::wire::telemetry::StopReason;
use rdkafka::message::OwnedMessage;

/// Records taken from one topic before the others have their turn.
const BATCH: usize = 500;

/// One topic of a partition.
pub struct Lane<F> {
    topic: TopicKind,
    feed: F,
    held: Option<Held>,
    /// What the client said of this partition, while there are records it does not bring.
    trouble: Option<String>,
}

/// The record that has to wait.
struct Held {
    message: OwnedMessage,
    /// How often the ends of the logs had been seen when it came, by topic.
    looks: [i64; 2],
}

impl<F: Feed> Lane<F> {
    pub fn new(topic: TopicKind, feed: F) -> Lane<F> {
        Lane { topic, feed, held: None, trouble: None }
    }

    pub fn feed(&mut self) -> &mut F {
        &mut self.feed
    }

    /// Takes the held record, then up to a batch. Answers how many were taken, and what keeps it from going on.
    pub fn take_in(&mut self, board: &Board, ledger: &mut Ledger, around: &mut Surroundings) -> (usize, Option<Halt>) {
        let outcome = self.take_batch(board, ledger, around);
        around.count(self.topic);
        outcome
    }

    fn take_batch(&mut self, board: &Board, ledger: &mut Ledger, around: &mut Surroundings) -> (usize, Option<Halt>) {
        let mut taken = 0;
        if let Some(held) = self.held.take() {
            if let Err(halt) = ledger.take(self.topic, held.message.record(), |topic| held.end(board, topic), around) {
                self.held = Some(held);
                return (0, Some(halt));
            }
            taken += 1;
        }
        while taken < BATCH {
            match self.feed.poll() {
                Offer::Record(fetched) => {
                    if let Err(halt) = take(self.topic, fetched.record(), ledger, around) {
                        self.held = Some(Held::new(fetched.detach(), board));
                        return (taken, Some(halt));
                    }
                    taken += 1;
                }
                Offer::Empty => break,
                Offer::Truncated => return (taken, Some(truncated(self.topic, ledger))),
                Offer::Unreadable(fault) => return (taken, Some(unreadable(self.topic, &fault, ledger))),
                Offer::Troubled(trouble) => self.trouble = Some(trouble),
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
        if !behind || self.held.is_some() {
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

/// Takes a record that has just come. One before the next offset is in the state already: a seek may take a moment to bite.
fn take(topic: TopicKind, record: Record, ledger: &mut Ledger, around: &mut Surroundings) -> Result<(), Halt> {
    if record.offset < ledger.next(topic) {
        return Ok(());
    }
    ledger.take(topic, record, |_| None, around)
}

fn truncated(topic: TopicKind, ledger: &Ledger) -> Halt {
    let (name, next) = (&ledger.topics[topic as usize].name, ledger.next(topic));
    Halt::Stop(StopReason::LogTruncated, truncation(name, next))
}

/// The sentence about a log that does not hold the next offset.
pub fn truncation(topic: &str, next: i64) -> String {
    format!(
        "{topic} no longer holds offset {next}: records were deleted before they were read. Raise the topic's retention.ms, and start \
         over with `upswell run --rebuild` and kafka.accept_truncated_log to read what is left; the figures then miss what was deleted."
    )
}

fn unreadable(topic: TopicKind, fault: &str, ledger: &Ledger) -> Halt {
    let (name, next) = (&ledger.topics[topic as usize].name, ledger.next(topic));
    let detail = format!(
        "{name} cannot be read from offset {next} on ({fault}), and nothing is skipped. Restore the log from a replica, or use \
         a build whose client knows the compression and format, and start again."
    );
    Halt::Stop(StopReason::UnreadableLog, detail)
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
