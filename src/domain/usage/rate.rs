//! The run rate: what the last 28 complete civil days would bring in a month.

use super::bins::Form;
use super::narrow::{DAYS, Narrow};
use super::{Bin, UsageDays};
use crate::domain::calendar::Day;
use crate::domain::currency::{Currency, Valuation};
use crate::domain::frame::{QUIET_DAYS, RATE_DAYS};
use crate::domain::money::{Micros, half_even, half_even_narrow};
use smallvec::SmallVec;

/// A customer's first usage day must be so many days old before its rate is taken over fewer than 28 days.
const LEAST_DAYS: i32 = 7;

/// Usage days, ready to be looked at several times.
pub struct Read<'a> {
    usage: &'a UsageDays,
    form: Option<Form<'a>>,
    latest: Option<Bin>,
}

impl UsageDays {
    #[inline]
    pub fn read(&self) -> Read<'_> {
        Read { usage: self, form: self.bins.form(), latest: self.latest() }
    }
}

/// What the run rate at an edge is taken from, where all usage is of one currency.
#[derive(Clone, Copy, Debug)]
pub struct Basis {
    pub currency: Currency,
    sum: Micros,
    /// The first day that can be in the sum.
    start: Day,
    /// How many days the sum is taken over.
    days: i32,
}

impl Basis {
    /// What this would bring in a month, in the reporting currency.
    #[inline]
    pub fn run_rate(&self, valuation: &Valuation) -> Micros {
        valuation.convert(monthly(self.sum, self.days), self.currency)
    }

    /// With an amount of the same currency added to a day before the edge that is a usage day and stays one.
    #[inline]
    pub fn with(self, added: &Bin) -> Basis {
        Basis { sum: self.sum + if added.day >= self.start { added.amount } else { 0 }, ..self }
    }
}

impl Read<'_> {
    /// What the 28 complete civil days before the day of an edge would bring in a month, in the reporting currency. Usage up to and
    /// including the day `cut_off` is left out, as if it had not been.
    #[inline]
    pub fn run_rate(&self, edge: Day, cut_off: Option<Day>, valuation: &Valuation) -> Micros {
        match self.basis(edge, cut_off) {
            Some(basis) => basis.map_or(0, |basis| basis.run_rate(valuation)),
            None => self.usage.wide_rate(bounds(edge, cut_off), edge, valuation),
        }
    }

    /// What the run rate at an edge is taken from, if anything is; `None` where that takes several sums.
    #[inline]
    pub fn basis(&self, edge: Day, cut_off: Option<Day>) -> Option<Option<Basis>> {
        let (start, earliest) = bounds(edge, cut_off);
        let latest = self.latest.filter(|bin| bin.day >= start && bin.day < edge);
        match &self.form {
            Some(Form::Narrow(bins)) if latest.is_none_or(|latest| latest.currency == bins.currency) => {
                Some(narrow_basis(*bins, latest, (start, edge), earliest))
            }
            None => {
                Some(latest.map(|bin| Basis { currency: bin.currency, sum: bin.amount, start, days: days_of_use(edge, bin.day) }))
            }
            Some(_) => None,
        }
    }
}

/// The first day that is summed at an edge, and the first whose use matters.
#[inline]
fn bounds(edge: Day, cut_off: Option<Day>) -> (Day, Day) {
    let earliest = cut_off.map_or(edge.plus(-(RATE_DAYS + QUIET_DAYS)), |day| day.plus(1));
    (edge.plus(-RATE_DAYS).max(earliest), earliest)
}

impl UsageDays {
    /// Of any bins.
    fn wide_rate(&self, (start, earliest): (Day, Day), edge: Day, valuation: &Valuation) -> Micros {
        let summed: SmallVec<[Bin; 28]> = self.between(start, edge.plus(-1)).collect();
        let Some(first) = summed.first().map(|bin| bin.day) else { return 0 };
        let resumed = !self.any(first.plus(-QUIET_DAYS).max(earliest), first.plus(-1));
        let days = if resumed { days_of_use(edge, first) } else { RATE_DAYS };
        sums(&summed).into_iter().map(|(currency, sum)| valuation.convert(monthly(sum, days), currency)).sum()
    }
}

/// Of bins of one currency, and the latest day if it is among those summed.
#[inline]
fn narrow_basis(bins: Narrow, latest: Option<Bin>, (start, edge): (Day, Day), earliest: Day) -> Option<Basis> {
    // Bit 63 is the day before the edge. What is summed and what is quiet lie within the 64 days before it.
    let of_bins = bins.days_before(edge) & from(earliest, edge);
    let days = of_bins | latest.map_or(0, |bin| 1 << (DAYS - (edge.0 - bin.day.0)));
    let summed = days & from(start, edge);
    if summed == 0 {
        return None;
    }
    let first = summed.trailing_zeros() as i32;
    let quiet = days & ((1 << first) - 1) & !0 << (first - QUIET_DAYS).max(0);
    let days = if quiet != 0 { RATE_DAYS } else { (DAYS - first).clamp(LEAST_DAYS, RATE_DAYS) };
    let before = bins.before(start);
    let sum = bins.sum(before..before + (of_bins & from(start, edge)).count_ones() as usize);
    Some(Basis { currency: bins.currency, sum: Micros::from(sum) + latest.map_or(0, |bin| bin.amount), start, days })
}

