//! Usage of one customer: sums per civil day and currency, and the run rate at an edge.
//!
//! A day whose sum is 0 in a currency has no bin, so a bin is proof of a usage day. The latest day stands apart from the others, where
//! the account itself is: that is where nearly all usage goes, and it costs no look at another piece of memory.

mod bins;
mod narrow;
mod rate;

use super::calendar::{Day, Instant};
use super::currency::Currency;
use super::money::Micros;
use bins::{Bins, Form};
use narrow::{day_of, narrow_amount, narrow_day};

/// Stands for the first positive usage of a customer who never had any.
const NEVER: i64 = i64::MAX;

/// One civil day's sum in one currency; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bin {
    pub day: Day,
    pub currency: Currency,
    pub amount: Micros,
}

/// The usage days of one customer, by day and currency, and when usage first brought revenue.
#[derive(Clone, Debug)]
pub struct UsageDays {
    bins: Bins,
    first_positive: i64,
    /// Of the latest day, which is after all bins; 0 if there is none.
    latest_amount: i64,
    latest_day: u16,
    /// [`Currency::number`].
    latest_currency: u16,
    /// Of use to whoever keeps the account, and no part of its value: it stands where there would be nothing otherwise.
    pub(super) mark: u32,
}

impl Default for UsageDays {
    fn default() -> UsageDays {
        UsageDays { bins: Bins::default(), first_positive: NEVER, latest_amount: 0, latest_day: 0, latest_currency: 0, mark: 0 }
    }
}

impl PartialEq for UsageDays {
    fn eq(&self, other: &UsageDays) -> bool {
        self.first_positive == other.first_positive && self.bins().eq(other.bins())
    }
}

impl UsageDays {
    /// `None` unless the bins are by day and currency, distinct, and none is 0, and the instant is one that can be.
    pub fn from_bins(bins: &[Bin], first_positive: Option<Instant>) -> Option<UsageDays> {
        let ordered = bins.is_sorted_by(|one, next| (one.day, one.currency) < (next.day, next.currency));
        if !ordered || bins.iter().any(|bin| bin.amount == 0) || first_positive == Some(Instant(NEVER)) {
            return None;
        }
        let first_positive = first_positive.map_or(NEVER, |at| at.0);
        Some(UsageDays { bins: Bins::of(bins), first_positive, ..UsageDays::default() })
    }

    pub fn is_empty(&self) -> bool {
        self.latest_amount == 0 && self.bins.len() == 0
    }

    /// Number of bins.
    pub fn len(&self) -> usize {
        self.bins.len() + usize::from(self.latest_amount != 0)
    }

    /// By day and currency.
    pub fn bins(&self) -> impl Iterator<Item = Bin> {
        self.bins.iter().chain(self.latest())
    }

    /// Memory of the bins beside the account.
    pub fn bytes(&self) -> usize {
        self.bins.bytes()
    }

    /// Where the bins are: for hints to the processor's cache.
    pub fn address(&self) -> *const u8 {
        self.bins.address()
    }

    /// First instant of usage with a positive amount.
    pub fn first_positive(&self) -> Option<Instant> {
        (self.first_positive != NEVER).then_some(Instant(self.first_positive))
    }

    /// Takes up the instant of usage with a positive amount.
    #[inline]
    pub fn put_positive(&mut self, used_at: Instant) {
        self.first_positive = self.first_positive.min(used_at.0);
    }

    /// Adds an amount to a day.
    #[inline]
    pub fn add(&mut self, day: Day, currency: Currency, amount: Micros) {
        let is_latest = self.latest_amount != 0 && Some(self.latest_day) == narrow_day(day);
        if is_latest
            && self.latest_currency == currency.number()
            && let Some(sum) = narrow_amount(Micros::from(self.latest_amount) + amount)
        {
            self.latest_amount = sum;
        } else if amount != 0 {
            self.add_apart(Bin { day, currency, amount });
        }
    }

    /// Adds an amount that is not 0 to another day than the latest, or that cannot stand apart.
    fn add_apart(&mut self, bin: Bin) {
        let latest = self.latest();
        if latest.is_some_and(|latest| bin.day < latest.day) {
            self.bins.add(bin);
            return;
        }
        if let Some(latest) = latest {
            self.bins.add(latest);
            self.latest_amount = 0;
        }
        let is_last = self.bins.last_day().is_none_or(|last| last < bin.day);
        match narrow_day(bin.day).zip(narrow_amount(bin.amount)).filter(|_| is_last) {
            Some((day, amount)) => {
                (self.latest_day, self.latest_currency, self.latest_amount) = (day, bin.currency.number(), amount);
            }
            None => self.bins.add(bin),
        }
    }

    /// Whether adding an amount makes a day a usage day, or stops it from being one.
    pub fn flips(&self, day: Day, currency: Currency, amount: Micros) -> bool {
        // The usual case by one look at one place.
        if let Some(Form::Narrow(bins)) = self.bins.form()
            && self.latest().is_none_or(|latest| latest.day != day)
        {
            let is_undone = || bins.currency == currency && Micros::from(bins.amount(bins.before(day))) == -amount;
            return if bins.holds(day) { is_undone() } else { amount != 0 };
        }
        let mut bins = self.of_day(day);
        match (bins.next(), bins.next()) {
            (None, _) => amount != 0,
            (Some(only), None) => only.currency == currency && only.amount == -amount,
            _ => false,
        }
    }

    /// Forgets the days before `floor`.
    pub fn drop_before(&mut self, floor: Day) {
        self.bins.drop_before(floor);
        if self.latest().is_some_and(|latest| latest.day < floor) {
            self.latest_amount = 0;
        }
    }

