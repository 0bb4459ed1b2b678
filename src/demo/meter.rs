//! Metered use of one customer: a level that wanders with a slight upward drift, and a weekly rhythm.

use super::catalogue::{METERS, TIERS};
use super::random::Random;
use crate::domain::calendar::Day;

/// One meter of one customer.
#[derive(Clone, Debug)]
pub struct Meter {
    pub name: &'static str,
    /// Micro-units for one unit of the meter.
    rate: i64,
    /// Micro-units on an ordinary weekday.
    level: i64,
    /// Use on a Saturday or Sunday, in percent of a weekday's.
    weekend: i64,
}

impl Meter {
    /// A meter of a customer that signs up for this tier.
    pub fn new(random: &mut Random, tier: usize) -> Meter {
        let (name, rate) = METERS[random.below(METERS.len() as u64) as usize];
        let (least, most) = TIERS[tier].usage;
        let level = random.between(least, most) * 10_000;
        let weekend = if random.chance(120_000) { 0 } else { random.between(15, 55) };
        Meter { name, rate, level, weekend }
    }

    /// Units used on a day and what they cost in micro-units; `None` on a day without use.
    pub fn read(&mut self, random: &mut Random, day: Day) -> Option<(i64, i64)> {
        self.level = (self.level + self.level * random.between(-80, 90) / 10_000).clamp(100_000, 10_000_000_000);
        let share = if is_weekend(day) { self.weekend } else { 100 };
        let units = self.level * share / 100 * random.between(80, 120) / 100 / self.rate;
        (units > 0).then_some((units, units * self.rate))
    }
}

/// Whether a day is a Saturday or a Sunday (1970-01-01 was a Thursday).
fn is_weekend(day: Day) -> bool {
    (day.0 + 3).rem_euclid(7) >= 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekends_are_saturdays_and_sundays() {
        let weekend = |text| is_weekend(Day::parse(text).expect("a date"));
        assert_eq!(["2026-06-26", "2026-06-27", "2026-06-28", "2026-06-29"].map(weekend), [false, true, true, false]);
    }

    #[test]
    fn weekdays_bring_more_than_weekends() {
        let (mut weekdays, mut weekends) = (0, 0);
        for customer in 0..50 {
            let mut random = Random::seeded(3, customer);
            let mut meter = Meter::new(&mut random, 2);
            for day in 0..70 {
                let amount = meter.read(&mut random, Day(20_000 + day)).map_or(0, |(_, amount)| amount);
                *(if is_weekend(Day(20_000 + day)) { &mut weekends } else { &mut weekdays }) += amount;
            }
        }
        assert!(weekends > 0 && weekdays / 5 > 2 * (weekends / 2), "{weekdays} {weekends}");
    }
}
