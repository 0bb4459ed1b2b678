//! The accounts of a shard by customer id: one writer, any number of readers.
//!
//! A map of many small parts, so that growing one is not felt and a sweep over all accounts can be cut into slices between which facts
//! go on arriving. The writer finds an account with one hash. It holds the lock of its part while it changes it, and reads without
//! ([`Parts`] says why it may); others look through a [`Directory`].

use super::key::{Key, Keyed, Sought};
use super::part::{self, Map, Part, Parts, Unowned};
use crate::domain::account::Account;
use dashmap::RwLockWriteGuard;
use smallvec::SmallVec;
use std::ops::DerefMut;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use super::part::Place;

/// Parts of a new shard: a thousand accounts each for a million.
pub const PARTS: usize = 1024;

/// Accounts of a sweep whose blocks are asked for before the first of them is looked at.
const AT_ONCE: usize = 8;

/// Accounts by customer id, in the hands of their writer.
#[derive(Debug)]
pub struct Accounts {
    parts: Parts,
    len: usize,
    key_bytes: usize,
}

/// An account whose part is locked, to be changed.
pub struct Entry<A> {
    pub account: A,
    /// It was made just now.
    pub is_new: bool,
    /// How many accounts there are now.
    pub accounts: usize,
}

impl Accounts {
    /// `parts` is a power of two, at least 2; `key` is random, and that of the images.
    pub fn new(parts: usize, key: (u64, u64)) -> Accounts {
        Filling::new(parts, key).finish()
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Memory of customer ids that have their own, without the allocator's share.
    pub fn key_bytes(&self) -> usize {
        self.key_bytes
    }

    /// For other threads.
    pub fn directory(&self) -> Directory {
        Directory(Arc::clone(self.parts.map()))
    }

    #[inline]
    pub fn place(&self, customer_id: &str) -> Place {
        self.parts.map().place(customer_id)
    }

    #[inline]
    pub fn place_of(&self, hash: u64) -> Place {
        self.parts.map().place_of(hash)
    }

    /// Number of parts.
    pub fn parts(&self) -> usize {
        self.parts.map().parts()
    }

    /// A part, to change its accounts; none is added.
    pub fn part_mut(&mut self, number: usize) -> impl DerefMut<Target = Part> {
        self.parts.write(number)
    }

    /// Looks at every account, in no order.
    pub fn each(&self, mut look: impl FnMut(&str, &Account)) {
        for (key, account) in (0..self.parts()).flat_map(|number| part::iter(self.parts.read(number))) {
            key.with_text(|customer_id| look(customer_id, account));
        }
    }

    /// Says that the account of a place is about to be looked for.
    #[inline]
    pub fn prefetch(&self, place: Place) {
        part::prefetch_account(self.parts.read(place.part), place.hash);
    }

    #[inline]
    pub fn get(&self, place: Place, customer_id: &str) -> Option<&Account> {
        get(self.parts.read(place.part), place, customer_id)
    }

    /// The account of a customer, made if there is none.
    #[inline]
    pub fn entry(&mut self, place: Place, customer_id: &str) -> Entry<impl DerefMut<Target = Account>> {
        let Accounts { parts, len, key_bytes } = self;
        let (keyed, mut is_new) = (parts.map().keyed(), false);
        let account = RwLockWriteGuard::map(parts.write(place.part), |part| {
            let count = |key: &Key| (*len, *key_bytes) = (*len + 1, *key_bytes + key.bytes());
            let (account, made) = entry(part, keyed, (place, customer_id), count);
            is_new = made;
            account
        });
        Entry { account, is_new, accounts: *len }
    }
}

/// Which customers a shard holds, for other threads.
#[derive(Clone, Debug)]
pub struct Directory(Arc<Map>);

impl Directory {
    pub fn holds(&self, customer_id: &str) -> bool {
        let place = self.0.place(customer_id);
        get(&self.0.read(place.part), place, customer_id).is_some()
    }

