//! Intake of one partition: records of both topics become facts, and facts go into the shard.
//!
//! A record is decoded where it lies and judged once. One that cannot be judged yet (its schema is not known) or whose letter
//! cannot be taken yet is copied and held: nothing after it in its topic is applied before it, and no other partition waits.
//! The next offset is last taken + 1 while records are queued, else the consumer's position, which passes control and aborted
//! records. The safe offset, the one that may be recorded, never passes a record whose letter is not acknowledged.

use super::board::{Board, KINDS, Stall};
use super::placement::{Misplaced, Placement};
use super::schemas::{Found, Schemas};
use crate::adapter::kafka::consumer::{Offer, Source};
use crate::adapter::kafka::letters::{Letters, Receipt, Settled};
use crate::domain::accept;
use crate::domain::calendar::Instant;
use crate::domain::facts::{FactKind, RawFact, Rejection};
use crate::engine::plan::Plan;
use crate::engine::shard::{Shard, UsageVerdict};
use crate::wire::framing::{self, Frame};
use crate::wire::telemetry::{StopReason, Telemetry};
use rdkafka::Message;
use rdkafka::message::OwnedMessage;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

/// Records taken from one topic before the others have their turn.
const BATCH: usize = 500;

/// How often the client is asked for a position: it answers for all partitions at once.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// What a partition says while it waits for the dead-letter topic.
const LETTERS_FULL: &str = "the most letters that may wait for the dead-letter topic do; make sure its brokers can be reached \
                            and accept records";

/// What intake works with besides the partition itself. One per worker.
pub struct Surroundings {
    pub plan: Arc<Plan>,
    pub schemas: Schemas,
    pub letters: Letters,
    pub telemetry: Arc<Telemetry>,
    pub placement: Arc<Placement>,
}

/// One partition of both topics, and what came of its records.
pub struct Partition {
    pub board: Arc<Board>,
    pub shard: Shard,
    /// Empty once intake has ended.
    lanes: Vec<Lane>,
}

/// One topic of it.
struct Lane {
    source: Source,
    /// A copy of the record that has to wait.
    held: Option<OwnedMessage>,
    ledger: Ledger,
    /// When the position was asked for last.
    asked: Moment,
}

/// What is known of one topic's records: how far they were taken, and which letters are on their way.
struct Ledger {
    kind: FactKind,
    partition: i32,
    next: i64,
    /// By offset.
    letters: VecDeque<(i64, Receipt)>,
}

/// Why a topic cannot go on.
enum Halt {
    /// For now.
    Stall(Stall),
    /// For good.
    Stop(StopReason, String),
    /// For good, in all partitions.
    Misplaced(Misplaced),
}

/// What became of one record.
enum Verdict {
    Applied,
    Duplicate,
    Rejected(Rejection),
    /// Its schema is not known yet: a sentence.
    Unknown(String),
    Misplaced(Misplaced),
}

impl Partition {
    /// `sources` in the order of [`KINDS`]; `ring` is called when records arrive while there were none.
    pub fn new(
        board: Arc<Board>,
        shard: Shard,
        sources: [Source; 2],
        ring: impl Fn() + Clone + Send + Sync + 'static,
    ) -> Partition {
        let [subscriptions, usage] = sources;
        let lane = |kind, mut source: Source| {
            source.on_arrival(ring.clone());
            let ledger = Ledger { kind, partition: board.partition, next: 0, letters: VecDeque::new() };
            Lane { source, held: None, ledger, asked: Moment::now() }
        };
        let [first, second] = KINDS;
        let lanes = vec![lane(first, subscriptions), lane(second, usage)];
        Partition { board, shard, lanes }
    }

