//! The clock: the only place that asks what time it is.
//!
//! The running service asks the wall; a demo asks a simulated clock, whose days pass in seconds. The instant never enters
//! state: it decides which view is shown and bounds record time. A clock is a cheap copy, so every thread has its own.
//!
//! Not guaranteed: that the wall clock goes forward. Whoever publishes views keeps them from going back.

use crate::domain::calendar::Instant;
use std::time::{Instant as Moment, SystemTime, UNIX_EPOCH};

/// A source of the present instant.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Source);

#[derive(Clone, Copy, Debug)]
enum Source {
    Wall,
    Simulated { start: Instant, since: Moment, speed: u32 },
    Held { now: Instant, steady: Moment },
}

impl Clock {
    /// The machine's clock, UTC.
    pub fn wall() -> Clock {
        Clock(Source::Wall)
    }

    /// A clock that shows `start` now and runs `speed` times as fast as time does; with speed 0 it stands still.
    pub fn simulated(start: Instant, speed: u32) -> Clock {
        Clock(Source::Simulated { start, since: Moment::now(), speed })
    }

    /// A clock in somebody's hand: it shows this and stands still, its steady time too.
    pub fn held(now: Instant, steady: Moment) -> Clock {
        Clock(Source::Held { now, steady })
    }

    /// The present moment of a time that never goes back, for pauses and deadlines. It runs at the speed of the machine's.
    pub fn steady(&self) -> Moment {
        match self.0 {
            Source::Wall | Source::Simulated { .. } => Moment::now(),
            Source::Held { steady, .. } => steady,
        }
    }

    /// The present instant.
    pub fn now(&self) -> Instant {
        match self.0 {
            Source::Wall => Instant(wall_millis(SystemTime::now())),
            Source::Simulated { start, since, speed } => {
                let passed = since.elapsed().as_millis().saturating_mul(u128::from(speed));
                Instant(start.0.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX)))
            }
            Source::Held { now, .. } => now,
        }
    }

    /// Whether the instant is made up rather than the machine's.
    pub fn is_simulated(&self) -> bool {
        !matches!(self.0, Source::Wall)
    }
}

/// Milliseconds since 1970, floored; a clock before 1970 gives a negative number.
fn wall_millis(now: SystemTime) -> i64 {
    match now.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos().div_ceil(1_000_000)).map_or(i64::MIN, |millis| -millis),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn wall_time_is_floored_to_milliseconds() {
        for (time, expected) in [
            (UNIX_EPOCH, 0),
            (UNIX_EPOCH + Duration::from_nanos(1_999_999), 1),
            (UNIX_EPOCH + Duration::from_secs(1_795_000_000), 1_795_000_000_000),
            (UNIX_EPOCH - Duration::from_nanos(1), -1),
            (UNIX_EPOCH - Duration::from_millis(2), -2),
        ] {
            assert_eq!(wall_millis(time), expected, "{time:?}");
        }
        assert!(Clock::wall().now() > Instant(1_700_000_000_000));
    }

    #[test]
    fn a_simulated_clock_starts_where_told_and_stands_still_at_speed_zero() {
        let still = Clock::simulated(Instant(5_000), 0);
        assert_eq!((still.now(), still.is_simulated()), (Instant(5_000), true));
        let fast = Clock::simulated(Instant(5_000), 86_400);
        let (first, copy) = (fast.now(), fast);
        assert!(first >= Instant(5_000) && copy.now() >= first);
        assert!(!Clock::wall().is_simulated());
    }

    #[test]
    fn a_held_clock_stands_still_in_both_of_its_times() {
        let steady = Moment::now() - Duration::from_secs(7);
        let held = Clock::held(Instant(5_000), steady);
        assert_eq!((held.now(), held.steady(), held.is_simulated()), (Instant(5_000), steady, true));
        assert!(Clock::wall().steady() > steady);
    }
}
