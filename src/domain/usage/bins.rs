//! Sums per civil day and currency, in one block of memory: ten bytes a day for all but extraordinary customers.
//!
//! The block, empty without bins, begins with a byte that says its form:
//!
//! - [`NARROW`]: currency, 3 bytes; of each bin the amount, 8 bytes; of each bin the day, 2 bytes, counted from [`Zone::FIRST`]. Amounts
//!   and days ascend by day, so that a day after all others moves nothing but days.
//! - [`WIDE`], for several currencies, days that two bytes cannot name, and amounts beyond [`LARGE`]: 3 bytes of no meaning; bins by
//!   day and currency, of each the day, 4 bytes, currency, 3 bytes, and amount, 16 bytes.
//!
//! All numbers are little-endian. A day whose sum is 0 in a currency has no bin.

use super::Bin;
use crate::domain::calendar::{Day, Zone};
use crate::domain::currency::Currency;
use crate::domain::money::Micros;
use crate::domain::packed::{Block, Unread};
use std::ops::Range;

const NARROW: u8 = 0;
const WIDE: u8 = 1;
const HEAD: usize = 4;
const NARROW_BIN: usize = DAY + AMOUNT;
const DAY: usize = 2;
const AMOUNT: usize = 8;
const WIDE_BIN: usize = 23;
/// Bins there is room for beyond those that made a block grow: growing one is dearer than the room.
const LEAST_ROOM: usize = 3;
/// The greatest size of a narrow amount: 28 of them, the days of a rate, are less than 63 bits.
const LARGE: i64 = 1 << 57;

/// The bins of one customer, by day and currency.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bins(Block);

/// How bins are to be read.
pub(super) enum Form<'a> {
    Narrow(Narrow<'a>),
    Wide(Wide<'a>),
}

/// Bins of one currency with small amounts.
#[derive(Clone, Copy)]
pub(super) struct Narrow<'a> {
    pub currency: Currency,
    days: &'a [[u8; DAY]],
    amounts: &'a [[u8; AMOUNT]],
}

/// Any bins.
#[derive(Clone, Copy)]
pub(super) struct Wide<'a>(&'a [[u8; WIDE_BIN]]);

/// A day as narrow bins count it.
#[inline]
pub(super) fn narrow_day(day: Day) -> Option<u16> {
    u16::try_from(day.0.wrapping_sub(Zone::FIRST.0)).ok()
}

#[inline]
pub(super) fn day_of(narrow: u16) -> Day {
    Zone::FIRST.plus(narrow.into())
}

/// An amount as narrow bins hold it.
#[inline]
pub(super) fn narrow_amount(amount: Micros) -> Option<i64> {
    i64::try_from(amount).ok().filter(|amount| (-LARGE..=LARGE).contains(amount))
}

impl<'a> Narrow<'a> {
    pub fn len(self) -> usize {
        self.days.len()
    }

    #[inline]
    pub fn day(self, index: usize) -> Day {
        day_of(u16::from_le_bytes(self.days[index]))
    }

    #[inline]
    pub fn amount(self, index: usize) -> i64 {
        i64::from_le_bytes(self.amounts[index])
    }

    /// Number of bins before a day. Days are distinct, so few places are possible where hardly any is left out.
    #[inline]
    pub fn before(self, day: Day) -> usize {
        let (Some(first), Some(last)) = (self.days.first(), self.days.last()) else { return 0 };
        let from_first = i64::from(day.0) - i64::from(day_of(u16::from_le_bytes(*first)).0);
        let to_last = i64::from(day_of(u16::from_le_bytes(*last)).0) - i64::from(day.0);
        let length = self.len() as i64;
        if from_first <= 0 {
            return 0;
        }
        if to_last < 0 {
            return self.len();
        }
        let (least, most) = ((length - 1 - to_last).max(1) as usize, from_first.min(length - 1) as usize);
        least + self.days[least..most].partition_point(|known| day_of(u16::from_le_bytes(*known)) < day)
    }

