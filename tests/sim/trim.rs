//! What is left out of a run, to find the smallest one that still fails.

use crate::trouble::Kind;
use std::collections::BTreeSet;

/// Fewer steps, and kinds of trouble that do not happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trim {
    pub steps: Option<u64>,
    pub without: BTreeSet<Kind>,
}

impl Trim {
    /// From `UPSWELL_SIM_STEPS` and `UPSWELL_SIM_WITHOUT`.
    pub fn told() -> Trim {
        let steps = std::env::var("UPSWELL_SIM_STEPS").ok().map(|text| text.parse().expect("UPSWELL_SIM_STEPS is a number"));
        let names = std::env::var("UPSWELL_SIM_WITHOUT").unwrap_or_default();
        let named = |kind: &&Kind| names.split(',').any(|name| name == format!("{kind:?}"));
        Trim { steps, without: Kind::ALL.iter().filter(named).copied().collect() }
    }

    /// The variables that say this.
    pub fn variables(&self) -> String {
        let steps = self.steps.map_or(String::new(), |steps| format!("UPSWELL_SIM_STEPS={steps} "));
        let names: Vec<String> = self.without.iter().map(|kind| format!("{kind:?}")).collect();
        let without = if names.is_empty() { String::new() } else { format!("UPSWELL_SIM_WITHOUT={} ", names.join(",")) };
        steps + &without
    }

    /// The least that still fails: one kind after the other is left out, then steps are cut off, as long as it fails.
    pub fn least(fails: impl Fn(&Trim) -> bool) -> Trim {
        let mut least = Trim::default();
        for kind in Kind::made() {
            let mut less = least.clone();
            less.without.insert(kind);
            if fails(&less) {
                least = less;
            }
        }
        for steps in [0, 5, 10, 20, 40, 60, 80, 100, 130, 160, 190] {
            let less = Trim { steps: Some(steps), ..least.clone() };
            if fails(&less) {
                return less;
            }
        }
        least
    }
}
