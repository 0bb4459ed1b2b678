//! What one assigned partition shows to the other threads: positions, ends, whether it has caught up, and what holds it up.
//!
//! One worker and the watch write, everybody reads. A board belongs to one assignment: a partition that comes back has a new
//! one, so an answer that was asked for an earlier assignment cannot be taken for the present one.

use crate::domain::calendar::Instant;
use crate::domain::facts::TopicKind;
use crate::wire::telemetry::StopReason;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant as Moment};

/// Not known yet.
const UNKNOWN: i64 = -1;
/// Behind for so long, figures are not to be relied on.
const STALE: Duration = Duration::from_secs(300);

/// The shared status of one assigned partition of all topics.
#[derive(Debug)]
pub struct Board {
    pub partition: i32,
    /// By topic; retries only where there is such a topic.
    lanes: Vec<LaneBoard>,
    begun: AtomicBool,
    given_up: Mutex<bool>,
    gone: Condvar,
    caught_up: AtomicBool,
    live: AtomicBool,
    incomplete: AtomicBool,
    saved_at: AtomicI64,
    oldest_record: AtomicI64,
    begun_at: AtomicI64,
    generation: AtomicU32,
    stopped: OnceLock<Stopped>,
    stall: Mutex<Option<Stall>>,
}

/// One topic of it. Offsets, or -1 while unknown.
#[derive(Debug)]
struct LaneBoard {
    next: AtomicI64,
    safe: AtomicI64,
    target: AtomicI64,
    end: AtomicI64,
    /// How often an end was seen.
    looks: AtomicI64,
    mark: Mutex<Mark>,
}

/// An end that was seen, and when: the next one is noted once this one is reached.
#[derive(Debug)]
struct Mark {
    end: i64,
    at: Moment,
}

impl Default for LaneBoard {
    fn default() -> Self {
        let [next, safe, target, end] = [UNKNOWN; 4].map(AtomicI64::new);
        let mark = Mutex::new(Mark { end: UNKNOWN, at: Moment::now() });
        LaneBoard { next, safe, target, end, looks: AtomicI64::new(0), mark }
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
    /// The store of checkpoints cannot be read.
    Checkpoints(String),
    /// The limit of memory is reached.
    Memory(String),
}

impl Stall {
    /// What is waited for.
    pub fn sentence(&self) -> &str {
        match self {
            Stall::Registry(sentence)
            | Stall::DeadLetters(sentence)
            | Stall::Broker(sentence)
            | Stall::Checkpoints(sentence)
            | Stall::Memory(sentence) => sentence,
        }
    }
}

impl Board {
    /// `topics` is how many there are: 3 with retries, 2 without.
    pub fn new(partition: i32, topics: usize) -> Board {
        Board {
            partition,
            lanes: (0..topics).map(|_| LaneBoard::default()).collect(),
            begun: AtomicBool::new(false),
            given_up: Mutex::new(false),
            gone: Condvar::new(),
            caught_up: AtomicBool::new(false),
            live: AtomicBool::new(false),
            incomplete: AtomicBool::new(false),
            saved_at: AtomicI64::new(UNKNOWN),
            oldest_record: AtomicI64::new(UNKNOWN),
            begun_at: AtomicI64::new(UNKNOWN),
            generation: AtomicU32::new(0),
            stopped: OnceLock::new(),
            stall: Mutex::new(None),
        }
    }

    /// The topics there are.
    pub fn topics(&self) -> &'static [TopicKind] {
        &TopicKind::ALL[..self.lanes.len()]
    }

    /// The offset after the last record applied, rejected or passed over; unknown until the state is restored.
    pub fn next(&self, topic: TopicKind) -> Option<i64> {
        known(&self.lanes[topic as usize].next)
    }

    /// The greatest offset that may be recorded: not past a record whose letter is not acknowledged.
    pub fn safe(&self, topic: TopicKind) -> Option<i64> {
        known(&self.lanes[topic as usize].safe)
    }

    pub fn set_position(&self, topic: TopicKind, next: i64, safe: i64) {
        let lane = &self.lanes[topic as usize];
        lane.next.store(next, SeqCst);
        lane.safe.store(safe, SeqCst);
    }

    /// The sum of the next offsets, which orders images of one partition.
    pub fn progress(&self) -> i64 {
        self.lanes.iter().filter_map(|lane| known(&lane.next)).sum()
    }

    /// The end of the readable log as of now. The first one is what the partition has to reach to have caught up.
    pub fn saw_end(&self, topic: TopicKind, end: i64) {
        let lane = &self.lanes[topic as usize];
        lane.end.store(end, SeqCst);
        lane.looks.fetch_add(1, SeqCst);
        let _ = lane.target.compare_exchange(UNKNOWN, end, SeqCst, SeqCst);
        let mut mark = lane.mark.lock().unwrap_or_else(PoisonError::into_inner);
        if lane.next.load(SeqCst) >= mark.end {
            *mark = Mark { end, at: Moment::now() };
        }
    }

