//! Instants, civil days and the reporting zone.
//!
//! Midnight of a civil day is the first instant whose local date is that day or later; a civil day runs from its midnight to the
//! next one's and may have 23 or 25 hours, or none (a skipped date). Every midnight that can matter is computed once, so a
//! look-up is an array access; nothing here reads a clock, a file or the environment.

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// Milliseconds of one day without a zone transition.
const DAY_MILLIS: i64 = 86_400_000;

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(pub i64);

impl Instant {
    /// RFC 3339 in UTC with `Z`; milliseconds only if not zero.
    pub fn to_rfc3339(self) -> String {
        let Ok(timestamp) = Timestamp::from_millisecond(self.0) else {
            return format!("{} ms", self.0);
        };
        let precision = if self.0.rem_euclid(1000) == 0 { 0 } else { 3 };
        format!("{timestamp:.precision$}")
    }
}

/// A civil date: days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(pub i32);

impl Day {
    pub fn from_date(date: Date) -> Day {
        let epoch = Date::constant(1970, 1, 1);
        Day((date.duration_since(epoch).as_secs() / 86_400) as i32)
    }

    pub fn date(self) -> Date {
        Date::constant(1970, 1, 1).saturating_add(SignedDuration::from_hours(24 * i64::from(self.0)))
    }

    /// `2026-03-31`, or `None` unless the text is such a date.
    pub fn parse(text: &str) -> Option<Day> {
        (text.len() == 10).then(|| text.parse::<Date>().ok().map(Day::from_date))?
    }

    /// First day of the period of so many months (1, 3 or 12, counted from January) that holds this day.
    pub fn period_start(self, months: i8) -> Day {
        let date = self.date();
        let month = (date.month() - 1) / months * months + 1;
        Day::from_date(Date::constant(date.year(), month, 1))
    }

    /// Months from January of the year 0 to the civil month of this day, which is not before 1970.
    #[inline]
    pub fn months(self) -> u32 {
        // Years that begin in March end with the leap day, so months before a day of such a year are a linear function of its number;
        // 719,468 days lie between 1 March of the year 0 and 1970, 146,097 in 400 years.
        let days = (self.0 + 719_468).unsigned_abs();
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        (era * 400 + year) * 12 + (5 * of_year + 2) / 153 + 2
    }

    /// The civil month as `2026-03`.
    pub fn month(self) -> String {
        let date = self.date();
        format!("{:04}-{:02}", date.year(), date.month())
    }

    pub fn plus(self, days: i32) -> Day {
        Day(self.0 + days)
    }
}

/// The reporting zone: where civil days begin.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    /// `midnights[i]` is the midnight of day `Zone::FIRST + i`, in milliseconds; never decreasing.
    midnights: Vec<i64>,
}

impl Zone {
    /// The first civil day known: earlier than any fact, window edge or usage day that can matter.
    pub const FIRST: Day = Day(20 * 365 + 5);
    /// The last civil day known.
    const LAST: Day = Day(133 * 365);
    /// Views exist from the first instant of 2000 to the last of 2100, UTC.
    pub const EARLIEST_VIEW: Instant = Instant(946_684_800_000);
    pub const LATEST_VIEW: Instant = Instant(4_133_980_799_999);

    /// The zone of an IANA name, from the database that is part of the program. `None` if there is no such zone.
    pub fn named(name: &str) -> Option<Zone> {
        let zone = TimeZone::get(name).ok()?;
        Some(Zone { name: name.to_owned(), midnights: midnights(&zone, Zone::FIRST, Zone::LAST) })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The midnight that begins a civil day. Days outside the known range take the nearest known one.
    pub fn midnight(&self, day: Day) -> Instant {
        let index = (day.0 - Zone::FIRST.0).clamp(0, self.midnights.len() as i32 - 1);
        Instant(self.midnights[index as usize])
    }

    /// The civil day that holds an instant: the last one whose midnight is not after it.
    pub fn day(&self, instant: Instant) -> Day {
        let late = instant.0.div_euclid(DAY_MILLIS) - i64::from(Zone::FIRST.0) + 2;
        let late = late.clamp(0, self.midnights.len() as i64 - 1) as usize;
        let mut index = late;
        while index > 0 && self.midnights[index] > instant.0 {
            index -= 1;
        }
        debug_assert!(late - index <= 4, "a look-up that takes longer the later it is");
        Zone::FIRST.plus(index as i32)
    }
}

/// For each day, the first instant in milliseconds whose local date is that day or later.
fn midnights(zone: &TimeZone, first: Day, last: Day) -> Vec<i64> {
    let seconds = |day: i32| i64::from(day) * 86_400;
    // No offset reaches 26 hours, so two days before the first day its local date is not reached anywhere.
    let mut start = seconds(first.plus(-2).0);
    let mut midnights = Vec::with_capacity((last.0 - first.0 + 1) as usize);
    let mut day = first.0;
    while day <= last.0 {
        // One stretch of constant offset; a day whose midnight the stretch does not reach waits for the next one.
        let timestamp = Timestamp::from_second(start).unwrap_or(Timestamp::MAX);
        let offset: Offset = zone.to_offset(timestamp);
        let end = zone.following(timestamp).next().map_or(i64::MAX, |transition| transition.timestamp().as_second());
        loop {
            let candidate = start.max(seconds(day) - i64::from(offset.seconds()));
            if candidate >= end || day > last.0 {
                break;
            }
            midnights.push(candidate * 1000);
            day += 1;
        }
        start = end;
    }
    midnights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Instant {
        Instant(text.parse::<Timestamp>().expect("an instant").as_millisecond())
    }

    fn day(text: &str) -> Day {
        Day::parse(text).expect("a date")
    }

    #[test]
    fn midnights() {
        for (zone, date, midnight) in [
            ("UTC", "2026-03-01", "2026-03-01T00:00:00Z"),
            ("America/Los_Angeles", "2025-04-01", "2025-04-01T07:00:00Z"),
            ("Asia/Kathmandu", "2025-04-01", "2025-03-31T18:15:00Z"),
            // clocks go forward at midnight: the day begins at 01:00
            ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"),
            // clocks go back at midnight: 23:00 comes twice, the day begins after the second
            ("America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00:00Z"),
            // clocks go back at 00:01 to 23:01: the day has begun at the first 00:00
            ("America/St_Johns", "2010-11-07", "2010-11-07T02:30:00Z"),
            // a skipped date has no hours: it begins where the next one does
            ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),
            ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"),
            ("Africa/Cairo", "2014-05-16", "2014-05-15T22:00:00Z"),
        ] {
            let zone = Zone::named(zone).expect("a zone");
            assert_eq!(zone.midnight(day(date)), instant(midnight), "{date} in {}", zone.name());
        }
    }

