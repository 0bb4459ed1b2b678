//! Waiting for conditions: a probe is asked again and again until it answers or the deadline passes.
//!
//! The deadline only bounds how long a failing test takes; no assertion depends on it.

use std::time::{Duration, Instant};

/// Longest wait for any condition: generous, because a busy machine with two cores starts Java slowly.
pub const DEADLINE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(50);

/// The probe's first answer. Panics with `what` when there is none before [`DEADLINE`].
pub fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {} s in vain: {what}", DEADLINE.as_secs());
        std::thread::sleep(PAUSE);
    }
}

/// Returns once the probe holds. Panics with `what` when it does not before [`DEADLINE`].
pub fn holds(what: &str, mut probe: impl FnMut() -> bool) {
    until(what, || probe().then_some(()));
}
