//! Deduplication memory: which usage events a partition has applied.
//!
//! An event is remembered as a 128-bit keyed hash of customer and event id for at least the configured time of record time, and
//! for at most one and a half times that. Ids are kept in generations, each named by the record time it ends at, so that a memory
//! outlives a change of its length: every id was applied before the end of its generation, and a generation is forgotten once the
//! memory's length has passed since. No generation's table is large enough for its growth or its end to be felt.

use super::generation::{Generation, Table};
use super::image::Scope;
use crate::domain::calendar::Instant;
use siphasher::sip128::SipHasher13;
use smallvec::SmallVec;

/// How long applied usage events are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// For good: a replay from files.
    All,
    /// For so many milliseconds of record time, at least 1.
    Window { millis: i64 },
}

/// The end of a generation whose record time is not known: no record had a timestamp yet, or all is remembered for good.
const NEVER: Instant = Instant(i64::MAX);

/// What an event is remembered by: a keyed hash of 128 bits.
#[derive(Clone, Copy, Debug)]
pub struct Remembered(u128);

/// The applied usage events of one partition.
#[derive(Debug)]
pub struct Dedup {
    memory: Memory,
    key: (u64, u64),
    /// By end, ascending and distinct; the last takes new entries.
    generations: Vec<Generation>,
    /// The greatest record timestamp so far, not beyond the consumer's clock.
    record_time: Option<Instant>,
    /// Forgotten, but part of an image that is being taken.
    retired: Vec<Generation>,
    /// Forgotten; memory is given back one table at a time.
    condemned: Vec<Table>,
}

impl Dedup {
    /// `key` keeps producers of ids from choosing collisions: random, and the same for as long as the memory is kept.
    pub fn new(memory: Memory, key: (u64, u64)) -> Dedup {
        Dedup::restored(memory, key, None, Vec::new())
    }

    /// A memory with what it held, `generations` by end, ascending and distinct. Its length may have changed.
    pub fn restored(memory: Memory, key: (u64, u64), record_time: Option<Instant>, generations: Vec<Generation>) -> Dedup {
        let mut dedup = Dedup { memory, key, generations, record_time, retired: Vec::new(), condemned: Vec::new() };
        if let Some(now) = record_time {
            dedup.date_undated(now);
            dedup.forget(now);
        }
        dedup
    }

    /// Moves record time on, never back, and forgets what is older than the memory's length.
    pub fn observe(&mut self, record: Instant, clock: Option<Instant>) {
        let bounded = clock.map_or(record, |clock| record.min(clock));
        if self.record_time.is_none_or(|known| known < bounded) {
            if self.record_time.is_none() {
                self.date_undated(bounded);
            }
            self.record_time = Some(bounded);
            self.forget(bounded);
        }
    }

    /// What an event is remembered by.
    #[inline]
    pub fn id(&self, customer_id: &str, event_id: &str) -> Remembered {
        Remembered(self.hash(customer_id, event_id))
    }

    /// Says that an event is about to be looked for.
    #[inline]
    pub fn prefetch(&self, Remembered(id): Remembered) {
        self.generations.iter().for_each(|generation| generation.prefetch(id));
    }

    /// Remembers an event; `false` if it was remembered already.
    #[inline]
    pub fn insert(&mut self, Remembered(id): Remembered) -> bool {
        self.condemned.pop();
        self.begin_generation();
        let (last, earlier) = self.generations.split_last_mut().expect("one has begun");
        !earlier.iter().any(|generation| generation.contains(id)) && last.insert(id)
    }

    /// Number of events remembered.
    pub fn entries(&self) -> usize {
        self.generations.iter().map(Generation::len).sum()
    }

    /// Memory of the remembered ids in bytes, with the tables' free places.
    pub fn bytes(&self) -> usize {
        let held = self.generations.iter().chain(&self.retired).map(Generation::bytes).sum::<usize>();
        held + self.condemned.iter().map(Table::bytes).sum::<usize>()
    }

    /// The greatest record timestamp so far, not beyond the consumer's clock.
    pub fn record_time(&self) -> Option<Instant> {
        self.record_time
    }