    /// Whether an end that was seen more than five minutes ago has not been reached, or none has been seen for as long. A topic
    /// without new records is not stale.
    pub fn is_stale(&self, now: Moment) -> bool {
        let old = |lane: &LaneBoard| {
            let mark = lane.mark.lock().unwrap_or_else(PoisonError::into_inner);
            now.saturating_duration_since(mark.at) > STALE
        };
        self.lanes.iter().any(old)
    }

    /// When the state was there.
    pub fn begun_at(&self) -> Option<Instant> {
        known(&self.begun_at).map(Instant)
    }

    pub fn set_begun_at(&self, at: Instant) {
        self.begun_at.store(at.0, SeqCst);
    }

    /// Timestamp of the oldest record of any topic that the state holds.
    pub fn oldest_record(&self) -> Option<Instant> {
        known(&self.oldest_record).map(Instant)
    }

    pub fn set_oldest_record(&self, at: Option<Instant>) {
        self.oldest_record.store(at.map_or(UNKNOWN, |at| at.0), SeqCst);
    }

    /// The end of the readable log as seen last, and how often it was looked at.
    pub fn end(&self, topic: TopicKind) -> (Option<i64>, i64) {
        let lane = &self.lanes[topic as usize];
        (known(&lane.end), lane.looks.load(SeqCst))
    }

    /// Records of a topic that are in the log and not applied, control and aborted records included.
    pub fn lag(&self, topic: TopicKind) -> Option<u64> {
        let lane = &self.lanes[topic as usize];
        Some(u64::try_from(known(&lane.end)? - known(&lane.next)?).unwrap_or(0))
    }

    /// Whether all topics have once reached the end seen at assignment. Never taken back.
    pub fn check_caught_up(&self) -> bool {
        let reached = |lane: &LaneBoard| known(&lane.target).zip(known(&lane.next)).is_some_and(|(target, next)| next >= target);
        if !self.caught_up.load(SeqCst) && self.lanes.iter().all(reached) {
            self.caught_up.store(true, SeqCst);
        }
        self.caught_up.load(SeqCst)
    }

    /// The state is there, and reading has begun.
    pub fn begin(&self) {
        self.begun.store(true, SeqCst);
    }

    pub fn has_begun(&self) -> bool {
        self.begun.load(SeqCst)
    }

    /// The partition is no longer ours: whatever is under way for this assignment is of no use.
    pub fn give_up(&self) {
        *self.given_up.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.gone.notify_all();
    }

