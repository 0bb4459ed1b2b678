//! Usage of one customer: sums per civil day and currency, and the run rate at an edge.
//!
//! A day whose sum is 0 in a currency has no bin, so a bin is proof of a usage day.

use super::calendar::Day;
use super::currency::{Currency, Valuation};
use super::frame::{EdgeAt, QUIET_DAYS, RATE_DAYS};
use super::money::{Micros, half_even};

/// A customer's first usage day must be so many days old before its rate is taken over fewer than 28 days.
const LEAST_DAYS: i32 = 7;

/// One civil day's sum in one currency; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bin {
    pub day: Day,
    pub currency: Currency,
    pub amount: Micros,
}

/// The usage days of one customer, by day and currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageDays {
    bins: Vec<Bin>,
}

impl UsageDays {
    /// `None` unless the bins are by day and currency, distinct, and none is 0.
    pub fn from_bins(bins: Vec<Bin>) -> Option<UsageDays> {
        let ordered = bins.is_sorted_by(|one, next| (one.day, one.currency) < (next.day, next.currency));
        (ordered && bins.iter().all(|bin| bin.amount != 0)).then_some(UsageDays { bins })
    }

    /// Adds an amount to a day.
    pub fn add(&mut self, day: Day, currency: Currency, amount: Micros) {
        match self.bins.binary_search_by_key(&(day, currency), |bin| (bin.day, bin.currency)) {
            Ok(index) => {
                self.bins[index].amount += amount;
                if self.bins[index].amount == 0 {
                    self.bins.remove(index);
                }
            }
            Err(index) if amount != 0 => self.bins.insert(index, Bin { day, currency, amount }),
            Err(_) => {}
        }
    }

    /// Whether adding an amount makes a day a usage day, or stops it from being one.
    pub fn flips(&self, day: Day, currency: Currency, amount: Micros) -> bool {
        match self.of_day(day) {
            [] => amount != 0,
            [only] => only.currency == currency && only.amount == -amount,
            _ => false,
        }
    }

    /// Forgets the days before `floor`.
    pub fn drop_before(&mut self, floor: Day) {
        let kept = self.bins.partition_point(|bin| bin.day < floor);
        self.bins.drain(..kept);
    }

    /// Whether any of the days from `first` to `last` is a usage day.
    pub fn any(&self, first: Day, last: Day) -> bool {
        let index = self.bins.partition_point(|bin| bin.day < first);
        self.bins.get(index).is_some_and(|bin| bin.day <= last)
    }

    /// The bins of one day, one per currency.
    pub fn of_day(&self, day: Day) -> &[Bin] {
        let from = self.bins.partition_point(|bin| bin.day < day);
        let length = self.bins[from..].partition_point(|bin| bin.day == day);
        &self.bins[from..from + length]
    }

    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// What the last 28 complete civil days before the edge would bring in a month, in the reporting currency. Usage up to and
    /// including the day `cut_off` is left out, as if it had not been.
    pub fn run_rate(&self, edge: &EdgeAt, cut_off: Option<Day>, valuation: &Valuation) -> Micros {
        let earliest = cut_off.map_or(edge.day.plus(-(RATE_DAYS + QUIET_DAYS)), |day| day.plus(1));
        let start = edge.day.plus(-RATE_DAYS).max(earliest);
        let from = self.bins.partition_point(|bin| bin.day < start);
        let length = self.bins[from..].partition_point(|bin| bin.day < edge.day);
        let bins = &self.bins[from..from + length];
        let Some(first) = bins.first().map(|bin| bin.day) else {
            return 0;
        };
        let resumed_in_window = !self.any(first.plus(-QUIET_DAYS).max(earliest), first.plus(-1));
        let days = if resumed_in_window { (edge.day.0 - first.0).clamp(LEAST_DAYS, RATE_DAYS) } else { RATE_DAYS };
        sums(bins).into_iter().map(|(currency, sum)| valuation.convert(monthly(sum, days), currency)).sum()
    }
}

/// `sum` over so many days as a month's worth, never negative.
fn monthly(sum: Micros, days: i32) -> Micros {
    half_even(sum * 365, 12 * i128::from(days)).max(0)
}

/// Sums per currency.
fn sums(bins: &[Bin]) -> Vec<(Currency, Micros)> {
    let mut sums: Vec<(Currency, Micros)> = Vec::with_capacity(1);
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
    use super::super::calendar::Instant;
    use super::super::currency::ExchangeRates;
    use super::*;

    fn usd() -> Currency {
        Currency::parse("USD").expect("a code")
    }

    fn rate(days: &[(i32, i128)], edge: i32, cut_off: Option<i32>) -> i128 {
        let mut usage = UsageDays::default();
        for &(day, amount) in days {
            usage.add(Day(day), usd(), amount);
        }
        let valuation = ExchangeRates::new(usd(), vec![]).valuation(Day(0));
        usage.run_rate(&EdgeAt { at: Instant(0), day: Day(edge) }, cut_off.map(Day), &valuation)
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
        for (currency, amount, flips) in steps {
            assert_eq!(usage.flips(Day(7), currency, amount), flips, "{currency:?} {amount}");
            let was = usage.any(Day(7), Day(7));
            usage.add(Day(7), currency, amount);
            assert_eq!(was != usage.any(Day(7), Day(7)), flips, "{currency:?} {amount}");
        }
        assert!(usage.bins().is_empty());
    }
}
