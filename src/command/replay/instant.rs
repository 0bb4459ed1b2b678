//! The instant of a report: as given on the command line, as meant in the reporting zone.

use super::super::Failure;
use crate::domain::calendar::{Day, Instant, Zone};
use jiff::Timestamp;

/// `--as-of` as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    Instant(Instant),
    /// Means its midnight in the reporting zone, which the configuration knows.
    Date(Day),
}

impl AsOf {
    /// A date, or RFC 3339 with any offset; what is finer than a millisecond is floored.
    pub fn parse(text: &str) -> Result<AsOf, String> {
        if let Some(day) = Day::parse(text) {
            return Ok(AsOf::Date(day));
        }
        let timestamp: Timestamp =
            text.parse().map_err(|_| "write an instant such as 2026-09-10T08:00:00Z, or a date such as 2026-09-10".to_owned())?;
        Ok(AsOf::Instant(Instant(timestamp.as_nanosecond().div_euclid(1_000_000) as i64)))
    }
}

/// The instant meant; without one, the wall clock's.
pub fn resolve(as_of: Option<AsOf>, zone: &Zone) -> Result<Instant, Failure> {
    let instant = match as_of {
        None => Instant(Timestamp::now().as_millisecond()),
        Some(AsOf::Instant(instant)) => instant,
        Some(AsOf::Date(day)) => zone.midnight(day),
    };
    if (Zone::EARLIEST_VIEW..=Zone::LATEST_VIEW).contains(&instant) {
        return Ok(instant);
    }
    let (earliest, latest) = (Zone::EARLIEST_VIEW.to_rfc3339(), Zone::LATEST_VIEW.to_rfc3339());
    Err(Failure::Usage(format!("--as-of {} is out of range; reports exist from {earliest} to {latest}", instant.to_rfc3339())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        let berlin = Zone::named("Europe/Berlin").expect("a zone");
        for (text, instant) in [
            ("2026-09-10T08:00:00Z", "2026-09-10T08:00:00Z"),
            ("2026-09-10T08:00:00+02:00", "2026-09-10T06:00:00Z"),
            ("2026-09-10T08:00:00.123999999-09:30", "2026-09-10T17:30:00.123Z"),
            ("2026-09-10", "2026-09-09T22:00:00Z"),
            ("2000-01-02", "2000-01-01T23:00:00Z"),
        ] {
            let as_of = AsOf::parse(text).expect(text);
            assert_eq!(resolve(Some(as_of), &berlin).expect(text).to_rfc3339(), instant, "{text}");
        }
    }

    #[test]
    fn what_is_no_instant() {
        for text in ["", "now", "2026-09", "2026-02-30", "2026-09-10T08:00:00", "10/09/2026", "2026-09-10T25:00:00Z"] {
            assert!(AsOf::parse(text).is_err(), "{text}");
        }
        let utc = Zone::named("UTC").expect("a zone");
        for text in ["1999-12-31T23:59:59.999Z", "1980-01-01", "2101-01-01T00:00:00Z", "2200-01-01"] {
            let failure = resolve(Some(AsOf::parse(text).expect(text)), &utc).expect_err(text);
            assert_eq!(failure.exit_code(), 2, "{text}");
        }
    }
}
