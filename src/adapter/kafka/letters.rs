//! Dead letters: rejected records, sent on unchanged, with the reason in headers.
//!
//! A rejected event is never lost, so no position may pass it before the broker has its letter; but applying goes on meanwhile.
//! [`Letters::send`] therefore only takes a letter in and [`Letters::lowest_unacknowledged`] says how far a position may go.
//! What may pass (brokers away, topic missing, too few replicas) is retried for ever; a letter refused for its size goes again
//! without its value; any other definite refusal is reported and holds the position until the partition is given up.
//!
//! Guaranteed: at least once. A letter may be repeated; (source topic id, partition, offset) in its headers is its identity.
//! Not guaranteed: order. `docs/dead-letters.md` is the contract with readers of the topic.

mod clerk;
mod courier;
mod dead_letter;
mod ledger;
mod origin;
mod parcel;
mod postbag;
pub mod reading;
pub mod returns;

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use rdkafka::message::BorrowedHeaders;

use self::clerk::Clerk;
use self::courier::Courier;
use self::ledger::Ledger;
use self::parcel::Parcel;
use super::settings::Settings;
use super::trouble::Trouble;
use crate::domain::facts::Reason;

pub use self::dead_letter::{DeadLetter, Pair};
pub use self::origin::{NoOrigin, ORIGIN_HEADER, Origin};
pub use self::postbag::Postbag;

/// So long without any acknowledgement, waiting letters are worth telling about.
const QUIET: Duration = Duration::from_secs(10);

/// A rejected record and why it was rejected. Topic, partition and offset are where it was read: the position that waits for it.
#[derive(Clone, Copy)]
pub struct Letter<'a> {
    pub topic: &'a Arc<str>,
    pub topic_id: Option<&'a str>,
    pub partition: i32,
    pub offset: i64,
    pub reason: Reason,
    /// One sentence; cut after 1,000 characters.
    pub detail: &'a str,
    /// The writer schema the record names: registry id or fingerprint.
    pub schema_id: Option<&'a str>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Option<&'a BorrowedHeaders>,
    /// The record's timestamp, milliseconds since 1970; `None` becomes the time of sending.
    pub timestamp: Option<i64>,
    /// Of a record read from the retries topic: which record it is. The letter is then that record's once more.
    pub origin: Option<&'a Origin>,
}

/// What became of a letter offered to [`Letters::send`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a letter that was not taken must be offered again before its partition goes on"]
pub enum Post {
    Taken,
    /// Too many letters are under way. Nothing happened; offer it again later.
    Full,
}

/// Why a broker will never take a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Value of the `reason` label of `upswell_partition_stopped`.
    pub label: &'static str,
    /// A sentence that says what to do.
    pub text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The fate of one letter. Comes on the courier's thread; handle it quickly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetterEvent {
    /// The broker has it. Count it here.
    Delivered { topic: Arc<str>, partition: i32, offset: i64, reason: Reason },
    /// It will never be taken: the partition must stop. Its offset stays unacknowledged.
    Refused { topic: Arc<str>, partition: i32, offset: i64, refusal: Refusal },
}

/// The ledger, and a signal for whoever waits for it to be empty.
#[derive(Debug, Default)]
struct Desk {
    ledger: Mutex<Ledger>,
    emptied: Condvar,
}

impl Desk {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to the dead-letter topic. Share it; it works on a thread of its own until dropped.
#[derive(Debug)]
pub struct Letters {
    desk: Arc<Desk>,
    inbox: Option<Sender<Parcel>>,
    courier: Option<std::thread::JoinHandle<()>>,
}

impl Letters {
    /// Starts the courier. Fails only over properties no client can be made of, or without memory for a thread.
    pub fn start(settings: &Settings, on_event: impl Fn(LetterEvent) + Send + 'static) -> Result<Letters, Trouble> {
        let desk = Arc::new(Desk::default());
        let (inbox, parcels) = crossbeam_channel::unbounded(); // bounded by the ledger
        let clerk = Clerk { desk: Arc::clone(&desk), on_event: Box::new(on_event) };
        let courier = Courier::new(settings, clerk, parcels)?;
        let thread = std::thread::Builder::new().name("letters".to_owned()).spawn(move || courier.run());
        let thread = thread.map_err(|error| Trouble::transient(format!("no thread for dead letters: {error}")))?;
        Ok(Letters { desk, inbox: Some(inbox), courier: Some(thread) })
    }

    /// Letters without courier, for simulations: they lie in the bag until its holder says what became of them.
    pub fn unattended(on_event: impl Fn(LetterEvent) + Send + 'static) -> (Letters, Postbag) {
        let desk = Arc::new(Desk::default());
        let (inbox, parcels) = crossbeam_channel::unbounded(); // bounded by the ledger
        let clerk = Clerk { desk: Arc::clone(&desk), on_event: Box::new(on_event) };
        (Letters { desk, inbox: Some(inbox), courier: None }, Postbag::new(parcels, clerk))
    }

    /// Takes a letter in, unless 10,000 (or 64 MiB) are under way. Copies it; never blocks on the network.
    pub fn send(&self, letter: &Letter<'_>) -> Post {
        let bytes = parcel::weight(letter);
        if !self.desk.ledger().admit(letter.topic, letter.partition, letter.offset, bytes, Instant::now()) {
            return Post::Full;
        }
        // The courier ends only after the inbox is dropped, so there is somebody at the other end.
        let taken = self.inbox.as_ref().is_some_and(|inbox| inbox.send(Parcel::pack(letter, bytes)).is_ok());
        if taken { Post::Taken } else { Post::Full }
    }

    /// The lowest offset of a partition whose letter the broker has not acknowledged: no position may pass it.
    pub fn lowest_unacknowledged(&self, topic: &str, partition: i32) -> Option<i64> {
        self.desk.ledger().lowest(topic, partition)
    }

    /// Letters under way.
    pub fn outstanding(&self) -> usize {
        self.desk.ledger().outstanding()
    }

    /// The partition was given up: forgets refused letters. Those under way stay until they are acknowledged.
    pub fn release(&self, topic: &str, partition: i32) {
        self.desk.ledger().release(topic, partition);
    }

    /// Why letters wait, if none was acknowledged for ten seconds; for `/-/ready`.
    pub fn trouble(&self) -> Option<String> {
        self.desk.ledger().trouble(Instant::now(), QUIET)
    }

    /// Waits until no letter is under way, but not longer than `patience`. Whether that came true.
    pub fn flush(&self, patience: Duration) -> bool {
        let waiting = |ledger: &mut Ledger| ledger.outstanding() > 0;
        let waited = self.desk.emptied.wait_timeout_while(self.desk.ledger(), patience, waiting);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Drop for Letters {
    fn drop(&mut self) {
        self.inbox = None;
        if let Some(courier) = self.courier.take() {
            _ = courier.join();
        }
    }
}

#[cfg(test)]
#[path = "letters_tests.rs"]
mod tests;
