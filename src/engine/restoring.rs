//! Restoring a shard from the chunks of its images.
//!
//! Chunks may come from several threads at once; the only order that matters is that of two accounts of one customer, of which the
//! later replaces the earlier. What the head says is checked at the end, so a chunk that is missing, damaged or there twice is
//! found and never becomes a wrong number.

use super::accounts::{Filling, PARTS};
use super::dedup::{Dedup, Memory};
use super::generation::{Generation, Refilling};
use super::image::Head;
use super::plan::Plan;
use super::shard::{RESTORED, Restored, Shard};
use super::today::Today;
use crate::domain::account::Account;
use crate::domain::calendar::Instant;
use crate::domain::currency::Currency;
use crate::domain::symbol::Symbols;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Accounts in a part of the map, about.
const PART_ACCOUNTS: u64 = 4096;
const MOST_PARTS: usize = 1 << 16;
/// Tallies, so that threads seldom meet at one.
const TALLIES: usize = 64;

/// What an image holds differs from what its head says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    #[error("{found} customers, the head says {expected}")]
    Accounts { expected: u64, found: u64 },
    #[error("{found} texts, the head says {expected}")]
    Texts { expected: u32, found: usize },
    #[error("texts from number {first} on, after {before} texts")]
    TextOrder { first: u32, before: usize },
    #[error("{found} ids in the generation that ends at {}, the head says {expected}", .until.to_rfc3339())]
    Ids { until: Instant, expected: u64, found: u64 },
    #[error("generations that do not follow each other")]
    Generations,
    #[error("an account names text {symbol}, of {texts}")]
    Symbol { symbol: u32, texts: u32 },
}

/// A shard on its way back.
#[derive(Debug)]
pub struct Restoring {
    plan: Arc<Plan>,
    memory: Memory,
    head: Head,
    accounts: Filling,
    /// Accounts that a part comes to.
    expected: usize,
    tallies: Vec<Mutex<Tally>>,
    /// By number of the first.
    texts: Mutex<BTreeMap<u32, Vec<Arc<str>>>>,
    generations: Vec<Refilling>,
}

/// What the accounts of some parts of the map come to.
#[derive(Debug, Default)]
struct Tally {
    bytes: isize,
    /// Accounts that use a currency.
    currencies: BTreeMap<Currency, i64>,
}

impl Restoring {
    /// `memory` may be longer or shorter than the one the image was taken with.
    pub fn new(plan: Arc<Plan>, memory: Memory, head: &Head) -> Restoring {
        let parts = usize::try_from(head.accounts / PART_ACCOUNTS).unwrap_or(MOST_PARTS);
        let accounts = Filling::new(parts.min(MOST_PARTS).next_power_of_two().max(PARTS), head.hash_key);
        let tallies = std::iter::repeat_with(Mutex::default).take(TALLIES).collect();
        // A lying head makes room for no more than a part should hold, and only where an account comes.
        let mean = (head.accounts / accounts.parts() as u64).min(PART_ACCOUNTS);
        let expected = (mean + 4 * mean.isqrt()) as usize;
        let generations = head.generations.iter().map(|(until, ids)| Refilling::new(*until, *ids)).collect();
        let texts = Mutex::default();
        Restoring { plan, memory, head: head.clone(), accounts, expected, tallies, texts, generations }
    }

    /// Takes up texts of the symbol table, `first` being the number of the first.
    pub fn texts(&self, first: u32, texts: Vec<Arc<str>>) {
        if !texts.is_empty() {
            locked(&self.texts).insert(first, texts);
        }
    }

    /// Takes up ids of a generation; one that the head does not name has been forgotten since.
    pub fn ids(&self, until: Instant, ids: &[u128]) {
        if let Some(generation) = self.generations.iter().find(|generation| generation.until() == until) {
            generation.insert(ids);
        }
    }

    /// Takes up an account, in place of one taken up before.
    pub fn account(&self, customer_id: &str, mut account: Account) -> Result<(), Mismatch> {
        let texts = self.head.texts;
        if let Some(symbol) = account.symbols().map(|symbol| symbol.0).find(|symbol| *symbol >= texts) {
            return Err(Mismatch::Symbol { symbol, texts });
        }
        account.drop_usage_before(self.head.floor);
        account.set_mark(RESTORED);
        let place = self.accounts.place(customer_id);
        let mut tally = locked(&self.tallies[place.part % TALLIES]);
        tally.count(&account, 1);
        let replaced = self.accounts.restore(place, (customer_id, account), self.expected);
        replaced.iter().for_each(|replaced| tally.count(replaced, -1));
        Ok(())
    }

    /// The shard, not live yet, if it is what the head says.
    pub fn finish(self) -> Result<Shard, Mismatch> {
        let symbols = symbols(self.texts.into_inner().unwrap_or_else(PoisonError::into_inner), self.head.texts)?;
        let found = self.accounts.len() as u64;
        if found != self.head.accounts {
            return Err(Mismatch::Accounts { expected: self.head.accounts, found });
        }
        let generations = generations(self.generations, &self.head.generations)?;
        let mut tally = Tally::default();
        self.tallies.iter().for_each(|part| tally.add(&locked(part)));
        let used = tally.currencies.into_iter().filter(|(_, accounts)| *accounts > 0).map(|(currency, _)| currency);
        let mut currencies: Vec<Currency> = used.chain(self.head.ahead.iter().map(|ahead| ahead.currency)).collect();
        currencies.sort();
        currencies.dedup();
        Ok(Shard::restored(Restored {
            plan: self.plan,
            symbols,
            texts: self.head.texts,
            accounts: self.accounts.finish(),
            held_bytes: tally.bytes,
            dedup: Dedup::restored(self.memory, self.head.hash_key, self.head.record_time, generations),
            today: Today::restored(&self.head.ahead, self.head.passed),
            floor: (self.head.floor, self.head.floor_at),
            currencies,
        }))
    }
}

impl Tally {
    fn count(&mut self, account: &Account, times: i64) {
        self.bytes += account.bytes() as isize * times as isize;
        account.currencies().for_each(|currency| *self.currencies.entry(currency).or_default() += times);
    }

    fn add(&mut self, other: &Tally) {
        self.bytes += other.bytes;
        other.currencies.iter().for_each(|(currency, uses)| *self.currencies.entry(*currency).or_default() += uses);
    }
}

/// The symbol table, if the texts follow each other without a gap and are distinct.
fn symbols(texts: BTreeMap<u32, Vec<Arc<str>>>, expected: u32) -> Result<Symbols, Mismatch> {
    let mut symbols = Symbols::default();
    let mut before = 0;
    for (first, texts) in texts {
        if first as usize != before {
            return Err(Mismatch::TextOrder { first, before });
        }
        for text in &texts {
            symbols.intern(text);
        }
        before += texts.len();
    }
    let found = symbols.len().min(before);
    if found != expected as usize || before != found {
        return Err(Mismatch::Texts { expected, found });
    }
    Ok(symbols)
}

fn generations(found: Vec<Refilling>, expected: &[(Instant, u64)]) -> Result<Vec<Generation>, Mismatch> {
    if !expected.is_sorted_by(|(one, _), (next, _)| one < next) {
        return Err(Mismatch::Generations);
    }
    let mut generations = Vec::with_capacity(found.len());
    for (generation, (until, expected)) in found.into_iter().zip(expected) {
        let generation = generation.finish();
        let found = generation.len() as u64;
        if found != *expected {
            return Err(Mismatch::Ids { until: *until, expected: *expected, found });
        }
        generations.push(generation);
    }
    Ok(generations)
}

/// What a thread that died left behind is found by the counts.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