    /// The first customer of the shard, in no order, for whom a condition holds.
    pub fn find(&self, condition: impl Fn(&str) -> bool) -> Option<String> {
        let found = |number| {
            let part = self.0.read(number);
            let mut found = part::iter(&part).filter(|(key, _)| key.with_text(&condition));
            found.next().map(|(key, _)| key.with_text(str::to_owned))
        };
        (0..self.0.parts()).find_map(found)
    }
}

/// Accounts that several threads put together, before they have a writer.
#[derive(Debug)]
pub struct Filling {
    parts: Unowned,
    len: AtomicUsize,
    key_bytes: AtomicUsize,
}

impl Filling {
    /// As [`Accounts::new`].
    pub fn new(parts: usize, key: (u64, u64)) -> Filling {
        let parts = Unowned::new(parts, Keyed(key.0, key.1));
        Filling { parts, len: AtomicUsize::new(0), key_bytes: AtomicUsize::new(0) }
    }

    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub fn place(&self, customer_id: &str) -> Place {
        self.parts.map().place(customer_id)
    }

    /// Number of parts.
    pub fn parts(&self) -> usize {
        self.parts.map().parts()
    }

    /// Puts an account that an image held into its part; the one it replaces, if there is one. A part's first account makes room for
    /// `expected`: growing bit by bit would read every customer id again, from wherever it lies, at each doubling.
    pub fn restore(&self, place: Place, (customer_id, account): (&str, Account), expected: usize) -> Option<Account> {
        let mut part = self.parts.write(place.part);
        if part.capacity() == 0 {
            *part = Part::with_capacity(expected);
        }
        let (known, is_new) = entry(&mut part, self.parts.map().keyed(), (place, customer_id), |key| {
            self.len.fetch_add(1, Ordering::Relaxed);
            self.key_bytes.fetch_add(key.bytes(), Ordering::Relaxed);
        });
        let replaced = std::mem::replace(known, account);
        (!is_new).then_some(replaced)
    }

    /// Gives the accounts to their writer.
    pub fn finish(self) -> Accounts {
        Accounts { parts: self.parts.own(), len: self.len.into_inner(), key_bytes: self.key_bytes.into_inner() }
    }
}

/// The account of a customer in its part.
#[inline]
fn get<'a>(part: &'a Part, place: Place, customer_id: &str) -> Option<&'a Account> {
    let sought = Sought::of(customer_id);
    part::find(part, place.hash, |key| sought.is(key))
}

/// The account of a customer in its part, and whether it was made just now; then its key is counted.
#[inline]
fn entry<'a>(
    part: &'a mut Part,
    keyed: Keyed,
    (place, customer_id): (Place, &str),
    count: impl FnOnce(&Key),
) -> (&'a mut Account, bool) {
    let sought = Sought::of(customer_id);
    let make = || {
        let key = sought.to_key();
        count(&key);
        key
    };
    part::find_or_make(part, place.hash, |key| sought.is(key), make, |key| hash(keyed, key))
}

