//! What an answer means: taken, to be tried again, or refused for good. Pure.

use std::time::Duration;

use crate::domain::calendar::Instant;

/// The longest pause that a receiver may ask for: a page must not wait for a wrong clock or a wrong number.
const MOST_PAUSE: Duration = Duration::from_mins(5);

/// Why a call did not deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whether the same call may succeed later.
    pub transient: bool,
    /// How long the receiver wants to be left alone.
    pub retry_after: Option<Duration>,
    /// What happened and what to do, without a secret.
    pub sentence: String,
}

/// Judges an answer of `place` by its status. `said` is the beginning of its body, redacted.
pub fn judge(place: &str, status: u16, retry_after: Option<Duration>, said: &str) -> Result<(), Failure> {
    let said = if said.is_empty() { String::new() } else { format!(", saying {said:?}") };
    let (transient, sentence) = match status {
        200..=299 => return Ok(()),
        429 => (true, format!("{place} asks for fewer notices (429{said})")),
        500..=599 => (true, format!("{place} fails ({status}{said})")),
        // A time-out of the server's own, and a request that came too early.
        408 | 425 => (true, format!("{place} did not take the notice ({status}{said})")),
        300..=399 => (false, format!("{place} redirects ({status}); configure the address it redirects to")),
        401 | 403 | 407 => (false, format!("{place} refuses our credentials ({status}{said}); correct them")),
        404 | 410 => (false, format!("{place} has nothing at this address ({status}{said}); correct its url")),
        _ => (false, format!("{place} refuses the notice ({status}{said})")),
    };
    Err(Failure { transient, retry_after: retry_after.filter(|_| transient), sentence })
}

/// Reads a `Retry-After`: seconds, or a date. Bounded; `None` if it is neither.
pub fn pause(header: &str, now: Instant) -> Option<Duration> {
    let header = header.trim();
    let asked = match header.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = jiff::fmt::rfc2822::parse(header).ok()?.timestamp().as_millisecond();
            Duration::from_millis(u64::try_from(until.saturating_sub(now.0)).unwrap_or(0))
        }
    };
    Some(asked.min(MOST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
        let pause = Some(Duration::from_secs(7));
        for (status, transient, words) in [
            (301, false, "redirects"),
            (400, false, "refuses the notice (400, saying \"no\")"),
            (401, false, "credentials"),
            (403, false, "credentials"),
            (404, false, "correct its url"),
            (408, true, "408"),
            (410, false, "correct its url"),
            (413, false, "refuses the notice"),
            (422, false, "refuses the notice"),
            (429, true, "fewer"),
            (500, true, "fails (500, saying \"no\")"),
            (503, true, "fails (503"),
        ] {
            let failure = judge("https://h", status, pause, "no").expect_err("no success");
            assert_eq!((failure.transient, failure.retry_after), (transient, pause.filter(|_| transient)), "{status}");
            assert!(failure.sentence.starts_with("https://h ") && failure.sentence.contains(words), "{}", failure.sentence);
        }
        for status in [200, 202, 204] {
            assert_eq!(judge("https://h", status, None, ""), Ok(()));
        }
    }

    #[test]
    fn pauses_are_read_in_both_forms_and_bounded() {
        let now = Instant(1_789_027_200_000);
        for (header, seconds) in [
            ("0", Some(0)),
            (" 17 ", Some(17)),
            ("86400", Some(300)),
            ("99999999999999999999", None),
            ("-1", None),
            ("soon", None),
            ("", None),
            ("Thu, 10 Sep 2026 08:00:30 GMT", Some(30)),
            ("Thu, 10 Sep 2026 07:00:00 GMT", Some(0)),
            ("Fri, 11 Sep 2026 08:00:00 GMT", Some(300)),
        ] {
            assert_eq!(pause(header, now), seconds.map(Duration::from_secs), "{header:?}");
        }
    }
}
