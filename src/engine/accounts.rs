//! The accounts of a shard by customer id: one writer, any number of readers.
//!
//! A DashMap of many small parts, so that growing one is not felt and a sweep over all accounts can be cut into slices between
//! which facts go on arriving. The writer finds an account with one hash and holds the lock of its part while it works on it.

use super::key::{Key, Keyed, Sought};
use super::part::{self, Part};
use crate::domain::account::Account;
use dashmap::{DashMap, RwLock};
use smallvec::SmallVec;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Parts of a new shard: a thousand accounts each for a million.
pub const PARTS: usize = 1024;

/// Accounts of a sweep whose blocks are asked for before the first of them is looked at.
const AT_ONCE: usize = 8;

/// Where an account is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub part: usize,
    pub hash: u64,
}

/// The map never hashes by itself: every table in it is asked with a hash at hand.
#[derive(Clone, Copy, Debug)]
struct Unhashed;

impl BuildHasher for Unhashed {
    type Hasher = Unhashed;

    fn build_hasher(&self) -> Unhashed {
        Unhashed
    }
}

impl Hasher for Unhashed {
    fn finish(&self) -> u64 {
        unreachable!("accounts are looked for by the hash at hand")
    }

    fn write(&mut self, _: &[u8]) {}
}

/// Accounts by customer id.
#[derive(Debug)]
pub struct Accounts {
    map: DashMap<Key, Account, Unhashed>,
    keyed: Keyed,
    /// Asking the map would take the lock of every part.
    len: AtomicUsize,
    /// Memory of customer ids that have their own.
    key_bytes: AtomicUsize,
}

impl Accounts {
    /// `parts` is a power of two, at least 2; `key` is random, and that of the images.
    pub fn new(parts: usize, key: (u64, u64)) -> Accounts {
        let map = DashMap::with_hasher_and_shard_amount(Unhashed, parts);
        Accounts { map, keyed: Keyed(key.0, key.1), len: AtomicUsize::new(0), key_bytes: AtomicUsize::new(0) }
    }

    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Memory of customer ids that have their own, without the allocator's share.
    pub fn key_bytes(&self) -> usize {
        self.key_bytes.load(Ordering::Relaxed)
    }

    pub fn contains(&self, customer_id: &str) -> bool {
        let place = self.place(customer_id);
        Accounts::get(&self.part(place.part).read(), place, customer_id).is_some()
    }

    /// The first customer, in no order, for whom a condition holds.
    pub fn find(&self, condition: impl Fn(&str) -> bool) -> Option<String> {
        let found = |part: &RwLock<Part>| {
            let part = part.read();
            let mut found = part::iter(&part).filter(|(key, _)| key.with_text(&condition));
            found.next().map(|(key, _)| key.with_text(str::to_owned))
        };
        self.map.shards().iter().find_map(|part| found(part))
    }

    #[inline]
    pub fn place(&self, customer_id: &str) -> Place {
        self.place_of(self.keyed.hash(customer_id))
    }

    #[inline]
    pub fn place_of(&self, hash: u64) -> Place {
        Place { part: self.map.determine_shard(hash as usize), hash }
    }

    fn place_of_key(&self, key: &Key) -> Place {
        key.with_text(|customer_id| self.place(customer_id))
    }

    /// Number of parts.
    pub fn parts(&self) -> usize {
        self.map.shards().len()
    }

    pub fn part(&self, number: usize) -> &RwLock<Part> {
        &self.map.shards()[number]
    }

    /// Looks at every account, in no order.
    pub fn each(&self, mut look: impl FnMut(&str, &Account)) {
        for part in self.map.shards() {
            let part = part.read();
            part::iter(&part).for_each(|(key, account)| key.with_text(|customer_id| look(customer_id, account)));
        }
    }

    /// The account of a customer in its part.
    pub fn get<'a>(part: &'a Part, place: Place, customer_id: &str) -> Option<&'a Account> {
        let sought = Sought::of(customer_id);
        part::find(part, place.hash, |key| sought.is(key))
    }

    /// The account of a customer in its part, which the caller has locked, and whether it was made just now.
    #[inline]
    pub fn entry<'a>(&self, part: &'a mut Part, place: Place, customer_id: &str) -> (&'a mut Account, bool) {
        let sought = Sought::of(customer_id);
        let make = || {
            let key = sought.to_key();
            self.len.fetch_add(1, Ordering::Relaxed);
            self.key_bytes.fetch_add(key.bytes(), Ordering::Relaxed);
            key
        };
        let hash_of = |key: &Key| key.with_text(|customer_id| self.keyed.hash(customer_id));
        part::find_or_make(part, place.hash, |key| sought.is(key), make, hash_of)
    }

    /// Puts an account that an image held into its part; the one it replaces, if there is one. A part's first account makes room for
    /// `expected`: growing bit by bit would read every customer id again, from wherever it lies, at each doubling.
    pub fn restore(
        &self,
        part: &mut Part,
        place: Place,
        (customer_id, account): (&str, Account),
        expected: usize,
    ) -> Option<Account> {
        if part.capacity() == 0 {
            *part = Part::with_capacity(expected);
        }
        let (known, new) = self.entry(part, place, customer_id);
        let replaced = std::mem::replace(known, account);
        (!new).then_some(replaced)
    }
}

