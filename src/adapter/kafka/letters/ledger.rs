//! Which letters are under way, by the record they stand for. Plain bookkeeping: no client, no thread.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Letters under way at most.
pub const MAX_LETTERS: usize = 10_000;
/// Bytes of letters under way at most; a single larger letter goes when it is alone.
pub const MAX_BYTES: u64 = 64 << 20;

/// The letters of one record. There are two while a partition came back before its first letter was acknowledged.
#[derive(Debug, Default)]
struct Held {
    under_way: u32,
    refused: bool,
}

impl Held {
    fn is_free(&self) -> bool {
        self.under_way == 0 && !self.refused
    }
}

/// Letters under way and refused, per source partition.
#[derive(Debug, Default)]
pub struct Ledger {
    partitions: HashMap<Arc<str>, HashMap<i32, BTreeMap<i64, Held>>>,
    letters: usize,
    bytes: u64,
    /// Last acknowledgement, or the first letter after none was under way.
    progress: Option<Instant>,
    error: Option<String>,
    /// Letters under way at most, where that is fewer than [`MAX_LETTERS`].
    pub room: Option<usize>,
}

impl Ledger {
    /// Notes a new letter; `false` if there is no room for it.
    pub fn admit(&mut self, topic: &Arc<str>, partition: i32, offset: i64, bytes: u64, now: Instant) -> bool {
        let room = self.letters < self.room.unwrap_or(MAX_LETTERS) && self.bytes.saturating_add(bytes) <= MAX_BYTES;
        if !room && self.letters > 0 {
            return false;
        }
        if self.letters == 0 {
            self.progress = Some(now);
            self.error = None;
        }
        self.letters += 1;
        self.bytes += bytes;
        let offsets = self.partitions.entry(Arc::clone(topic)).or_default().entry(partition).or_default();
        offsets.entry(offset).or_default().under_way += 1;
        true
    }

    /// The broker has a letter.
    pub fn delivered(&mut self, topic: &str, partition: i32, offset: i64, bytes: u64, now: Instant) {
        self.progress = Some(now);
        self.settle(topic, partition, offset, bytes, false);
    }

    /// The broker will never have a letter: its offset is held.
    pub fn refused(&mut self, topic: &str, partition: i32, offset: i64, bytes: u64) {
        self.settle(topic, partition, offset, bytes, true);
    }

    /// A letter failed for now and goes again.
    pub fn delayed(&mut self, error: String) {
        self.error = Some(error);
    }

    fn settle(&mut self, topic: &str, partition: i32, offset: i64, bytes: u64, refused: bool) {
        self.letters = self.letters.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.change(topic, partition, |offsets| {
            let Some(held) = offsets.get_mut(&offset) else { return };
            held.under_way = held.under_way.saturating_sub(1);
            held.refused |= refused;
            if held.is_free() {
                offsets.remove(&offset);
            }
        });
    }

    /// Forgets what was refused in a partition.
    pub fn release(&mut self, topic: &str, partition: i32) {
        self.change(topic, partition, |offsets| {
            offsets.retain(|_, held| {
                held.refused = false;
                !held.is_free()
            });
        });
    }

    fn change(&mut self, topic: &str, partition: i32, change: impl FnOnce(&mut BTreeMap<i64, Held>)) {
        let Some(partitions) = self.partitions.get_mut(topic) else { return };
        let Some(offsets) = partitions.get_mut(&partition) else { return };
        change(offsets);
        if offsets.is_empty() {
            partitions.remove(&partition);
        }
    }

    /// The lowest offset of a partition that has a letter under way or refused.
    pub fn lowest(&self, topic: &str, partition: i32) -> Option<i64> {
        self.partitions.get(topic)?.get(&partition)?.first_key_value().map(|(offset, _)| *offset)
    }

    /// Letters under way.
    pub fn outstanding(&self) -> usize {
        self.letters
    }

