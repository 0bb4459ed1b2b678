//! An alerting rule of the configuration, as rules of Prometheus.
//!
//! Each becomes a recording rule for the figure while it can be judged, and an alerting rule that compares it. What cannot be judged is
//! absent, and the latest value stands for ten minutes: a lost scrape or a restart neither resolves an alert nor begins its `for` anew.

use super::Settings;
use super::document::{Alert, Entry};
use super::figures::{COMPARISON_HISTORY, COMPLETE, HISTORY, Level, SOUND};
use super::text::{literal, number, promql, promql_any};
use crate::domain::alert::metric::Unit;
use crate::domain::alert::{Metric, Place, Rule, Side};
use crate::engine::report::OTHER;
use crate::wire::runbook::runbook_url;
use std::collections::BTreeMap;

/// How long the latest value stands.
pub const BRIDGE: &str = "10m";
/// By rule: 1 while something of it can be judged, else 0.
pub const JUDGED: &str = "job:upswell_alert_judged:bool";

/// A rule that Prometheus cannot evaluate, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inexpressible(pub String);

/// The recording rules of a rule: its figure while it can be judged, and whether it can.
///
/// # Errors
/// The figure is not among the metrics.
pub fn records(rule: &Rule, settings: &Settings) -> Result<Vec<Entry>, Inexpressible> {
    let level = level(rule);
    let unmatched = level.labels().join(", ");
    let history = if rule.metric.needs_comparison() { COMPARISON_HISTORY } else { HISTORY };
    let beyond = if level == Level::Segment { "ignoring (dimension, segment) " } else { "" };
    let mut lines = vec![
        figure(rule, settings)?,
        format!("and ignoring ({unmatched}) {SOUND} == 1"),
        format!("and {beyond}{history}{{window=\"{}\"}} >= 0", rule.window),
    ];
    let at = |gauge: &str| format!("and {}:upswell_{gauge}:sum{}", level.name(), selector(rule, None));
    if rule.guards.min_opening_customers > 0 {
        lines.push(format!("{} >= {}", at("opening_customers"), rule.guards.min_opening_customers));
    }
    if rule.guards.min_opening_mrr > 0 {
        lines.push(format!("{} >= {}", at("opening_mrr"), number(rule.guards.min_opening_mrr)));
    }
    let judged = format!("group without ({unmatched}) ({})\nor {COMPLETE} * 0", value(rule));
    let labels = BTreeMap::from([("rule".to_owned(), rule.name.clone())]);
    Ok(vec![Entry::record(value(rule), lines.join("\n")), Entry::Record { name: JUDGED.to_owned(), labels, expr: judged }])
}

/// The alerting rule.
pub fn alert(rule: &Rule) -> Entry {
    let sign = match rule.test.side {
        Side::Below => '<',
        Side::Above => '>',
    };
    let latest = format!("last_over_time({}[{BRIDGE}])", value(rule));
    let mut expr = format!("{latest} {sign} {}", number(rule.test.threshold));
    if rule.test.clear != rule.test.threshold {
        // Between the marks, what fires goes on: Prometheus' own record of its alerts says whether it does.
        let own: String = rule.labels.keys().map(|name| format!(", {name}")).collect();
        let (clear, name) = (number(rule.test.clear), &rule.name);
        expr.push_str(&format!("\nor\n{latest} {sign} {clear}\nand ignoring (alertname, alertstate, severity{own})"));
        expr.push_str(&format!(" ALERTS{{alertname=\"{name}\", alertstate=\"firing\"}}"));
    }
    let mut labels: BTreeMap<String, String> = rule.labels.iter().map(|(name, text)| (name.clone(), literal(text))).collect();
    labels.insert("severity".to_owned(), rule.severity.as_str().to_owned());
    let mut annotations = BTreeMap::from([("runbook_url".to_owned(), runbook_url(&rule.name))]);
    annotations
        .extend(rule.annotations.iter().map(|(name, text)| (name.clone(), tidy(&text.fill(|place| place_of(rule, place))))));
    Entry::Alert(Alert { name: rule.name.clone(), expr, pending: rule.pending, keep: rule.keep, labels, annotations })
}

/// Without the spaces around places that stay empty.
fn tidy(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| {
            let end = if line.ends_with('\n') { "\n" } else { "" };
            line.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").trim_end().to_owned() + end
        })
        .collect()
}

