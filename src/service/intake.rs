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
use crate::adapter::kafka::letters::{Letter, Letters, Post};
use crate::domain::accept;
use crate::domain::calendar::Instant;
use crate::domain::facts::{FactKind, RawFact, Rejection};
use crate::engine::plan::Plan;
use crate::engine::shard::{Shard, UsageVerdict};
use crate::wire::framing::{self, Frame};
use crate::wire::telemetry::{StopReason, Telemetry};
use rdkafka::Message;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, OwnedMessage};
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

/// Where the records of one topic of it come from.
pub struct Inlet {
    pub source: Source,
    pub topic: Arc<str>,
    /// Kafka's id of the topic, if the cluster has such.
    pub topic_id: Option<Arc<str>>,
}

/// One topic of it.
struct Lane {
    source: Source,
    /// A copy of the record that has to wait.
    held: Option<OwnedMessage>,
    ledger: Ledger,
    /// What the client said of this partition, while there are records it does not bring.
    trouble: Option<String>,
    /// When the position was asked for last.
    asked: Moment,
}

/// Whose records these are, and how far they were taken.
struct Ledger {
    kind: FactKind,
    topic: Arc<str>,
    topic_id: Option<Arc<str>>,
    partition: i32,
    next: i64,
    letters: Arc<Letters>,
}

/// A record, wherever it lies.
#[derive(Clone, Copy)]
struct Record<'r> {
    offset: i64,
    timestamp: Option<i64>,
    key: Option<&'r [u8]>,
    value: Option<&'r [u8]>,
    headers: Option<&'r BorrowedHeaders>,
}

