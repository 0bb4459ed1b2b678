//! The accounts of a shard by customer id: one writer, any number of readers.
//!
//! A DashMap of many small parts, so that growing one is not felt and a sweep over all accounts can be cut into slices between
//! which facts go on arriving. The writer finds an account with one hash and holds the lock of its part while it works on it.

use crate::domain::account::Account;
use dashmap::{DashMap, RwLock};
use hashbrown::HashTable;
use hashbrown::hash_table;
use siphasher::sip::SipHasher13;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Parts of a new shard: a thousand accounts each for a million.
pub const PARTS: usize = 1024;

/// An account, and where it stands in the taking of images.
#[derive(Debug, Default)]
pub struct Entry {
    pub account: Account,
    /// The epoch in which the account changed last; 0 for one that has no fact yet.
    pub changed: u32,
    /// The epoch whose image holds the account already.
    pub saved: u32,
}

impl Entry {
    /// The epoch in which restored accounts changed last; the first one of a restored shard comes after it.
    pub const RESTORED: u32 = 1;
}

/// The accounts of a part.
pub type Part = HashTable<(Box<str>, Entry)>;

/// Where an account is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub part: usize,
    pub hash: u64,
}

/// Keys the hashes of customer ids, which come from outside, so that nobody can choose ids that meet. An image goes through the
/// accounts in the order of their hashes: a shard restored under the same key builds one part after the other.
#[derive(Clone, Copy, Debug)]
struct Keyed(u64, u64);

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}

/// Accounts by customer id.
#[derive(Debug)]
pub struct Accounts {
    map: DashMap<Box<str>, Entry, Keyed>,
    /// Asking the map would take the lock of every part.
    len: AtomicUsize,
}

impl Accounts {
    /// `parts` is a power of two, at least 2; `key` is random, and that of the images.
    pub fn new(parts: usize, key: (u64, u64)) -> Accounts {
        Accounts { map: DashMap::with_hasher_and_shard_amount(Keyed(key.0, key.1), parts), len: AtomicUsize::new(0) }
    }

    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub fn contains(&self, customer_id: &str) -> bool {
        self.map.contains_key(customer_id)
    }

    /// The first customer, in no order, for whom a condition holds.
    pub fn find(&self, condition: impl Fn(&str) -> bool) -> Option<String> {
        let found =
            |part: &RwLock<Part>| part.read().iter().find(|(customer, _)| condition(customer)).map(|(id, _)| id.to_string());
        self.map.shards().iter().find_map(|part| found(part))
    }

    pub fn place(&self, customer_id: &str) -> Place {
        self.place_of(self.map.hash_usize(&customer_id) as u64)
    }

    pub fn place_of(&self, hash: u64) -> Place {
        Place { part: self.map.determine_shard(hash as usize), hash }
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
            part.read().iter().for_each(|(customer, entry)| look(customer, &entry.account));
        }
    }

    /// The account of a customer in its part.
    pub fn get<'a>(part: &'a Part, place: Place, customer_id: &str) -> Option<&'a Account> {
        part.find(place.hash, |(customer, _)| **customer == *customer_id).map(|(_, entry)| &entry.account)
    }

    /// The entry of a customer in its part, which the caller has locked, and whether it was made just now.
    pub fn entry<'a>(&self, part: &'a mut Part, place: Place, customer_id: &str) -> (&'a mut Entry, bool) {
        let hash_of = |(customer, _): &(Box<str>, Entry)| self.map.hasher().hash_one(&**customer);
        match part.entry(place.hash, |(customer, _)| **customer == *customer_id, hash_of) {
            hash_table::Entry::Occupied(known) => (&mut known.into_mut().1, false),
            hash_table::Entry::Vacant(vacant) => {
                self.len.fetch_add(1, Ordering::Relaxed);
                (&mut vacant.insert((customer_id.into(), Entry::default())).into_mut().1, true)
            }
        }
    }

    /// Puts an account that an image held into its part; the one it replaces, if there is one. A part's first account makes room for
    /// `expected`: growing bit by bit would read every customer id again, from wherever it lies, at each doubling.
    pub fn restore(
        &self,
        part: &mut Part,
        place: Place,
        (customer_id, account): (Box<str>, Account),
        expected: usize,
    ) -> Option<Account> {
        if part.capacity() == 0 {
            *part = Part::with_capacity(expected);
        }
        let (entry, new) = self.entry(part, place, &customer_id);
        let replaced = std::mem::replace(entry, Entry { account, changed: Entry::RESTORED, saved: 0 });
        (!new).then_some(replaced.account)
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
        if self.slice == 0 {
            self.slices = part.len().div_ceil(most.max(1)).max(1) as u64;
        }
        let here = |customer: &str| self.slices == 1 || slice_of(accounts.place(customer).hash, self.slices) == self.slice;
        let mut looked_at = 0;
        for (customer, entry) in part.iter().filter(|(customer, _)| here(customer)) {
            look(customer, &entry.account);
            looked_at += 1;
        }
        self.slice += 1;
        if self.slice == self.slices {
            (self.part, self.slice) = (self.part + 1, 0);
        }
        looked_at
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
        let account = Account::from_parts(Vec::new(), Vec::new(), Some(Instant(number as i64))).expect("sound");
        let replaced = accounts.restore(&mut accounts.part(place.part).write(), place, (customer_id.into(), account), 0);
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
                let looked_at = pass.next(&accounts, most, |_, account| seen.extend(account.first_usage().map(|at| at.0)));
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
