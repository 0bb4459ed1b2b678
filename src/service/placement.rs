//! Misplaced customers: are all events of a customer in one partition of all topics?
//!
//! A customer in two partitions would be classified twice, and no sum would show it. Java producers place a key by murmur2,
//! librdkafka by CRC32, and a null key goes anywhere. So each customer new to a shard is judged by its topic and partition:
//! while every one is explained by murmur2 (or every one by CRC32), one function explains all and no customer can be in two
//! partitions: nothing is left to do. Once neither explains all, each further new customer is looked up in the other local
//! shards. Those already there need no second look: until that moment one function explained them all.
//!
//! Guaranteed for the partitions of this instance: a customer met in two of them is found by the event that makes it so, whatever
//! the partitioner. The caller puts a customer into its shard before it asks; of two workers that meet the same customer
//! at once, the later one therefore sees the other's. Not guaranteed: finding a customer whose other partition belongs to
//! another instance; that shows only as two topics that disagree on the partitioner.

use crate::domain::facts::FactKind;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, PoisonError, RwLock};

/// How many customers only one partitioner explains make a topic's partitioner known. By chance alone the other
/// partitioner's topic would never show this many without a counterexample.
const EVIDENCE: u64 = 20;

/// The two partitioners producers are found with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioner {
    /// Java's default; `murmur2_random` in librdkafka.
    Murmur2,
    /// librdkafka's default, `consistent_random`.
    Crc32,
}

/// Why intake has to stop: the sum over partitions would no longer be the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misplaced {
    /// The customer is already held by this other partition.
    Elsewhere(i32),
    /// Every customer of one topic is explained by one partitioner only, every one of the other topic by the other.
    TopicsDisagree,
}

impl Misplaced {
    /// A sentence about a customer met in `partition`. It names no customer: readiness may be read by anybody.
    pub fn sentence(self, partition: i32) -> String {
        let found = match self {
            Misplaced::Elsewhere(other) => format!("a customer's events lie in partition {partition} and in partition {other}"),
            Misplaced::TopicsDisagree => "one topic is keyed by murmur2 and the other by CRC32".to_owned(),
        };
        format!(
            "{found}, so no figure can be relied on. Key every record by its customer_id, set partitioner=murmur2_random in \
             producers based on librdkafka (Java's place keys so by default), copy the history through such a producer to new \
             topics, and point kafka.topics at those."
        )
    }
}

/// Whether a shard holds a customer; asked from other workers' threads.
pub type Holds = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// What this instance has seen of its producers' partitioners. Shared by all workers.
pub struct Placement {
    partitions: u32,
    /// Of all partitions together.
    total: Evidence,
    shards: RwLock<BTreeMap<i32, Resident>>,
}

/// A partition of this instance.
struct Resident {
    holds: Holds,
    evidence: Arc<Evidence>,
}

/// Customers of one partition, per topic, by what explains their partition. Those explained by both partitioners say nothing.
#[derive(Debug, Default)]
pub struct Evidence([Explained; 2]);

#[derive(Debug, Default)]
struct Explained {
    only_murmur2: AtomicU64,
    only_crc32: AtomicU64,
    neither: AtomicU64,
}

/// Customers of one topic: explained by murmur2 only, by CRC32 only, by neither.
pub type Counts = [u64; 3];

impl Evidence {
    pub fn new(counts: [Counts; 2]) -> Evidence {
        let explained = |[only_murmur2, only_crc32, neither]: Counts| Explained {
            only_murmur2: AtomicU64::new(only_murmur2),
            only_crc32: AtomicU64::new(only_crc32),
            neither: AtomicU64::new(neither),
        };
        Evidence(counts.map(explained))
    }

    /// Per topic: subscriptions, usage.
    pub fn counts(&self) -> [Counts; 2] {
        let load = |counter: &AtomicU64| counter.load(SeqCst);
        [0, 1].map(|topic| self.0[topic].causes().map(load))
    }

    /// Adds counts, or takes them out.
    fn change(&self, counts: [Counts; 2], change: fn(&AtomicU64, u64)) {
        for (topic, counts) in self.0.iter().zip(counts) {
            topic.causes().into_iter().zip(counts).for_each(|(counter, count)| change(counter, count));
        }
    }
}

