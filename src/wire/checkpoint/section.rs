//! The form of a section, versions 1 and 2. [`super::bytes`] names the primitives.
//!
//! A byte for its kind, a u64 for the bytes that follow, and
//!
//! | kind | |
//! |---|---|
//! | 1 texts | varint: number of the first; list of texts |
//! | 2 ids | zigzag: instant at which their generation ends; list of u128 |
//! | 3 accounts | list of accounts ([`super::account`]) |
//! | 4 rejected offsets | byte: topic (0 subscriptions, 1 usage); list of changes |
//!
//! A change is a byte 0 and a zigzag, the offset that was taken up; or the byte of a reason and two zigzags, the first offset of
//! a run that was rejected and the first after it. Reasons: 1 framing, 2 unknown_schema, 3 decode, 4 trailing_bytes,
//! 5 missing_id, 6 invalid_timestamp, 7 invalid_quantity, 8 invalid_amount, 9 invalid_interval, 10 too_many_items,
//! 11 duplicate_item, 12 unknown_currency, 13 future_usage.
//!
//! A section is read element by element, from the bytes where they lie: nothing is collected on the way to the shard.

use super::Section;
use super::account;
use super::bytes::{Cursor, narrow, put_instant, put_list, put_text, put_varint, put_zigzag};
use super::damage::Damage;
use crate::domain::account::Account;
use crate::domain::calendar::Instant;
use crate::domain::facts::{FactKind, Reason};
use crate::engine::image::Chunk;
use crate::engine::rejected::Change;

const TEXTS: u8 = 1;
const IDS: u8 = 2;
const ACCOUNTS: u8 = 3;
const REJECTED: u8 = 4;
/// The byte of a change that takes an offset up.
const TAKEN_UP: u8 = 0;

/// A section of a piece that is being read.
#[derive(Debug)]
pub enum SectionRef<'a> {
    /// Texts of the symbol table from number `first` on.
    Texts {
        first: u32,
        texts: Elements<'a, &'a str>,
    },
    /// Further ids of the generation that ends at `until`.
    Ids {
        until: Instant,
        ids: Elements<'a, u128>,
    },
    Accounts(AccountsRef<'a>),
    /// Changes of the rejected offsets of one topic; those of a base begin with the empty set.
    Rejected {
        topic: FactKind,
        changes: Elements<'a, Change>,
    },
}

/// Accounts that are not decoded yet.
#[derive(Clone, Copy, Debug)]
pub struct AccountsRef<'a> {
    pub count: u32,
    /// In the form of [`super::account`], one after the other.
    pub bytes: &'a [u8],
}

impl AccountsRef<'_> {
    /// Decodes them one by one. Their symbols must be among the first `texts`, as many as the symbol table has.
    pub fn each(self, texts: u32, mut visit: impl FnMut(&str, Account) -> Result<(), Damage>) -> Result<(), Damage> {
        let mut bytes = Cursor::new(self.bytes);
        for _ in 0..self.count {
            let (customer_id, account) = account::decode(&mut bytes, texts)?;
            visit(customer_id, account)?;
        }
        bytes.finish()
    }
}

/// The elements of a section, one by one. The last is followed by an error if it was not the end of the section, so damage is
/// found by taking them all.
#[derive(Debug)]
pub struct Elements<'a, T> {
    left: usize,
    bytes: Cursor<'a>,
    read: fn(&mut Cursor<'a>) -> Result<T, Damage>,
}

impl<'a, T> Elements<'a, T> {
    fn new(mut bytes: Cursor<'a>, least_bytes: usize, read: fn(&mut Cursor<'a>) -> Result<T, Damage>) -> Result<Self, Damage> {
        Ok(Elements { left: bytes.count(least_bytes)?, bytes, read })
    }
}

impl<T> Iterator for Elements<'_, T> {
    type Item = Result<T, Damage>;

    fn next(&mut self) -> Option<Result<T, Damage>> {
        if self.left == 0 {
            return std::mem::replace(&mut self.bytes, Cursor::new(&[])).finish().err().map(Err);
        }
        self.left -= 1;
        let element = (self.read)(&mut self.bytes);
        if element.is_err() {
            (self.left, self.bytes) = (0, Cursor::new(&[]));
        }
        Some(element)
    }

    /// At most those left, and an error.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left + 1))
    }
}