    /// Takes what has been fetched, up to a batch of each topic, and notes the positions. Answers how many records were taken.
    ///
    /// # Errors
    /// A customer was found where they must not be: all intake has to stop.
    pub fn take_in(&mut self, around: &mut Surroundings) -> Result<usize, Misplaced> {
        if self.board.stopped().is_some() {
            self.note_positions();
            return Ok(0);
        }
        let (mut taken, mut stall) = (0, None);
        for lane in &mut self.lanes {
            let (count, halt) = lane.take_in(&mut self.shard, around);
            taken += count;
            match halt {
                None => {}
                Some(Halt::Stall(reason)) => stall = Some(reason),
                Some(Halt::Stop(reason, detail)) => self.board.stop(reason, detail),
                Some(Halt::Misplaced(misplaced)) => return Err(misplaced),
            }
        }
        self.board.set_stall(stall);
        self.note_positions();
        Ok(taken)
    }

    /// Notes the positions a last time and lets the sources go.
    pub fn close(&mut self) {
        self.note_positions();
        self.lanes.clear();
    }

    /// Takes note of letters acknowledged since, and of positions passed without a record.
    pub fn note_positions(&mut self) {
        for lane in &mut self.lanes {
            if let Err(detail) = lane.ledger.settle_letters() {
                self.board.stop(StopReason::DeadLetterRefused, detail);
            }
            lane.pass_control_records(&self.board);
            self.board.set_position(lane.ledger.kind, lane.ledger.next, lane.ledger.safe());
        }
        self.board.check_caught_up();
    }
}

impl Lane {
    /// Takes the held record, then up to a batch. Answers how many were taken, and what keeps it from going on.
    fn take_in(&mut self, shard: &mut Shard, around: &mut Surroundings) -> (usize, Option<Halt>) {
        let mut taken = 0;
        if let Some(held) = self.held.take() {
            if let Err(halt) = self.ledger.take(&held, shard, around) {
                self.held = Some(held);
                return (0, Some(halt));
            }
            taken += 1;
        }
        while taken < BATCH {
            match self.source.poll() {
                Offer::Record(record) => {
                    if let Err(halt) = self.ledger.take(&record, shard, around) {
                        self.held = Some(record.detach());
                        return (taken, Some(halt));
                    }
                    taken += 1;
                }
                Offer::Empty => break,
                Offer::Truncated => return (taken, Some(truncated(&self.source.topic, self.ledger.next))),
                Offer::Troubled(trouble) => return (taken, Some(Halt::Stall(Stall::Broker(trouble)))),
            }
        }
        (taken, None)
    }

    /// Control and aborted records move the consumer's position, but never come out of the queue.
    fn pass_control_records(&mut self, board: &Board) {
        let behind = board.lag(self.ledger.kind).is_none_or(|lag| lag > 0);
        if !behind || self.held.is_some() || self.asked.elapsed() < ASK_EVERY {
            return;
        }
        self.asked = Moment::now();
        if let Some(position) = self.source.position() {
            self.ledger.next = self.ledger.next.max(position);
        }
    }
}

fn truncated(topic: &str, next: i64) -> Halt {
    let detail = format!(
        "{topic} no longer holds offset {next}: records were deleted before they were read. Start again, so that everything that \
         is left is read, with kafka.accept_truncated_log if the figures may miss what was deleted; raise the topic's retention.ms."
    );
    Halt::Stop(StopReason::LogTruncated, detail)
}

impl Ledger {
    /// Takes one record: applies it, counts it, or sends its letter. On failure the record stays to be taken.
    fn take(&mut self, record: &impl Message, shard: &mut Shard, around: &mut Surroundings) -> Result<(), Halt> {
        let verdict = self.judge(record, shard, around);
        let topic = around.telemetry.topic(self.kind);
        match verdict {
            Verdict::Applied => topic.applied.add(1),
            Verdict::Duplicate => topic.duplicates.add(1),
            Verdict::Unknown(sentence) => return Err(Halt::Stall(Stall::Registry(sentence))),
            Verdict::Misplaced(misplaced) => {
                topic.misplaced_customers.add(1);
                return Err(Halt::Misplaced(misplaced));
            }
            Verdict::Rejected(rejection) => {
                self.send_letter(record, &rejection, &around.letters)?;
                topic.rejected.add(rejection.reason, 1);
            }
        }
        if let Some(at) = record.timestamp().to_millis() {
            topic.last_event.saw(Instant(at));
        }
        self.next = record.offset() + 1;
        Ok(())
    }