    /// A sentence about letters that wait without any acknowledgement for `quiet` or longer.
    pub fn trouble(&self, now: Instant, quiet: Duration) -> Option<String> {
        let waited = now.saturating_duration_since(self.progress?);
        (self.letters > 0 && waited >= quiet).then(|| {
            let error = self.error.as_deref().unwrap_or("no broker of the dead-letter topic has answered");
            format!("{} dead letters wait for {} s to be taken: {error}", self.letters, waited.as_secs())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_secs(10);

    fn admit(ledger: &mut Ledger, partition: i32, offset: i64, bytes: u64) -> bool {
        ledger.admit(&Arc::from("t"), partition, offset, bytes, Instant::now())
    }

    #[test]
    fn positions_wait_for_the_lowest_letter_in_any_order_of_acknowledgement() {
        let mut ledger = Ledger::default();
        let now = Instant::now();
        for offset in [5, 3, 9] {
            assert!(admit(&mut ledger, 0, offset, 1));
        }
        assert!(admit(&mut ledger, 1, 1, 1));
        assert_eq!((ledger.lowest("t", 0), ledger.lowest("t", 1), ledger.lowest("x", 0)), (Some(3), Some(1), None));
        ledger.delivered("t", 0, 5, 1, now);
        assert_eq!(ledger.lowest("t", 0), Some(3));
        ledger.delivered("t", 0, 3, 1, now);
        assert_eq!(ledger.lowest("t", 0), Some(9));
        ledger.delivered("t", 0, 9, 1, now);
        assert_eq!((ledger.lowest("t", 0), ledger.outstanding()), (None, 1));
    }

    #[test]
    fn a_repeated_letter_is_held_until_both_are_acknowledged() {
        let mut ledger = Ledger::default();
        assert!(admit(&mut ledger, 0, 7, 1) && admit(&mut ledger, 0, 7, 1));
        ledger.delivered("t", 0, 7, 1, Instant::now());
        assert_eq!(ledger.lowest("t", 0), Some(7));
        ledger.delivered("t", 0, 7, 1, Instant::now());
        assert_eq!(ledger.lowest("t", 0), None);
    }

    #[test]
    fn a_refused_letter_holds_its_position_until_the_partition_is_given_up() {
        let mut ledger = Ledger::default();
        assert!(admit(&mut ledger, 0, 7, 1) && admit(&mut ledger, 0, 8, 1));
        ledger.refused("t", 0, 7, 1);
        assert_eq!((ledger.lowest("t", 0), ledger.outstanding()), (Some(7), 1));
        ledger.release("t", 0);
        assert_eq!(ledger.lowest("t", 0), Some(8));
        ledger.delivered("t", 0, 8, 1, Instant::now());
        assert_eq!((ledger.lowest("t", 0), ledger.outstanding()), (None, 0));
    }

    #[test]
    fn there_is_room_for_so_many_letters_and_bytes_and_always_for_one() {
        let mut ledger = Ledger::default();
        for offset in 0..MAX_LETTERS as i64 {
            assert!(admit(&mut ledger, 0, offset, 1));
        }
        assert!(!admit(&mut ledger, 0, -1, 1));
        ledger.delivered("t", 0, 0, 1, Instant::now());
        assert!(admit(&mut ledger, 0, -1, 1));

        let mut ledger = Ledger::default();
        assert!(admit(&mut ledger, 0, 0, MAX_BYTES + 1));
        assert!(!admit(&mut ledger, 0, 1, 1));
        ledger.delivered("t", 0, 0, MAX_BYTES + 1, Instant::now());
        assert!(admit(&mut ledger, 0, 1, MAX_BYTES) && !admit(&mut ledger, 0, 2, 1));
    }

    #[test]
    fn waiting_letters_are_told_of_after_a_while() {
        let mut ledger = Ledger::default();
        let start = Instant::now();
        assert_eq!(ledger.trouble(start + QUIET, QUIET), None);
        assert!(ledger.admit(&Arc::from("t"), 0, 1, 1, start));
        assert_eq!(ledger.trouble(start, QUIET), None);
        ledger.delayed("topic gone".to_owned());
        let trouble = ledger.trouble(start + QUIET, QUIET).unwrap();
        assert!(trouble.contains("1 dead letters wait for 10 s") && trouble.contains("topic gone"), "{trouble}");
        ledger.delivered("t", 0, 1, 1, start + QUIET);
        assert_eq!(ledger.trouble(start + 3 * QUIET, QUIET), None);
    }
}
