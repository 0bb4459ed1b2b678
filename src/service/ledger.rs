//! The ledger of one partition: what its records came to, and how far they were taken.
//!
//! A record is decoded where it lies and judged once; the verdict stands. A rejected record is noted with its offset, so that it can
//! come back as a retry: that is taken up once its origin has been passed, if the origin is still noted, and is ignored otherwise.
//! So an event counts once, however often somebody writes it again.

use super::board::Stall;
use super::feed::Record;
use super::placement::{Evidence, Misplaced, Placement};
use super::reading::{Outcome, Reading};
use super::schemas::Schemas;
use crate::adapter::kafka::letters::{Letter, Letters, Origin, Post};
use crate::domain::calendar::{Instant, Zone};
use crate::domain::facts::{FactKind, Rejection, TopicKind};
use crate::engine::plan::Plan;
use crate::engine::rejected::Rejected;
use crate::engine::shard::Shard;
use crate::wire::checkpoint::{Position, TOPICS};
use crate::wire::framing::{self, Frame};
use crate::wire::telemetry::{StopReason, Telemetry};
use std::sync::Arc;

/// What a partition says while it waits for the dead-letter topic.
const LETTERS_FULL: &str = "the most letters that may wait for the dead-letter topic do; make sure its brokers can be reached \
                            and accept records";

/// What intake works with besides the partition itself. One per worker.
pub struct Surroundings {
    pub plan: Arc<Plan>,
    pub schemas: Schemas,
    pub telemetry: Arc<Telemetry>,
    pub placement: Arc<Placement>,
    pub tally: Tally,
}

/// What a batch of one topic came to so far. All workers share the counters, so they are touched once a batch.
#[derive(Default)]
pub struct Tally {
    applied: u64,
    duplicates: u64,
    newest: Option<Instant>,
}

impl Surroundings {
    /// The end of a batch of one topic: counts what it came to.
    pub fn count(&mut self, topic: TopicKind) {
        let Tally { applied, duplicates, newest } = std::mem::take(&mut self.tally);
        let counters = self.telemetry.topic(topic);
        for (counter, count) in [(&counters.applied, applied), (&counters.duplicates, duplicates)] {
            if count > 0 {
                counter.add(count);
            }
        }
        newest.into_iter().for_each(|at| counters.last_event.saw(at));
    }
}

/// A topic, and Kafka's id of it if the cluster has such.
#[derive(Clone, Debug)]
pub struct TopicName {
    pub name: Arc<str>,
    pub id: Option<Arc<str>>,
}

/// State of one partition: its shard, and everything an image holds besides.
pub struct Ledger {
    pub partition: i32,
    pub shard: Shard,
    /// By topic.
    pub positions: [Option<Position>; TOPICS],
    /// By kind of event.
    pub rejected: [Rejected; 2],
    pub evidence: Arc<Evidence>,
    /// By topic, as many as there are positions.
    pub topics: Arc<[TopicName]>,
    pub letters: Arc<Letters>,
}

/// Why a topic cannot go on.
pub enum Halt {
    /// For now, because of another topic of the partition, which needs no telling.
    Wait,
    /// For now.
    Stall(Stall),
    /// For good.
    Stop(StopReason, String),
    /// For good, in all partitions.
    Misplaced(Misplaced),
}

/// What became of one event.
enum Verdict {
    Applied,
    Duplicate,
    Rejected(Rejection),
    /// Its schema is not known yet: a sentence.
    Unknown(String),
    Misplaced(Misplaced),
}

/// Where a retried record comes from.
enum Claim {
    /// A record of ours that was rejected and not taken up since.
    Rejected { kind: FactKind, origin: Origin },
    /// One that reading has not passed yet.
    Ahead { topic: TopicKind, offset: i64 },
    /// One of ours that is not among the rejected.
    Settled,
    /// None of ours.
    Foreign,
}

impl Ledger {
    /// The next offset of a topic.
    pub fn next(&self, topic: TopicKind) -> i64 {
        self.positions[topic as usize].map_or(0, |position| position.next)
    }

    /// The offset that may be recorded: not past a record whose letter the broker does not have.
    pub fn safe(&self, topic: TopicKind) -> i64 {
        let next = self.next(topic);
        let waiting = self.letters.lowest_unacknowledged(&self.topics[topic as usize].name, self.partition);
        waiting.map_or(next, |offset| offset.min(next))
    }

    /// Reading has passed everything before an offset.
    pub fn pass(&mut self, topic: TopicKind, next: i64) {
        if let Some(position) = &mut self.positions[topic as usize] {
            position.next = position.next.max(next);
        }
    }

