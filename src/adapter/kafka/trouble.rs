//! What can be wrong between us and the cluster, by what somebody has to do about it.

use std::fmt;

/// What a trouble means for a start. In order of gravity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// No broker answers; it may pass by itself. Retry for ever.
    Unreachable,
    /// It may pass by itself: a topic not made yet, no leader, no permission yet. Retry for ever.
    Transient,
    /// Nothing but a change of configuration helps: exit 78.
    Configuration,
}

/// One trouble, as a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Trouble {
    severity: Severity,
    text: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Trouble {
    /// A trouble that may pass.
    pub(super) fn transient(text: impl Into<String>) -> Trouble {
        Trouble { severity: Severity::Transient, text: text.into() }
    }

    /// No broker answers.
    pub(super) fn unreachable(text: impl Into<String>) -> Trouble {
        Trouble { severity: Severity::Unreachable, text: text.into() }
    }

    /// A trouble that only a change of configuration ends.
    pub(super) fn configuration(text: impl Into<String>) -> Trouble {
        Trouble { severity: Severity::Configuration, text: text.into() }
    }

    /// The same trouble, with what it keeps us from in front.
    pub(super) fn about(self, what: &str) -> Trouble {
        Trouble { text: format!("{what}: {}", self.text), ..self }
    }

    /// How grave it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Whether it may pass by itself.
    pub fn is_transient(&self) -> bool {
        self.severity <= Severity::Transient
    }
}
