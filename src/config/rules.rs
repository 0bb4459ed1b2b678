//! Alerting rules: those that are shipped, with what the configuration says otherwise, and its own.

use super::fault::Fault;
use super::reader::Reader;
use super::tree::Fields;
use super::types::Revenue;
use super::units::{Millis, micros};
use crate::domain::alert::metric::Unit;
use crate::domain::alert::shipped::{self, Shipped};
use crate::domain::alert::{Guards, Metric, Rule, Scope, Severity, Side, Template, Test};
use crate::domain::money::{Micros, decimal};
use crate::domain::motion::Motion;
use crate::domain::window::Window;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const PATH: &str = "alerts.rules";
const KEYS: [&str; 18] = [
    "name",
    "enabled",
    "metric",
    "motion",
    "window",
    "dimension",
    "segments",
    "below",
    "above",
    "clear",
    "for",
    "keep_firing_for",
    "min_opening_mrr",
    "min_opening_customers",
    "severity",
    "labels",
    "annotations",
    "allow_to_date",
];
/// Labels that a rule has by itself.
const OWN_LABELS: [&str; 5] = ["alertname", "severity", "window", "dimension", "segment"];

/// Reads the rules that are on. `shipped` is whether the shipped ones are.
pub fn read(reader: &mut Reader, section: Option<&Fields>, with_shipped: bool, revenue: &Revenue) -> Vec<Rule> {
    let mut known: Vec<Shipped> = shipped::shipped();
    known.iter_mut().for_each(|shipped| shipped.enabled &= with_shipped);
    // A shipped rule whose window is not configured has nothing to judge.
    known.iter_mut().for_each(|shipped| shipped.enabled &= revenue.windows.contains(&shipped.rule.window));
    let mut named: Vec<String> = Vec::new();
    let items = section.map_or(&[] as &[_], |section| section.items(reader, "rules"));
    for item in items {
        let Some(fields) = Fields::of(reader, PATH, item, &KEYS) else { continue };
        let Some(name) = fields.parsed(reader, "name", rule_name) else {
            if fields.get("name").is_none() {
                fields.fault(reader, "name", "this is missing; every rule has a name of its own");
            }
            continue;
        };
        if named.contains(&name) {
            fields.fault(reader, "name", format!("{name} is the name of another rule too; give each its own"));
            continue;
        }
        named.push(name.clone());
        let place = known.iter().position(|known| known.rule.name == name);
        let base = place.map(|place| known[place].rule.clone());
        let enabled = fields.flag(reader, "enabled");
        let Some(rule) = rule(reader, &fields, &name, base, revenue) else { continue };
        let enabled = enabled.unwrap_or(true);
        match place {
            Some(place) => known[place] = Shipped { rule, enabled },
            None => known.push(Shipped { rule, enabled }),
        }
    }
    known.into_iter().filter(|known| known.enabled).map(|known| known.rule).collect()
}

/// A rule as it would be written in full.
pub fn tree(rule: &Rule) -> Value {
    let duration = |millis: i64| if millis == 0 { "0s".to_owned() } else { Millis(millis).to_string() };
    let (threshold, clear) = (decimal(rule.test.threshold), decimal(rule.test.clear));
    let mut tree = Map::new();
    let mut put = |key: &str, value: Value| drop(tree.insert(key.to_owned(), value));
    put("name", json!(rule.name));
    put("metric", json!(rule.metric.name()));
    rule.metric.motion().into_iter().for_each(|motion| put("motion", json!(motion.as_str())));
    put("window", json!(rule.window.to_string()));
    if let Some(scope) = &rule.scope {
        put("dimension", json!(scope.dimension));
        put("segments", json!(scope.values));
    }
    match rule.test.side {
        Side::Below => put("below", json!(threshold)),
        Side::Above => put("above", json!(threshold)),
    }
    put("clear", json!(clear));
    put("for", json!(duration(rule.pending)));
    put("keep_firing_for", json!(duration(rule.keep)));
    put("min_opening_mrr", json!(decimal(rule.guards.min_opening_mrr)));
    put("min_opening_customers", json!(rule.guards.min_opening_customers));
    put("severity", json!(rule.severity.as_str()));
    put("labels", json!(rule.labels));
    let annotations: BTreeMap<&String, String> = rule.annotations.iter().map(|(name, text)| (name, text.to_string())).collect();
    put("annotations", json!(annotations));
    put("allow_to_date", json!(matches!(rule.window, Window::ToDate(_))));
    Value::Object(tree)
}

