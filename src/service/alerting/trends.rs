//! What the service knows of its own health, and how it has moved of late.

pub use crate::domain::alert::Vitals;
use crate::domain::calendar::Instant;
use std::collections::VecDeque;

/// How far back the lag is compared.
const LAG_MILLIS: i64 = 10 * 60_000;
/// Over how long rejected records are counted.
const REJECTED_MILLIS: i64 = 15 * 60_000;

/// A sample of counters.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    lag: u64,
    rejected: u64,
}

/// The samples of the last quarter of an hour.
#[derive(Debug, Default)]
pub struct Trends(VecDeque<Sample>);

impl Trends {
    /// Takes the lag and the count of rejected records as they are now, and fills in what they were.
    pub fn sample(&mut self, now: Instant, rejected: u64, vitals: Vitals) -> Vitals {
        self.0.retain(|sample| sample.at <= now && now.0 - sample.at.0 <= REJECTED_MILLIS);
        self.0.push_back(Sample { at: now, lag: vitals.lag, rejected });
        let before = self.0.iter().rev().find(|sample| now.0 - sample.at.0 >= LAG_MILLIS).map(|sample| sample.lag);
        let first = self.0.front().map_or(rejected, |sample| sample.rejected);
        Vitals { lag_before: before, rejected: rejected.saturating_sub(first), ..vitals }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    #[test]
    fn the_past_is_known_once_it_was_seen() {
        let mut trends = Trends::default();
        let mut at = |minute: i64, lag: u64, rejected: u64| {
            let vitals = trends.sample(Instant(minute * MINUTE), rejected, Vitals { lag, ..Vitals::default() });
            (vitals.lag_before, vitals.rejected)
        };
        assert_eq!(at(0, 5, 100), (None, 0), "what was rejected before the start is none of ours");
        assert_eq!(at(5, 6, 103), (None, 3));
        assert_eq!(at(10, 7, 103), (Some(5), 3));
        assert_eq!(at(16, 9, 103), (Some(6), 0));
        assert_eq!(at(40, 9, 104), (None, 0), "a gap forgets");
        assert_eq!(at(39, 9, 104), (None, 0), "so does a clock that goes back");
    }
}
