//! Usage days of one currency with small amounts, as a block holds them: a bit for each civil day and an amount for each bit that is
//! set.
//!
//! Civil days are counted from [`Zone::FIRST`] and stand 64 to a word, so that the days a run rate looks at are a few operations on one
//! word, and the place of a day's amount is a count of bits. The first and the last word have a bit set.

use super::Bin;
use crate::domain::calendar::{Day, Zone};
use crate::domain::currency::Currency;
use crate::domain::money::Micros;
use std::ops::Range;

/// Bytes of a word of days, and of an amount.
pub(super) const WORD: usize = 8;
/// Days of a word.
pub(super) const DAYS: i32 = 64;
/// The greatest size of a narrow amount: 28 of them, the days of a rate, are less than 63 bits.
const LARGE: i64 = 1 << 57;

/// Bins of one currency with small amounts.
#[derive(Clone, Copy)]
pub(super) struct Narrow<'a> {
    pub currency: Currency,
    /// Number of the first word of days.
    pub first: u16,
    pub words: &'a [[u8; WORD]],
    pub amounts: &'a [[u8; WORD]],
}

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
        self.amounts.len()
    }

    #[inline]
    pub fn amount(self, index: usize) -> i64 {
        i64::from_le_bytes(self.amounts[index])
    }

    /// Number of bins before a day.
    #[inline]
    pub fn before(self, day: Day) -> usize {
        let (word, bit) = self.place(day);
        if word < 0 {
            return 0;
        }
        let (whole, rest) = self.words.split_at((word as usize).min(self.words.len()));
        let started = rest.first().map_or(0, |word| u64::from_le_bytes(*word) & ((1 << bit) - 1));
        whole.iter().map(|word| u64::from_le_bytes(*word).count_ones()).sum::<u32>() as usize + started.count_ones() as usize
    }

    /// Whether a day has a bin.
    #[inline]
    pub fn holds(self, day: Day) -> bool {
        let (word, bit) = self.place(day);
        self.word(word) >> bit & 1 == 1
    }

    /// Whether some days, the last one included, have a bin.
    #[inline]
    pub fn any(self, first: Day, last: Day) -> bool {
        first <= last && self.before(last) + usize::from(self.holds(last)) > self.before(first)
    }

    /// A bit for each of the 64 days before one: the highest for the day before it.
    #[inline]
    pub fn days_before(self, day: Day) -> u64 {
        let (word, bit) = self.place(day);
        let earlier = self.word(word - 1);
        // The days of the day's own word move up, those of the word before fill the room.
        if bit == 0 { earlier } else { self.word(word) << (DAYS as u32 - bit) | earlier >> bit }
    }

    /// Sum of some bins: of 28 days at most.
    #[inline]
    pub fn sum(self, bins: Range<usize>) -> i64 {
        self.amounts[bins].iter().map(|amount| i64::from_le_bytes(*amount)).sum()
    }

    pub fn last_day(self) -> Option<Day> {
        let last = u64::from_le_bytes(*self.words.last()?);
        Some(self.day(self.words.len() - 1, last.ilog2()))
    }

    /// By day.
    pub fn bins(self) -> impl Iterator<Item = Bin> + use<'a> {
        let days = self.words.iter().enumerate().flat_map(move |(number, word)| {
            let mut left = u64::from_le_bytes(*word);
            std::iter::from_fn(move || {
                (left != 0).then(|| {
                    let bit = left.trailing_zeros();
                    left &= left - 1;
                    self.day(number, bit)
                })
            })
        });
        days.zip(self.amounts).map(move |(day, amount)| Bin {
            day,
            currency: self.currency,
            amount: i64::from_le_bytes(*amount).into(),
        })
    }

    /// Those of some days, the last one included.
    pub fn between(self, first: Day, last: Day) -> impl Iterator<Item = Bin> + use<'a> {
        let (from, to) = (first.max(self.day(0, 0)), self.last_day().map_or(last, |end| last.min(end)));
        let days = (from.0..=to.0).map(Day).filter(move |day| self.holds(*day));
        let index = self.before(from);
        days.enumerate().map(move |(number, day)| Bin {
            day,
            currency: self.currency,
            amount: self.amount(index + number).into(),
        })
    }

    /// The word of a day, counted from the first one here, and its bit.
    #[inline]
    fn place(self, day: Day) -> (i64, u32) {
        let day = i64::from(day.0) - i64::from(Zone::FIRST.0);
        (day.div_euclid(DAYS.into()) - i64::from(self.first), day.rem_euclid(DAYS.into()) as u32)
    }

    #[inline]
    fn word(self, number: i64) -> u64 {
        let word = usize::try_from(number).ok().and_then(|number| self.words.get(number));
        word.map_or(0, |word| u64::from_le_bytes(*word))
    }

    fn day(self, word: usize, bit: u32) -> Day {
        Zone::FIRST.plus((i32::from(self.first) + word as i32) * DAYS + bit as i32)
    }
}