    #[test]
    fn days_hold_their_instants() {
        for (zone, at, date) in [
            ("America/Los_Angeles", "2025-04-01T06:59:59.999Z", "2025-03-31"),
            ("America/Los_Angeles", "2025-04-01T07:00:00Z", "2025-04-01"),
            // local time is 23:30 of the 6th for the second time, but the 7th has begun
            ("America/St_Johns", "2010-11-07T03:00:00Z", "2010-11-07"),
            ("Pacific/Apia", "2011-12-30T09:59:59.999Z", "2011-12-29"),
            ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"),
        ] {
            assert_eq!(Zone::named(zone).expect("a zone").day(instant(at)), day(date), "{at} in {zone}");
        }
    }

    #[test]
    fn days_that_are_not_known_are_the_first_or_the_last() {
        for (name, first, last) in [
            ("UTC", "1990-01-01T00:00:00Z", "2102-11-30T00:00:00Z"),
            ("Pacific/Auckland", "1989-12-31T11:00:00Z", "2102-11-29T11:00:00Z"),
            ("America/Los_Angeles", "1990-01-01T08:00:00Z", "2102-11-30T08:00:00Z"),
        ] {
            let zone = Zone::named(name).expect("a zone");
            for (unknown, known, date, midnight) in
                [(Day(i32::MIN / 2), Zone::FIRST, "1990-01-01", first), (Day(i32::MAX / 2), Zone::LAST, "2102-11-30", last)]
            {
                assert_eq!((known, zone.midnight(known)), (day(date), instant(midnight)), "{name}");
                assert_eq!(zone.midnight(unknown), instant(midnight), "{name}");
            }
            assert_eq!(zone.day(Instant(i64::MIN)), Zone::FIRST, "{name}");
            assert_eq!(zone.day(Instant(i64::MAX)), Zone::LAST, "{name}");
        }
    }

    #[test]
    fn every_day_of_every_zone_begins_where_its_date_does() {
        // The slow twin: walk the minutes around a midnight and look at the local date of each.
        for name in ["America/St_Johns", "Asia/Gaza", "Africa/Casablanca", "Australia/Lord_Howe", "Asia/Tehran", "America/Havana"]
        {
            let (zone, tz) = (Zone::named(name).expect("a zone"), TimeZone::get(name).expect("a zone"));
            for number in (day("2000-01-01").0..day("2030-01-01").0).step_by(7) {
                let date = Day(number);
                let midnight = zone.midnight(date).0;
                let local = |ms: i64| tz.to_datetime(Timestamp::from_millisecond(ms).expect("in range")).date();
                assert!(local(midnight) >= date.date(), "{date:?} in {name}");
                assert!((1..=26 * 60).all(|minute| local(midnight - minute * 60_000) < date.date()), "{date:?} in {name}");
                assert_eq!(zone.day(Instant(midnight - 1)), date.plus(-1));
            }
        }
    }

    #[test]
    fn months_are_those_of_the_date() {
        for number in 0..=Zone::LAST.0 {
            let date = Day(number).date();
            assert_eq!(Day(number).months(), date.year() as u32 * 12 + date.month() as u32 - 1, "{date}");
        }
    }

    #[test]
    fn periods_begin_on_their_first_day() {
        for (date, months, start) in [
            ("2026-03-31", 1, "2026-03-01"),
            ("2026-03-31", 3, "2026-01-01"),
            ("2026-12-31", 3, "2026-10-01"),
            ("2026-12-31", 12, "2026-01-01"),
            ("2024-02-29", 1, "2024-02-01"),
        ] {
            assert_eq!(day(date).period_start(months), day(start), "{date}");
        }
        assert_eq!(day("2026-03-31").month(), "2026-03");
        assert_eq!(day("2026-03-31").date().to_string(), "2026-03-31");
    }

    #[test]
    fn instants_print_milliseconds_only_if_there_are_some() {
        assert_eq!(Instant(0).to_rfc3339(), "1970-01-01T00:00:00Z");
        assert_eq!(Instant(1_500).to_rfc3339(), "1970-01-01T00:00:01.500Z");
    }
}