/// One rule: what is written over what is shipped under its name.
fn rule(reader: &mut Reader, fields: &Fields, name: &str, base: Option<Rule>, revenue: &Revenue) -> Option<Rule> {
    let faults = reader.faults.len();
    let metric = metric(reader, fields, base.as_ref());
    let window = window(reader, fields, base.as_ref(), revenue);
    let scope = scope(reader, fields, revenue).or_else(|| base.as_ref().and_then(|base| base.scope.clone()));
    let test = test(reader, fields, base.as_ref(), metric);
    let duration = |reader: &mut Reader, key| fields.parsed(reader, key, duration);
    let pending = duration(reader, "for").or(base.as_ref().map(|base| base.pending)).unwrap_or(shipped::PENDING);
    let keep = duration(reader, "keep_firing_for").or(base.as_ref().map(|base| base.keep)).unwrap_or(shipped::KEEP);
    let guards = guards(reader, fields, base.as_ref());
    let severity = fields.parsed(reader, "severity", severity).or(base.as_ref().map(|base| base.severity));
    let mut labels = base.as_ref().map(|base| base.labels.clone()).unwrap_or_default();
    labels.extend(self::labels(reader, fields));
    let annotations = annotations(reader, fields, name, base.as_ref());
    if reader.faults.len() > faults {
        return None;
    }
    let severity = severity.unwrap_or(Severity::Warning);
    let rule = Rule {
        name: name.to_owned(),
        metric: metric?,
        window: window?,
        scope,
        test: test?,
        pending,
        keep,
        guards,
        severity,
        labels,
        annotations,
    };
    Some(rule)
}

