//! Civil days by brute force: midnight is found by looking at one minute after the other.
//!
//! Slow, and obviously the definition: "the first instant whose local date is that day or later". Minutes are fine enough: since
//! 1972 every zone's offset and every transition is a whole minute. Results are remembered, nothing else is clever.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;

/// A civil date as days since 1970-01-01.
pub type Day = i32;

/// A reporting zone.
pub struct Calendar {
    zone: TimeZone,
    midnights: RefCell<HashMap<Day, i64>>,
}

impl Calendar {
    fn new(zone: &str) -> Calendar {
        Calendar { zone: TimeZone::get(zone).expect("a zone of the IANA database"), midnights: RefCell::default() }
    }

    /// The calendar of a zone, remembered by this thread.
    pub fn of(zone: &str) -> Rc<Calendar> {
        thread_local!(static KNOWN: RefCell<HashMap<String, Rc<Calendar>>> = RefCell::default());
        KNOWN.with_borrow_mut(|known| known.entry(zone.to_owned()).or_insert_with(|| Rc::new(Calendar::new(zone))).clone())
    }

    /// The date on the wall at an instant.
    fn local_date(&self, millis: i64) -> Day {
        let at = Timestamp::from_millisecond(millis).expect("an instant of our times");
        let offset = i64::from(self.zone.to_offset(at).seconds()) * 1000;
        (millis + offset).div_euclid(DAY) as Day
    }

    /// The first instant whose local date is `day` or later. No zone is further from UTC than 15 hours.
    pub fn midnight(&self, day: Day) -> i64 {
        if let Some(known) = self.midnights.borrow().get(&day) {
            return *known;
        }
        let mut at = i64::from(day) * DAY - 15 * 60 * MINUTE;
        while self.local_date(at) < day {
            at += MINUTE;
        }
        self.midnights.borrow_mut().insert(day, at);
        at
    }

    /// The civil day an instant lies in: from its midnight to before the next one's.
    pub fn day(&self, millis: i64) -> Day {
        let mut day = millis.div_euclid(DAY) as Day - 2;
        while self.midnight(day + 1) <= millis {
            day += 1;
        }
        day
    }
}

pub fn date(day: Day) -> Date {
    Date::constant(1970, 1, 1).checked_add(jiff::Span::new().days(day)).expect("a date of our times")
}

pub fn day_of(year: i16, month: i8, day: i8) -> Day {
    let since = Date::new(year, month, day).expect("a date") - Date::constant(1970, 1, 1);
    since.get_days()
}

/// First day of the period of `months` months (1, 3 or 12) holding `day`, `back` periods earlier.
pub fn period_start(day: Day, months: i32, back: i32) -> Day {
    let date = date(day);
    let month = i32::from(date.year()) * 12 + i32::from(date.month()) - 1;
    let start = (month.div_euclid(months) - back) * months;
    day_of(start.div_euclid(12) as i16, (start.rem_euclid(12) + 1) as i8, 1)
}

/// The civil month of a day as `2026-03`.
pub fn month(day: Day) -> String {
    let date = date(day);
    format!("{:04}-{:02}", date.year(), date.month())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("an instant").as_millisecond()
    }

    #[test]
    fn midnights_where_clocks_are_strange() {
        for (zone, (y, m, d), expected) in [
            ("UTC", (2026, 3, 1), "2026-03-01T00:00:00Z"),
            ("America/Los_Angeles", (2025, 4, 1), "2025-04-01T07:00:00Z"),
            ("Asia/Kathmandu", (2025, 4, 1), "2025-03-31T18:15:00Z"),
            // Clocks go forward at midnight: the day begins at 01:00.
            ("America/Sao_Paulo", (2018, 11, 4), "2018-11-04T03:00:00Z"),
            // Clocks go back at midnight: 23:00 to 24:00 comes twice and belongs to the day before.
            ("America/Sao_Paulo", (2018, 2, 18), "2018-02-18T03:00:00Z"),
            // Clocks go back at 00:01: the day has begun.
            ("America/St_Johns", (2010, 11, 7), "2010-11-07T02:30:00Z"),
            // The date is skipped and has no length.
            ("Pacific/Apia", (2011, 12, 30), "2011-12-30T10:00:00Z"),
            ("Pacific/Apia", (2011, 12, 31), "2011-12-30T10:00:00Z"),
        ] {
            assert_eq!(Calendar::new(zone).midnight(day_of(y, m, d)), ms(expected), "{zone} {y}-{m}-{d}");
        }
    }

    #[test]
    fn days_run_from_midnight_to_midnight() {
        for (zone, at, expected) in [
            ("America/St_Johns", "2010-11-07T02:29:59.999Z", (2010, 11, 6)),
            // A quarter past 23 for the second time, after the day has begun.
            ("America/St_Johns", "2010-11-07T02:45:00Z", (2010, 11, 7)),
            ("Pacific/Apia", "2011-12-30T09:59:59.999Z", (2011, 12, 29)),
            ("Pacific/Apia", "2011-12-30T10:00:00Z", (2011, 12, 31)),
        ] {
            let (y, m, d) = expected;
            assert_eq!(Calendar::new(zone).day(ms(at)), day_of(y, m, d), "{zone} {at}");
        }
    }

    #[test]
    fn periods_start_on_their_first_day() {
        let day = day_of(2026, 2, 14);
        for (months, back, expected) in [
            (1, 0, (2026, 2, 1)),
            (1, 1, (2026, 1, 1)),
            (1, 2, (2025, 12, 1)),
            (3, 0, (2026, 1, 1)),
            (3, 1, (2025, 10, 1)),
            (12, 2, (2024, 1, 1)),
        ] {
            let (y, m, d) = expected;
            assert_eq!(period_start(day, months, back), day_of(y, m, d), "{months} {back}");
        }
    }
}