fn hash(keyed: Keyed, key: &Key) -> u64 {
    key.with_text(|customer_id| keyed.hash(customer_id))
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
        let (keyed, part) = (accounts.parts.map().keyed(), accounts.parts.read(self.part));
        let slice = self.begin(part.len(), most);
        let mut looked_at = 0;
        for (key, account) in part::iter(part).filter(|(key, _)| slice.holds(|| hash(keyed, key))) {
            key.with_text(|customer_id| look(customer_id, account));
            looked_at += 1;
        }
        self.end();
        looked_at
    }

    /// The same, to change the accounts.
    pub fn next_mut(&mut self, accounts: &mut Accounts, most: usize, mut change: impl FnMut(&Key, &mut Account)) -> usize {
        let (keyed, mut part) = (accounts.parts.map().keyed(), accounts.parts.write(self.part));
        let slice = self.begin(part.len(), most);
        let mut changed = 0;
        let mut of_slice = part::iter_mut(&mut part).filter(|(key, _)| slice.holds(|| hash(keyed, key)));
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
    fn holds(self, hash: impl FnOnce() -> u64) -> bool {
        self.of == 1 || slice_of(hash(), self.of) == self.number
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

    fn put(accounts: &mut Accounts, number: usize) -> Place {
        let customer_id = customer(number);
        let place = accounts.place(&customer_id);
        let mut entry = accounts.entry(place, &customer_id);
        *entry.account = Account::from_parts(&[], &[], Some(Instant(number as i64))).expect("sound");
        assert_eq!((entry.is_new, entry.accounts), (true, number + 1));
        place
    }

    fn customer(number: usize) -> String {
        format!("cus_{number}")
    }

    #[test]
    fn a_pass_looks_once_at_what_it_has_not_passed() {
        for most in [1, 7, 100, 10_000] {
            let mut accounts = Accounts::new(2, (3, 4));
            let mut expected: Vec<i64> = (0..500).collect();
            for number in 0..500 {
                put(&mut accounts, number);
            }
            let (mut pass, mut seen, mut next, mut longest) = (Pass::default(), Vec::new(), 500, 0);
            while !pass.is_over(&accounts) {
                let before = seen.len();
                let looked_at = pass.next(&accounts, most, |_, account| seen.extend(account.first_revenue().map(|at| at.0)));
                assert_eq!(looked_at, seen.len() - before);
                longest = longest.max(looked_at);
                // Tables grow meanwhile.
                for _ in 0..3 {
                    if !pass.has_passed(put(&mut accounts, next)) {
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

    #[test]
    fn readers_look_while_the_writer_adds() {
        const CUSTOMERS: usize = 10_000;
        let mut accounts = Accounts::new(2, (3, 4));
        let directory = accounts.directory();
        let write = move || {
            for number in 0..CUSTOMERS {
                let place = put(&mut accounts, number);
                let first_revenue = accounts.get(place, &customer(number)).and_then(Account::first_revenue);
                assert_eq!(first_revenue, Some(Instant(number as i64)));
            }
            accounts.len()
        };
        let writer = std::thread::spawn(write);
        let read = || {
            for number in 0..CUSTOMERS {
                let (wanted, seen) = (customer(number), customer(number / 2));
                while !directory.holds(&wanted) {
                    assert!(!writer.is_finished() || directory.holds(&wanted), "{wanted} is missing");
                }
                assert!(directory.holds(&seen), "{seen} is gone");
            }
            directory.find(|known| known == customer(CUSTOMERS - 1))
        };
        std::thread::scope(|scope| {
            let readers = [(); 2].map(|()| scope.spawn(read));
            let last = readers.map(|reader| reader.join().expect("it finds what was added"));
            assert_eq!(last, [(); 2].map(|()| Some(customer(CUSTOMERS - 1))));
        });
        assert_eq!(writer.join().expect("it finds what it added"), CUSTOMERS);
        assert!(directory.holds(&customer(0)) && !directory.holds(&customer(CUSTOMERS)), "a directory outlives the writer");
    }

    #[test]
    fn accounts_filled_by_several_threads_are_the_writers() {
        let filling = Filling::new(2, (3, 4));
        let long = "customer-".repeat(9);
        let restore = |customer_id: &str, at| {
            let account = Account::from_parts(&[], &[], Some(Instant(at))).expect("sound");
            filling.restore(filling.place(customer_id), (customer_id, account), 0)
        };
        std::thread::scope(|scope| {
            scope.spawn(|| (0..500).for_each(|number| assert_eq!(restore(&customer(number), 1), None)));
            scope.spawn(|| (500..1000).for_each(|number| assert_eq!(restore(&customer(number), 1), None)));
        });
        assert_eq!(restore(&long, 2), None);
        assert_eq!(restore(&long, 3).and_then(|replaced| replaced.first_revenue()), Some(Instant(2)));
        assert_eq!((filling.len(), filling.parts()), (1001, 2));
        let mut accounts = filling.finish();
        assert_eq!((accounts.len(), accounts.key_bytes()), (1001, long.len()));
        put(&mut accounts, 1001);
        let mut all = 0;
        accounts.each(|_, _| all += 1);
        assert_eq!(all, 1002);
    }
}