impl Explained {
    fn causes(&self) -> [&AtomicU64; 3] {
        [&self.only_murmur2, &self.only_crc32, &self.neither]
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, SeqCst);
}

fn subtract(counter: &AtomicU64, count: u64) {
    counter.fetch_sub(count, SeqCst);
}

fn partitioner(counts: Counts) -> Option<Partitioner> {
    match counts {
        [customers, 0, 0] if customers >= EVIDENCE => Some(Partitioner::Murmur2),
        [0, customers, 0] if customers >= EVIDENCE => Some(Partitioner::Crc32),
        _ => None,
    }
}

impl Placement {
    /// For topics with so many partitions each, at least 1.
    pub fn new(partitions: u32) -> Placement {
        Placement { partitions: partitions.max(1), total: Evidence::default(), shards: RwLock::default() }
    }

    /// A partition's shard begins, empty or with the customers that the evidence is about.
    ///
    /// # Errors
    /// One of them, of whom `find` gives the first that satisfies a condition, is in another local shard as well.
    pub fn enter(
        &self,
        partition: i32,
        holds: Holds,
        evidence: Arc<Evidence>,
        find: impl Fn(&dyn Fn(&str) -> bool) -> Option<String>,
    ) -> Result<(), Misplaced> {
        let brings_customers = evidence.counts() != [[0; 3]; 2];
        self.total.change(evidence.counts(), add);
        self.shards.write().unwrap_or_else(PoisonError::into_inner).insert(partition, Resident { holds, evidence });
        if !brings_customers || self.one_function_explains_all() {
            return Ok(());
        }
        let elsewhere = find(&|customer| self.other_holder(customer, partition).is_some());
        match elsewhere.and_then(|customer| self.other_holder(&customer, partition)) {
            Some(other) => Err(Misplaced::Elsewhere(other)),
            None => Ok(()),
        }
    }

    /// A partition was given up, and its shard dropped.
    pub fn leave(&self, partition: i32) {
        let left = self.shards.write().unwrap_or_else(PoisonError::into_inner).remove(&partition);
        left.iter().for_each(|resident| self.total.change(resident.evidence.counts(), subtract));
    }

    /// Judges a customer that was new to the shard of `partition`, whose evidence this is, and is in it by now.
    pub fn judge(&self, evidence: &Evidence, topic: FactKind, customer_id: &str, partition: i32) -> Result<(), Misplaced> {
        self.count(evidence, topic, customer_id, partition);
        if self.one_function_explains_all() {
            return Ok(());
        }
        if let Some(other) = self.other_holder(customer_id, partition) {
            return Err(Misplaced::Elsewhere(other));
        }
        match self.total.counts().map(partitioner) {
            [Some(one), Some(other)] if one != other => Err(Misplaced::TopicsDisagree),
            _ => Ok(()),
        }
    }

    fn count(&self, evidence: &Evidence, topic: FactKind, customer_id: &str, partition: i32) {
        let explains = [Partitioner::Murmur2, Partitioner::Crc32].map(|one| one.place(customer_id, self.partitions) == partition);
        let cause = match explains {
            [true, true] => return,
            [true, false] => 0,
            [false, true] => 1,
            [false, false] => 2,
        };
        for evidence in [evidence, &self.total] {
            add(evidence.0[topic as usize].causes()[cause], 1);
        }
    }

    /// Whether murmur2, or CRC32, explains every customer of both topics.
    fn one_function_explains_all(&self) -> bool {
        let [[murmur2, crc32, neither], [murmur2_of_usage, crc32_of_usage, neither_of_usage]] = self.total.counts();
        neither + neither_of_usage == 0 && (murmur2 + murmur2_of_usage == 0 || crc32 + crc32_of_usage == 0)
    }

    fn other_holder(&self, customer_id: &str, partition: i32) -> Option<i32> {
        let shards = self.shards.read().unwrap_or_else(PoisonError::into_inner);
        shards.iter().find(|(other, resident)| **other != partition && (resident.holds)(customer_id)).map(|(other, _)| *other)
    }
}

