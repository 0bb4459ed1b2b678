//! What waits to be delivered, and when it is tried. Pure: whoever asks says what time it is.
//!
//! Notices of changes wait in order, at most so many of them, none longer than its deadline; the oldest goes first in both senses. A
//! list that is told again and again replaces the one before. A failure makes everything wait: a receiver that is away is away
//! for all notices, and one that is overtaken by a later one of its alert would leave the receiver with the wrong state.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::wire::notification::Notice;

/// Most notices that wait.
pub const MOST_WAITING: usize = 1_000;
/// How long a notice is tried.
pub const DEADLINE: Duration = Duration::from_hours(1);
/// The pause after a first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MOST_PAUSE: Duration = Duration::from_mins(1);

/// A notice on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub notice: Notice,
    /// When it came.
    pub since: Instant,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// Deliver these, then say what became of them.
    Deliver(Vec<Waiting>),
    /// Nothing before so long.
    Pause(Duration),
    /// Nothing until something comes.
    Idle,
}

/// See the head of the file.
#[derive(Debug)]
pub struct Queue {
    /// Most notices of one delivery.
    batch: usize,
    waiting: VecDeque<Waiting>,
    /// Whether a newer list came while one was on its way.
    replaced: bool,
    /// Failures since the last success.
    failures: u32,
    not_before: Option<Instant>,
}

impl Queue {
    /// An empty queue that gives out at most so many notices at once.
    pub fn new(batch: usize) -> Queue {
        Queue { batch, waiting: VecDeque::new(), replaced: false, failures: 0, not_before: None }
    }

    /// Adds a notice; says how many were dropped for it.
    pub fn push(&mut self, notice: Notice, now: Instant) -> usize {
        self.waiting.push_back(Waiting { notice, since: now });
        self.shorten()
    }

    /// Replaces everything that waits.
    pub fn replace(&mut self, notices: Vec<Notice>, now: Instant) {
        self.waiting = notices.into_iter().map(|notice| Waiting { notice, since: now }).collect();
        self.replaced = true;
    }

    /// What to do now, and how many notices were dropped because their deadline has passed.
    pub fn next(&mut self, now: Instant) -> (Turn, usize) {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| now.saturating_duration_since(waiting.since) < DEADLINE);
        let dropped = before - self.waiting.len();
        if self.waiting.is_empty() {
            return (Turn::Idle, dropped);
        }
        let pause = self.not_before.map(|until| until.saturating_duration_since(now)).filter(|pause| !pause.is_zero());
        if let Some(pause) = pause {
            return (Turn::Pause(pause), dropped);
        }
        self.replaced = false;
        (Turn::Deliver(self.waiting.drain(..self.batch.min(self.waiting.len())).collect()), dropped)
    }

    /// What was given out was taken, or given up: either way the receiver answers.
    pub fn settled(&mut self) {
        (self.failures, self.not_before) = (0, None);
    }

    /// What was given out goes back to where it was, unless a newer list came, and everything waits; says how many were dropped.
    /// `asked` is the pause the receiver asked for, `spread` (0 to 1) lengthens ours by up to a half.
    pub fn failed(&mut self, batch: Vec<Waiting>, now: Instant, asked: Option<Duration>, spread: f64) -> usize {
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10)).min(MOST_PAUSE.mul_f64(2.0 / 3.0));
        let pause = doubled.mul_f64(1.0 + spread.clamp(0.0, 1.0) / 2.0).max(asked.unwrap_or_default());
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(now + pause);
        if self.replaced {
            return 0;
        }
        for waiting in batch.into_iter().rev() {
            self.waiting.push_front(waiting);
        }
        self.shorten()
    }

    fn shorten(&mut self) -> usize {
        let excess = self.waiting.len().saturating_sub(self.batch.max(MOST_WAITING));
        self.waiting.drain(..excess).count()
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
