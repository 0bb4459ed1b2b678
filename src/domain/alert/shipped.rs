//! The rules that come with the program.
//!
//! An expansion rate of 10 % speaks of a year, so the window that pages is the one of 365 days. The shorter windows warn of the same
//! pace earlier: a quarter of it in 90 days (2.5 %), a twelfth in 30 days (0.83 %). With fewer than 20 customers at the opening edge
//! one of them makes the figure.

use super::{Guards, Metric, Rule, Severity, Side, Template, Test};
use crate::domain::money::Micros;
use crate::domain::window::Window;
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000;
/// How long a condition has to be true.
pub const PENDING: i64 = HOUR;
/// How long it has to be clear.
pub const KEEP: i64 = HOUR / 4;
/// Customers at the opening edge.
pub const MIN_OPENING_CUSTOMERS: i64 = 20;

const DESCRIPTION: &str = "{window} {segment} is at {value}, the threshold is {threshold}. {top_movers}";

/// A rule that is shipped, and whether it is on where the configuration does not say.
pub struct Shipped {
    pub rule: Rule,
    pub enabled: bool,
}

/// All of them, in the order they are shown.
pub fn shipped() -> Vec<Shipped> {
    let rule = |name, metric, window, test, severity, summary| Shipped {
        rule: rule(name, metric, window, test, severity, summary),
        enabled: true,
    };
    let retention = rule(
        "UpswellNetRevenueRetentionLow",
        Metric::NetRevenueRetention,
        Window::Trailing(365),
        (Side::Below, 1_000_000),
        Severity::Warning,
        "Net revenue retention is below 100 %.",
    );
    let mut year = rule(
        "UpswellExpansionRateLow",
        Metric::ExpansionRate,
        Window::Trailing(365),
        (Side::Below, 100_000),
        Severity::Critical,
        "The expansion rate of a year is below 10 %.",
    );
    // A rate that falls slowly swings around 10 % for days: that is one page.
    year.rule.test.clear = 105_000;
    vec![
        year,
        rule(
            "UpswellExpansionRateLow90d",
            Metric::ExpansionRate,
            Window::Trailing(90),
            (Side::Below, 25_000),
            Severity::Warning,
            "The expansion rate of 90 days is below 2.5 %, the pace of 10 % a year.",
        ),
        rule(
            "UpswellExpansionRateLow30d",
            Metric::ExpansionRate,
            Window::Trailing(30),
            (Side::Below, 8_300),
            Severity::Warning,
            "The expansion rate of 30 days is below 0.83 %, the pace of 10 % a year.",
        ),
        rule(
            "UpswellExpansionDropping",
            Metric::ExpansionGrowth,
            Window::Trailing(90),
            (Side::Below, -250_000),
            Severity::Warning,
            "Expansion of 90 days has dropped by more than a quarter against the 90 days before.",
        ),
        rule(
            "UpswellCustomerChurnHigh",
            Metric::CustomerChurnRate,
            Window::Trailing(90),
            (Side::Above, 100_000),
            Severity::Warning,
            "More than 10 % of customers churned in 90 days.",
        ),
        Shipped { enabled: false, ..retention },
    ]
}

fn rule(name: &str, metric: Metric, window: Window, test: (Side, Micros), severity: Severity, summary: &str) -> Rule {
    let (side, threshold) = test;
    Rule {
        name: name.to_owned(),
        metric,
        window,
        scope: None,
        test: Test { side, threshold, clear: threshold },
        pending: PENDING,
        keep: KEEP,
        guards: Guards { min_opening_mrr: 0, min_opening_customers: MIN_OPENING_CUSTOMERS },
        severity,
        labels: BTreeMap::new(),
        annotations: texts(summary),
    }
}

/// The texts of a rule that says nothing else.
pub fn texts(summary: &str) -> BTreeMap<String, Template> {
    let text = |text: &str| Template::parse(text).unwrap_or_default();
    BTreeMap::from([("summary".to_owned(), text(summary)), ("description".to_owned(), text(DESCRIPTION))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_look_like_alerts() {
        let names: std::collections::BTreeSet<String> = shipped().into_iter().map(|shipped| shipped.rule.name).collect();
        assert_eq!(names.len(), shipped().len());
        assert!(names.iter().all(|name| name.starts_with("Upswell") && name.chars().all(|c| c.is_ascii_alphanumeric())));
        for rule in shipped().into_iter().map(|shipped| shipped.rule) {
            assert!(rule.annotations.values().all(|text| !text.pieces.is_empty()), "{}", rule.name);
        }
    }
}
