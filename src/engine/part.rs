//! A part of the map of accounts: a hash table as DashMap keeps it, with what its safe interface lacks: sweeps, and hints to the
//! processor's cache.

use super::key::Key;
use crate::domain::account::Account;
use crate::domain::packed::prefetch;
use dashmap::SharedValue;
use hashbrown::raw::RawTable;

/// The accounts of a part.
pub type Part = RawTable<(Key, SharedValue<Account>)>;

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