    /// Keys the hashes.
    pub fn key(&self) -> (u64, u64) {
        self.key
    }

    /// Fixes which ids an image holds; [`Dedup::capture`] hands them out. Returns the generations and how many ids each has, all
    /// images before this one included.
    pub fn freeze(&mut self, scope: Scope) -> Vec<(Instant, u64)> {
        self.generations.iter_mut().map(|generation| generation.freeze(scope)).collect()
    }

    /// Further ids of the image fixed last, at most so many, and the end of their generation; `None` when there are no more. A
    /// generation forgotten meanwhile is still handed out, so that the image is what it was said to be.
    pub fn capture(&mut self, most: usize) -> Option<(Instant, Vec<u128>)> {
        let part = self.retired.iter_mut().chain(&mut self.generations).find_map(|generation| generation.capture(most));
        for generation in self.retired.extract_if(.., |generation| !generation.is_frozen()) {
            self.condemned.extend(generation.into_tables());
        }
        part
    }

    fn hash(&self, customer_id: &str, event_id: &str) -> u128 {
        // The length keeps ("ab", "c") apart from ("a", "bc").
        let parts = [&(customer_id.len() as u64).to_le_bytes(), customer_id.as_bytes(), event_id.as_bytes()];
        let mut bytes = SmallVec::<[u8; 128]>::new();
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        // At once: taking the parts up one by one costs more than copying them.
        SipHasher13::new_with_keys(self.key.0, self.key.1).hash(&bytes).as_u128()
    }

    /// The end of the generation that record time lies in; a generation is half the memory long, rounded up.
    fn end_of(&self, now: Instant) -> Instant {
        let Memory::Window { millis } = self.memory else {
            return NEVER;
        };
        let length = (millis.saturating_add(1) / 2).max(1);
        Instant(now.0.div_euclid(length).saturating_add(1).saturating_mul(length))
    }

    /// Sees to it that the last generation may take ids now. After the memory was made shorter, that is the longer one of then.
    fn begin_generation(&mut self) {
        let until = self.record_time.map_or(NEVER, |now| self.end_of(now));
        if self.generations.last().is_none_or(|last| last.until() < until) {
            self.generations.push(Generation::new(until));
        }
    }

    /// Ids applied before any record had a timestamp count as applied when the first one with a timestamp came.
    fn date_undated(&mut self, now: Instant) {
        let end = self.end_of(now);
        if let Some(undated) = self.generations.pop_if(|last| last.until() == NEVER && end < NEVER) {
            let until = self.generations.last().map_or(end, |last| end.max(Instant(last.until().0 + 1)));
            self.generations.push(undated.renamed(until));
        }
    }

