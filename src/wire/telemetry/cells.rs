//! The cells telemetry is made of: single atomics, relaxed, because each is read on its own.
//!
//! A gauge that has never been set (or was cleared) reads `None` and is not exported.

use crate::domain::calendar::Instant;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Hot paths add once per batch.
    #[inline]
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A whole number that may be unknown. `u64::MAX` cannot be told from unknown; nothing here counts that far.
#[derive(Debug)]
pub struct Gauge(AtomicU64);

const UNKNOWN: u64 = u64::MAX;

impl Default for Gauge {
    fn default() -> Self {
        Gauge(AtomicU64::new(UNKNOWN))
    }
}

impl Gauge {
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// 1 for true, 0 for false.
    pub fn set_flag(&self, value: bool) {
        self.set(u64::from(value));
    }

    /// Back to unknown: the gauge is absent from the next scrape on.
    pub fn clear(&self) {
        self.set(UNKNOWN);
    }

    pub fn get(&self) -> Option<u64> {
        Some(self.0.load(Relaxed)).filter(|value| *value != UNKNOWN)
    }
}

/// A length of time that may be unknown, kept in nanoseconds.
#[derive(Debug, Default)]
pub struct SecondsGauge(Gauge);

impl SecondsGauge {
    pub fn set(&self, value: Duration) {
        self.0.set(u64::try_from(value.as_nanos()).unwrap_or(UNKNOWN - 1));
    }

    /// Seconds.
    pub fn get(&self) -> Option<f64> {
        self.0.get().map(|nanos| nanos as f64 / 1e9)
    }
}

/// The newest of the instants seen, unknown before the first.
#[derive(Debug)]
pub struct TimestampGauge(AtomicI64);

impl Default for TimestampGauge {
    fn default() -> Self {
        TimestampGauge(AtomicI64::new(i64::MIN))
    }
}

impl TimestampGauge {
    /// Older instants than the newest so far change nothing.
    #[inline]
    pub fn saw(&self, at: Instant) {
        self.0.fetch_max(at.0, Relaxed);
    }

    /// Replaces what was seen.
    pub fn set(&self, at: Instant) {
        self.0.store(at.0, Relaxed);
    }

    /// Back to unknown.
    pub fn clear(&self) {
        self.0.store(i64::MIN, Relaxed);
    }

    pub fn get(&self) -> Option<Instant> {
        Some(self.0.load(Relaxed)).filter(|millis| *millis != i64::MIN).map(Instant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_are_unknown_until_set() {
        let gauge = Gauge::default();
        assert_eq!(gauge.get(), None);
        gauge.set(0);
        assert_eq!(gauge.get(), Some(0));
        gauge.set_flag(true);
        assert_eq!(gauge.get(), Some(1));
        gauge.clear();
        assert_eq!(gauge.get(), None);
        let seconds = SecondsGauge::default();
        assert_eq!(seconds.get(), None);
        seconds.set(Duration::from_millis(1500));
        assert_eq!(seconds.get(), Some(1.5));
        seconds.set(Duration::MAX);
        assert!(seconds.get().is_some());
    }

    #[test]
    fn the_newest_instant_stays() {
        let newest = TimestampGauge::default();
        assert_eq!(newest.get(), None);
        for at in [5, 9, 7] {
            newest.saw(Instant(at));
        }
        assert_eq!(newest.get(), Some(Instant(9)));
    }

    #[test]
    fn counters_add_up_over_threads() {
        let counter = Counter::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| counter.add(2)));
            }
        });
        assert_eq!(counter.get(), 8000);
    }
}
