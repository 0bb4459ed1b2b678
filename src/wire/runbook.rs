//! Where it is written what to do about an alert.

use super::rules::OUTSIDE;
use crate::domain::alert::{Trouble, shipped};

/// The directory of the pages, as people reach it.
const BASE: &str = "https://github.com/upswell/upswell/blob/main/docs/runbooks/";

/// The names of all alerts that have a page of their own: those that are shipped, whether on or off.
pub fn alerts() -> Vec<String> {
    let rules = shipped::shipped().into_iter().map(|shipped| shipped.rule.name);
    let service = Trouble::ALL.map(Trouble::name).into_iter().chain(OUTSIDE);
    rules.chain(service.map(str::to_owned)).collect()
}

/// The page of an alert; that of rules of one's own for a name that is not among the shipped ones.
pub fn runbook_url(alert: &str) -> String {
    let page = if alerts().iter().any(|known| known == alert) { alert } else { "OwnRules" };
    format!("{BASE}{page}.md")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alert_leads_somewhere() {
        assert_eq!(runbook_url("UpswellDown"), format!("{BASE}UpswellDown.md"));
        assert_eq!(runbook_url("SeatsInRetail"), format!("{BASE}OwnRules.md"));
        let names: std::collections::BTreeSet<String> = alerts().into_iter().collect();
        assert_eq!(names.len(), alerts().len());
    }
}