fn metric(reader: &mut Reader, fields: &Fields, base: Option<&Rule>) -> Option<Metric> {
    let names = || Metric::NAMES.map(|(name, _)| name).join(", ");
    let written = fields.parsed(reader, "metric", |text| {
        Metric::named(text).ok_or_else(|| format!("{text:?} is no figure of the report; use {}", names()))
    });
    let metric = written.or(base.map(|base| base.metric));
    if metric.is_none() && fields.get("metric").is_none() {
        fields.fault(reader, "metric", format!("this is missing; use {}", names()));
    }
    let motion = fields.parsed(reader, "motion", |text| {
        let found = Motion::ALL.into_iter().find(|motion| motion.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is no motion; use upsell, cross_sell, seats, usage or price"))
    });
    match (metric, motion) {
        (Some(metric), Some(motion)) => {
            let of_motion = metric.of_motion(motion);
            if of_motion.is_none() {
                fields.fault(reader, "motion", format!("{} has no motions; remove it", metric.name()));
            }
            of_motion
        }
        (metric, _) => metric,
    }
}

fn window(reader: &mut Reader, fields: &Fields, base: Option<&Rule>, revenue: &Revenue) -> Option<Window> {
    let written = fields.parsed(reader, "window", |text| Window::parse(text).ok_or_else(|| format!("{text:?} is no window")));
    let window = written.or(base.map(|base| base.window));
    let Some(window) = window else {
        if fields.get("window").is_none() {
            fields.fault(reader, "window", "this is missing; name one of revenue.windows");
        }
        return None;
    };
    if !revenue.windows.contains(&window) && fields.flag(reader, "enabled") != Some(false) {
        fields.fault(reader, "window", format!("{window} is not among revenue.windows; add it there"));
    }
    if matches!(window, Window::ToDate(_)) && fields.flag(reader, "allow_to_date") != Some(true) {
        let message =
            format!("{window} begins at 0 on the first day of each period; use a trailing window, or set allow_to_date: true");
        fields.fault(reader, "window", message);
    }
    Some(window)
}

fn scope(reader: &mut Reader, fields: &Fields, revenue: &Revenue) -> Option<Scope> {
    let dimension = fields.parsed(reader, "dimension", |text| match text {
        _ if revenue.dimensions.iter().any(|dimension| dimension == text) => Ok(text.to_owned()),
        _ => Err(format!("{text:?} is not among revenue.dimensions; add it there")),
    });
    let values = fields.list(reader, "segments").into_iter().map(|(_, value)| value).collect();
    if dimension.is_none() && fields.get("dimension").is_none() && fields.get("segments").is_some() {
        fields.fault(reader, "segments", "dimension is missing; name the dimension these are values of");
    }
    dimension.map(|dimension| Scope { dimension, values })
}

fn test(reader: &mut Reader, fields: &Fields, base: Option<&Rule>, metric: Option<Metric>) -> Option<Test> {
    let is_ratio = metric.is_none_or(|metric| metric.unit() == Unit::Ratio);
    let mark = |reader: &mut Reader, key| fields.parsed(reader, key, |text| threshold(text, is_ratio));
    let (below, above) = (mark(reader, "below"), mark(reader, "above"));
    let written = match (fields.get("below"), fields.get("above")) {
        (Some(_), Some(_)) => {
            fields.fault(reader, "above", "below is set too; a rule has one threshold");
            return None;
        }
        (Some(_), None) => Some((Side::Below, below?)),
        (None, Some(_)) => Some((Side::Above, above?)),
        (None, None) => None,
    };
    let (side, threshold) = match (written, base) {
        (Some(written), _) => written,
        (None, Some(base)) => (base.test.side, base.test.threshold),
        (None, None) => {
            fields.fault(reader, "below", "a threshold is missing; set below or above");
            return None;
        }
    };
    let clear = match fields.get("clear") {
        // The mark of a shipped rule belongs to its threshold.
        None => base.map(|base| base.test).filter(|_| written.is_none()).map_or(threshold, |test| test.clear),
        Some(_) => mark(reader, "clear")?,
    };
    let (worse, word) = match side {
        Side::Below => (clear < threshold, "at least"),
        Side::Above => (clear > threshold, "at most"),
    };
    if worse {
        fields.fault(
            reader,
            "clear",
            format!("this lies on the bad side of the threshold; a firing alert clears at {word} that"),
        );
    }
    Some(Test { side, threshold, clear })
}

/// A threshold in millionths; ratios may be written in percent.
fn threshold(text: &str, is_ratio: bool) -> Result<Micros, String> {
    let wrong = || format!("{text:?} is no threshold; write a decimal number with at most six decimals, such as 0.10");
    let percent = text.strip_suffix('%').map(str::trim_end).filter(|_| is_ratio);
    let value = micros(percent.unwrap_or(text)).ok_or_else(wrong)?;
    match percent {
        None => Ok(value.into()),
        Some(_) if value % 100 == 0 => Ok((value / 100).into()),
        Some(_) => Err(format!("{text} has more than four decimals; round it")),
    }
}

fn guards(reader: &mut Reader, fields: &Fields, base: Option<&Rule>) -> Guards {
    let shipped = Guards { min_opening_mrr: 0, min_opening_customers: shipped::MIN_OPENING_CUSTOMERS };
    let base = base.map_or(shipped, |base| base.guards);
    let money = |text: &str| {
        let value = micros(text).filter(|value| *value >= 0);
        value.map(Micros::from).ok_or_else(|| format!("{text:?} is no amount; write major units, such as 5000"))
    };
    let count = |text: &str| {
        let count = text.parse().ok().filter(|count: &i64| *count >= 0);
        count.ok_or_else(|| format!("{text:?} is no number of customers"))
    };
    Guards {
        min_opening_mrr: fields.parsed(reader, "min_opening_mrr", money).unwrap_or(base.min_opening_mrr),
        min_opening_customers: fields.parsed(reader, "min_opening_customers", count).unwrap_or(base.min_opening_customers),
    }
}

fn rule_name(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && text.len() <= 100 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    plain
        .then(|| text.to_owned())
        .ok_or_else(|| format!("{text:?} is no name of a rule; use at most 100 letters, digits and underscores"))
}

/// A duration in milliseconds; 0 is one.
fn duration(text: &str) -> Result<i64, String> {
    if matches!(text, "0" | "0s") { Ok(0) } else { Millis::parse(text).map(|millis| millis.0) }
}

fn severity(text: &str) -> Result<Severity, String> {
    let found = Severity::NAMES.iter().find(|(name, _)| *name == text).map(|(_, severity)| *severity);
    found.ok_or_else(|| format!("{text:?} is no severity; use critical, warning or info"))
}

fn labels(reader: &mut Reader, fields: &Fields) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for (place, name, value) in fields.names(reader, "labels") {
        if OWN_LABELS.contains(&name) {
            reader.fault_at(place, PATH, format!("{name} is a label every alert has; choose another name"));
        } else if !is_label(name) || name.starts_with("__") || value.is_empty() {
            reader.fault_at(
                place,
                PATH,
                format!("{name:?} is no label; use letters, digits and underscores, and a value that is not empty"),
            );
        } else {
            labels.insert(name.to_owned(), value.to_owned());
        }
    }
    labels
}