    /// Whether any of the days from `first` to `last` is a usage day.
    #[inline]
    pub fn any(&self, first: Day, last: Day) -> bool {
        self.latest().is_some_and(|latest| (first..=last).contains(&latest.day)) || self.bins.any(first, last)
    }

    /// The bins of some days, the last one included, by day and currency.
    pub fn between(&self, first: Day, last: Day) -> impl Iterator<Item = Bin> {
        let latest = self.latest().filter(|latest| (first..=last).contains(&latest.day));
        self.bins.between(first, last).chain(latest)
    }

    /// The bins of one day, one per currency.
    pub fn of_day(&self, day: Day) -> impl Iterator<Item = Bin> {
        self.between(day, day)
    }

    #[inline]
    fn latest(&self) -> Option<Bin> {
        let bin = || Bin {
            day: day_of(self.latest_day),
            currency: Currency::of_number(self.latest_currency),
            amount: self.latest_amount.into(),
        };
        (self.latest_amount != 0).then(bin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn usd() -> Currency {
        Currency::parse("USD").expect("a code")
    }

    #[test]
    fn a_usage_day_comes_and_goes() {
        let mut usage = UsageDays::default();
        let eur = Currency::parse("EUR").expect("a code");
        let steps = [
            (usd(), 0, false),
            (usd(), 5, true),
            (usd(), 5, false),
            (eur, 1, false),
            (usd(), -10, false),
            (eur, -1, true),
            (eur, 0, false),
        ];
        for day in [Day(7), Day(20_000)] {
            for (currency, amount, flips) in steps {
                assert_eq!(usage.flips(day, currency, amount), flips, "{currency:?} {amount}");
                let was = usage.any(day, day);
                usage.add(day, currency, amount);
                assert_eq!(was != usage.any(day, day), flips, "{currency:?} {amount}");
            }
            assert!(usage.is_empty());
        }
        assert_eq!(usage.bytes(), 0);
    }

    #[test]
    fn bins_that_are_not_in_order_are_refused() {
        let bins = |days: &[i32], amount| -> Vec<Bin> {
            days.iter().map(|day| Bin { day: Day(*day), currency: usd(), amount }).collect()
        };
        for days in [&[20_000, 7_400][..], &[20_000, 20_000], &[20_000, 30_000, 20_050], &[20_000, 7_400, 20_050]] {
            assert_eq!(UsageDays::from_bins(&bins(days, 5), None), None, "{days:?}");
        }
        assert_eq!(UsageDays::from_bins(&bins(&[20_000], 0), None), None, "a sum of 0 is no bin");
        assert!(UsageDays::from_bins(&bins(&[20_000, 20_050], 5), None).is_some());
    }

    #[test]
    fn a_long_history_takes_some_nine_bytes_a_day() {
        let mut usage = UsageDays::default();
        for day in 0..730 {
            usage.add(Day(20_000 + day), usd(), 1_000_000);
            assert!(day < 60 || usage.bytes() <= 21 * usage.len() / 2, "{} bytes for {} days", usage.bytes(), usage.len());
        }
    }

    /// Days near each other, now and then far away; amounts that cancel, and such that need more than 64 bits.
    fn added() -> impl Strategy<Value = (Day, Currency, Micros)> {
        let day = prop_oneof![20 => 20_000..20_040, 1 => Just(Day(i32::MIN).0), 1 => any::<i32>()];
        let currency = prop_oneof![20 => Just("USD"), 1 => Just("EUR")];
        let large = 10i128.pow(18);
        let amount = prop_oneof![10 => -2..=2i128, 1 => -large..=large, 1 => Just(1 << 57), 1 => Just(-(1 << 57))];
        (day, currency, amount).prop_map(|(day, code, amount)| (Day(day), Currency::parse(code).expect("a code"), amount))
    }

    proptest! {
        /// Against a map.
        #[test]
        fn bins_are_what_was_added(steps in prop::collection::vec((added(), prop::bool::weighted(0.02)), 0..200)) {
            let (mut usage, mut expected) = (UsageDays::default(), BTreeMap::new());
            for ((day, currency, amount), forget) in steps {
                let sum: &mut Micros = expected.entry((day, currency)).or_default();
                *sum += amount;
                usage.add(day, currency, amount);
                expected.retain(|_, sum| *sum != 0);
                if forget {
                    usage.drop_before(day);
                    expected.retain(|(known, _), _| *known >= day);
                }
                let bins: Vec<((Day, Currency), Micros)> = expected.iter().map(|(key, sum)| (*key, *sum)).collect();
                prop_assert_eq!(usage.bins().map(|bin| ((bin.day, bin.currency), bin.amount)).collect::<Vec<_>>(), bins);
                prop_assert_eq!((usage.len(), usage.is_empty()), (expected.len(), expected.is_empty()));
                let of_day: Vec<Micros> = usage.of_day(day).map(|bin| bin.amount).collect();
                let expected_of_day: Vec<Micros> =
                    expected.iter().filter(|((known, _), _)| *known == day).map(|(_, sum)| *sum).collect();
                prop_assert_eq!(of_day, expected_of_day);
                for (first, last) in [(20_003, 20_005), (20_010, 20_010), (20_039, 20_100), (i32::MIN, 19_999)] {
                    let held = expected.keys().any(|(known, _)| (first..=last).contains(&known.0));
                    prop_assert_eq!(usage.any(Day(first), Day(last)), held);
                }
            }
            let all: Vec<Bin> = usage.bins().collect();
            prop_assert_eq!(UsageDays::from_bins(&all, None), Some(usage));
        }
    }
}
