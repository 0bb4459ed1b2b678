//! The instant of a report: as given on the command line, as meant in the reporting zone.

use super::super::Failure;
use crate::domain::calendar::{Day, Instant, Zone};
use jiff::Timestamp;
use std::borrow::Cow;

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
        let timestamp: Timestamp = nine_digits(text)
            .parse()
            .map_err(|_| "write an instant such as 2026-09-10T08:00:00Z, or a date such as 2026-09-10".to_owned())?;
        Ok(AsOf::Instant(Instant(timestamp.as_nanosecond().div_euclid(1_000_000) as i64)))
    }
}

/// RFC 3339 sets no limit to the digits of a fraction; those beyond the ninth are below any instant and are dropped.
fn nine_digits(text: &str) -> Cow<'_, str> {
    let Some((seconds, rest)) = text.split_once('.') else { return text.into() };
    let fraction = rest.bytes().take_while(u8::is_ascii_digit).count();
    if fraction <= 9 { text.into() } else { format!("{seconds}.{}{}", &rest[..9], &rest[fraction..]).into() }
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
    let meant = match as_of {
        Some(AsOf::Date(day)) => format!("{}, a midnight in {},", day.date(), zone.name()),
        _ => instant.to_rfc3339(),
    };
    Err(Failure::Usage(format!("--as-of {meant} is out of range; reports exist from {earliest} to {latest}")))
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
            ("2026-09-10T08:00:00.00099999999999999999Z", "2026-09-10T08:00:00Z"),
            ("2026-09-10T08:00:00.9999999999+02:00", "2026-09-10T06:00:00.999Z"),
            ("2026-09-10", "2026-09-09T22:00:00Z"),
            ("2000-01-02", "2000-01-01T23:00:00Z"),
        ] {
            let as_of = AsOf::parse(text).expect(text);
            assert_eq!(resolve(Some(as_of), &berlin).expect(text).to_rfc3339(), instant, "{text}");
        }
    }

    #[test]
    fn what_is_no_instant() {
        for text in
            ["", "now", "2026-09", "2026-02-30", "2026-09-10T08:00:00", "10/09/2026", "2026-09-10T25:00:00Z", "1.0123456789é"]
        {
            assert!(AsOf::parse(text).is_err(), "{text}");
        }
        let utc = Zone::named("UTC").expect("a zone");
        for text in ["1999-12-31T23:59:59.999Z", "1980-01-01", "2101-01-01T00:00:00Z", "9999-12-31"] {
            let failure = resolve(Some(AsOf::parse(text).expect(text)), &utc).expect_err(text);
            assert_eq!(failure.exit_code(), 2, "{text}");
            assert!(failure.to_string().contains(text), "{failure}");
        }
    }
}
