//! The guard of memory: at the limit nothing more is taken in, rather than the kernel ending the process without a word.

use crate::adapter::machine;
use crate::wire::telemetry::Telemetry;

/// Intake goes on when so many hundredths of the limit are used.
const RELIEF: u64 = 95;

/// Watches resident memory against a limit.
pub struct Guard {
    /// In bytes; `None` where there is none to be found.
    limit: Option<u64>,
    full: bool,
}

impl Guard {
    pub fn new(limit: Option<u64>) -> Guard {
        Guard { limit, full: false }
    }

    /// Looks at what is used now; whether intake has to wait.
    pub fn look(&mut self, telemetry: &Telemetry) -> bool {
        let (Some(limit), Some(used)) = (self.limit, machine::resident()) else { return false };
        let full = judge(self.full, used, limit);
        if full && !self.full {
            tracing::error!(used, limit, "limits.memory is reached: nothing more is taken in");
        } else if self.full && !full {
            tracing::info!(used, limit, "there is memory again: intake goes on");
        }
        self.full = full;
        telemetry.memory_limit.set(limit);
        telemetry.memory_full.set_flag(full);
        full
    }
}

/// Full from the limit on, until there is some room again.
fn judge(full: bool, used: u64, limit: u64) -> bool {
    used >= if full { limit / 100 * RELIEF } else { limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_from_the_limit_on_and_until_there_is_room() {
        for (full, used, expected) in
            [(false, 999, false), (false, 1000, true), (true, 999, true), (true, 950, true), (true, 949, false)]
        {
            assert_eq!(judge(full, used, 1000), expected, "{full} {used}");
        }
    }

    #[test]
    fn the_process_s_own_memory_is_what_counts() {
        let telemetry = Telemetry::new("s", "u", "r");
        assert!(!Guard::new(None).look(&telemetry));
        assert_eq!(telemetry.memory_full.get(), None);
        assert!(!Guard::new(Some(u64::MAX)).look(&telemetry));
        assert!(Guard::new(Some(1)).look(&telemetry));
        assert_eq!((telemetry.memory_full.get(), telemetry.memory_limit.get()), (Some(1), Some(1)));
    }
}