impl Partitioner {
    /// The partition of a key among `partitions`, at least 1.
    pub fn place(self, key: &str, partitions: u32) -> i32 {
        let hash = match self {
            Partitioner::Murmur2 => murmur2(key.as_bytes()) & 0x7fff_ffff,
            Partitioner::Crc32 => crc32(key.as_bytes()),
        };
        (hash % partitions) as i32
    }
}

/// MurmurHash2 as Kafka's Java client computes it.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let (words, tail) = data.as_chunks::<4>();
    let mut hash = 0x9747_b28c ^ data.len() as u32;
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        let last = tail.iter().rev().fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        hash = (hash ^ last).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(M);
    hash ^ hash >> 15
}

/// CRC-32 as zlib and librdkafka compute it.
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc: u32, byte| crc >> 8 ^ CRC32_TABLE[usize::from(crc as u8 ^ byte)])
}

const CRC32_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let (mut crc, mut bit) = (index as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::Mutex;

    const TOPICS: [FactKind; 2] = [FactKind::Subscription, FactKind::Usage];

    #[test]
    fn murmur2_is_java_s() {
        let unaligned = "PreAmbleWillBeRemoved,ThePrePartThatIs";
        for (key, expected) in [
            ("kafka", 0xd067_cf64),
            ("giberish123456789", 0x8f55_2b0c),
            ("1234", 0x9fc9_7b14),
            ("234", 0xe7c0_09ca),
            ("34", 0x8739_30da),
            ("4", 0x5a4b_5ca1),
            (unaligned, 0x7842_4f1c),
            (&unaligned[1..], 0x4a62_b377),
            (&unaligned[2..], 0xe0e4_e09e),
            (&unaligned[3..], 0x62b8_b43f),
            ("", 0x106e_08d9),
        ] {
            assert_eq!(murmur2(key.as_bytes()), expected, "{key:?}");
        }
        for (key, expected) in [("21", -973_932_308_i32), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536)] {
            assert_eq!(murmur2(key.as_bytes()) as i32, expected, "{key:?}");
        }
    }

    #[test]
    fn crc32_is_zlib_s() {
        for (key, expected) in [
            ("", 0),
            ("123456789", 0xcbf4_3926),
            ("a", 0xe8b7_be43),
            ("The quick brown fox jumps over the lazy dog", 0x414f_a339),
        ] {
            assert_eq!(crc32(key.as_bytes()), expected, "{key:?}");
        }
        assert_eq!(Partitioner::Crc32.place("123456789", 7), (0xcbf4_3926_u32 % 7) as i32);
        assert_eq!(Partitioner::Murmur2.place("kafka", 7), ((0xd067_cf64_u32 & 0x7fff_ffff) % 7) as i32);
    }

    /// A service of `partitions` shards: every event goes where `place` says, and the findings come back.
    struct Service {
        placement: Placement,
        shards: Vec<Arc<Mutex<HashSet<String>>>>,
        evidence: Vec<Arc<Evidence>>,
    }

    impl Service {
        fn new(partitions: u32) -> Service {
            let placement = Placement::new(partitions);
            let shards: Vec<Arc<Mutex<HashSet<String>>>> = (0..partitions).map(|_| Arc::default()).collect();
            let evidence: Vec<Arc<Evidence>> = shards.iter().map(|_| Arc::default()).collect();
            for (partition, shard) in shards.iter().enumerate() {
                assert_eq!(placement.enter(partition as i32, holds(shard), evidence[partition].clone(), |_| None), Ok(()));
            }
            Service { placement, shards, evidence }
        }

        fn take(&self, topic: FactKind, customer: &str, partition: i32) -> Result<(), Misplaced> {
            let new = self.shards[partition as usize].lock().expect("no panic").insert(customer.to_owned());
            let evidence = &self.evidence[partition as usize];
            if new { self.placement.judge(evidence, topic, customer, partition) } else { Ok(()) }
        }

        /// The first finding among 500 customers whose every event of a topic goes where that topic's function says.
        fn run(&self, place: [fn(&str, u32) -> i32; 2]) -> Result<(), Misplaced> {
            for customer in (0..500).map(|number| format!("customer-{number}")) {
                for (topic, place) in TOPICS.into_iter().zip(place) {
                    self.take(topic, &customer, place(&customer, self.shards.len() as u32))?;
                }
            }
            Ok(())
        }
    }

    fn holds(shard: &Arc<Mutex<HashSet<String>>>) -> Holds {
        let shard = shard.clone();
        Box::new(move |id| shard.lock().expect("no panic").contains(id))
    }

    fn java(key: &str, partitions: u32) -> i32 {
        Partitioner::Murmur2.place(key, partitions)
    }

    fn librdkafka(key: &str, partitions: u32) -> i32 {
        Partitioner::Crc32.place(key, partitions)
    }

    fn by_length_and_last_digit(key: &str, partitions: u32) -> i32 {
        (key.bytes().map(u32::from).sum::<u32>() % partitions) as i32
    }

    #[test]
    fn one_function_for_both_topics_is_fine_whatever_it_is() {
        for place in [java, librdkafka, by_length_and_last_digit] {
            for partitions in [1, 2, 7, 8] {
                assert_eq!(Service::new(partitions).run([place, place]), Ok(()), "{partitions} partitions");
            }
        }
    }

    #[test]
    fn two_functions_are_found_by_the_first_customer_in_two_places() {
        for (one, other) in [(java as fn(&str, u32) -> i32, librdkafka as fn(&str, u32) -> i32), (java, by_length_and_last_digit)]
        {
            let found = Service::new(8).run([one, other]);
            assert!(matches!(found, Err(Misplaced::Elsewhere(_))), "{found:?}");
        }
    }

    #[test]
    fn a_customer_placed_before_the_doubt_is_still_found() {
        let service = Service::new(8);
        let customers: Vec<String> = (0..100).map(|number| format!("customer-{number}")).collect();
        for customer in &customers {
            assert_eq!(service.take(FactKind::Subscription, customer, java(customer, 8)), Ok(()));
        }
        let moved = customers.iter().find(|id| java(id, 8) != librdkafka(id, 8)).expect("most ids differ");
        let home = java(moved, 8);
        assert_eq!(service.take(FactKind::Usage, moved, (home + 1) % 8), Err(Misplaced::Elsewhere(home)));
    }

    #[test]
    fn topics_that_disagree_are_found_although_no_customer_is_held_twice_here() {
        let service = Service::new(8);
        let mut found = Ok(());
        for number in 0..500 {
            let (one, other) = (format!("subscriber-{number}"), format!("user-{number}"));
            found = found.and(service.take(FactKind::Subscription, &one, java(&one, 8)));
            found = found.and(service.take(FactKind::Usage, &other, librdkafka(&other, 8)));
        }
        assert_eq!(found, Err(Misplaced::TopicsDisagree));
    }

    #[test]
    fn a_partition_given_up_is_asked_no_more() {
        let service = Service::new(8);
        let id = "customer-1";
        let home = by_length_and_last_digit(id, 8);
        assert_eq!(service.run([by_length_and_last_digit, by_length_and_last_digit]), Ok(()));
        service.placement.leave(home);
        assert_eq!(service.take(FactKind::Usage, id, (home + 1) % 8), Ok(()));
    }

    #[test]
    fn what_a_restored_partition_brings_is_looked_at_once_no_function_explains_all() {
        let both = "customer-1";
        let counts = |one: &Service| one.evidence.iter().map(|evidence| evidence.counts()).collect::<Vec<_>>();
        for (stranger, expected) in [(both, Err(Misplaced::Elsewhere(java(both, 8)))), ("somebody else", Ok(()))] {
            let service = Service::new(8);
            assert_eq!(service.run([java, java]), Ok(()));
            let brought = Arc::new(Mutex::new(HashSet::from([stranger.to_owned()])));
            let ids = [stranger.to_owned()];
            let find = |condition: &dyn Fn(&str) -> bool| ids.iter().find(|id| condition(id)).cloned();
            let foreign = Arc::new(Evidence::new([[0, 9, 0]; 2]));
            let partition = (java(both, 8) + 1) % 8;
            service.placement.leave(partition);
            assert_eq!(service.placement.enter(partition, holds(&brought), foreign, find), expected);
            // An image of evidence is the evidence.
            let copied: Vec<_> = counts(&service).into_iter().map(|counts| Evidence::new(counts).counts()).collect();
            assert_eq!(copied, counts(&service));
        }
    }
}