    pub fn is_given_up(&self) -> bool {
        *self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, unless the partition is given up.
    pub fn wait(&self, pause: Duration) {
        let given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.gone.wait_timeout_while(given_up, pause, |given_up| !*given_up);
    }

    /// How often the state was begun anew from the log.
    pub fn generation(&self) -> u32 {
        self.generation.load(SeqCst)
    }

    pub fn set_generation(&self, generation: u32) {
        self.generation.store(generation, SeqCst);
    }

    /// The state misses what was deleted before it was read, as accepted.
    pub fn set_incomplete(&self) {
        self.incomplete.store(true, SeqCst);
    }

    pub fn is_incomplete(&self) -> bool {
        self.incomplete.load(SeqCst)
    }

    /// When the state was last known to be in the store as it was.
    pub fn saved_at(&self) -> Option<Instant> {
        known(&self.saved_at).map(Instant)
    }

    pub fn set_saved_at(&self, at: Instant) {
        self.saved_at.store(at.0, SeqCst);
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

    use TopicKind::{Retries, Subscriptions, Usage};

    #[test]
    fn input_is_stale_when_an_end_is_not_reached_for_minutes() {
        let board = Board::new(0, 1);
        let later = |seconds| Moment::now() + Duration::from_secs(seconds);
        assert!(!board.is_stale(later(290)) && board.is_stale(later(301)), "no end was ever seen");
        board.set_position(Subscriptions, 5, 5);
        board.saw_end(Subscriptions, 5);
        assert!(!board.is_stale(later(290)), "an idle topic");
        let seen = board.lanes[0].mark.lock().expect("nobody died").at;
        assert!(!board.is_stale(seen + STALE) && board.is_stale(seen + STALE + Duration::from_nanos(1)));
        board.saw_end(Subscriptions, 9);
        let behind = board.lanes[0].mark.lock().expect("nobody died").at;
        board.saw_end(Subscriptions, 12);
        assert_eq!(board.lanes[0].mark.lock().expect("nobody died").at, behind, "the end of before was not reached yet");
        board.set_position(Subscriptions, 9, 9);
        board.saw_end(Subscriptions, 12);
        assert!(board.lanes[0].mark.lock().expect("nobody died").at > behind, "now it was");
    }

    #[test]
    fn caught_up_is_the_first_end_of_all_topics_and_stays() {
        let board = Board::new(3, 2);
        board.set_position(Subscriptions, 10, 10);
        assert!(!board.check_caught_up(), "no end is known");
        board.saw_end(Subscriptions, 10);
        assert!(!board.check_caught_up(), "the other end is not known");
        board.saw_end(Usage, 5);
        assert!(!board.check_caught_up(), "usage has not been read");
        board.saw_end(Usage, 900);
        board.set_position(Usage, 4, 4);
        assert!(!board.check_caught_up());
        board.set_position(Usage, 5, 5);
        assert!(board.check_caught_up(), "the first end counts");
        assert_eq!((board.lag(Subscriptions), board.lag(Usage), board.progress()), (Some(0), Some(895), 15));
        assert_eq!(board.end(Usage), (Some(900), 2));
        board.saw_end(Subscriptions, 1_000);
        assert!(board.check_caught_up());
    }

    #[test]
    fn an_empty_log_is_caught_up_once_the_state_is_there_and_retries_count_too() {
        let board = Board::new(0, 3);
        for topic in [Subscriptions, Usage] {
            assert_eq!((board.next(topic), board.safe(topic), board.lag(topic)), (None, None, None));
            board.saw_end(topic, 70);
            assert!(!board.check_caught_up(), "not restored");
            board.set_position(topic, 70, 70);
        }
        assert!(!board.check_caught_up(), "retries have not been looked at");
        board.saw_end(Retries, 0);
        board.set_position(Retries, 0, 0);
        assert!(board.check_caught_up());
        assert_eq!(board.lag(Usage), Some(0));
    }

    #[test]
    fn what_is_noted_is_shown() {
        let board = Board::new(0, 3);
        assert_eq!((board.topics(), Board::new(0, 2).topics()), (&TopicKind::ALL[..], &[Subscriptions, Usage][..]));
        assert_eq!((board.generation(), board.saved_at(), board.progress()), (0, None, 0));
        assert!(!board.has_begun() && !board.is_incomplete() && !board.is_live());
        board.begin();
        assert!(board.has_begun() && !board.is_incomplete() && !board.is_live());
        board.set_incomplete();
        assert!(board.is_incomplete() && !board.is_live());
        board.set_live();
        assert!(board.is_live());
        board.set_generation(7);
        board.set_saved_at(Instant(8));
        board.set_position(Usage, 6, 5);
        board.set_oldest_record(Some(Instant(9)));
        assert_eq!((board.generation(), board.saved_at(), board.oldest_record()), (7, Some(Instant(8)), Some(Instant(9))));
        board.set_oldest_record(None);
        assert_eq!(board.oldest_record(), None);
        assert_eq!((board.next(Usage), board.safe(Usage), board.next(Retries)), (Some(6), Some(5), None));
    }

    #[test]
    fn a_wait_lasts_unless_the_partition_is_given_up() {
        let (board, pause, began) = (Board::new(0, 2), Duration::from_millis(20), std::time::Instant::now());
        board.wait(pause);
        assert!(began.elapsed() >= pause);
        assert!(!board.is_given_up());
        board.give_up();
        assert!(board.is_given_up());
        board.wait(Duration::from_secs(24 * 3600));
    }

    #[test]
    fn a_stall_says_what_is_waited_for() {
        let stalls: [fn(String) -> Stall; 5] =
            [Stall::Registry, Stall::DeadLetters, Stall::Broker, Stall::Checkpoints, Stall::Memory];
        stalls.iter().for_each(|stall| assert_eq!(stall("the sentence".into()).sentence(), "the sentence"));
    }

    #[test]
    fn the_first_stop_stays_and_a_stall_passes() {
        let board = Board::new(0, 2);
        board.stop(StopReason::LogTruncated, "first".into());
        board.stop(StopReason::MisplacedCustomer, "second".into());
        assert!(!board.stop_with_all(StopReason::MisplacedCustomer, "third".into()));
        assert!(Board::new(0, 2).stop_with_all(StopReason::MisplacedCustomer, "the only one".into()));
        assert_eq!(board.stopped(), Some(&Stopped { reason: StopReason::LogTruncated, detail: "first".into() }));
        board.set_stall(Some(Stall::Broker("away".into())));
        assert_eq!(board.stall(), Some(Stall::Broker("away".into())));
        board.set_stall(None);
        assert_eq!(board.stall(), None);
    }
}