/// The bits of the days from one on, where the highest is the day before an edge.
#[inline]
fn from(day: Day, edge: Day) -> u64 {
    match edge.0 - day.0 {
        ..=0 => 0,
        days @ 1..DAYS => !0 << (DAYS - days),
        _ => !0,
    }
}

/// Over how many days use that began on a day is taken at an edge.
fn days_of_use(edge: Day, first: Day) -> i32 {
    (edge.0 - first.0).clamp(LEAST_DAYS, RATE_DAYS)
}

/// `sum` over so many days as a month's worth, never negative.
#[inline]
fn monthly(sum: Micros, days: i32) -> Micros {
    // Nearly all sums are small and over 28 days: then a multiplication does what a division would.
    match i64::try_from(sum).ok().and_then(|sum| sum.checked_mul(365)) {
        Some(year) if days == RATE_DAYS => half_even_narrow(year, 12 * i64::from(RATE_DAYS)).max(0).into(),
        Some(year) => half_even_narrow(year, 12 * i64::from(days)).max(0).into(),
        None => half_even(sum * 365, 12 * i128::from(days)).max(0),
    }
}

/// Sums per currency.
fn sums(bins: &[Bin]) -> SmallVec<[(Currency, Micros); 4]> {
    let mut sums: SmallVec<[(Currency, Micros); 4]> = SmallVec::new();
    for bin in bins {
        match sums.iter_mut().find(|(currency, _)| *currency == bin.currency) {
            Some((_, sum)) => *sum += bin.amount,
            None => sums.push((bin.currency, bin.amount)),
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::currency::ExchangeRates;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn usd() -> Currency {
        Currency::parse("USD").expect("a code")
    }

    fn rate(days: &[(i32, i128)], edge: i32, cut_off: Option<i32>) -> i128 {
        let mut usage = UsageDays::default();
        for &(day, amount) in days {
            usage.add(Day(day), usd(), amount);
        }
        let valuation = ExchangeRates::new(usd(), vec![]).valuation(Day(0));
        usage.read().run_rate(Day(edge), cut_off.map(Day), &valuation)
    }

    #[test]
    fn run_rates() {
        let ten_a_day: Vec<(i32, i128)> = (1000..1100).map(|day| (day, 10_000_000)).collect();
        let cases: &[(&str, &[(i32, i128)], i32, Option<i32>, i128)] = &[
            ("nothing", &[], 1000, None, 0),
            ("the day in progress does not count", &ten_a_day, 1000, None, 0),
            ("three days of a new customer, over seven", &ten_a_day, 1003, None, 130_357_143),
            ("ten days of a new customer, over ten", &ten_a_day, 1010, None, 304_166_667),
            ("a full window", &ten_a_day, 1040, None, 304_166_667),
            ("the last days leave one by one", &ten_a_day, 1114, None, 152_083_333),
            (
                "used 35 days before: resumed usage counts over 28",
                &[(1000, 28_000_000), (1035, 28_000_000)],
                1036,
                None,
                30_416_667,
            ),
            ("used 36 days before: resumed usage is new", &[(1000, 28_000_000), (1036, 28_000_000)], 1037, None, 121_666_667),
            ("a corrected day is no usage day", &[(1000, 5), (1000, -5), (1035, 28_000_000)], 1036, None, 121_666_667),
            ("usage up to the cut-off never was", &[(1000, 28_000_000), (1035, 28_000_000)], 1036, Some(1000), 121_666_667),
            ("all of it cut off", &ten_a_day, 1040, Some(1039), 0),
            ("a negative sum is no revenue", &[(1000, -28_000_000)], 1001, None, 0),
        ];
        for (name, days, edge, cut_off, expected) in cases {
            // Days before all that narrow bins can name, and days that they can.
            for since in [0, 20_000] {
                let days: Vec<(i32, i128)> = days.iter().map(|(day, amount)| (since + day, *amount)).collect();
                assert_eq!(rate(&days, since + edge, cut_off.map(|day| since + day)), *expected, "{name}, {since}");
            }
        }
    }

    #[test]
    fn every_form_has_the_same_rate() {
        // The same usage in one currency at par: once alone, once beside another day in another form.
        let par = Currency::parse("XXX").expect("a code");
        let table = crate::domain::currency::RateTable { from: Day(0), rates: [(par, 1_000_000)].into() };
        let valuation = ExchangeRates::new(usd(), vec![table]).valuation(Day(0));
        let mut numbers = 7u64;
        for _ in 0..300 {
            let (mut narrow, mut wide, mut mixed) = (UsageDays::default(), UsageDays::default(), UsageDays::default());
            wide.add(Day(-5), usd(), 1);
            for _ in 0..40 {
                numbers = numbers.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (day, amount) = (Day(20_000 + (numbers >> 33) as i32 % 120), 28_000 * i128::from(numbers >> 50));
                narrow.add(day, usd(), amount);
                wide.add(day, usd(), amount);
                mixed.add(day, if numbers >> 40 & 3 == 0 { par } else { usd() }, amount);
            }
            for edge in 19_990..20_160 {
                let cut_off = (edge % 3 == 0).then_some(Day(20_000 + edge % 50));
                let rate = |usage: &UsageDays| usage.read().run_rate(Day(edge), cut_off, &valuation);
                assert_eq!(rate(&narrow), rate(&wide), "{edge}");
                // Each currency is rounded alone.
                assert!((rate(&narrow) - rate(&mixed)).abs() <= 1, "{edge}");
            }
        }
    }

    /// Usage by day and currency, at par.
    type Sums = BTreeMap<(i32, Currency), i128>;

    /// The rate as the semantics define it.
    fn defined(sums: &Sums, edge: i32, cut_off: Option<i32>) -> i128 {
        let counted = |day: i32| cut_off.is_none_or(|cut_off| day > cut_off);
        let is_used = |day: &i32| counted(*day) && sums.keys().any(|(used, _)| used == day);
        let Some(first) = (edge - 28..edge).find(is_used) else { return 0 };
        let days = if (first - 35..first).any(|day| is_used(&day)) { 28 } else { (edge - first).clamp(7, 28) };
        let mut months: BTreeMap<Currency, i128> = BTreeMap::new();
        for ((day, currency), amount) in sums.iter().filter(|((day, _), _)| (edge - 28..edge).contains(day)) {
            *months.entry(*currency).or_default() += if counted(*day) { *amount } else { 0 };
        }
        months.into_values().map(|sum| half_even(sum * 365, 12 * i128::from(days)).max(0)).sum()
    }

    /// About two months of one currency, as a rule; other days, other currencies and amounts that cancel or are large.
    fn added() -> impl Strategy<Value = (i32, bool, i128)> {
        let day = prop_oneof![40 => 0..140, 4 => -200..400, 1 => -9_000..40_000];
        let large = [1 << 57, (1 << 57) - 1, 10i128.pow(18)];
        let amount = prop_oneof![8 => -2..=2i128, 8 => -50_000_000..=50_000_000i128, 1 => prop::sample::select(large.to_vec())];
        (
            day.prop_map(|day| 20_000 + day),
            prop::bool::weighted(0.03),
            prop_oneof![8 => amount.clone(), 1 => amount.prop_map(|amount| -amount)],
        )
    }

    proptest! {
        /// Whatever form the usage has, also at edges where an amount is about to be added to a day that stays a usage day.
        #[test]
        fn rates_are_what_the_semantics_define(
            steps in prop::collection::vec(added(), 1..50),
            (edge, cut_off) in (20_000..20_200i32, prop::option::weighted(0.4, 19_990..20_150i32)),
        ) {
            let par = Currency::parse("XXX").expect("a code");
            let table = crate::domain::currency::RateTable { from: Day(0), rates: [(par, 1_000_000)].into() };
            let valuation = ExchangeRates::new(usd(), vec![table]).valuation(Day(0));
            let (mut usage, mut sums) = (UsageDays::default(), Sums::new());
            for (day, is_other, amount) in steps {
                let added = Bin { day: Day(day), currency: if is_other { par } else { usd() }, amount };
                let stays = !usage.flips(added.day, added.currency, amount);
                let edges = [edge, day + 1, day + 27, day + 28, day + 29, day + 63, day + 64];
                let around = edges.map(|edge| {
                    let basis = usage.read().basis(Day(edge), cut_off.map(Day)).flatten()?;
                    let holds = stays && (day + 1..=day + 28).contains(&edge) && basis.currency == added.currency;
                    holds.then(|| basis.with(&added).run_rate(&valuation))
                });
                usage.add(added.day, added.currency, amount);
                *sums.entry((day, added.currency)).or_default() += amount;
                sums.retain(|_, sum| *sum != 0);
                for (edge, around) in edges.into_iter().zip(around) {
                    let expected = defined(&sums, edge, cut_off);
                    prop_assert_eq!(usage.read().run_rate(Day(edge), cut_off.map(Day), &valuation), expected, "{}", edge);
                    prop_assert!(around.is_none_or(|rate| rate == expected), "{}: {:?}, not {}", edge, around, expected);
                }
            }
        }
    }
}
