//! The parts of the map of accounts, and who may touch them: one writer and any number of readers.
//!
//! Each part is a hash table as DashMap keeps it, behind a lock of its own. Readers on other threads take that lock. The writer takes
//! it to change a part, and only then: nobody but the writer changes any, so what it reads cannot change under it. That is told by
//! types: [`Parts`] is the writer's handle, of which there is one; reading borrows it, changing borrows it uniquely; and a [`Map`], which
//! all others have, changes nothing. Around the tables is what their safe interface lacks: sweeps, and hints to the processor's cache.

use super::key::{Key, Keyed};
use crate::domain::account::Account;
use crate::domain::packed::prefetch;
use dashmap::{DashMap, RwLockWriteGuard, SharedValue};
use hashbrown::raw::RawTable;
use std::hash::{BuildHasher, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// The accounts of a part.
pub type Part = RawTable<(Key, SharedValue<Account>)>;

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

/// All parts, to be read from any thread.
#[derive(Debug)]
pub struct Map {
    parts: DashMap<Key, Account, Unhashed>,
    keyed: Keyed,
}

impl Map {
    /// Number of parts.
    pub fn parts(&self) -> usize {
        self.parts.shards().len()
    }

    #[inline]
    pub fn keyed(&self) -> Keyed {
        self.keyed
    }

    #[inline]
    pub fn place(&self, customer_id: &str) -> Place {
        self.place_of(self.keyed.hash(customer_id))
    }

    #[inline]
    pub fn place_of(&self, hash: u64) -> Place {
        Place { part: self.parts.determine_shard(hash as usize), hash }
    }

    /// A part, which nobody changes meanwhile. The guard is not DashMap's own, which would lend the lock to change the part with.
    pub fn read(&self, number: usize) -> impl Deref<Target = Part> {
        self.parts.shards()[number].read()
    }
}

/// Parts that no writer has yet: any thread may fill them.
#[derive(Debug)]
pub struct Unowned(Map);

impl Unowned {
    /// `parts` is a power of two, at least 2.
    pub fn new(parts: usize, keyed: Keyed) -> Unowned {
        Unowned(Map { parts: DashMap::with_hasher_and_shard_amount(Unhashed, parts), keyed })
    }

    pub fn map(&self) -> &Map {
        &self.0
    }

    pub fn write(&self, number: usize) -> RwLockWriteGuard<'_, Part> {
        self.0.parts.shards()[number].write()
    }

    /// Gives them to their writer.
    pub fn own(self) -> Parts {
        Parts(Arc::new(self.0))
    }
}

/// The parts in the hands of their writer. There is no second handle like this to the same parts.
#[derive(Debug)]
pub struct Parts(Arc<Map>);

impl Parts {
    /// What is lent to readers.
    #[inline]
    pub fn map(&self) -> &Arc<Map> {
        &self.0
    }

    /// A part as it is, without a lock.
    #[inline]
    pub fn read(&self, number: usize) -> &Part {
        // SAFETY: nobody changes the part while it is borrowed. It is changed through `write` alone, which wants the handle uniquely for as
        // long as the guard lives, while here it is borrowed. There is no other handle: it cannot be copied, it is made of parts that are
        // used up, and what was lent for filling them came back before. A map lends nothing to change a part with.
        unsafe { &*self.0.parts.shards()[number].data_ptr() }
    }

    /// A part, to change it while no reader looks.
    #[inline]
    pub fn write(&mut self, number: usize) -> RwLockWriteGuard<'_, Part> {
        self.0.parts.shards()[number].write()
    }
}

/// Places looked at first, most of the time: an account is where its hash says or a little after it.
const PLACES: usize = 3;

/// Says that the account of a hash is about to be looked for. Reads nothing but the table's size and address.
#[inline]
pub fn prefetch_account(part: &Part, hash: u64) {
    let place = hash as usize & (part.buckets() - 1);
    let accounts = part.data_end().as_ptr().cast_const();
    // The first bytes tell which places to look at; accounts lie before them, backwards.
    prefetch(accounts.cast::<u8>().wrapping_add(place));
    (1..=PLACES).for_each(|number| prefetch(accounts.wrapping_sub(place + number)));
}

/// The account of a hash for whose key a condition holds.
#[inline]
pub fn find(part: &Part, hash: u64, is: impl Fn(&Key) -> bool) -> Option<&Account> {
    part.get(hash, |(key, _)| is(key)).map(|(_, account)| account.get())
}

/// The account of a hash for whose key a condition holds, and whether it was made just now under a key.
#[inline]
pub fn find_or_make(
    part: &mut Part,
    hash: u64,
    is: impl Fn(&Key) -> bool,
    make: impl FnOnce() -> Key,
    hash_of: impl Fn(&Key) -> u64,
) -> (&mut Account, bool) {
    match part.find_or_find_insert_slot(hash, |(key, _)| is(key), |(key, _)| hash_of(key)) {
        // SAFETY: the bucket is one of the table's, which is borrowed uniquely for as long as the account is.
        Ok(known) => (unsafe { known.as_mut() }.1.get_mut(), false),
        Err(slot) => {
            // SAFETY: the slot was found for this hash, and the table has not changed since; the bucket as above.
            let made = unsafe { part.insert_in_slot(hash, slot, (make(), SharedValue::new(Account::default()))).as_mut() };
            (made.1.get_mut(), true)
        }
    }
}

/// All accounts, in no order.
pub fn iter(part: &Part) -> impl Iterator<Item = (&Key, &Account)> {
    // SAFETY: the table is borrowed, and so does not change, for as long as its buckets are looked at.
    unsafe { part.iter().map(|bucket| bucket.as_ref()).map(|(key, account)| (key, account.get())) }
}

/// All accounts, to change them.
pub fn iter_mut(part: &mut Part) -> impl Iterator<Item = (&Key, &mut Account)> {
    // SAFETY: the table is borrowed uniquely, and each bucket comes once.
    unsafe { part.iter().map(|bucket| bucket.as_mut()).map(|(key, account)| (&*key, account.get_mut())) }
}

/// Every account of a hash, and perhaps others.
pub fn of_hash_mut(part: &mut Part, hash: u64) -> impl Iterator<Item = (&Key, &mut Account)> {
    // SAFETY: as above.
    unsafe { part.iter_hash(hash).map(|bucket| bucket.as_mut()).map(|(key, account)| (&*key, account.get_mut())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_lock_the_writer_out_and_are_locked_out() {
        let mut parts = Unowned::new(2, Keyed(3, 4)).own();
        let map = Arc::clone(parts.map());
        let lock = &map.parts.shards()[1];
        let changing = parts.write(1);
        assert!(lock.try_read().is_none(), "nobody reads what is being changed");
        assert!(map.parts.shards()[0].try_read().is_some(), "other parts are free");
        drop(changing);
        let reading = map.read(1);
        assert!(lock.try_write().is_none() && lock.try_read().is_some(), "nobody changes what is being read");
        assert_eq!(parts.read(1).len(), reading.len());
        drop(reading);
        let by_writer = parts.read(1);
        assert!(lock.try_write().is_some(), "the writer reads without the lock");
        assert_eq!(by_writer.len(), 0);
    }

    #[test]
    fn parts_are_filled_under_locks() {
        let parts = Unowned::new(2, Keyed(3, 4));
        let filling = parts.write(0);
        assert!(parts.map().parts.shards()[0].try_read().is_none());
        drop(filling);
        assert!(parts.own().map().parts.shards()[0].try_read().is_some());
    }
}
