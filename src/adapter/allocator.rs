//! What we ask of the allocator: to keep large pages whole.
//!
//! Accounts, ids and totals of millions of customers lie all over gigabytes, so most looks at memory need an entry in the processor's
//! table of pages. Giving small pieces back to the system breaks large pages up into small ones, for good as a rule.

use libmimalloc_sys::{mi_option_set, mi_option_t};
use std::ffi::c_long;

/// mimalloc's options by their numbers; its bindings name only some.
const PURGE_DELAY: mi_option_t = 15;
const ALLOW_THP: mi_option_t = 43;

/// Milliseconds after which memory that nobody needs is given back: most is needed again before.
const DELAY: c_long = 10_000;
/// Large pages are given back whole or not at all.
const WHOLE: c_long = 2;

/// Has free memory given back in whole large pages, where the system has such, and not at once. To be called once, at the start.
pub fn keep_large_pages() {
    // SAFETY: the options are numbers of this version of mimalloc, which Cargo.toml fixes, and may be set at any time.
    unsafe {
        mi_option_set(PURGE_DELAY, DELAY);
        mi_option_set(ALLOW_THP, WHOLE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libmimalloc_sys::{_mi_option_last, mi_option_get};

    #[test]
    fn the_options_are_those_of_this_version() {
        let of = |option| {
            // SAFETY: reading an option changes nothing.
            unsafe { mi_option_get(option) }
        };
        assert_eq!(
            (_mi_option_last, of(PURGE_DELAY), of(ALLOW_THP)),
            (47, 1_000, 1),
            "mimalloc's defaults, by which we know them"
        );
        keep_large_pages();
        assert_eq!((of(PURGE_DELAY), of(ALLOW_THP)), (DELAY, WHOLE));
    }
}
