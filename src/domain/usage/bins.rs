//! Sums per civil day and currency, in one block of memory: some nine bytes a day for all but extraordinary customers.
//!
//! The block, empty without bins, begins with a byte that says its form:
//!
//! - [`NARROW`]: currency, 3 bytes; number of the first word of days, 2 bytes; how many there are, 2 bytes; words of days, 8 bytes each;
//!   of each bin the amount, 8 bytes ([`super::narrow`])
//! - [`WIDE`], for several currencies, days that two bytes cannot name or that lie far apart, and amounts too large: 7 bytes of no meaning;
//!   bins by day and currency, of each the day, 4 bytes, currency, 3 bytes, and amount, 16 bytes.
//!
//! All numbers are little-endian. A day whose sum is 0 in a currency has no bin.

use super::Bin;
use super::narrow::{DAYS, Narrow, WORD, narrow_amount, narrow_day};
use crate::domain::calendar::Day;
use crate::domain::currency::Currency;
use crate::domain::money::Micros;
use crate::domain::packed::{Block, Unread};

const NARROW: u8 = 0;
const WIDE: u8 = 1;
const HEAD: usize = 8;
const WIDE_BIN: usize = 23;
/// Words of days there may be without a usage day in them: two years and more.
const IDLE_WORDS: usize = 16;
/// Bins there is room for beyond those that made a small block grow: growing one is dearer than the room. Larger ones get more anyway.
const LEAST_ROOM: usize = 2;
const SMALL: usize = 10;

/// The bins of one customer, by day and currency.
#[derive(Clone, Debug, Default)]
pub(super) struct Bins(Block);

/// How bins are to be read.
pub(super) enum Form<'a> {
    Narrow(Narrow<'a>),
    Wide(Wide<'a>),
}

/// Any bins.
#[derive(Clone, Copy)]
pub(super) struct Wide<'a>(&'a [[u8; WIDE_BIN]]);

impl<'a> Wide<'a> {
    pub fn len(self) -> usize {
        self.0.len()
    }