    fn forget(&mut self, now: Instant) {
        let Memory::Window { millis } = self.memory else {
            return;
        };
        let ended = |generation: &mut Generation| generation.until().0.saturating_add(millis) <= now.0;
        for generation in self.generations.extract_if(.., ended) {
            if generation.is_frozen() {
                self.retired.push(generation);
            } else {
                self.condemned.extend(generation.into_tables());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::generation::Refilling;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn insert(dedup: &mut Dedup, customer_id: &str, event_id: &str) -> bool {
        let id = dedup.id(customer_id, event_id);
        dedup.insert(id)
    }

    #[test]
    fn what_an_event_is_remembered_by_outlives_a_process() {
        let id = |customer_id: &str, event_id: &str| Dedup::new(Memory::All, (1, 2)).id(customer_id, event_id).0;
        // Of a checkpoint that was written before: it must not change.
        assert_eq!(id("customer", "event"), 301_571_713_498_454_548_220_803_905_612_340_428_759);
        let long = "x".repeat(1000);
        let mut hasher = SipHasher13::new_with_keys(1, 2);
        std::hash::Hasher::write(&mut hasher, &1000u64.to_le_bytes());
        std::hash::Hasher::write(&mut hasher, long.as_bytes());
        std::hash::Hasher::write(&mut hasher, b"e");
        assert_eq!(id(&long, "e"), siphasher::sip128::Hasher128::finish128(&hasher).as_u128());
    }

    #[test]
    fn events_are_remembered_for_the_window_and_at_most_twice_that() {
        for window in [1, 2, 7, 1000] {
            for start in [0, 1, 3, 499, 500, 501, 999] {
                let mut dedup = Dedup::new(Memory::Window { millis: window }, (1, 2));
                dedup.observe(Instant(start), None);
                assert!(insert(&mut dedup, "c", "e"));
                dedup.observe(Instant(start + window), None);
                assert!(!insert(&mut dedup, "c", "e"), "forgotten too early: window {window}, applied at {start}");
                dedup.observe(Instant(start + 2 * window + 1), None);
                assert_eq!(dedup.entries(), 0, "remembered too long: window {window}, applied at {start}");
            }
        }
    }

    #[test]
    fn a_timestamp_in_the_future_forgets_nothing_early() {
        let mut dedup = Dedup::new(Memory::Window { millis: 1000 }, (1, 2));
        dedup.observe(Instant(5_000), Some(Instant(5_000)));
        assert!(insert(&mut dedup, "c", "e"));
        dedup.observe(Instant(i64::MAX), Some(Instant(5_100)));
        assert!(!insert(&mut dedup, "c", "e"));
        dedup.observe(Instant(4_000), Some(Instant(5_200)));
        assert_eq!(dedup.record_time(), Some(Instant(5_100)), "record time never goes back");
    }

    #[test]
    fn what_came_before_the_first_timestamp_is_remembered_from_it_on() {
        let mut dedup = Dedup::new(Memory::Window { millis: 1000 }, (1, 2));
        assert!(insert(&mut dedup, "c", "e"));
        dedup.observe(Instant(7_100), None);
        assert!(!insert(&mut dedup, "c", "e"));
        dedup.observe(Instant(8_100), None);
        assert!(!insert(&mut dedup, "c", "e"));
        dedup.observe(Instant(9_101), None);
        assert_eq!(dedup.entries(), 0);
    }

    #[test]
    fn ids_are_told_apart() {
        let mut dedup = Dedup::new(Memory::All, (1, 2));
        for (customer, event) in [("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", "")] {
            assert!(insert(&mut dedup, customer, event), "{customer:?} {event:?}");
            assert!(!insert(&mut dedup, customer, event), "{customer:?} {event:?}");
        }
        assert_eq!(dedup.entries(), 4);
    }

    #[test]
    fn an_id_takes_some_thirty_bytes() {
        let mut dedup = Dedup::new(Memory::All, (1, 2));
        let (mut least, mut most) = (f64::MAX, 0f64);
        for number in 0..400_000 {
            insert(&mut dedup, "c", &number.to_string());
            if number > 100_000 && number % 1000 == 0 {
                let each = dedup.bytes() as f64 / number as f64;
                (least, most) = (least.min(each), most.max(each));
            }
        }
        assert!(least > 20.0 && most < 34.0, "{least} to {most} bytes an id");
    }

    /// What is done to a memory, in order.
    #[derive(Clone, Debug)]
    enum Step {
        Insert(u8),
        /// Record time moves on.
        Pass(i64),
        Freeze(bool),
        Capture(usize),
        /// The memory is given up, and restored from its images under another length.
        Restore(i64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            12 => any::<u8>().prop_map(Step::Insert),
            4 => (0..700i64).prop_map(Step::Pass),
            2 => prop::bool::weighted(0.3).prop_map(Step::Freeze),
            3 => (1..40usize).prop_map(Step::Capture),
            1 => (1..2000i64).prop_map(Step::Restore),
        ];
        prop::collection::vec(step, 0..120)
    }

    /// Images on their way: what each chunk of the chain so far held, and the head of the last whole one.
    #[derive(Default)]
    struct Images {
        chunks: Vec<(Instant, Vec<u128>)>,
        head: Option<Head>,
        /// The image being taken: its scope, its head, its chunks.
        taking: Option<(Scope, Head, Vec<(Instant, Vec<u128>)>)>,
    }

    type Head = (Option<Instant>, Vec<(Instant, u64)>);

    impl Images {
        fn freeze(&mut self, dedup: &mut Dedup, scope: Scope) {
            let generations = dedup.freeze(scope);
            self.taking = Some((scope, (dedup.record_time(), generations), Vec::new()));
        }

        fn capture(&mut self, dedup: &mut Dedup, most: usize) {
            let Some((scope, head, chunks)) = &mut self.taking else {
                return;
            };
            match dedup.capture(most) {
                Some(chunk) => chunks.push(chunk),
                None => {
                    if *scope == Scope::Base {
                        self.chunks.clear();
                    }
                    self.chunks.append(chunks);
                    self.head = Some(head.clone());
                    self.taking = None;
                }
            }
        }

        fn restore(&mut self, memory: Memory) -> Result<Option<Dedup>, TestCaseError> {
            self.taking = None;
            let Some((record_time, counts)) = &self.head else {
                return Ok(None);
            };
            let refilling: Vec<Refilling> = counts.iter().map(|(until, count)| Refilling::new(*until, *count)).collect();
            let mut handed_out = vec![0; counts.len()];
            for (until, ids) in self.chunks.iter().rev() {
                if let Some(number) = refilling.iter().position(|generation| generation.until() == *until) {
                    refilling[number].insert(ids);
                    handed_out[number] += ids.len();
                }
            }
            let generations: Vec<Generation> = refilling.into_iter().map(Refilling::finish).collect();
            for ((generation, (_, count)), handed_out) in generations.iter().zip(counts).zip(handed_out) {
                prop_assert_eq!(generation.len() as u64, *count);
                prop_assert_eq!(generation.len(), handed_out, "an id was handed out twice");
            }
            Ok(Some(Dedup::restored(memory, (1, 2), *record_time, generations)))
        }
    }

    proptest! {
        /// A memory and its images against a list of what was applied when.
        #[test]
        fn a_memory_outlives_its_process(steps in steps(), first in 0..3usize) {
            let mut window = 1000;
            let mut dedup = Dedup::new(Memory::Window { millis: window }, (1, 2));
            let (mut images, mut now) = (Images::default(), (first > 0).then_some(5_000));
            // When each id was applied last, in the memory itself and in what its images hold; `None` before any timestamp.
            let mut applied: BTreeMap<u8, Option<i64>> = BTreeMap::new();
            let (mut fixed, mut whole) = (None, None);
            // The greatest length since the start: an id may be remembered for as long as one of them says.
            let mut longest = window;
            if let Some(now) = now {
                dedup.observe(Instant(now), None);
            }
            for step in steps {
                match step {
                    Step::Insert(id) => {
                        let fresh = insert(&mut dedup, "c", &id.to_string());
                        match (applied.get(&id), now) {
                            (None, _) => prop_assert!(fresh),
                            (Some(Some(at)), Some(now)) if now - at > 2 * longest => prop_assert!(fresh),
                            (Some(Some(at)), Some(now)) if now - at <= window => prop_assert!(!fresh),
                            (Some(_), None) => prop_assert!(!fresh),
                            _ => {}
                        }
                        if fresh {
                            applied.insert(id, now);
                        }
                    }
                    Step::Pass(millis) => {
                        let passed = now.map_or(7_000, |now| now + millis);
                        applied.values_mut().for_each(|at| *at = at.or(Some(passed)));
                        now = Some(passed);
                        dedup.observe(Instant(passed), None);
                    }
                    Step::Freeze(base) if images.taking.is_none() => {
                        let scope = if base || images.head.is_none() { Scope::Base } else { Scope::Delta };
                        images.freeze(&mut dedup, scope);
                        fixed = Some((applied.clone(), now));
                    }
                    Step::Freeze(_) => {}
                    Step::Capture(most) => {
                        images.capture(&mut dedup, most);
                        if images.taking.is_none() && fixed.is_some() {
                            whole = fixed.take();
                        }
                    }
                    Step::Restore(millis) => {
                        if let Some(restored) = images.restore(Memory::Window { millis })? {
                            dedup = restored;
                            let (then, at) = whole.clone().unwrap_or_default();
                            (applied, now, fixed) = (then, at, None);
                            (window, longest) = (millis.min(window), longest.max(millis));
                        }
                    }
                }
            }
        }
    }
}
