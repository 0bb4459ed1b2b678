//! What is counted about notifications, by receiver.
//!
//! A receiver is here from the moment it is opened, with every count at 0; without receivers there is nothing.

use super::{Counter, Histogram};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bounds of a call's duration, in seconds: from a neighbour's answer to the longest time-out that makes sense.
const CALL_SECONDS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Counts of one receiver.
#[derive(Debug)]
pub struct ReceiverCounts {
    /// Calls: each try counts, and for several Alertmanagers each of them.
    pub attempts: Counter,
    /// Calls that the other side did not take.
    pub failures: Counter,
    /// Notices given up: the queue was full, the deadline passed, or they were refused for good.
    pub dropped: Counter,
    /// How long calls took, failed ones included.
    pub duration: Histogram,
}

impl Default for ReceiverCounts {
    fn default() -> ReceiverCounts {
        ReceiverCounts {
            attempts: Counter::default(),
            failures: Counter::default(),
            dropped: Counter::default(),
            duration: Histogram::new(CALL_SECONDS),
        }
    }
}

/// Counts of all receivers.
#[derive(Debug, Default)]
pub struct Notifications(Mutex<BTreeMap<String, Arc<ReceiverCounts>>>);

impl Notifications {
    /// The counts of a receiver, which appear in the next scrape. The same name has the same counts.
    pub fn open(&self, receiver: &str) -> Arc<ReceiverCounts> {
        Arc::clone(self.receivers().entry(receiver.to_owned()).or_default())
    }

    /// Every receiver's counts, by name.
    pub fn all(&self) -> Vec<(String, Arc<ReceiverCounts>)> {
        self.receivers().iter().map(|(name, counts)| (name.clone(), Arc::clone(counts))).collect()
    }

    /// Entries are whole at any moment, so the map stays readable whatever became of a thread.
    fn receivers(&self) -> MutexGuard<'_, BTreeMap<String, Arc<ReceiverCounts>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_set_of_counts() {
        let notifications = Notifications::default();
        assert!(notifications.all().is_empty());
        notifications.open("pd").dropped.add(2);
        notifications.open("am");
        notifications.open("pd").dropped.add(1);
        let seen: Vec<_> = notifications.all().into_iter().map(|(name, counts)| (name, counts.dropped.get())).collect();
        assert_eq!(seen, [("am".to_owned(), 0), ("pd".to_owned(), 3)]);
    }
}
