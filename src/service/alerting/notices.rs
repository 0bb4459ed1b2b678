//! Words for alerts: labels that identify, annotations that explain, and what each rule and alert shows.

use super::book::{Book, Entry, Key};
use crate::domain::alert::metric::Unit;
use crate::domain::alert::{Fraction, Metric, Place, Rule, Side, State, Trouble};
use crate::domain::calendar::Instant;
use crate::domain::money::decimal;
use crate::wire::alerting::{AlertStanding, RuleStanding, Threshold};
use crate::wire::notification::Notice;
use crate::wire::runbook::runbook_url;
use std::collections::BTreeMap;

/// Names to texts.
type Texts = BTreeMap<String, String>;

/// The customers that moved most, in words, by alert.
pub type Movers = BTreeMap<Key, String>;

/// What words are made of.
pub struct Wording<'w> {
    pub rules: &'w [Rule],
    /// Where this service is reached, without a slash at the end.
    pub base: &'w str,
    pub currency: &'w str,
    pub movers: &'w Movers,
    /// Nothing began or ended later: a clock may have been ahead.
    pub now: Instant,
}

impl Wording<'_> {
    /// What receivers are told: every alert that fires, and every one that is over and not forgotten yet.
    pub fn notices(&self, book: &Book) -> Vec<(Key, Notice)> {
        let notice = |(key, entry): (&Key, &Entry)| {
            let (starts_at, ends_at) = match (entry.progress.state, entry.resolved) {
                (State::Firing { since, .. }, _) => (since, None),
                (_, Some(resolved)) => (resolved.since, Some(resolved.at)),
                _ => return None,
            };
            let (labels, annotations) = (entry.labels.clone(), self.annotations(key, entry));
            let generator_url = format!("{}/api/v1/alerts", self.base);
            let (starts_at, ends_at) = (starts_at.min(self.now), ends_at.map(|at| at.min(self.now)));
            Some((key.clone(), Notice { labels, annotations, starts_at, ends_at, generator_url }))
        };
        book.entries.iter().filter_map(notice).collect()
    }

    /// A rule with its alerts, for the API.
    pub fn rule(&self, rule: &Rule, book: &Book) -> RuleStanding {
        let threshold = Threshold {
            metric: rule.metric.name(),
            window: rule.window.to_string(),
            value: Fraction::money(rule.test.threshold).to_f64(),
        };
        RuleStanding {
            name: rule.name.clone(),
            query: query(rule),
            pending: rule.pending,
            keep: rule.keep,
            labels: rule.labels(),
            annotations: rule.annotations.iter().map(|(name, text)| (name.clone(), text.to_string())).collect(),
            threshold: Some(threshold),
            suppressed: book.suppressed.get(&rule.name).copied(),
            alerts: self.alerts(&rule.name, book),
        }
    }

    /// An alert about the service itself, for the API.
    pub fn trouble(&self, trouble: Trouble, book: &Book) -> RuleStanding {
        RuleStanding {
            name: trouble.name().to_owned(),
            query: trouble.summary().to_owned(),
            pending: trouble.pending(),
            keep: trouble.keep(),
            labels: trouble.labels(),
            annotations: BTreeMap::from([("summary".to_owned(), trouble.summary().to_owned())]),
            threshold: None,
            suppressed: None,
            alerts: self.alerts(trouble.name(), book),
        }
    }

    fn alerts(&self, rule: &str, book: &Book) -> Vec<AlertStanding> {
        let alert = |(key, entry): (&Key, &Entry)| AlertStanding {
            labels: entry.labels.clone(),
            annotations: self.annotations(key, entry),
            state: entry.progress.state,
            value: entry.value.map(Fraction::to_f64),
            suppressed: entry.progress.suppressed,
        };
        book.entries.iter().filter(|(key, _)| key.rule == rule).map(alert).collect()
    }

    fn rule_of(&self, key: &Key) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == key.rule)
    }

    fn annotations(&self, key: &Key, entry: &Entry) -> Texts {
        let mut texts: Texts = match self.rule_of(key) {
            Some(rule) => {
                let fill = |place| self.fill(rule, key, entry, place);
                rule.annotations.iter().map(|(name, text)| (name.clone(), text.fill(fill).trim().to_owned())).collect()
            }
            None => {
                let summary = Trouble::ALL.into_iter().find(|trouble| trouble.name() == key.rule).map(Trouble::summary);
                summary.map(|summary| ("summary".to_owned(), summary.to_owned())).into_iter().collect()
            }
        };
        texts.entry("runbook_url".to_owned()).or_insert_with(|| runbook_url(&key.rule));
        if let Some((reason, _)) = entry.progress.suppressed {
            texts.insert("suppressed".to_owned(), format!("{}: {}", reason.as_str(), reason.sentence()));
        }
        texts
    }

    fn fill(&self, rule: &Rule, key: &Key, entry: &Entry, place: Place) -> String {
        match place {
            Place::Rule => rule.name.clone(),
            Place::Value => entry.value.map_or_else(|| "unknown".to_owned(), |value| self.figure(rule.metric, value)),
            Place::Threshold => self.figure(rule.metric, Fraction::money(rule.test.threshold)),
            Place::Window => rule.window.to_string(),
            Place::Dimension => rule.scope.as_ref().map_or_else(String::new, |scope| scope.dimension.clone()),
            Place::Segment => key.segment.clone().unwrap_or_default(),
            Place::TopMovers => self.movers.get(key).cloned().unwrap_or_default(),
        }
    }

    /// A figure for people, cut (never rounded) to four decimals: what is below a threshold must not read as equal to it.
    fn figure(&self, metric: Metric, value: Fraction) -> String {
        let (numerator, denominator) = value.parts();
        let shown = |scale: i128| {
            let scaled = numerator.checked_mul(scale).map(|scaled| scaled.div_euclid(denominator));
            scaled.map_or_else(|| format!("{}", value.to_f64()), |scaled| trimmed(scaled * (1_000_000 / 10_000)))
        };
        match metric.unit() {
            Unit::Ratio => format!("{} %", shown(1_000_000)),
            Unit::Number => shown(10_000),
            Unit::Money => format!("{} {}", shown(10_000), self.currency),
        }
    }
}