/// Appends the form of a section.
pub fn put(out: &mut Vec<u8>, section: &Section) {
    let start = out.len();
    out.extend([0; 1 + size_of::<u64>()]);
    let body = out.len();
    out[start] = put_body(out, section);
    let length = (out.len() - body) as u64;
    out[start + 1..body].copy_from_slice(&length.to_le_bytes());
}

/// Returns the section's kind.
fn put_body(out: &mut Vec<u8>, section: &Section) -> u8 {
    match section {
        Section::Chunk(Chunk::Texts { first, texts }) => {
            put_varint(out, (*first).into());
            put_list(out, texts, |out, text| put_text(out, text));
            TEXTS
        }
        Section::Chunk(Chunk::Ids { until, ids }) => {
            put_instant(out, *until);
            put_list(out, ids, |out, id| out.extend(id.to_le_bytes()));
            IDS
        }
        Section::Chunk(Chunk::Accounts { count, bytes }) => {
            put_varint(out, (*count).into());
            out.extend_from_slice(bytes);
            ACCOUNTS
        }
        Section::Rejected { topic, changes } => {
            out.push(topic_code(*topic));
            put_list(out, changes, put_change);
            REJECTED
        }
    }
}

fn put_change(out: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Add { first, end, reason } => {
            out.push(reason_code(*reason));
            put_zigzag(out, *first);
            put_zigzag(out, *end);
        }
        Change::Remove { offset } => {
            out.push(TAKEN_UP);
            put_zigzag(out, *offset);
        }
    }
}

/// Reads a section's frame and fields; its elements are read by who takes them.
pub fn get<'a>(bytes: &mut Cursor<'a>) -> Result<SectionRef<'a>, Damage> {
    let kind = bytes.byte()?;
    let length = narrow(bytes.u64()?)?;
    let mut bytes = Cursor::new(bytes.take(length)?);
    Ok(match kind {
        TEXTS => SectionRef::Texts { first: bytes.u32_varint()?, texts: Elements::new(bytes, 1, Cursor::text)? },
        IDS => SectionRef::Ids { until: bytes.instant()?, ids: Elements::new(bytes, size_of::<u128>(), Cursor::u128)? },
        ACCOUNTS => {
            let count = narrow(bytes.count(account::LEAST_BYTES)?)?;
            SectionRef::Accounts(AccountsRef { count, bytes: bytes.take(bytes.len())? })
        }
        REJECTED => SectionRef::Rejected { topic: topic(bytes.byte()?)?, changes: Elements::new(bytes, 2, change)? },
        _ => return Err(Damage::Inconsistent("a section is of no known kind")),
    })
}

fn change(bytes: &mut Cursor) -> Result<Change, Damage> {
    let code = bytes.byte()?;
    if code == TAKEN_UP {
        return Ok(Change::Remove { offset: bytes.zigzag()? });
    }
    let known = Reason::ALL.into_iter().find(|reason| reason_code(*reason) == code);
    let reason = known.ok_or(Damage::Inconsistent("a reason is unknown"))?;
    let (first, end) = (bytes.zigzag()?, bytes.zigzag()?);
    if first < end { Ok(Change::Add { first, end, reason }) } else { Err(Damage::Inconsistent("a run of offsets is empty")) }
}

fn topic_code(topic: FactKind) -> u8 {
    match topic {
        FactKind::Subscription => 0,
        FactKind::Usage => 1,
    }
}

fn topic(code: u8) -> Result<FactKind, Damage> {
    let known = [FactKind::Subscription, FactKind::Usage].into_iter().find(|topic| topic_code(*topic) == code);
    known.ok_or(Damage::Inconsistent("a topic is unknown"))
}

/// Numbers of the format, which new reasons do not move.
fn reason_code(reason: Reason) -> u8 {
    match reason {
        Reason::Framing => 1,
        Reason::UnknownSchema => 2,
        Reason::Decode => 3,
        Reason::TrailingBytes => 4,
        Reason::MissingId => 5,
        Reason::InvalidTimestamp => 6,
        Reason::InvalidQuantity => 7,
        Reason::InvalidAmount => 8,
        Reason::InvalidInterval => 9,
        Reason::TooManyItems => 10,
        Reason::DuplicateItem => 11,
        Reason::UnknownCurrency => 12,
        Reason::FutureUsage => 13,
    }
}