    /// Sum of some bins: of 28 days at most.
    #[inline]
    pub fn sum(self, bins: Range<usize>) -> i64 {
        self.amounts[bins].iter().map(|amount| i64::from_le_bytes(*amount)).sum()
    }

    fn bin(self, index: usize) -> Bin {
        Bin { day: self.day(index), currency: self.currency, amount: self.amount(index).into() }
    }
}

impl Wide<'_> {
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// Number of bins before a day.
    pub fn before(self, day: Day) -> usize {
        self.0.partition_point(|bin| wide_bin(bin).day < day)
    }

    pub fn bin(self, index: usize) -> Bin {
        wide_bin(&self.0[index])
    }
}

fn wide_bin(bytes: &[u8; WIDE_BIN]) -> Bin {
    let mut unread = Unread(bytes);
    Bin {
        day: Day(i32::from_le_bytes(unread.array())),
        currency: Currency::of_code(unread.array()),
        amount: i128::from_le_bytes(unread.array()),
    }
}

impl Bins {
    #[inline]
    pub fn form(&self) -> Option<Form<'_>> {
        let (head, rest) = self.0.split_first_chunk::<HEAD>()?;
        let [form, currency @ ..] = *head;
        if form == WIDE {
            return Some(Form::Wide(Wide(rest.as_chunks().0)));
        }
        let (amounts, days) = rest.split_at(rest.len() / NARROW_BIN * AMOUNT);
        let (days, amounts) = (days.as_chunks().0, amounts.as_chunks().0);
        Some(Form::Narrow(Narrow { currency: Currency::of_code(currency), days, amounts }))
    }

    pub fn len(&self) -> usize {
        match self.form() {
            Some(Form::Narrow(bins)) => bins.len(),
            Some(Form::Wide(bins)) => bins.len(),
            None => 0,
        }
    }

    /// Number of bins before a day.
    #[inline]
    pub fn before(&self, day: Day) -> usize {
        match self.form() {
            Some(Form::Narrow(bins)) => bins.before(day),
            Some(Form::Wide(bins)) => bins.before(day),
            None => 0,
        }
    }

    /// The bin of a number less than [`Bins::len`].
    pub fn bin(&self, index: usize) -> Bin {
        match self.form() {
            Some(Form::Narrow(bins)) => bins.bin(index),
            Some(Form::Wide(bins)) => bins.bin(index),
            None => unreachable!("there are no bins"),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Bin> {
        (0..self.len()).map(|index| self.bin(index))
    }

    /// The day of the last bin.
    #[inline]
    pub fn last_day(&self) -> Option<Day> {
        match self.form()? {
            Form::Narrow(bins) => Some(bins.day(bins.len() - 1)),
            Form::Wide(bins) => Some(bins.bin(bins.len() - 1).day),
        }
    }

    /// Memory of the block.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }

    /// Where the block begins.
    pub fn address(&self) -> *const u8 {
        self.0.address()
    }

    /// Adds an amount that is not 0 to a day.
    pub fn add(&mut self, bin: Bin) {
        let (day, amount) = (narrow_day(bin.day), narrow_amount(bin.amount));
        let added = day.zip(amount).is_some_and(|(day, amount)| self.add_narrow(day, bin.currency, amount));
        if !added {
            self.add_wide(bin);
        }
    }

    /// Forgets the days before `floor`.
    pub fn drop_before(&mut self, floor: Day) {
        let dropped = self.before(floor);
        if dropped > 0 {
            let kept: Vec<Bin> = self.iter().skip(dropped).collect();
            *self = Bins::of(&kept);
        }
    }

    /// Bins by day and currency, distinct, none of them 0, in the form that is theirs.
    pub fn of(bins: &[Bin]) -> Bins {
        let Some(first) = bins.first() else { return Bins::default() };
        let narrow = |bin: &Bin| {
            (bin.currency == first.currency).then_some(())?;
            Some((narrow_day(bin.day)?, narrow_amount(bin.amount)?))
        };
        let Some(narrow) = bins.iter().map(narrow).collect::<Option<Vec<_>>>() else { return Bins::wide(bins) };
        let [one, two, three] = first.currency.code();
        let days: Vec<u8> = narrow.iter().flat_map(|(day, _)| day.to_le_bytes()).collect();
        let amounts: Vec<u8> = narrow.iter().flat_map(|(_, amount)| amount.to_le_bytes()).collect();
        Bins(Block::of(&[&[NARROW, one, two, three], &amounts, &days]))
    }

    fn wide(bins: &[Bin]) -> Bins {
        let mut bytes = vec![WIDE, 0, 0, 0];
        for bin in bins {
            bytes.extend_from_slice(&bin.day.0.to_le_bytes());
            bytes.extend_from_slice(&bin.currency.code());
            bytes.extend_from_slice(&bin.amount.to_le_bytes());
        }
        Bins(Block::of(&[&bytes]))
    }

    /// Whether narrow bins could take an amount up.
    fn add_narrow(&mut self, day: u16, currency: Currency, amount: i64) -> bool {
        let (index, known, length) = match self.form() {
            None => {
                *self = Bins::of(&[Bin { day: day_of(day), currency, amount: amount.into() }]);
                return true;
            }
            Some(Form::Narrow(bins)) if bins.currency == currency => {
                let index = bins.before(day_of(day));
                let is_there = index < bins.len() && bins.day(index) == day_of(day);
                (index, is_there.then(|| bins.amount(index)), bins.len())
            }
            Some(_) => return false,
        };
        let Some(known) = known else {
            self.insert(index, length, day, amount);
            return true;
        };
        match narrow_amount(Micros::from(known) + Micros::from(amount)) {
            Some(0) => self.remove(index, length),
            Some(sum) => self.set_amount(index, sum),
            None => return false,
        }
        true
    }

    fn set_amount(&mut self, index: usize, amount: i64) {
        self.0[HEAD + AMOUNT * index..][..AMOUNT].copy_from_slice(&amount.to_le_bytes());
    }

    /// Puts a bin before the one of that number. Room grows by an eighth, so that long histories waste little.
    fn insert(&mut self, index: usize, length: usize, day: u16, amount: i64) {
        self.0.lengthen(NARROW_BIN, (length / 8).max(LEAST_ROOM) * NARROW_BIN);
        let days = |length: usize| HEAD + AMOUNT * length;
        let (before, after) = (days(length), days(length + 1));
        let bytes = &mut *self.0;
        bytes.copy_within(before + DAY * index..before + DAY * length, after + DAY * (index + 1));
        bytes.copy_within(before..before + DAY * index, after);
        bytes.copy_within(HEAD + AMOUNT * index..HEAD + AMOUNT * length, HEAD + AMOUNT * (index + 1));
        bytes[after + DAY * index..][..DAY].copy_from_slice(&day.to_le_bytes());
        self.set_amount(index, amount);
    }

    fn remove(&mut self, index: usize, length: usize) {
        if length == 1 {
            *self = Bins::default();
            return;
        }
        let days = |length: usize| HEAD + AMOUNT * length;
        let (before, after) = (days(length), days(length - 1));
        let bytes = &mut *self.0;
        bytes.copy_within(HEAD + AMOUNT * (index + 1)..HEAD + AMOUNT * length, HEAD + AMOUNT * index);
        bytes.copy_within(before..before + DAY * index, after);
        bytes.copy_within(before + DAY * (index + 1)..before + DAY * length, after + DAY * index);
        self.0.truncate(HEAD + NARROW_BIN * (length - 1));
    }

    fn add_wide(&mut self, added: Bin) {
        let mut bins: Vec<Bin> = self.iter().collect();
        match bins.binary_search_by_key(&(added.day, added.currency), |bin| (bin.day, bin.currency)) {
            Ok(index) => {
                bins[index].amount += added.amount;
                if bins[index].amount == 0 {
                    bins.remove(index);
                }
            }
            Err(index) => bins.insert(index, added),
        }
        *self = Bins::of(&bins);
    }
}
