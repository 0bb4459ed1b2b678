//! What is remembered of an alert over restarts and rebalances.

use super::{Fraction, State, Suppression};
use crate::domain::calendar::Instant;
use std::collections::BTreeMap;

/// One alert of one rule, as an image holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The rule's name.
    pub rule: String,
    /// The segment's value; `None` for a rule over the total.
    pub segment: Option<String>,
    /// Digest of what the rule judged: a rule that means something else begins anew.
    pub definition: u64,
    pub state: State,
    /// What kept it from being judged, and since when something has.
    pub suppressed: Option<(Suppression, Instant)>,
    /// The figure as it was judged last.
    pub value: Option<Fraction>,
    /// It fired and is over.
    pub resolved: Option<Resolved>,
    /// By which it is known: those it fired with, whatever the configuration says by now.
    pub labels: BTreeMap<String, String>,
    /// By receiver.
    pub told: Vec<Told>,
}

/// When an alert fired and when it was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    pub since: Instant,
    pub at: Instant,
}

/// What a receiver has acknowledged last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub receiver: String,
    /// That it is over, rather than that it fires.
    pub resolved: bool,
}
