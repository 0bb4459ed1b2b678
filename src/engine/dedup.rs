//! Deduplication memory: which usage events a partition has applied.
//!
//! An event is remembered as a 128-bit keyed hash of customer and event id for at least the configured time of record time, and
//! for at most one and a half times that. Forgetting drops a whole generation, so it costs nothing per entry.

use crate::domain::calendar::Instant;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// How long applied usage events are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// For good: a replay from files.
    All,
    /// For so many milliseconds of record time, at least 1.
    Window { millis: i64 },
}

/// The applied usage events of one partition.
#[derive(Debug)]
pub struct Dedup {
    memory: Memory,
    key: (u64, u64),
    /// By number, ascending; the last takes new entries.
    generations: Vec<Generation>,
    /// The greatest record timestamp so far, not beyond the consumer's clock.
    record_time: Option<Instant>,
}

/// The events applied while record time was within one half of the memory's length.
#[derive(Debug)]
struct Generation {
    number: i64,
    ids: HashSet<u128, BuildHasherDefault<Folded>>,
}

impl Dedup {
    /// `key` keeps producers of ids from choosing collisions: random, and the same for as long as the memory is kept.
    pub fn new(memory: Memory, key: (u64, u64)) -> Dedup {
        Dedup { memory, key, generations: Vec::new(), record_time: None }
    }

    /// Moves record time on, never back, and forgets what is older than the memory's length.
    pub fn observe(&mut self, record: Instant, clock: Option<Instant>) {
        let bounded = clock.map_or(record, |clock| record.min(clock));
        if self.record_time.is_none_or(|known| known < bounded) {
            self.record_time = Some(bounded);
            self.forget(bounded);
        }
    }

    /// Remembers an event; `false` if it was remembered already.
    pub fn insert(&mut self, customer_id: &str, event_id: &str) -> bool {
        let id = self.hash(customer_id, event_id);
        if self.generations.iter().any(|generation| generation.ids.contains(&id)) {
            return false;
        }
        self.current().insert(id)
    }

    /// Number of events remembered.
    pub fn entries(&self) -> usize {
        self.generations.iter().map(|generation| generation.ids.len()).sum()
    }

    /// Memory of the remembered ids in bytes, with the tables' free places.
    pub fn bytes(&self) -> usize {
        self.generations.iter().map(|generation| generation.ids.capacity() * (size_of::<u128>() + 1) * 8 / 7).sum()
    }

    /// The greatest record timestamp so far, not beyond the consumer's clock.
    pub fn record_time(&self) -> Option<Instant> {
        self.record_time
    }

    fn hash(&self, customer_id: &str, event_id: &str) -> u128 {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        // The length keeps ("ab", "c") apart from ("a", "bc").
        hasher.write_u64(customer_id.len() as u64);
        hasher.write(customer_id.as_bytes());
        hasher.write(event_id.as_bytes());
        hasher.finish128().as_u128()
    }

    /// Length of a generation in milliseconds: half the memory, rounded up.
    fn generation_millis(&self) -> Option<i64> {
        match self.memory {
            Memory::All => None,
            Memory::Window { millis } => Some(millis.saturating_add(1) / 2).map(|half| half.max(1)),
        }
    }

    fn current(&mut self) -> &mut HashSet<u128, BuildHasherDefault<Folded>> {
        let number = match (self.generation_millis(), self.record_time) {
            (Some(length), Some(now)) => now.0.div_euclid(length),
            _ => i64::MIN,
        };
        if self.generations.last().is_none_or(|last| last.number < number) {
            self.generations.push(Generation { number, ids: HashSet::default() });
        }
        let last = self.generations.len() - 1;
        &mut self.generations[last].ids
    }

    fn forget(&mut self, now: Instant) {
        let (Some(length), Memory::Window { millis }) = (self.generation_millis(), self.memory) else {
            return;
        };
        // Every entry of a generation was applied before its end.
        self.generations
            .retain(|generation| generation.number.saturating_add(1).saturating_mul(length).saturating_add(millis) > now.0);
    }
}

/// Takes 64 bits of an id that is a keyed hash already.
#[derive(Debug, Default)]
struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_le_bytes(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_remembered_for_the_window_and_at_most_twice_that() {
        for window in [1, 2, 7, 1000] {
            for start in [0, 1, 3, 499, 500, 501, 999] {
                let mut dedup = Dedup::new(Memory::Window { millis: window }, (1, 2));
                dedup.observe(Instant(start), None);
                assert!(dedup.insert("c", "e"));
                dedup.observe(Instant(start + window), None);
                assert!(!dedup.insert("c", "e"), "forgotten too early: window {window}, applied at {start}");
                dedup.observe(Instant(start + 2 * window + 1), None);
                assert_eq!(dedup.entries(), 0, "remembered too long: window {window}, applied at {start}");
            }
        }
    }

    #[test]
    fn a_timestamp_in_the_future_forgets_nothing_early() {
        let mut dedup = Dedup::new(Memory::Window { millis: 1000 }, (1, 2));
        dedup.observe(Instant(5_000), Some(Instant(5_000)));
        assert!(dedup.insert("c", "e"));
        dedup.observe(Instant(i64::MAX), Some(Instant(5_100)));
        assert!(!dedup.insert("c", "e"));
        dedup.observe(Instant(4_000), Some(Instant(5_200)));
        assert_eq!(dedup.record_time(), Some(Instant(5_100)), "record time never goes back");
    }

    #[test]
    fn ids_are_told_apart() {
        let mut dedup = Dedup::new(Memory::All, (1, 2));
        for (customer, event) in [("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", "")] {
            assert!(dedup.insert(customer, event), "{customer:?} {event:?}");
            assert!(!dedup.insert(customer, event), "{customer:?} {event:?}");
        }
        assert_eq!(dedup.entries(), 4);
    }
}