fn is_label(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(plain) && name.chars().next().is_some_and(|c| !c.is_ascii_digit())
}

fn annotations(reader: &mut Reader, fields: &Fields, name: &str, base: Option<&Rule>) -> BTreeMap<String, Template> {
    let mut annotations = base.map_or_else(|| shipped::texts(&format!("{name} fires.")), |base| base.annotations.clone());
    for (place, key, text) in fields.names(reader, "annotations") {
        match Template::parse(text) {
            _ if !is_label(key) => {
                reader.fault_at(place, PATH, format!("{key:?} is no name of an annotation; use letters, digits and underscores"));
            }
            Ok(template) => drop(annotations.insert(key.to_owned(), template)),
            Err(unknown) => reader.faults.push(Fault::new(place, PATH, unknown.to_string())),
        }
    }
    annotations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Purpose};

    fn read(rules: &str) -> Result<Vec<Rule>, String> {
        let text = format!(
            "kafka: {{ brokers: b }}\nrevenue: {{ windows: [month_to_date, trailing_30d, trailing_90d, trailing_365d] }}\nalerts:\n  rules:\n{rules}"
        );
        let config = Config::parse(&text, "f", &[], Purpose::Replay).map_err(|faults| faults.to_string())?;
        assert_eq!(config.alerts.rules, again(&config), "what is printed reads the same");
        Ok(config.alerts.rules)
    }

    fn again(config: &Config) -> Vec<Rule> {
        Config::parse(&config.effective(), "printed", &[], Purpose::Replay).expect("what is printed").alerts.rules
    }

    fn named(rules: &[Rule], name: &str) -> Option<Rule> {
        rules.iter().find(|rule| rule.name == name).cloned()
    }

    #[test]
    fn shipped_rules_are_on_unless_told_otherwise() {
        let defaults = Config::parse("", "f", &[], Purpose::Replay).expect("defaults").alerts;
        let names: Vec<&str> = defaults.rules.iter().map(|rule| rule.name.as_str()).collect();
        let expected = [
            "UpswellExpansionRateLow",
            "UpswellExpansionRateLow90d",
            "UpswellExpansionRateLow30d",
            "UpswellExpansionDropping",
            "UpswellCustomerChurnHigh",
        ];
        assert_eq!(names, expected);
        let none = Config::parse("alerts: { shipped: false }", "f", &[], Purpose::Replay).expect("none").alerts;
        assert_eq!(none.rules, []);
        let narrow = Config::parse("revenue: { windows: [trailing_30d] }", "f", &[], Purpose::Replay).expect("one window").alerts;
        assert_eq!(narrow.rules.len(), 1);
    }

    #[test]
    fn a_shipped_rule_is_changed_in_what_is_written() {
        let rules = read("    - { name: UpswellExpansionRateLow, below: 12%, clear: 0.125, severity: warning }\n    - { name: UpswellNetRevenueRetentionLow }\n    - { name: UpswellCustomerChurnHigh, enabled: false }\n").expect("rules");
        let low = named(&rules, "UpswellExpansionRateLow").expect("it is on");
        assert_eq!((low.test.threshold, low.test.clear, low.severity), (120_000, 125_000, Severity::Warning));
        assert_eq!((low.pending, low.keep, low.guards.min_opening_customers), (3_600_000, 900_000, 20));
        let milder = read("    - { name: UpswellExpansionRateLow, below: 8% }\n    - { name: UpswellNetRevenueRetentionLow }\n")
            .expect("rules");
        let marks = |rules: &[Rule], name: &str| named(rules, name).map(|rule| (rule.test.threshold, rule.test.clear));
        assert_eq!(marks(&milder, "UpswellExpansionRateLow"), Some((80_000, 80_000)), "its own mark went with its threshold");
        let shipped = read("    - { name: UpswellExpansionRateLow, severity: info }\n").expect("rules");
        assert_eq!(marks(&shipped, "UpswellExpansionRateLow"), Some((100_000, 105_000)));
        assert!(named(&rules, "UpswellNetRevenueRetentionLow").is_some() && named(&rules, "UpswellCustomerChurnHigh").is_none());
    }

    #[test]
    fn a_rule_of_ones_own() {
        let rules = read(
            "    - name: SeatsInRetail\n      metric: expansion\n      motion: seats\n      window: trailing_30d\n      dimension: vertical\n      segments: [retail]\n      below: 1500.5\n      for: 0s\n      min_opening_mrr: 5000\n      labels: { team: revops }\n      annotations: { summary: 'Seats of {segment} at {value}' }\n",
        )
        .expect("rules");
        let rule = named(&rules, "SeatsInRetail").expect("it is on");
        assert_eq!(rule.metric, Metric::Expansion(Some(Motion::Seats)));
        assert_eq!(rule.scope, Some(Scope { dimension: "vertical".to_owned(), values: vec!["retail".to_owned()] }));
        assert_eq!((rule.test.threshold, rule.pending, rule.guards.min_opening_mrr), (1_500_500_000, 0, 5_000_000_000));
        assert_eq!(rule.annotations["summary"].to_string(), "Seats of {segment} at {value}");
        assert!(rule.annotations.contains_key("description"));
    }

    #[test]
    fn faults_say_what_to_write() {
        for (rule, says) in [
            ("{ metric: expansion_rate }", "every rule has a name"),
            ("{ name: 'a b', metric: arpa }", "no name of a rule"),
            ("{ name: A, window: trailing_30d, below: 1 }", "metric: this is missing"),
            ("{ name: A, metric: nrr, window: trailing_30d, below: 1 }", "no figure of the report"),
            ("{ name: A, metric: arpa, below: 1 }", "window: this is missing"),
            ("{ name: A, metric: arpa, window: trailing_7d, below: 1 }", "not among revenue.windows"),
            ("{ name: A, metric: arpa, window: month_to_date, below: 1 }", "allow_to_date"),
            ("{ name: A, metric: arpa, window: trailing_30d }", "set below or above"),
            ("{ name: A, metric: arpa, window: trailing_30d, below: 1, above: 2 }", "one threshold"),
            ("{ name: A, metric: arpa, window: trailing_30d, below: 1, clear: 0.9 }", "bad side"),
            ("{ name: A, metric: arpa, window: trailing_30d, above: 1, clear: 1.1 }", "bad side"),
            ("{ name: A, metric: arpa, window: trailing_30d, below: 10% }", "no threshold"),
            ("{ name: A, metric: expansion_rate, window: trailing_30d, below: 0.00001% }", "four decimals"),
            ("{ name: A, metric: churn, motion: seats, window: trailing_30d, above: 1 }", "has no motions"),
            ("{ name: A, metric: churn, segments: [x], window: trailing_30d, above: 1 }", "dimension is missing"),
            ("{ name: A, metric: churn, dimension: colour, window: trailing_30d, above: 1 }", "not among revenue.dimensions"),
            ("{ name: A, metric: churn, window: trailing_30d, above: 1, severity: page }", "no severity"),
            ("{ name: A, metric: churn, window: trailing_30d, above: 1, labels: { severity: x } }", "a label every alert has"),
            ("{ name: A, metric: churn, window: trailing_30d, above: 1, labels: { a-b: x } }", "is no label"),
            (
                "{ name: A, metric: churn, window: trailing_30d, above: 1, annotations: { summary: '{x}' } }",
                "no place of a template",
            ),
            ("{ name: A, metric: churn, window: trailing_30d, above: 1, colour: red }", "colour: unknown key"),
        ] {
            let fault = read(&format!("    - {rule}\n")).expect_err(rule);
            assert!(fault.contains(says), "{rule}: {fault}");
        }
        let twice = "    - { name: A, metric: churn, window: trailing_30d, above: 1 }\n".repeat(2);
        assert!(read(&twice).expect_err("twice").contains("name of another rule"));
        let allowed = read("    - { name: A, metric: churn, window: month_to_date, above: 1, allow_to_date: true }\n");
        assert_eq!(allowed.map(|rules| rules.len()), Ok(6));
    }
}
