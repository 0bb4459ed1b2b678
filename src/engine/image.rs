//! An image: everything a shard has to be given to go on as if it had never stopped, as values without a form on disk.
//!
//! An image is taken while the shard works: [`super::shard::Shard::freeze`] fixes the moment, and chunks come out bit by bit
//! afterwards, each account as it was at that moment. A base holds everything, a delta what changed since the image before it.

use crate::domain::account::Account;
use crate::domain::calendar::{Day, Instant};
use crate::domain::currency::Currency;
use crate::domain::money::Micros;
use std::sync::Arc;

/// How much an image holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Base,
    /// What changed since the last image, which it is useless without.
    Delta,
}

/// What is small, and taken at once when the shard is frozen. Its numbers count what the whole image holds, all deltas applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Customers with a fact.
    pub accounts: u64,
    /// Texts of the symbol table.
    pub texts: u32,
    /// Usage of earlier days is not kept.
    pub floor: Day,
    /// No view earlier than this may be drawn: usage days only it needs may be gone.
    pub floor_at: Instant,
    /// The greatest record timestamp so far, not beyond the consumer's clock.
    pub record_time: Option<Instant>,
    /// Keys the hashes of usage ids.
    pub hash_key: (u64, u64),
    /// Generations of remembered usage ids, oldest first: the record time each ends at, and how many ids it holds.
    pub generations: Vec<(Instant, u64)>,
    /// Usage that lay after the view's instant: in the accounts' days already, in `usage_today` not yet.
    pub ahead: Vec<Ahead>,
    /// Usage from this instant on is all in `ahead`. An earlier view does not know which usage of its day it has to leave out.
    pub passed: Instant,
}

/// Usage that lies ahead of a view.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ahead {
    pub at: Instant,
    pub day: Day,
    pub customer_id: Box<str>,
    pub currency: Currency,
    pub amount: Micros,
}

/// A part of an image. A later chunk's account replaces an earlier one's of the same customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Texts of the symbol table from number `first` on.
    Texts { first: u32, texts: Vec<Arc<str>> },
    /// Further ids of the generation that ends at `until`.
    Ids { until: Instant, ids: Vec<u128> },
    /// So many accounts, in the form of the encoder given to [`super::shard::Shard::freeze`].
    Accounts { count: u32, bytes: Vec<u8> },
}

/// What a step of taking an image came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Chunk(Chunk),
    /// Nothing to hand over yet; go on.
    Working,
    /// The image is complete.
    Done,
}

/// Appends the form of one customer's account.
pub type EncodeAccount = fn(&str, &Account, &mut Vec<u8>);
