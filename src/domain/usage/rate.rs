//! The run rate: what the last 28 complete civil days would bring in a month.

use super::bins::{Form, Narrow};
use super::{Bin, UsageDays};
use crate::domain::calendar::Day;
use crate::domain::currency::{Currency, Valuation};
use crate::domain::frame::{QUIET_DAYS, RATE_DAYS};
use crate::domain::money::{Micros, half_even};
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

impl Read<'_> {
    /// What the 28 complete civil days before the day of an edge would bring in a month, in the reporting currency. Usage up to and
    /// including the day `cut_off` is left out, as if it had not been.
    #[inline]
    pub fn run_rate(&self, edge: Day, cut_off: Option<Day>, valuation: &Valuation) -> Micros {
        let earliest = cut_off.map_or(edge.plus(-(RATE_DAYS + QUIET_DAYS)), |day| day.plus(1));
        let start = edge.plus(-RATE_DAYS).max(earliest);
        let latest = self.latest.filter(|bin| bin.day >= start && bin.day < edge);
        match &self.form {
            Some(Form::Narrow(bins)) if latest.is_none_or(|latest| latest.currency == bins.currency) => {
                narrow_rate(*bins, latest, (start, edge), earliest, valuation)
            }
            None => latest.map_or(0, |bin| valuation.convert(monthly(bin.amount, days_of_use(edge, bin.day)), bin.currency)),
            Some(_) => self.usage.wide_rate((start, edge), earliest, valuation),
        }
    }
}

impl UsageDays {
    /// Of any bins.
    fn wide_rate(&self, (start, edge): (Day, Day), earliest: Day, valuation: &Valuation) -> Micros {
        let latest = self.latest().filter(|bin| bin.day >= start && bin.day < edge);
        let bins = (self.bins.before(start)..self.bins.before(edge)).map(|index| self.bins.bin(index));
        let summed: SmallVec<[Bin; 28]> = bins.chain(latest).collect();
        let Some(first) = summed.first().map(|bin| bin.day) else { return 0 };
        let resumed = !self.any(first.plus(-QUIET_DAYS).max(earliest), first.plus(-1));
        let days = if resumed { days_of_use(edge, first) } else { RATE_DAYS };
        sums(&summed).into_iter().map(|(currency, sum)| valuation.convert(monthly(sum, days), currency)).sum()
    }
}

/// Of bins of one currency, and the latest day if it is among those summed.
#[inline]
fn narrow_rate(bins: Narrow, latest: Option<Bin>, (start, edge): (Day, Day), earliest: Day, valuation: &Valuation) -> Micros {
    let (from, to) = (bins.before(start), bins.before(edge));
    let first = if from < to { Some(bins.day(from)) } else { latest.map(|bin| bin.day) };
    let Some(first) = first else { return 0 };
    let sum = Micros::from(bins.sum(from..to)) + latest.map_or(0, |bin| bin.amount);
    let was_used = from > 0 && bins.day(from - 1) >= first.plus(-QUIET_DAYS).max(earliest);
    let days = if was_used { RATE_DAYS } else { days_of_use(edge, first) };
    valuation.convert(monthly(sum, days), bins.currency)
}

/// Over how many days use that began on a day is taken at an edge.
fn days_of_use(edge: Day, first: Day) -> i32 {
    (edge.0 - first.0).clamp(LEAST_DAYS, RATE_DAYS)
}

/// `sum` over so many days as a month's worth, never negative.
fn monthly(sum: Micros, days: i32) -> Micros {
    half_even(sum * 365, 12 * i128::from(days)).max(0)
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
            assert_eq!(rate(days, *edge, *cut_off), *expected, "{name}");
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
}
