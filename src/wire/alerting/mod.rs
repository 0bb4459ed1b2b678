//! Where every rule stands, as published for the API and the metrics.

pub mod json;

use crate::domain::alert::{State, Suppression};
use crate::domain::calendar::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

/// All rules at one evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// `None` before the first evaluation.
    pub evaluated_at: Option<Instant>,
    pub interval: Duration,
    /// In the order of the configuration, operational ones last.
    pub rules: Vec<RuleStanding>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleStanding {
    pub name: String,
    /// What it judges, in words close to PromQL.
    pub query: String,
    /// Milliseconds before it fires.
    pub pending: i64,
    /// Milliseconds before it resolves.
    pub keep: i64,
    pub labels: BTreeMap<String, String>,
    /// As written.
    pub annotations: BTreeMap<String, String>,
    /// What is compared with what; `None` for alerts about the service itself.
    pub threshold: Option<Threshold>,
    /// What keeps all of it from being judged.
    pub suppressed: Option<Suppression>,
    pub alerts: Vec<AlertStanding>,
}

/// A threshold, for charts.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    pub metric: &'static str,
    pub window: String,
    pub value: f64,
}

/// One alert of a rule: of the total, or of a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertStanding {
    /// All of them, those of the rule among them.
    pub labels: BTreeMap<String, String>,
    /// Filled in.
    pub annotations: BTreeMap<String, String>,
    pub state: State,
    pub value: Option<f64>,
    pub suppressed: Option<(Suppression, Instant)>,
}

/// A state by its name.
pub fn name_of(state: State) -> &'static str {
    match state {
        State::Inactive => "inactive",
        State::Pending { .. } => "pending",
        State::Firing { .. } => "firing",
    }
}

/// The names of all states.
pub const STATES: [&str; 3] = ["inactive", "pending", "firing"];

impl RuleStanding {
    /// The worst state of its alerts.
    pub fn state(&self) -> &'static str {
        let has = |name: &&&str| self.alerts.iter().any(|alert| name_of(alert.state) == **name);
        STATES.iter().rev().find(has).copied().unwrap_or("inactive")
    }

    /// How many of its alerts are in a state.
    pub fn count(&self, state: &str) -> usize {
        self.alerts.iter().filter(|alert| name_of(alert.state) == state).count()
    }

    /// How many of its alerts cannot be judged for a reason.
    pub fn suppressed_by(&self, reason: Suppression) -> usize {
        let alerts = self.alerts.iter().filter(|alert| alert.suppressed.is_some_and(|(by, _)| by == reason)).count();
        if alerts == 0 { usize::from(self.suppressed == Some(reason)) } else { alerts }
    }
}