/// A decimal number in millionths without needless zeros.
fn trimmed(micros: i128) -> String {
    decimal(micros).trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What a rule judges, as one line.
fn query(rule: &Rule) -> String {
    let motion = rule.metric.motion().map_or_else(String::new, |motion| format!(", motion=\"{}\"", motion.as_str()));
    let scope = rule.scope.as_ref().map_or_else(String::new, |scope| format!(", dimension=\"{}\"", scope.dimension));
    let side = if rule.test.side == Side::Below { '<' } else { '>' };
    format!("{}{{window=\"{}\"{motion}{scope}}} {side} {}", rule.metric.name(), rule.window, trimmed(rule.test.threshold))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::{Progress, Record, Resolved, Suppression, shipped};
    use crate::domain::calendar::Instant;

    fn record(segment: Option<&str>, state: State, value: Option<Fraction>) -> Record {
        Record {
            rule: "UpswellExpansionRateLow".to_owned(),
            segment: segment.map(str::to_owned),
            definition: 0,
            state,
            suppressed: None,
            value,
            resolved: None,
            labels: BTreeMap::from([("alertname".to_owned(), "Low".to_owned())]),
            told: vec![],
        }
    }

    fn wording<'w>(rules: &'w [Rule], movers: &'w Movers) -> Wording<'w> {
        Wording { rules, base: "http://here", currency: "USD", movers, now: Instant(i64::MAX) }
    }

    #[test]
    fn a_notice_says_what_which_and_how_much() {
        let rules = [shipped::shipped().remove(0).rule];
        let firing = State::Firing { since: Instant(1000), clear: None };
        let book = Book::of(vec![record(None, firing, Fraction::new(99_999, 1_000_000))]);
        let movers = Movers::from([(Key { rule: rules[0].name.clone(), segment: None }, "Acme -10.00.".to_owned())]);
        let notices = wording(&rules, &movers).notices(&book);
        let (_, notice) = &notices[0];
        assert_eq!(notice.labels["alertname"], "Low", "what it was called when it fired");
        let description = &notice.annotations["description"];
        assert_eq!(description, "trailing_365d  is at 9.9999 %, the threshold is 10 %. Acme -10.00.");
        assert_eq!((notice.starts_at, notice.ends_at), (Instant(1000), None));
    }

    #[test]
    fn what_is_over_is_told_and_what_is_quiet_is_not() {
        let rules = [shipped::shipped().remove(0).rule];
        let resolved = Some(Resolved { since: Instant(5), at: Instant(9) });
        let book = Book::of(vec![
            Record { resolved, ..record(Some("a"), State::Inactive, None) },
            record(Some("b"), State::Inactive, None),
            record(Some("c"), State::Pending { since: Instant(1), held: 0 }, None),
        ]);
        let notices = wording(&rules, &Movers::new()).notices(&book);
        assert_eq!(notices.len(), 1);
        assert_eq!((notices[0].1.starts_at, notices[0].1.ends_at), (Instant(5), Some(Instant(9))));
        assert_eq!(notices[0].0.segment.as_deref(), Some("a"));
    }

    #[test]
    fn figures_are_cut_and_never_rounded_onto_the_threshold() {
        let rules = [];
        let movers = Movers::new();
        let figure = |metric, numerator, denominator| {
            wording(&rules, &movers).figure(metric, Fraction::new(numerator, denominator).expect("defined"))
        };
        assert_eq!(figure(Metric::ExpansionRate, 999_999_999, 10_000_000_000), "9.9999 %");
        assert_eq!(figure(Metric::ExpansionRate, 1, 10), "10 %");
        assert_eq!(figure(Metric::ExpansionGrowth, -1, 4), "-25 %");
        assert_eq!(figure(Metric::QuickRatio, 11, 10), "1.1");
        assert_eq!(figure(Metric::Churn, 1_234_567_890, 1_000_000), "1234.5678 USD");
    }

    #[test]
    fn the_api_shows_rules_with_their_alerts() {
        let rules = [shipped::shipped().remove(0).rule];
        let mut book = Book::of(vec![record(None, State::Pending { since: Instant(1), held: 0 }, Fraction::new(9, 100))]);
        book.entries.values_mut().for_each(|entry| {
            entry.progress = Progress { suppressed: Some((Suppression::Stale, Instant(2))), ..entry.progress };
        });
        let shown = wording(&rules, &Movers::new()).rule(&rules[0], &book);
        assert_eq!(shown.query, "expansion_rate{window=\"trailing_365d\"} < 0.1");
        assert_eq!((shown.state(), shown.suppressed_by(Suppression::Stale)), ("pending", 1));
        assert!(shown.alerts[0].annotations["suppressed"].starts_with("stale: "));
        assert_eq!(shown.threshold.map(|threshold| threshold.value), Some(0.1));
    }
}
