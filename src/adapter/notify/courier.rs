//! A thread that delivers to one receiver until notices are taken, and says which were.
//!
//! Dropping a [`Courier`] ends it at once for the one who drops: a call that hangs ends on its own time-out, and nothing is tried after
//! it. What was not reported as delivered then has to be told again by whoever begins anew.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant as Moment;

use crossbeam_channel::Sender;

use super::client::Client;
use super::queue::{Queue, Turn, Waiting};
use super::settings::{Receiver, Unusable};
use crate::domain::calendar::Instant;
use crate::wire::notification::{Notice, Status};
use crate::wire::telemetry::{ReceiverCounts, Telemetry};

/// What became of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    pub receiver: Arc<str>,
    /// [`Notice::dedup_key`] of it.
    pub key: String,
    /// Whether it said that the alert has ended.
    pub resolved: bool,
    /// Whether the receiver has taken it; else it was refused or dropped.
    pub taken: bool,
}

/// Says what time it is; demonstrations have their own.
type Now = Box<dyn Fn() -> Instant + Send>;

/// What the handle and the thread share.
struct Desk {
    book: Mutex<Book>,
    changed: Condvar,
    counts: Arc<ReceiverCounts>,
}

struct Book {
    queue: Queue,
    closed: bool,
}

impl Desk {
    /// Entries are whole at any moment, so the book stays usable whatever became of a thread.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dropped(&self, receiver: &str, count: usize, why: &str) {
        if count > 0 {
            self.counts.dropped.add(count as u64);
            tracing::error!(receiver, count, "notices were dropped: {why}");
        }
    }
}

/// See the head of the file.
pub struct Courier {
    receiver: Receiver,
    desk: Arc<Desk>,
}

impl Courier {
    /// Starts the thread. `delivered` hears of every notice that was taken, of an Alertmanager's each time it is told; nobody has to
    /// listen, but whoever keeps the other end has to empty it.
    ///
    /// # Errors
    /// Settings that cannot be used, or no thread could be started.
    pub fn hire(
        receiver: Receiver,
        telemetry: &Telemetry,
        delivered: Sender<Delivered>,
        now: impl Fn() -> Instant + Send + 'static,
    ) -> Result<Courier, Unusable> {
        let client = Client::new(receiver.clone(), telemetry)?;
        // All of a list that is told as a whole goes together; the client divides it into calls.
        let batch = if receiver.to.is_level_triggered() { usize::MAX } else { receiver.to.batch() };
        let book = Mutex::new(Book { queue: Queue::new(batch), closed: false });
        let desk = Arc::new(Desk { book, changed: Condvar::new(), counts: Arc::clone(&client.counts) });
        let round = Round { desk: Arc::clone(&desk), client, delivered, now: Box::new(now), jitter: RandomState::new() };
        let thread = std::thread::Builder::new().name(format!("notify-{}", receiver.name));
        let fault =
            |error| Unusable { receiver: Arc::clone(&receiver.name), fault: format!("no thread can be started ({error})") };
        thread.spawn(move || round.work()).map_err(fault)?;
        Ok(Courier { receiver, desk })
    }

    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Delivers a change, in order; what this receiver is not told of goes nowhere. Of more than 1,000 that wait, the oldest is
    /// dropped. Not for a receiver that is told the whole state: see [`send_all`](Courier::send_all).
    pub fn send(&self, notice: Notice) {
        debug_assert!(!self.receiver.to.is_level_triggered(), "{} is told the whole state", self.receiver.name);
        if !self.receiver.wants(&notice) {
            return;
        }
        let dropped = self.desk.book().queue.push(notice, Moment::now());
        self.desk.dropped(&self.receiver.name, dropped, "too many are waiting");
        self.desk.changed.notify_all();
    }

    /// Tells an Alertmanager the whole state: alerts that fire, and those that ended lately. Replaces what is still waiting, so it
    /// may be called as often as one likes: every minute at least.
    pub fn send_all(&self, notices: Vec<Notice>) {
        debug_assert!(self.receiver.to.is_level_triggered(), "{} is told each change", self.receiver.name);
        let wanted = notices.into_iter().filter(|notice| self.receiver.wants(notice)).collect();
        self.desk.book().queue.replace(wanted, Moment::now());
        self.desk.changed.notify_all();
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.desk.book().closed = true;
        self.desk.changed.notify_all();
    }
}

/// The thread's side.
struct Round {
    desk: Arc<Desk>,
    client: Client,
    delivered: Sender<Delivered>,
    now: Now,
    jitter: RandomState,
}

impl Round {
    fn work(self) {
        while let Some(batch) = self.next_batch() {
            self.deliver(batch);
        }
    }

    /// Waits for something to deliver; `None` when the handle is gone.
    fn next_batch(&self) -> Option<Vec<Waiting>> {
        let mut book = self.desk.book();
        while !book.closed {
            let (turn, expired) = book.queue.next(Moment::now());
            self.desk.dropped(self.name(), expired, "their deadline of an hour has passed");
            let changed = &self.desk.changed;
            book = match turn {
                Turn::Deliver(batch) => return Some(batch),
                Turn::Pause(pause) => changed.wait_timeout(book, pause).unwrap_or_else(PoisonError::into_inner).0,
                Turn::Idle => changed.wait(book).unwrap_or_else(PoisonError::into_inner),
            };
        }
        None
    }

    fn deliver(&self, batch: Vec<Waiting>) {
        let notices: Vec<Notice> = batch.iter().map(|waiting| waiting.notice.clone()).collect();
        match self.client.deliver(&notices, (self.now)()) {
            Ok(()) => {
                self.desk.book().queue.settled();
                notices.iter().for_each(|notice| self.report(notice, true));
            }
            Err(failure) if failure.transient => {
                tracing::warn!(receiver = self.name(), "a notice is tried again later: {}", failure.sentence);
                let moment = Moment::now();
                let spread = (self.jitter.hash_one(moment) >> 11) as f64 / (1_u64 << 53) as f64;
                let dropped = self.desk.book().queue.failed(batch, moment, failure.retry_after, spread);
                self.desk.dropped(self.name(), dropped, "too many are waiting");
            }
            Err(failure) => {
                self.desk.book().queue.settled();
                self.desk.dropped(self.name(), batch.len(), &failure.sentence);
                notices.iter().for_each(|notice| self.report(notice, false));
            }
        }
    }

    fn report(&self, notice: &Notice, taken: bool) {
        let receiver = Arc::clone(&self.client.receiver().name);
        let resolved = notice.status() == Status::Resolved;
        // Nobody has to listen.
        _ = self.delivered.send(Delivered { receiver, key: notice.dedup_key(), resolved, taken });
    }

    fn name(&self) -> &str {
        &self.client.receiver().name
    }
}