    /// Reads a record of a topic of events. What a retry is depends on what was taken before it.
    pub fn read<'r>(&self, topic: TopicKind, record: Record<'r>, around: &mut Surroundings) -> Option<Reading<'r>> {
        topic.fact_kind().map(|kind| Reading::of(kind, record, &self.shard, around))
    }

    /// Takes one record, with its reading if it has one: applies it, counts it, or sends its letter. On failure the record stays to be
    /// taken. `end` is the end of each topic's log, if it was seen after the record.
    pub fn take(
        &mut self,
        topic: TopicKind,
        (record, reading): (Record, Option<Reading>),
        end: impl Fn(TopicKind) -> Option<i64>,
        around: &mut Surroundings,
    ) -> Result<(), Halt> {
        match topic.fact_kind().zip(reading) {
            Some((kind, reading)) => self.take_event(kind, record, reading, around)?,
            None => self.take_retry(record, end, around)?,
        }
        let at = record.timestamp.map(Instant);
        around.tally.newest = around.tally.newest.max(at);
        if let Some(position) = &mut self.positions[topic as usize] {
            position.next = record.offset + 1;
            // A producer without a clock writes 1970: that is no history.
            let dated = at.filter(|at| *at >= Zone::EARLIEST_VIEW);
            position.oldest_record = position.oldest_record.into_iter().chain(dated).min();
            position.newest_record = position.newest_record.max(at);
        }
        Ok(())
    }

    fn take_event(&mut self, kind: FactKind, record: Record, reading: Reading, around: &mut Surroundings) -> Result<(), Halt> {
        match self.judge(kind, reading, record, around) {
            Verdict::Rejected(rejection) => {
                self.send_letter(kind.into(), record, None, &rejection)?;
                self.rejected[kind as usize].insert(record.offset, rejection.reason);
                around.telemetry.topic(kind).rejected.add(rejection.reason, 1);
                Ok(())
            }
            verdict => settle(verdict, kind.into(), around),
        }
    }

    /// A retry that is rejected again stays among the rejected, and its letter says why.
    fn take_retry(
        &mut self,
        record: Record,
        end: impl Fn(TopicKind) -> Option<i64>,
        around: &mut Surroundings,
    ) -> Result<(), Halt> {
        let telemetry = Arc::clone(&around.telemetry);
        let retries = telemetry.topic(TopicKind::Retries);
        match self.claim(record) {
            Claim::Foreign => retries.unknown_origin.add(1),
            Claim::Settled => retries.not_rejected.add(1),
            // A record that was never in the log cannot have been rejected; whoever wrote this made it up.
            Claim::Ahead { topic, offset } if end(topic).is_some_and(|end| offset >= end && self.next(topic) >= end) => {
                retries.unknown_origin.add(1);
            }
            Claim::Ahead { .. } => return Err(Halt::Wait),
            Claim::Rejected { kind, origin } => match self.judge(kind, Reading::of(kind, record, &self.shard, around), record, around) {
                Verdict::Rejected(rejection) => {
                    self.send_letter(TopicKind::Retries, record, Some(&origin), &rejection)?;
                    retries.rejected.add(rejection.reason, 1);
                }
                verdict => {
                    settle(verdict, TopicKind::Retries, around)?;
                    self.rejected[kind as usize].remove(origin.offset);
                }
            },
        }
        Ok(())
    }

    fn claim(&self, record: Record) -> Claim {
        let Some(origin) = Origin::of(record.headers.read()) else { return Claim::Foreign };
        let ours = |kind: &FactKind| {
            let topic = &self.topics[*kind as usize];
            *topic.name == *origin.topic && topic.id.as_deref() == origin.topic_id.as_deref()
        };
        let Some(kind) = [FactKind::Subscription, FactKind::Usage].into_iter().find(ours) else { return Claim::Foreign };
        let offset = origin.offset;
        if origin.partition != self.partition || offset < 0 {
            return Claim::Foreign;
        }
        if offset >= self.next(kind.into()) {
            return Claim::Ahead { topic: kind.into(), offset };
        }
        match self.rejected[kind as usize].get(offset) {
            Some(_) => Claim::Rejected { kind, origin },
            None => Claim::Settled,
        }
    }

    fn judge(&mut self, kind: FactKind, reading: Reading, record: Record, around: &Surroundings) -> Verdict {
        let (fact, aim) = match reading {
            Reading::Fact(fact, aim) => (fact, aim),
            Reading::Rejected(rejection) => return Verdict::Rejected(rejection),
            Reading::Unknown(sentence) => return Verdict::Unknown(sentence),
        };
        let new_customer = match fact.apply(aim, record.timestamp.map(Instant), &mut self.shard) {
            Outcome::Duplicate => return Verdict::Duplicate,
            Outcome::Applied(new_customer) => new_customer,
        };
        match new_customer.map(|customer| around.placement.judge(&self.evidence, kind, customer, self.partition)) {
            None | Some(Ok(())) => Verdict::Applied,
            Some(Err(misplaced)) => Verdict::Misplaced(misplaced),
        }
    }

    /// Sends the letter of a record; that of a retry is its origin's once more.
    fn send_letter(&self, topic: TopicKind, record: Record, origin: Option<&Origin>, rejection: &Rejection) -> Result<(), Halt> {
        let schema_id = framing::parse(record.value).ok().map(|frame| match frame {
            Frame::Confluent { schema_id, .. } => schema_id.to_string(),
            Frame::SingleObject { fingerprint, .. } => format!("{fingerprint:016x}"),
        });
        let topic = &self.topics[topic as usize];
        let post = self.letters.send(&Letter {
            topic: &topic.name,
            topic_id: topic.id.as_deref(),
            partition: self.partition,
            offset: record.offset,
            reason: rejection.reason,
            detail: &rejection.detail,
            schema_id: schema_id.as_deref(),
            key: record.key,
            value: record.value,
            headers: record.headers.read(),
            timestamp: record.timestamp,
            origin,
        });
        match post {
            Post::Taken => Ok(()),
            Post::Full => {
                let sentence = self.letters.trouble().unwrap_or_else(|| LETTERS_FULL.to_owned());
                Err(Halt::Stall(Stall::DeadLetters(sentence)))
            }
        }
    }
}

/// Counts an event that was not rejected.
fn settle(verdict: Verdict, topic: TopicKind, around: &mut Surroundings) -> Result<(), Halt> {
    match verdict {
        Verdict::Applied => around.tally.applied += 1,
        Verdict::Duplicate => around.tally.duplicates += 1,
        Verdict::Unknown(sentence) => return Err(Halt::Stall(Stall::Registry(sentence))),
        Verdict::Misplaced(misplaced) => {
            around.telemetry.topic(topic).misplaced_customers.add(1);
            return Err(Halt::Misplaced(misplaced));
        }
        Verdict::Rejected(_) => {}
    }
    Ok(())
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
pub(super) mod tests;