impl<'r> Record<'r> {
    fn of<M: Message>(message: &'r M, headers: Option<&'r BorrowedHeaders>) -> Record<'r> {
        let (key, value) = (message.key(), message.payload());
        Record { offset: message.offset(), timestamp: message.timestamp().to_millis(), key, value, headers }
    }

    fn fetched(message: &'r BorrowedMessage) -> Record<'r> {
        Record::of(message, message.headers())
    }

    fn held(message: &'r OwnedMessage) -> Record<'r> {
        Record::of(message, message.headers().map(|headers| headers.as_borrowed()))
    }
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
    /// `inlets` in the order of [`KINDS`].
    pub fn new(board: Arc<Board>, shard: Shard, inlets: [Inlet; 2], letters: &Arc<Letters>) -> Partition {
        let lane = |(kind, Inlet { source, topic, topic_id }): (FactKind, Inlet)| {
            let ledger = Ledger { kind, topic, topic_id, partition: board.partition, next: 0, letters: letters.clone() };
            Lane { source, held: None, ledger, trouble: None, asked: Moment::now() }
        };
        let lanes = KINDS.into_iter().zip(inlets).map(lane).collect();
        Partition { board, shard, lanes }
    }

    /// Has `ring` called when records arrive while there were none.
    pub fn on_arrival(&mut self, ring: impl Fn() + Clone + Send + Sync + 'static) {
        self.lanes.iter_mut().for_each(|lane| lane.source.on_arrival(ring.clone()));
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
            let (count, halt) = lane.take_in(&self.board, &mut self.shard, around);
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
        for Lane { ledger, .. } in self.lanes.drain(..) {
            ledger.letters.release(&ledger.topic, ledger.partition);
        }
    }

    /// Takes note of letters acknowledged since, and of positions passed without a record.
    pub fn note_positions(&mut self) {
        for lane in &mut self.lanes {
            lane.pass_control_records(&self.board);
            self.board.set_position(lane.ledger.kind, lane.ledger.next, lane.ledger.safe());
        }
        self.board.check_caught_up();
    }
}

impl Lane {
    /// Takes the held record, then up to a batch. Answers how many were taken, and what keeps it from going on.
    fn take_in(&mut self, board: &Board, shard: &mut Shard, around: &mut Surroundings) -> (usize, Option<Halt>) {
        let mut taken = 0;
        if let Some(held) = self.held.take() {
            if let Err(halt) = self.ledger.take(Record::held(&held), shard, around) {
                self.held = Some(held);
                return (0, Some(halt));
            }
            taken += 1;
        }
        while taken < BATCH {
            match self.source.poll() {
                Offer::Record(record) => {
                    if let Err(halt) = self.ledger.take(Record::fetched(&record), shard, around) {
                        self.held = Some(record.detach());
                        return (taken, Some(halt));
                    }
                    taken += 1;
                }
                Offer::Empty => break,
                Offer::Truncated => return (taken, Some(self.ledger.truncated())),
                Offer::Unreadable(fault) => return (taken, Some(self.ledger.unreadable(&fault))),
                Offer::Troubled(trouble) => self.trouble = Some(trouble),
            }
        }
        if taken > 0 || board.lag(self.ledger.kind) == Some(0) {
            self.trouble = None;
        }
        (taken, self.trouble.clone().map(|trouble| Halt::Stall(Stall::Broker(trouble))))
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

impl Ledger {
    /// Takes one record: applies it, counts it, or sends its letter. On failure the record stays to be taken.
    fn take(&mut self, record: Record, shard: &mut Shard, around: &mut Surroundings) -> Result<(), Halt> {
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
                self.send_letter(record, &rejection)?;
                topic.rejected.add(rejection.reason, 1);
            }
        }
        if let Some(at) = record.timestamp {
            topic.last_event.saw(Instant(at));
        }
        self.next = record.offset + 1;
        Ok(())
    }

    fn judge(&self, record: Record, shard: &mut Shard, around: &mut Surroundings) -> Verdict {
        let frame = match framing::parse(record.value) {
            Ok(frame) => frame,
            Err(rejection) => return Verdict::Rejected(rejection),
        };
        let decoder = match around.schemas.decoder(frame, self.kind) {
            Found::Decoder(decoder) => decoder,
            Found::Rejected(rejection) => return Verdict::Rejected(rejection),
            Found::NotYet(sentence) => return Verdict::Unknown(sentence),
        };
        let (Frame::Confluent { datum, .. } | Frame::SingleObject { datum, .. }) = frame;
        let record_at = record.timestamp.map(Instant);
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

    fn send_letter(&self, record: Record, rejection: &Rejection) -> Result<(), Halt> {
        let schema_id = framing::parse(record.value).ok().map(|frame| match frame {
            Frame::Confluent { schema_id, .. } => schema_id.to_string(),
            Frame::SingleObject { fingerprint, .. } => format!("{fingerprint:016x}"),
        });
        let post = self.letters.send(&Letter {
            topic: &self.topic,
            topic_id: self.topic_id.as_deref(),
            partition: self.partition,
            offset: record.offset,
            reason: rejection.reason,
            detail: &rejection.detail,
            schema_id: schema_id.as_deref(),
            key: record.key,
            value: record.value,
            headers: record.headers,
            timestamp: record.timestamp,
            origin: None,
        });
        match post {
            Post::Taken => Ok(()),
            Post::Full => {
                let sentence = self.letters.trouble().unwrap_or_else(|| LETTERS_FULL.to_owned());
                Err(Halt::Stall(Stall::DeadLetters(sentence)))
            }
        }
    }

    fn truncated(&self) -> Halt {
        let (topic, next) = (&self.topic, self.next);
        let detail = format!(
            "{topic} no longer holds offset {next}: records were deleted before they were read. Raise the topic's retention.ms, and \
             start again with kafka.accept_truncated_log to read what is left; the figures then miss what was deleted."
        );
        Halt::Stop(StopReason::LogTruncated, detail)
    }

    fn unreadable(&self, fault: &str) -> Halt {
        let (topic, next) = (&self.topic, self.next);
        let detail = format!(
            "{topic} cannot be read from offset {next} on ({fault}), and nothing is skipped. Restore the log from a replica, or use \
             a build whose client knows the compression and format, and start again."
        );
        Halt::Stop(StopReason::UnreadableLog, detail)
    }

    /// The offset that may be recorded: not past a record whose letter the broker does not have.
    fn safe(&self) -> i64 {
        let waiting = self.letters.lowest_unacknowledged(&self.topic, self.partition);
        waiting.map_or(self.next, |offset| offset.min(self.next))
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