    pub fn bins(self) -> impl Iterator<Item = Bin> + use<'a> {
        self.0.iter().map(wide_bin)
    }

    /// Those of some days, the last one included.
    fn between(self, first: Day, last: Day) -> impl Iterator<Item = Bin> + use<'a> {
        let before = self.0.partition_point(|bin| wide_bin(bin).day < first);
        self.0[before..].iter().map(wide_bin).take_while(move |bin| bin.day <= last)
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
        let [form, one, two, three, first @ .., low, high] = *head;
        if form == WIDE {
            return Some(Form::Wide(Wide(rest.as_chunks().0)));
        }
        let words = usize::from(u16::from_le_bytes([low, high]));
        let (words, amounts) = rest.as_chunks().0.split_at(words);
        let (currency, first) = (Currency::of_code([one, two, three]), u16::from_le_bytes(first));
        Some(Form::Narrow(Narrow { currency, first, words, amounts }))
    }

    pub fn len(&self) -> usize {
        match self.form() {
            Some(Form::Narrow(bins)) => bins.len(),
            Some(Form::Wide(bins)) => bins.len(),
            None => 0,
        }
    }

    /// By day and currency.
    pub fn iter(&self) -> impl Iterator<Item = Bin> {
        let (narrow, wide) = self.forms();
        narrow.into_iter().flat_map(Narrow::bins).chain(wide.into_iter().flat_map(Wide::bins))
    }

    /// Those of some days, the last one included.
    pub fn between(&self, first: Day, last: Day) -> impl Iterator<Item = Bin> {
        let (narrow, wide) = self.forms();
        narrow
            .into_iter()
            .flat_map(move |bins| bins.between(first, last))
            .chain(wide.into_iter().flat_map(move |bins| bins.between(first, last)))
    }

    /// Whether some days, the last one included, have a bin.
    #[inline]
    pub fn any(&self, first: Day, last: Day) -> bool {
        match self.form() {
            Some(Form::Narrow(bins)) => bins.any(first, last),
            Some(Form::Wide(bins)) => bins.between(first, last).next().is_some(),
            None => false,
        }
    }

    fn forms(&self) -> (Option<Narrow<'_>>, Option<Wide<'_>>) {
        match self.form() {
            Some(Form::Narrow(bins)) => (Some(bins), None),
            Some(Form::Wide(bins)) => (None, Some(bins)),
            None => (None, None),
        }
    }

    /// The day of the last bin.
    #[inline]
    pub fn last_day(&self) -> Option<Day> {
        match self.form()? {
            Form::Narrow(bins) => bins.last_day(),
            Form::Wide(bins) => bins.0.last().map(|bin| wide_bin(bin).day),
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
        if self.0.is_empty() {
            *self = Bins::of(&[bin]);
            return;
        }
        let (day, amount) = (narrow_day(bin.day), narrow_amount(bin.amount));
        let added = day.zip(amount).is_some_and(|(day, amount)| self.add_narrow(bin.day, (day, bin.currency, amount)));
        if !added {
            self.add_any(bin);
        }
    }

    /// Forgets the days before `floor`.
    pub fn drop_before(&mut self, floor: Day) {
        if self.iter().next().is_some_and(|first| first.day < floor) {
            let kept: Vec<Bin> = self.iter().filter(|bin| bin.day >= floor).collect();
            *self = Bins::of(&kept);
        }
    }

    /// Bins by day and currency, distinct, none of them 0, in the form that is theirs.
    pub fn of(bins: &[Bin]) -> Bins {
        if bins.is_empty() {
            return Bins::default();
        }
        Bins::narrow(bins).unwrap_or_else(|| Bins::wide(bins))
    }

    /// `None` if they are not narrow.
    fn narrow(bins: &[Bin]) -> Option<Bins> {
        let (first, last) = (bins.first()?, bins.last()?);
        let number = |bin: &Bin| narrow_day(bin.day).map(|day| day / DAYS as u16);
        let (from, to) = (number(first)?, number(last)?);
        let words = usize::from(to - from) + 1;
        if words > bins.len() + IDLE_WORDS || bins.iter().any(|bin| bin.currency != first.currency) {
            return None;
        }
        let (mut days, mut amounts) = (vec![0u64; words], Vec::with_capacity(WORD * bins.len()));
        for bin in bins {
            days[usize::from(number(bin)? - from)] |= 1 << (narrow_day(bin.day)? % DAYS as u16);
            amounts.extend_from_slice(&narrow_amount(bin.amount)?.to_le_bytes());
        }
        let days: Vec<u8> = days.iter().flat_map(|word| word.to_le_bytes()).collect();
        Some(Bins(Block::of(&[
            &[NARROW],
            &first.currency.code(),
            &from.to_le_bytes(),
            &(words as u16).to_le_bytes(),
            &days,
            &amounts,
        ])))
    }

    fn wide(bins: &[Bin]) -> Bins {
        let mut bytes = vec![0; HEAD];
        bytes[0] = WIDE;
        for bin in bins {
            bytes.extend_from_slice(&bin.day.0.to_le_bytes());
            bytes.extend_from_slice(&bin.currency.code());
            bytes.extend_from_slice(&bin.amount.to_le_bytes());
        }
        Bins(Block::of(&[&bytes]))
    }

    /// Whether narrow bins could take an amount up, without becoming other than narrow or losing a word of days.
    fn add_narrow(&mut self, day: Day, (number, currency, amount): (u16, Currency, i64)) -> bool {
        let Some(Form::Narrow(bins)) = self.form() else { return false };
        if bins.currency != currency {
            return false;
        }
        let (index, words) = (bins.before(day), bins.words.len());
        if !bins.holds(day) {
            return self.insert(index, number, amount);
        }
        let place = HEAD + WORD * (words + index);
        match narrow_amount(Micros::from(bins.amount(index)) + Micros::from(amount)) {
            Some(sum) if sum != 0 => self.0[place..][..WORD].copy_from_slice(&sum.to_le_bytes()),
            _ => return false,
        }
        true
    }

    /// Puts a bin before the one of that number; whether that could be done.
    fn insert(&mut self, index: usize, day: u16, amount: i64) -> bool {
        let Some(Form::Narrow(bins)) = self.form() else { return false };
        let (first, words, length) = (bins.first, bins.words.len(), bins.len());
        let word = day / DAYS as u16;
        let (earlier, later) = (first.saturating_sub(word), (word + 1).saturating_sub(first + words as u16));
        let total = words + usize::from(earlier + later);
        if total > length + 1 + IDLE_WORDS {
            return false;
        }
        let spare = if length < SMALL { LEAST_ROOM * WORD } else { 0 };
        self.0.lengthen(WORD * (total - words + 1), spare);
        let bytes = &mut self.0[HEAD..];
        let (before, after) = (WORD * words, WORD * total);
        bytes.copy_within(before + WORD * index..before + WORD * length, after + WORD * (index + 1));
        bytes.copy_within(before..before + WORD * index, after);
        bytes[after + WORD * index..][..WORD].copy_from_slice(&amount.to_le_bytes());
        bytes.copy_within(..before, WORD * usize::from(earlier));
        bytes[..WORD * usize::from(earlier)].fill(0);
        bytes[WORD * (usize::from(earlier) + words)..after].fill(0);
        let first = first - earlier;
        let bit = usize::from(day - first * DAYS as u16);
        bytes[bit / 8] |= 1 << (bit % 8);
        self.0[4..6].copy_from_slice(&first.to_le_bytes());
        self.0[6..8].copy_from_slice(&(total as u16).to_le_bytes());
        true
    }

    /// The general way: all bins are written anew.
    fn add_any(&mut self, added: Bin) {
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
