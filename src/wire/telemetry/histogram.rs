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
