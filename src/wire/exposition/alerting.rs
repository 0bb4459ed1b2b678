//! Families of alerting: thresholds, states and what is suppressed, by rule.

use super::catalog as metrics;
use super::family::Family;
use crate::domain::alert::Suppression;
use crate::wire::alerting::{STATES, Standing};
use prometheus::proto::MetricFamily;

/// Families of the rules there are; every state and reason of each.
pub fn families(standing: &Standing) -> [MetricFamily; 3] {
    let mut thresholds = Family::new(&metrics::ALERT_THRESHOLD);
    let mut alerts = Family::new(&metrics::ALERTS);
    let mut suppressed = Family::new(&metrics::ALERTS_SUPPRESSED);
    for rule in &standing.rules {
        if let Some(threshold) = &rule.threshold {
            thresholds.add([rule.name.as_str(), threshold.metric, &threshold.window], threshold.value);
        }
        for state in STATES {
            alerts.add([rule.name.as_str(), state], rule.count(state) as f64);
        }
        for reason in Suppression::ALL.into_iter().filter(|_| rule.threshold.is_some()) {
            suppressed.add([rule.name.as_str(), reason.as_str()], rule.suppressed_by(reason) as f64);
        }
    }
    [thresholds.done(), alerts.done(), suppressed.done()]
}
