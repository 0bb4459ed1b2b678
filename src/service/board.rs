//! What one assigned partition shows to the other threads: positions, ends, whether it has caught up, and what holds it up.
//!
//! One worker and the watch write, everybody reads. A board belongs to one assignment: a partition that comes back has a new
//! one, so an answer that was asked for an earlier assignment cannot be taken for the present one.

use crate::domain::facts::FactKind;
use crate::wire::telemetry::StopReason;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Both kinds, in the order of everything that is kept per topic.
pub const KINDS: [FactKind; 2] = [FactKind::Subscription, FactKind::Usage];

/// Not known yet.
const UNKNOWN: i64 = -1;

/// The shared status of one assigned partition of both topics.
#[derive(Debug)]
pub struct Board {
    pub partition: i32,
    lanes: [LaneBoard; 2],
    caught_up: AtomicBool,
    live: AtomicBool,
    stopped: OnceLock<Stopped>,
    stall: Mutex<Option<Stall>>,
}

/// One topic of it. Offsets, or -1 while unknown.
#[derive(Debug)]
struct LaneBoard {
    next: AtomicI64,
    safe: AtomicI64,
    start: AtomicI64,
    target: AtomicI64,
    end: AtomicI64,
}

impl Default for LaneBoard {
    fn default() -> Self {
        let [next, safe, start, target, end] = [UNKNOWN; 5].map(AtomicI64::new);
        LaneBoard { next, safe, start, target, end }
    }
}

impl LaneBoard {
    /// Where reading stands; before the first record, where the log began at assignment.
    fn reached(&self) -> i64 {
        self.next.load(SeqCst).max(self.start.load(SeqCst)).max(0)
    }
}

/// Why intake of a partition has stopped for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    pub reason: StopReason,
    /// A sentence that says what to do.
    pub detail: String,
}

/// What a partition waits for; it goes on by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stall {
    /// A record's schema is not known yet.
    Registry(String),
    /// Too many letters wait for the dead-letter topic.
    DeadLetters(String),
    /// The Kafka client is in trouble with the partition.
    Broker(String),
}

impl Board {
    pub fn new(partition: i32) -> Board {
        let [lane, other] = [(); 2].map(|()| LaneBoard::default());
        Board {
            partition,
            lanes: [lane, other],
            caught_up: AtomicBool::new(false),
            live: AtomicBool::new(false),
            stopped: OnceLock::new(),
            stall: Mutex::new(None),
        }
    }

    /// The offset after the last record applied, rejected or passed over.
    pub fn next(&self, kind: FactKind) -> Option<i64> {
        known(&self.lanes[kind as usize].next)
    }

    /// The greatest offset that may be recorded: not past a record whose letter is not acknowledged.
    pub fn safe(&self, kind: FactKind) -> Option<i64> {
        known(&self.lanes[kind as usize].safe)
    }

    pub fn set_position(&self, kind: FactKind, next: i64, safe: i64) {
        let lane = &self.lanes[kind as usize];
        lane.next.store(next, SeqCst);
        lane.safe.store(safe, SeqCst);
    }

    /// Where the log began at assignment, which is where reading begins.
    pub fn saw_start(&self, kind: FactKind, start: i64) {
        self.lanes[kind as usize].start.store(start, SeqCst);
    }

    /// Whether the start of both logs and an end of both are known.
    pub fn knows_bounds(&self) -> bool {
        self.lanes.iter().all(|lane| known(&lane.start).is_some() && known(&lane.end).is_some())
    }

    /// The end of the readable log as of now. The first one is what the partition has to reach to have caught up.
    pub fn saw_end(&self, kind: FactKind, end: i64) {
        let lane = &self.lanes[kind as usize];
        lane.end.store(end, SeqCst);
        let _ = lane.target.compare_exchange(UNKNOWN, end, SeqCst, SeqCst);
    }

    /// Records of a topic that are in the log and not applied, control and aborted records included.
    pub fn lag(&self, kind: FactKind) -> Option<u64> {
        let lane = &self.lanes[kind as usize];
        Some(u64::try_from(known(&lane.end)? - lane.reached()).unwrap_or(0))
    }

