//! Usage of the civil day in progress, which no rate counts yet: sums per currency, for one gauge.
//!
//! An account's days hold no times, so usage that lies after the view's instant waits here until the instant has passed it.

use crate::domain::calendar::{Day, Instant};
use crate::domain::currency::Currency;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// The sums of one civil day up to an instant.
#[derive(Debug)]
pub struct Today {
    /// `None` until there is a view; then only what lies ahead is kept.
    day: Option<Day>,
    /// What lies at or after this instant is ahead.
    as_of: Instant,
    sums: BTreeMap<Currency, i128>,
    ahead: BinaryHeap<Reverse<(Instant, Day, Currency, i64)>>,
}

impl Today {
    pub fn new() -> Today {
        Today { day: None, as_of: Instant(i64::MIN), sums: BTreeMap::new(), ahead: BinaryHeap::new() }
    }

    /// Takes up an amount used at an instant on a civil day.
    pub fn add(&mut self, used_at: Instant, day: Day, currency: Currency, amount: i64) {
        if used_at >= self.as_of {
            self.ahead.push(Reverse((used_at, day, currency, amount)));
        } else if Some(day) == self.day {
            *self.sums.entry(currency).or_default() += i128::from(amount);
        }
    }

    /// Before there is a view: no view will be earlier than this instant.
    pub fn expect_view_from(&mut self, clock: Instant) {
        if self.day.is_none() {
            self.move_to(clock);
        }
    }

    /// Starts a view with all usage known for its day, whether it has passed or lies ahead.
    pub fn begin(&mut self, day: Day, as_of: Instant, all_of_day: BTreeMap<Currency, i128>) {
        self.day = None;
        self.move_to(as_of);
        (self.day, self.sums) = (Some(day), all_of_day);
        for Reverse((_, _, currency, amount)) in self.ahead.iter().filter(|Reverse(usage)| usage.1 == day) {
            *self.sums.entry(*currency).or_default() -= i128::from(*amount);
        }
    }

    /// Moves the view's instant on.
    pub fn advance(&mut self, day: Day, as_of: Instant) {
        if self.day != Some(day) {
            self.sums.clear();
        }
        self.day = Some(day);
        self.move_to(as_of);
    }

    /// Sums per currency, in micro-units.
    pub fn sums(&self) -> &BTreeMap<Currency, i128> {
        &self.sums
    }

    fn move_to(&mut self, as_of: Instant) {
        self.as_of = self.as_of.max(as_of);
        while let Some(Reverse((used_at, day, currency, amount))) = self.ahead.peek().copied() {
            if used_at >= self.as_of {
                return;
            }
            self.ahead.pop();
            self.add(used_at, day, currency, amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd() -> Currency {
        Currency::parse("USD").expect("a code")
    }

    fn sum(today: &Today) -> i128 {
        today.sums().get(&usd()).copied().unwrap_or(0)
    }

    #[test]
    fn usage_counts_on_its_day_once_it_has_passed() {
        let mut today = Today::new();
        today.begin(Day(1), Instant(100), BTreeMap::new());
        for (used_at, day, amount, expected) in [(90, 1, 5, 5), (10, 0, 7, 5), (100, 1, 11, 5), (150, 1, 13, 5), (250, 2, 17, 5)]
        {
            today.add(Instant(used_at), Day(day), usd(), amount);
            assert_eq!(sum(&today), expected, "used at {used_at}");
        }
        for (day, as_of, expected) in [(1, 100, 5), (1, 101, 16), (1, 151, 29), (2, 250, 0), (2, 251, 17)] {
            today.advance(Day(day), Instant(as_of));
            assert_eq!(sum(&today), expected, "at {as_of}");
        }
    }

    #[test]
    fn a_view_begins_without_what_lies_ahead() {
        for clock in [None, Some(Instant(60))] {
            let mut today = Today::new();
            for (used_at, amount) in [(50, 1), (70, 2), (100, 4), (120, 8)] {
                if let Some(clock) = clock {
                    today.expect_view_from(clock);
                }
                today.add(Instant(used_at), Day(1), usd(), amount);
            }
            today.begin(Day(1), Instant(100), [(usd(), 15)].into());
            assert_eq!(sum(&today), 3);
            today.advance(Day(1), Instant(200));
            assert_eq!(sum(&today), 15);
        }
    }
}