fn place_of(rule: &Rule, place: Place) -> String {
    let unit = rule.metric.unit();
    let scope = rule.scope.as_ref();
    match place {
        Place::Rule => rule.name.clone(),
        Place::Value => match unit {
            Unit::Ratio => "{{ $value | humanizePercentage }}",
            Unit::Money => "{{ printf \"%.2f\" $value }}",
            Unit::Number => "{{ printf \"%.4g\" $value }}",
        }
        .to_owned(),
        Place::Threshold if unit == Unit::Ratio => format!("{}%", number(rule.test.threshold * 100)),
        Place::Threshold => number(rule.test.threshold),
        Place::Window => rule.window.to_string(),
        Place::Dimension => scope.map_or(String::new(), |scope| literal(&scope.dimension)),
        Place::Segment => scope.map_or("", |_| "{{ $labels.segment }}").to_owned(),
        // Prometheus knows of no customer.
        Place::TopMovers => "The exact figures are in /api/v1/report.".to_owned(),
    }
}

/// The figure as recorded, with the labels of its level.
fn figure(rule: &Rule, settings: &Settings) -> Result<String, Inexpressible> {
    let level = level(rule);
    let window = rule.window.to_string();
    let not = |why: String| Err(Inexpressible(why));
    if rule.metric.needs_comparison() && rule.window.comparison().is_none() {
        return not(format!("{window} has no comparison window"));
    }
    if level == Level::Segment && !settings.segment_windows.contains(&rule.window) {
        return not(format!("{window} is not among metrics.segment_windows"));
    }
    let plain = |name: &str| Ok(format!("{}:upswell_{name}{}", level.name(), selector(rule, None)));
    let of_total = |name: &str| match level {
        Level::Window => plain(name),
        Level::Segment => not(format!("{} is not among the metrics of segments", rule.metric.name())),
    };
    let moved = |movement: &str, sign: &str| {
        let sums = format!("{}_movement:upswell_movement_mrr:sum", level.name());
        Ok(format!("{sign}sum without (movement) ({sums}{})", selector(rule, Some(("movement", movement)))))
    };
    let by_motion = |name: &str, motion: &str| match level {
        Level::Window => {
            Ok(format!("sum without (motion) (window_motion:upswell_{name}{})", selector(rule, Some(("motion", motion)))))
        }
        Level::Segment => not(format!("{} by motion is not among the metrics of segments", rule.metric.name())),
    };
    match rule.metric {
        Metric::ExpansionRate => plain("expansion_rate:ratio"),
        Metric::MotionExpansionRate(motion) => by_motion("expansion_rate:ratio", motion.as_str()),
        Metric::ExpansionGrowth => plain("expansion_growth:ratio"),
        Metric::NetRevenueRetention => plain("net_revenue_retention:ratio"),
        Metric::GrossRevenueRetention => plain("gross_revenue_retention:ratio"),
        Metric::QuickRatio => plain("quick:ratio"),
        Metric::CustomerChurnRate => of_total("customer_churn:ratio"),
        Metric::CustomerExpansionShare => of_total("customer_expansion:ratio"),
        Metric::Arpa => of_total("arpa:ratio"),
        Metric::Opening => plain("opening_mrr:sum"),
        Metric::New => moved("new", ""),
        Metric::Reactivation => moved("reactivation", ""),
        Metric::Expansion(None) => moved("expansion", ""),
        Metric::Expansion(Some(motion)) => by_motion("expansion_mrr:sum", motion.as_str()),
        Metric::Contraction(None) => moved("contraction", "-"),
        Metric::Contraction(Some(motion)) => by_motion("contraction_mrr:sum", motion.as_str()),
        Metric::Churn => moved("churn", "-"),
        Metric::Closing => plain("closing_mrr:sum"),
        Metric::ComparisonExpansion => plain("comparison_expansion_mrr:sum"),
    }
}

/// Over what a rule is judged.
fn level(rule: &Rule) -> Level {
    rule.scope.as_ref().map_or(Level::Window, |_| Level::Segment)
}

/// The recorded figure of a rule.
fn value(rule: &Rule) -> String {
    format!("upswell_alert:{}:value", rule.name)
}

/// The series a rule looks at, in braces.
fn selector(rule: &Rule, more: Option<(&str, &str)>) -> String {
    let mut matchers = vec![format!("window=\"{}\"", rule.window)];
    if let Some(scope) = &rule.scope {
        matchers.push(format!("dimension={}", promql(&scope.dimension)));
        matchers.push(match scope.values.as_slice() {
            [] => format!("segment!=\"{OTHER}\""),
            [one] => format!("segment={}", promql(one)),
            several => format!("segment=~{}", promql_any(several)),
        });
    }
    matchers.extend(more.map(|(label, value)| format!("{label}=\"{value}\"")));
    format!("{{{}}}", matchers.join(", "))
}
