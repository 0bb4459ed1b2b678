//! Taking an image of a shard while it works.
//!
//! Freezing begins a new epoch and fixes lengths, nothing more. Every account bears the number of the epoch it changed in last, and
//! whether it was put into an image without having changed: an account
//! about to change for the first time in an epoch is put into the image first if it belongs there, and is noted for the next
//! delta. All others are collected bit by bit: for a base in a sweep over the parts of the map, for a delta by the list of what
//! changed since the image before.

use super::Shard;
use crate::domain::account::Account;
use crate::domain::symbol::Symbols;
use crate::engine::accounts::{Accounts, Place};
use crate::engine::image::{Chunk, EncodeAccount, Head, Scope, Step};
use crate::engine::key::Key;
use crate::engine::part;
use std::ops::Range;

/// Bytes that make a chunk of accounts or texts full.
const CHUNK_BYTES: usize = 1 << 20;
/// Texts and ids of one chunk at most.
const CHUNK_TEXTS: usize = 1 << 14;
const CHUNK_IDS: usize = CHUNK_BYTES / size_of::<u128>();
/// A list of changed accounts this short is kept even where it names most of them.
const SHORT_LIST: usize = 1 << 10;
/// What looking at a part of the map costs, in accounts.
const PART_COST: usize = 16;

/// The epoch in which restored accounts changed last; the first one of a restored shard comes after it.
pub(in crate::engine) const RESTORED: u32 = 1;
/// Beside the number of an epoch: the account is in the image of that epoch, and has not changed in it.
const IS_SAVED: u32 = 1 << 31;

/// Which accounts changed since the last image, and the image being taken.
#[derive(Debug)]
pub(super) struct Changes {
    /// Begins with each image; above 0.
    epoch: u32,
    /// Hashes of the customers whose accounts changed in this epoch. `None` if a delta would be useless: there is no image to
    /// follow, or most has changed.
    list: Option<Vec<u64>>,
    /// Texts that images hold.
    texts: u32,
    capture: Option<Capture>,
}

/// An image on its way.
#[derive(Debug)]
struct Capture {
    scope: Scope,
    encode: EncodeAccount,
    texts: Range<u32>,
    sweep: Sweep,
    count: u32,
    bytes: Vec<u8>,
}

/// Which accounts are still to be collected.
#[derive(Debug)]
enum Sweep {
    /// Those in this part of the map and after it.
    From(usize),
    /// Those with these hashes.
    Listed(Vec<u64>),
    Done,
}

impl Changes {
    /// No image has been taken.
    pub(super) fn new() -> Changes {
        Changes { epoch: 1, list: None, texts: 0, capture: None }
    }

    /// What an image held has been restored, so many texts among it.
    pub(super) fn restored(texts: u32) -> Changes {
        Changes { epoch: RESTORED + 1, list: Some(Vec::new()), texts, capture: None }
    }

    /// Has to be told of each account before it changes, and of how many there are.
    #[inline]
    pub(super) fn before_change(&mut self, accounts: usize, place: Place, customer_id: &str, account: &mut Account) {
        if account.mark() != self.epoch {
            self.first_change(accounts, place, customer_id, account);
        }
    }

    fn first_change(&mut self, accounts: usize, place: Place, customer_id: &str, account: &mut Account) {
        if let Some(capture) = &mut self.capture {
            capture.collect(self.epoch, account, |bytes, encode, account| encode(customer_id, account, bytes));
        }
        account.set_mark(self.epoch);
        if let Some(list) = &mut self.list {
            list.push(place.hash);
            if list.len() > SHORT_LIST.max(accounts / 2) {
                self.list = None;
            }
        }
    }
}

impl Capture {
    /// Takes an account into the image if it belongs there and is not in it yet.
    fn collect(&mut self, epoch: u32, account: &mut Account, append: impl FnOnce(&mut Vec<u8>, EncodeAccount, &Account)) -> bool {
        let mark = account.mark();
        let collects = match self.scope {
            // One without a mark is new since the freeze.
            Scope::Base => mark & !IS_SAVED != epoch && mark != 0,
            Scope::Delta => mark == epoch - 1,
        };
        if collects {
            append(&mut self.bytes, self.encode, account);
            self.count += 1;
            account.set_mark(epoch | IS_SAVED);
        }
        collects
    }

    /// Texts that the images before lack.
    fn texts(&mut self, symbols: &Symbols) -> Option<Chunk> {
        let first = self.texts.start;
        let left = &symbols.from(first)[..self.texts.len()];
        let mut bytes = 0;
        let fits = |text: &&std::sync::Arc<str>| {
            let fits = bytes < CHUNK_BYTES;
            bytes += text.len();
            fits
        };
        let texts: Vec<_> = left.iter().take(CHUNK_TEXTS).take_while(fits).cloned().collect();
        self.texts.start += texts.len() as u32;
        (!texts.is_empty()).then_some(Chunk::Texts { first, texts })
    }