    fn judge(&self, record: &impl Message, shard: &mut Shard, around: &mut Surroundings) -> Verdict {
        let frame = match framing::parse(record.payload()) {
            Ok(frame) => frame,
            Err(rejection) => return Verdict::Rejected(rejection),
        };
        let decoder = match around.schemas.decoder(frame, self.kind) {
            Found::Decoder(decoder) => decoder,
            Found::Rejected(rejection) => return Verdict::Rejected(rejection),
            Found::NotYet(sentence) => return Verdict::Unknown(sentence),
        };
        let (Frame::Confluent { datum, .. } | Frame::SingleObject { datum, .. }) = frame;
        let record_at = record.timestamp().to_millis().map(Instant);
        let applied = decoder.decode(datum).and_then(|raw| apply(&raw, record_at, shard, &around.plan));
        let new_customer = match applied {
            Ok(Outcome::Duplicate) => return Verdict::Duplicate,
            Ok(Outcome::Applied(new_customer)) => new_customer,
            Err(rejection) => return Verdict::Rejected(rejection),
        };
        match new_customer.map(|customer| around.placement.judge(self.kind, customer, self.partition)) {
            None | Some(Ok(())) => Verdict::Applied,
            Some(Err(misplaced)) => Verdict::Misplaced(misplaced),
        }
    }

    fn send_letter(&mut self, record: &impl Message, rejection: &Rejection, letters: &Letters) -> Result<(), Halt> {
        let schema_id = match framing::parse(record.payload()) {
            Ok(Frame::Confluent { schema_id, .. }) => Some(schema_id),
            _ => None,
        };
        let full = |_| Halt::Stall(Stall::DeadLetters(LETTERS_FULL.to_owned()));
        let receipt = letters.send(record, rejection, schema_id).map_err(full)?;
        self.letters.push_back((record.offset(), receipt));
        Ok(())
    }

    /// Forgets letters that have arrived.
    ///
    /// # Errors
    /// The dead-letter topic refused one for good: a sentence.
    fn settle_letters(&mut self) -> Result<(), String> {
        while let Some((_, receipt)) = self.letters.front() {
            match receipt.settled() {
                Settled::NotYet => break,
                Settled::Refused(sentence) => return Err(sentence),
                Settled::Acknowledged => drop(self.letters.pop_front()),
            }
        }
        Ok(())
    }

    /// The offset that may be recorded.
    fn safe(&self) -> i64 {
        self.letters.front().map_or(self.next, |(offset, _)| *offset)
    }
}

/// What applying a decoded event found.
enum Outcome<'a> {
    /// With the customer, if they are new to the shard.
    Applied(Option<&'a str>),
    Duplicate,
}

fn apply<'a>(raw: &RawFact<'a>, record_at: Option<Instant>, shard: &mut Shard, plan: &Plan) -> Result<Outcome<'a>, Rejection> {
    match raw {
        RawFact::Subscription(raw) => {
            let fact = accept::subscription(raw, &plan.rates)?;
            let applied = shard.apply_subscription(&fact);
            Ok(Outcome::Applied(applied.new_customer.then_some(fact.customer_id)))
        }
        RawFact::Usage(raw) => {
            let fact = accept::usage(raw, &plan.rates, record_at)?;
            match shard.apply_usage(&fact, record_at) {
                UsageVerdict::Applied(applied) => Ok(Outcome::Applied(applied.new_customer.then_some(fact.customer_id))),
                UsageVerdict::Duplicate => Ok(Outcome::Duplicate),
            }
        }
    }
}