    /// Whether both topics have once reached the end seen at assignment. Never taken back.
    pub fn check_caught_up(&self) -> bool {
        let reached = |lane: &LaneBoard| known(&lane.target).is_some_and(|target| lane.reached() >= target);
        if !self.caught_up.load(SeqCst) && self.lanes.iter().all(reached) {
            self.caught_up.store(true, SeqCst);
        }
        self.caught_up.load(SeqCst)
    }

    /// Whether the partition's totals are kept and counted.
    pub fn is_live(&self) -> bool {
        self.live.load(SeqCst)
    }

    pub fn set_live(&self) {
        self.live.store(true, SeqCst);
    }

    /// Stops intake for good, and says so in the log. The first reason stays: what follows is a consequence.
    pub fn stop(&self, reason: StopReason, detail: String) {
        if self.stop_with_all(reason, detail.clone()) {
            tracing::error!(partition = self.partition, reason = reason.as_str(), detail, "intake of a partition has stopped");
        }
    }

    /// Stops like [`Board::stop`], in silence: somebody has said so for all partitions. Whether this was the first reason.
    pub fn stop_with_all(&self, reason: StopReason, detail: String) -> bool {
        self.stopped.set(Stopped { reason, detail }).is_ok()
    }

    pub fn stopped(&self) -> Option<&Stopped> {
        self.stopped.get()
    }

    /// What the partition waits for now; `None` when it goes on.
    pub fn set_stall(&self, stall: Option<Stall>) {
        *self.stall.lock().unwrap_or_else(PoisonError::into_inner) = stall;
    }

    pub fn stall(&self) -> Option<Stall> {
        self.stall.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn known(offset: &AtomicI64) -> Option<i64> {
    Some(offset.load(SeqCst)).filter(|offset| *offset != UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIPTION: FactKind = FactKind::Subscription;
    const USAGE: FactKind = FactKind::Usage;

    #[test]
    fn caught_up_is_the_first_end_of_both_topics_and_stays() {
        let board = Board::new(3);
        board.set_position(SUBSCRIPTION, 10, 10);
        assert!(!board.check_caught_up(), "no end is known");
        board.saw_end(SUBSCRIPTION, 10);
        assert!(!board.check_caught_up(), "the other end is not known");
        board.saw_end(USAGE, 5);
        assert!(!board.check_caught_up(), "usage has not been read");
        board.saw_end(USAGE, 900);
        board.set_position(USAGE, 4, 4);
        assert!(!board.check_caught_up());
        board.set_position(USAGE, 5, 5);
        assert!(board.check_caught_up(), "the first end counts");
        assert_eq!((board.lag(SUBSCRIPTION), board.lag(USAGE)), (Some(0), Some(895)));
        board.saw_end(SUBSCRIPTION, 1_000);
        assert!(board.check_caught_up());
    }

    #[test]
    fn empty_logs_are_caught_up_without_a_record_even_if_they_begin_late() {
        let board = Board::new(0);
        for kind in KINDS {
            assert_eq!((board.next(kind), board.safe(kind), board.lag(kind)), (None, None, None));
            assert!(!board.knows_bounds());
            board.saw_start(kind, 70);
            board.saw_end(kind, 70);
        }
        assert!(board.check_caught_up() && board.knows_bounds());
        assert_eq!(board.lag(USAGE), Some(0));
    }

    #[test]
    fn the_first_stop_stays_and_a_stall_passes() {
        let board = Board::new(0);
        board.stop(StopReason::LogTruncated, "first".into());
        board.stop(StopReason::MisplacedCustomer, "second".into());
        assert_eq!(board.stopped(), Some(&Stopped { reason: StopReason::LogTruncated, detail: "first".into() }));
        board.set_stall(Some(Stall::Broker("away".into())));
        assert_eq!(board.stall(), Some(Stall::Broker("away".into())));
        board.set_stall(None);
        assert_eq!(board.stall(), None);
    }
}