    /// Collects accounts until a chunk is full or so many have been looked at.
    fn sweep(&mut self, accounts: &mut Accounts, epoch: u32, budget: usize) {
        let mut left = budget.max(1);
        while left > 0 && self.bytes.len() < CHUNK_BYTES {
            let cost = match &mut self.sweep {
                Sweep::Done => return,
                Sweep::From(part) if *part == accounts.parts() => {
                    self.sweep = Sweep::Done;
                    return;
                }
                Sweep::From(part) => {
                    let part = *part;
                    self.sweep_part(accounts, epoch, part, left)
                }
                Sweep::Listed(list) => match list.pop() {
                    Some(hash) => self.collect_listed(accounts, epoch, hash),
                    None => {
                        self.sweep = Sweep::Done;
                        return;
                    }
                },
            };
            left = left.saturating_sub(cost);
        }
    }

    /// Collects at most so many accounts of a part, and moves on if these were all. Returns what it cost.
    fn sweep_part(&mut self, accounts: &mut Accounts, epoch: u32, number: usize, most: usize) -> usize {
        let mut collected = 0;
        for (key, account) in part::iter_mut(&mut accounts.part_mut(number)) {
            if collected == most || self.bytes.len() >= CHUNK_BYTES {
                return collected;
            }
            collected += usize::from(self.collect(epoch, account, by_key(key)));
        }
        self.sweep = Sweep::From(number + 1);
        collected + PART_COST
    }

    /// Every account of the delta with this hash: the one listed, as a rule.
    fn collect_listed(&mut self, accounts: &mut Accounts, epoch: u32, hash: u64) -> usize {
        let number = accounts.place_of(hash).part;
        for (key, account) in part::of_hash_mut(&mut accounts.part_mut(number), hash) {
            self.collect(epoch, account, by_key(key));
        }
        1
    }

    /// Hands over what has been collected, if it is a full chunk or the last one.
    fn chunk(&mut self) -> Option<Chunk> {
        let due = self.bytes.len() >= CHUNK_BYTES || self.count > 0 && matches!(self.sweep, Sweep::Done);
        due.then(|| Chunk::Accounts { count: std::mem::take(&mut self.count), bytes: std::mem::take(&mut self.bytes) })
    }
}

/// Appends an account to an image under the text of its key.
fn by_key(key: &Key) -> impl FnOnce(&mut Vec<u8>, EncodeAccount, &Account) {
    move |bytes, encode, account| key.with_text(|customer_id| encode(customer_id, account, bytes))
}

impl Shard {
    /// Fixes the moment of an image: [`Shard::capture`] hands over the shard as it is now, whatever is applied from now on. `None`
    /// while an image is being taken, and for a delta while [`Shard::needs_base`]. Costs microseconds, whatever the shard holds.
    pub fn freeze(&mut self, scope: Scope, encode: EncodeAccount) -> Option<Head> {
        if self.is_capturing() || scope == Scope::Delta && self.needs_base() {
            return None;
        }
        let texts = self.symbols.len() as u32;
        let list = self.changes.list.replace(Vec::new()).unwrap_or_default();
        let (first_text, sweep) = match scope {
            Scope::Base => (0, Sweep::From(0)),
            Scope::Delta => (self.changes.texts, Sweep::Listed(list)),
        };
        let capture = Capture { scope, encode, texts: first_text..texts, sweep, count: 0, bytes: Vec::new() };
        (self.changes.capture, self.changes.texts) = (Some(capture), texts);
        self.changes.epoch += 1;
        Some(Head {
            accounts: self.accounts.len() as u64,
            texts,
            floor: self.floor,
            floor_at: self.floor_at,
            record_time: self.dedup.record_time(),
            hash_key: self.dedup.key(),
            generations: self.dedup.freeze(scope),
            ahead: self.today.ahead(),
            passed: self.today.passed(),
        })
    }

    /// Goes on with the image, looking at about so many accounts or ids; [`Step::Done`] if none is being taken.
    pub fn capture(&mut self, budget: usize) -> Step {
        let epoch = self.changes.epoch;
        let Some(capture) = &mut self.changes.capture else {
            return Step::Done;
        };
        if let Some(texts) = capture.texts(&self.symbols) {
            return Step::Chunk(texts);
        }
        capture.sweep(&mut self.accounts, epoch, budget);
        if let Some(accounts) = capture.chunk() {
            return Step::Chunk(accounts);
        }
        if !matches!(capture.sweep, Sweep::Done) {
            return Step::Working;
        }
        if let Some((until, ids)) = self.dedup.capture(budget.min(CHUNK_IDS)) {
            return Step::Chunk(Chunk::Ids { until, ids });
        }
        self.changes.capture = None;
        Step::Done
    }

    /// Whether an image is being taken.
    pub fn is_capturing(&self) -> bool {
        self.changes.capture.is_some()
    }

    /// Whether the next image has to be a base: there is none to follow, or so much has changed that a delta would save little.
    pub fn needs_base(&self) -> bool {
        self.changes.list.is_none()
    }
}
