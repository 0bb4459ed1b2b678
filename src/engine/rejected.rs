//! Rejected offsets: which records of one topic's partition were rejected and not taken up since, and why.
//!
//! A verdict stands until the record comes back as a retry and is applied. Bad records come in runs, so runs are kept.

use crate::domain::facts::Reason;
use std::collections::BTreeMap;

/// One change of the set, as it is recorded in deltas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The offsets from `first` to before `end` were rejected.
    Add { first: i64, end: i64, reason: Reason },
    /// The offset was taken up.
    Remove { offset: i64 },
}

/// The set, and what changed since it was recorded last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// By first offset: the end, exclusive, and the reason. Runs do not overlap; two with one reason do not touch.
    runs: BTreeMap<i64, (i64, Reason)>,
    changes: Vec<Change>,
}
