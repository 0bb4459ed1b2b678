//! A histogram of lengths of time, in buckets whose bounds never change.
//!
//! Each observation adds to the one bucket it belongs to. The number of observations is the sum of the buckets as they are read,
//! so a snapshot always agrees with itself; its total may lag behind by the observations made meanwhile.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How often something took how long.
#[derive(Debug)]
pub struct Histogram {
    /// Inclusive upper bounds in seconds, ascending.
    bounds: &'static [f64],
    /// One count per bound, then that of everything longer.
    counts: Box<[AtomicU64]>,
    total_nanos: AtomicU64,
}

/// The observations that took no longer than a bound, those of smaller bounds included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Seconds.
    pub bound: f64,
    pub count: u64,
}

/// A histogram as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// One per bound, ascending. Longer observations are only in `count`.
    pub buckets: Vec<Bucket>,
    /// All observations.
    pub count: u64,
    /// How long they took together, in seconds.
    pub sum: f64,
}

impl Histogram {
    /// Nothing observed yet; the bounds are seconds, ascending.
    pub fn new(bounds: &'static [f64]) -> Histogram {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::default()).collect();
        Histogram { bounds, counts, total_nanos: AtomicU64::default() }
    }

    /// Counts one length of time. The total wraps after 584 years, as a counter that begins anew.
    pub fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = self.bounds.partition_point(|bound| *bound < seconds);
        self.counts[bucket].fetch_add(1, Relaxed);
        self.total_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    pub fn snapshot(&self) -> Snapshot {
        let sum = self.total_nanos.load(Relaxed) as f64 / 1e9;
        let mut count = 0;
        let mut running = self.counts.iter().map(|one| {
            count += one.load(Relaxed);
            count
        });
        let buckets = self.bounds.iter().zip(&mut running).map(|(bound, count)| Bucket { bound: *bound, count }).collect();
        running.for_each(drop);
        Snapshot { buckets, count, sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: &[f64] = &[0.01, 0.5, 2.0];

    fn counts(snapshot: &Snapshot) -> Vec<u64> {
        snapshot.buckets.iter().map(|bucket| bucket.count).collect()
    }

    #[test]
    fn every_observation_is_in_its_bucket_and_in_all_longer_ones() {
        for (nanos, expected) in [
            (0, [1, 1, 1]),
            (10_000_000, [1, 1, 1]),
            (10_000_001, [0, 1, 1]),
            (500_000_000, [0, 1, 1]),
            (2_000_000_000, [0, 0, 1]),
            (2_000_000_001, [0, 0, 0]),
            (u64::MAX, [0, 0, 0]),
        ] {
            let histogram = Histogram::new(BOUNDS);
            histogram.observe(Duration::from_nanos(nanos));
            let snapshot = histogram.snapshot();
            assert_eq!((counts(&snapshot), snapshot.count), (expected.to_vec(), 1), "{nanos} ns");
            assert_eq!(snapshot.sum, nanos as f64 / 1e9, "{nanos} ns");
        }
    }

    #[test]
    fn nothing_observed_is_zeros() {
        let buckets = BOUNDS.iter().map(|bound| Bucket { bound: *bound, count: 0 }).collect();
        assert_eq!(Histogram::new(BOUNDS).snapshot(), Snapshot { buckets, count: 0, sum: 0.0 });
    }

    #[test]
    fn snapshots_agree_with_themselves_while_others_observe() {
        let histogram = Histogram::new(BOUNDS);
        std::thread::scope(|scope| {
            for millis in [1, 100, 1_000, 10_000] {
                let histogram = &histogram;
                scope.spawn(move || (0..1_000).for_each(|_| histogram.observe(Duration::from_millis(millis))));
            }
            loop {
                let snapshot = histogram.snapshot();
                let rising: Vec<u64> = counts(&snapshot).into_iter().chain([snapshot.count]).collect();
                assert!(rising.is_sorted(), "{snapshot:?}");
                if snapshot.count == 4_000 {
                    break;
                }
                std::thread::yield_now();
            }
        });
        let snapshot = histogram.snapshot();
        assert_eq!((counts(&snapshot), snapshot.sum), (vec![1_000, 2_000, 3_000], 11_101.0));
    }
}
