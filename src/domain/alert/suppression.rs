//! Why an alert cannot be judged at the moment.

/// What keeps a rule from being judged; its state is held meanwhile. The order says which one is named if there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suppression {
    /// This instance does not own all partitions, so its figures are parts.
    PartialCoverage,
    /// Not restored and caught up yet, or stopped, or waiting for an outside system.
    NotReady,
    /// An end of the log seen more than five minutes ago has not been reached yet, or the brokers have not answered for as long.
    Stale,
    /// The log had lost its beginning when it was read.
    TruncatedLog,
    /// The history begins after an edge that the figure needs.
    ShortHistory,
    /// Fewer customers, or less MRR, at the opening edge than the rule asks for.
    SmallBase,
    /// The figure is undefined: its denominator is 0, or there is no comparison window.
    Undefined,
}

impl Suppression {
    pub const ALL: [Suppression; 7] = [
        Suppression::PartialCoverage,
        Suppression::NotReady,
        Suppression::Stale,
        Suppression::TruncatedLog,
        Suppression::ShortHistory,
        Suppression::SmallBase,
        Suppression::Undefined,
    ];

    /// The one of a name.
    pub fn named(name: &str) -> Option<Suppression> {
        Suppression::ALL.into_iter().find(|suppression| suppression.as_str() == name)
    }

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Suppression::PartialCoverage => "partial_coverage",
            Suppression::NotReady => "not_ready",
            Suppression::Stale => "stale",
            Suppression::TruncatedLog => "truncated_log",
            Suppression::ShortHistory => "short_history",
            Suppression::SmallBase => "small_base",
            Suppression::Undefined => "undefined",
        }
    }

    /// A sentence for people: what it means, and what to do where something can be done.
    pub fn sentence(self) -> &'static str {
        match self {
            Suppression::PartialCoverage => {
                "This instance does not own all partitions; load the output of `upswell rules` into Prometheus instead."
            }
            Suppression::NotReady => "The service is not ready; /-/ready says why.",
            Suppression::Stale => "The input is more than five minutes behind, or the brokers do not answer.",
            Suppression::TruncatedLog => "The topics no longer reached back to their beginning when they were read.",
            Suppression::ShortHistory => {
                "The history does not reach back to the window's opening edge; set revenue.complete_since if it does."
            }
            Suppression::SmallBase => "The base at the opening edge is smaller than the rule asks for.",
            Suppression::Undefined => "The figure is undefined: nothing to divide by.",
        }
    }
}