/// How far a pass over all accounts has come. It goes part by part, and through a large part in slices by the hashes of its
/// customers, whose order in the table changes whenever that grows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pass {
    part: usize,
    slice: u64,
    /// Of this part, counted when its first slice begins.
    slices: u64,
}

impl Pass {
    pub fn is_over(&self, accounts: &Accounts) -> bool {
        self.part == accounts.parts()
    }

    /// Whether an account at this place has been looked at, or would have been had it been there.
    pub fn has_passed(&self, place: Place) -> bool {
        place.part < self.part || place.part == self.part && slice_of(place.hash, self.slices) < self.slice
    }

    /// Looks at a slice, a whole part if that holds no more than about `most` accounts. Returns how many there were.
    pub fn next(&mut self, accounts: &Accounts, most: usize, mut look: impl FnMut(&str, &Account)) -> usize {
        let part = accounts.part(self.part).read();
        let slice = self.begin(part.len(), most);
        let mut looked_at = 0;
        for (key, account) in part::iter(&part).filter(|(key, _)| slice.holds(|| accounts.place_of_key(key))) {
            key.with_text(|customer_id| look(customer_id, account));
            looked_at += 1;
        }
        self.end();
        looked_at
    }

    /// The same, to change the accounts.
    pub fn next_mut(&mut self, accounts: &Accounts, most: usize, mut change: impl FnMut(&Key, &mut Account)) -> usize {
        let mut part = accounts.part(self.part).write();
        let slice = self.begin(part.len(), most);
        let mut changed = 0;
        let mut of_slice = part::iter_mut(&mut part).filter(|(key, _)| slice.holds(|| accounts.place_of_key(key)));
        loop {
            let group: SmallVec<[_; AT_ONCE]> = of_slice.by_ref().take(AT_ONCE).collect();
            if group.is_empty() {
                break;
            }
            group.iter().for_each(|(_, account)| account.prefetch());
            changed += group.len();
            group.into_iter().for_each(|(key, account)| change(key, account));
        }
        self.end();
        changed
    }

    fn begin(&mut self, length: usize, most: usize) -> Slice {
        if self.slice == 0 {
            self.slices = length.div_ceil(most.max(1)).max(1) as u64;
        }
        Slice { number: self.slice, of: self.slices }
    }

    fn end(&mut self) {
        self.slice += 1;
        if self.slice == self.slices {
            (self.part, self.slice) = (self.part + 1, 0);
        }
    }
}

/// A slice of a part.
#[derive(Clone, Copy)]
struct Slice {
    number: u64,
    of: u64,
}

impl Slice {
    fn holds(self, place: impl FnOnce() -> Place) -> bool {
        self.of == 1 || slice_of(place().hash, self.of) == self.number
    }
}

/// The number of a hash's slice, by bits that do not choose the part.
fn slice_of(hash: u64, slices: u64) -> u64 {
    (u64::from(hash as u32) * slices) >> u32::BITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Instant;

    fn put(accounts: &Accounts, number: usize) -> Place {
        let customer_id = format!("cus_{number}");
        let place = accounts.place(&customer_id);
        let account = Account::from_parts(&[], &[], Some(Instant(number as i64))).expect("sound");
        let replaced = accounts.restore(&mut accounts.part(place.part).write(), place, (&customer_id, account), 0);
        assert_eq!(replaced, None);
        place
    }

    #[test]
    fn a_pass_looks_once_at_what_it_has_not_passed() {
        for most in [1, 7, 100, 10_000] {
            let accounts = Accounts::new(2, (3, 4));
            let mut expected: Vec<i64> = (0..500).collect();
            for number in 0..500 {
                put(&accounts, number);
            }
            let (mut pass, mut seen, mut next, mut longest) = (Pass::default(), Vec::new(), 500, 0);
            while !pass.is_over(&accounts) {
                let before = seen.len();
                let looked_at = pass.next(&accounts, most, |_, account| seen.extend(account.first_revenue().map(|at| at.0)));
                assert_eq!(looked_at, seen.len() - before);
                longest = longest.max(looked_at);
                // Tables grow meanwhile.
                for _ in 0..3 {
                    if !pass.has_passed(put(&accounts, next)) {
                        expected.push(next as i64);
                    }
                    next += 1;
                }
            }
            assert!(longest <= 40 + 2 * most, "{longest} at once, {most} wanted");
            seen.sort_unstable();
            assert_eq!(seen, expected, "{most} at once");
        }
    }
}
