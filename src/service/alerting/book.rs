//! The book of alerts: every alert of every rule, from one evaluation to the next. It asks nobody and tells nobody.

use super::trends::Vitals;
use crate::domain::alert::{
    Fraction, Limits, Observation, Progress, Reason, Record, Resolved, Rule, State, Suppression, Test, Timing, Told, Trouble,
    step,
};
use crate::domain::calendar::Instant;
use crate::engine::judgement::{Footing, judge};
use crate::engine::report::Report;
use std::collections::{BTreeMap, BTreeSet};
use twox_hash::XxHash3_128;

/// How long an alert that is over is told of again, as Prometheus does.
pub const TOLD_AGAIN: i64 = 15 * 60_000;
/// How long somebody who was told that it fires may take to hear that it is over; and how long a segment that fires may be gone.
const REMEMBERED: i64 = 24 * 3_600_000;

/// Which alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub rule: String,
    pub segment: Option<String>,
}

/// One alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    definition: u64,
    pub progress: Progress,
    pub value: Option<Fraction>,
    pub resolved: Option<Resolved>,
    /// Those it would fire with; once it has fired, and until it is over for everybody, those it has fired with.
    pub labels: BTreeMap<String, String>,
    pub told: Vec<Told>,
}

/// What an alert is of.
#[derive(Clone, Copy)]
enum Subject<'s> {
    Rule(&'s Rule),
    Trouble(Trouble),
}

/// All alerts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    pub entries: BTreeMap<Key, Entry>,
    /// What keeps whole rules from being judged.
    pub suppressed: BTreeMap<String, Suppression>,
}

/// What is evaluated.
pub struct Evaluation<'e> {
    pub rules: &'e [Rule],
    /// `None` if alerts about the service itself are off.
    pub limits: Option<Limits>,
    pub report: Option<&'e Report>,
    pub footing: Footing,
    pub vitals: Vitals,
    pub now: Instant,
    /// The most milliseconds that count between two evaluations.
    pub longest: i64,
    /// Alerts of which notices are on their way.
    pub carried: &'e BTreeSet<Key>,
}

impl Book {
    /// What images remembered.
    pub fn of(records: Vec<Record>) -> Book {
        let entry = |record: Record| {
            let Record { rule, segment, definition, state, suppressed, value, resolved, labels, told } = record;
            let progress = Progress { state, judged: None, suppressed };
            (Key { rule, segment }, Entry { definition, progress, value, resolved, labels, told })
        };
        Book { entries: records.into_iter().map(entry).collect(), suppressed: BTreeMap::new() }
    }

    /// What an image has to remember: all but what is quiet and could be judged.
    pub fn records(&self) -> Vec<Record> {
        let record = |(key, entry): (&Key, &Entry)| {
            let Entry { definition, progress, value, resolved, labels, told } = entry;
            let quiet = progress.state == State::Inactive && progress.suppressed.is_none() && resolved.is_none();
            let (rule, segment) = (key.rule.clone(), key.segment.clone());
            let (state, suppressed, definition, value, resolved) =
                (progress.state, progress.suppressed, *definition, *value, *resolved);
            // The figure of what does not fire changes all the time and tells nobody anything.
            let value = value.filter(|_| matches!(state, State::Firing { .. }) || resolved.is_some());
            let (labels, told) = (labels.clone(), told.clone());
            (!quiet).then_some(Record { rule, segment, definition, state, suppressed, value, resolved, labels, told })
        };
        self.entries.iter().filter_map(record).collect()
    }

    /// The same alerts, and those about the service itself that another book has and this one lacks.
    pub fn with_troubles_of(mut self, other: Book) -> Book {
        let of_service = |key: &Key| Trouble::ALL.iter().any(|trouble| trouble.name() == key.rule);
        for (key, entry) in other.entries.into_iter().filter(|(key, _)| of_service(key)) {
            self.entries.entry(key).or_insert(entry);
        }
        self
    }

    /// Judges all rules once. Answers whether anybody has to be told something.
    pub fn evaluate(&mut self, evaluation: &Evaluation) -> bool {
        let before = self.firing();
        self.suppressed.clear();
        for rule in evaluation.rules {
            self.judge(rule, evaluation);
        }
        if let Some(limits) = evaluation.limits {
            let vitals = Vitals { suppressed_since: self.suppressed_since(), ..evaluation.vitals };
            for trouble in Trouble::ALL {
                let key = Key { rule: trouble.name().to_owned(), segment: None };
                let observation = trouble.observe(&vitals, &limits, evaluation.now);
                self.step(key, Subject::Trouble(trouble), observation, None, evaluation);
            }
        }
        self.drop_what_is_over(evaluation);
        self.firing() != before
    }

    fn judge(&mut self, rule: &Rule, evaluation: &Evaluation) {
        let subject = Subject::Rule(rule);
        let key = |segment: Option<String>| Key { rule: rule.name.clone(), segment };
        let judged = evaluation.report.ok_or(Suppression::NotReady);
        let judged = judged.and_then(|report| judge(rule, report, &evaluation.footing));
        let known: Vec<Key> = self.entries.keys().filter(|known| known.rule == rule.name).cloned().collect();
        let (judged, rest) = match judged {
            Ok(judged) => (judged, Suppression::Undefined),
            Err(reason) => {
                self.suppressed.insert(rule.name.clone(), reason);
                if rule.scope.is_none() && !known.contains(&key(None)) {
                    self.step(key(None), subject, Observation::Suppressed(reason), None, evaluation);
                }
                (Vec::new(), reason)
            }
        };
        // A segment that is not there any more, or a rule that cannot be judged: what there is is held.
        for held in known.iter().filter(|known| !judged.iter().any(|judged| judged.segment == known.segment)) {
            self.step(held.clone(), subject, Observation::Suppressed(rest), None, evaluation);
        }
        for judgement in judged {
            self.step(key(judgement.segment), subject, judgement.observation, judgement.value, evaluation);
        }
    }

    fn step(&mut self, key: Key, subject: Subject, observation: Observation, value: Option<Fraction>, evaluation: &Evaluation) {
        let (definition, now) = (subject.definition(), evaluation.now);
        let labels = subject.labels(&key);
        let entry = self.entries.entry(key).or_insert_with(|| Entry::new(definition));
        if entry.definition != definition {
            entry.definition = definition;
            let fired = matches!(entry.progress.state, State::Firing { .. });
            entry.resolve(now);
            if fired {
                // The rule means something else now, so what it fired over is over; that is told before it may fire anew.
                return;
            }
        }
        if entry.resolved.is_none() && !matches!(entry.progress.state, State::Firing { .. }) {
            entry.labels.clone_from(&labels);
        }
        let was = entry.progress.state;
        let (progress, reason) = step(&subject.timing(evaluation.longest), observation, &entry.progress, now);
        entry.progress = progress;
        entry.value = value.or(entry.value);
        match (reason, was) {
            (Reason::Fired, _) => (entry.resolved, entry.labels, entry.told) = (None, labels, Vec::new()),
            (Reason::Resolved, State::Firing { since, .. }) => entry.resolved = Some(Resolved { since, at: now }),
            _ => {}
        }
    }

    /// Rules that are no longer configured are over; what was told long enough is forgotten.
    fn drop_what_is_over(&mut self, evaluation: &Evaluation) {
        let operational = |name: &str| evaluation.limits.is_some() && Trouble::ALL.iter().any(|trouble| trouble.name() == name);
        let configured = |name: &str| operational(name) || evaluation.rules.iter().any(|rule| rule.name == name);
        let scoped = |key: &Key| evaluation.rules.iter().any(|rule| rule.name == key.rule && rule.scope.is_some());
        for (key, entry) in &mut self.entries {
            // A rule that has changed between total and segments has left what it judged before.
            let fits = !evaluation.rules.iter().any(|rule| rule.name == key.rule) || scoped(key) == key.segment.is_some();
            if !configured(&key.rule) || !fits {
                entry.resolve(evaluation.now);
            }
            if is_unwanted(key, evaluation.rules) || entry.is_long_gone(key, evaluation.now) {
                entry.resolve(evaluation.now);
            }
            let awaited = evaluation.carried.contains(key) || entry.told.iter().any(|told| !told.resolved);
            let longest = if awaited { REMEMBERED } else { TOLD_AGAIN };
            entry.resolved.take_if(|resolved| evaluation.now.0.saturating_sub(resolved.at.0) > longest);
        }
        self.entries.retain(|key, entry| {
            let gone =
                entry.progress.suppressed.is_some_and(|(reason, _)| reason == Suppression::Undefined) && key.segment.is_some();
            let idle = entry.progress.state == State::Inactive && entry.resolved.is_none();
            let fits = configured(&key.rule) && (operational(&key.rule) || scoped(key) == key.segment.is_some());
            !(idle && (gone || !fits))
        });
    }

    /// Since when the rule that has been suppressed longest has been. Small and vanished segments are no rule's trouble.
    fn suppressed_since(&self) -> Option<Instant> {
        let matters = |(key, entry): (&Key, &Entry)| {
            let (reason, since) = entry.progress.suppressed?;
            let fires = matches!(entry.progress.state, State::Firing { .. });
            let small = matches!(reason, Suppression::SmallBase | Suppression::Undefined);
            let of_segment = small && key.segment.is_some() && !fires;
            (!of_segment).then_some(since)
        };
        self.entries.iter().filter_map(matters).min()
    }

    fn firing(&self) -> Vec<Key> {
        let fires = |entry: &Entry| matches!(entry.progress.state, State::Firing { .. });
        self.entries.iter().filter(|(_, entry)| fires(entry)).map(|(key, _)| key.clone()).collect()
    }
}

impl Entry {
    fn new(definition: u64) -> Entry {
        let (progress, labels) = (Progress::default(), BTreeMap::new());
        Entry { definition, progress, value: None, resolved: None, labels, told: Vec::new() }
    }

    /// Ends it, whatever was observed.
    fn resolve(&mut self, now: Instant) {
        if let State::Firing { since, .. } = self.progress.state {
            self.resolved = Some(Resolved { since, at: now });
        }
        self.progress = Progress::default();
    }

    /// Whether it is of a segment that has not been in any report for a day.
    fn is_long_gone(&self, key: &Key, now: Instant) -> bool {
        let since = self.progress.suppressed.filter(|(reason, _)| *reason == Suppression::Undefined).map(|(_, since)| since);
        key.segment.is_some() && since.is_some_and(|since| now.0.saturating_sub(since.0) > REMEMBERED)
    }

    /// What a receiver has acknowledged last: that it is over (`true`), that it fires (`false`), or nothing.
    pub fn told(&self, receiver: &str) -> Option<bool> {
        self.told.iter().find(|told| told.receiver == receiver).map(|told| told.resolved)
    }

    /// A receiver has acknowledged something.
    pub fn note_told(&mut self, receiver: &str, resolved: bool) {
        self.told.retain(|told| told.receiver != receiver);
        self.told.push(Told { receiver: receiver.to_owned(), resolved });
    }
}

impl Subject<'_> {
    fn timing(self, longest: i64) -> Timing {
        match self {
            Subject::Rule(rule) => Timing { pending: rule.pending, keep: rule.keep, longest },
            Subject::Trouble(trouble) => Timing { pending: trouble.pending(), keep: trouble.keep(), longest },
        }
    }

    fn definition(self) -> u64 {
        match self {
            Subject::Rule(rule) => definition(rule),
            Subject::Trouble(_) => 0,
        }
    }

    /// All labels of an alert.
    fn labels(self, key: &Key) -> BTreeMap<String, String> {
        let mut labels = match self {
            Subject::Rule(rule) => rule.labels(),
            Subject::Trouble(trouble) => trouble.labels(),
        };
        labels.insert("alertname".to_owned(), key.rule.clone());
        labels.extend(key.segment.iter().map(|segment| ("segment".to_owned(), segment.clone())));
        labels
    }
}

/// Whether an alert is of a segment that its rule does not name any more.
fn is_unwanted(key: &Key, rules: &[Rule]) -> bool {
    let scope = rules.iter().find(|rule| rule.name == key.rule).and_then(|rule| rule.scope.as_ref());
    let named = |segment: &String| scope.is_none_or(|scope| scope.values.is_empty() || scope.values.contains(segment));
    key.segment.as_ref().is_some_and(|segment| !named(segment))
}

/// Digest of what a rule judges and how its alerts are called; times and texts are not part of it.
fn definition(rule: &Rule) -> u64 {
    let scope = rule.scope.as_ref().map_or("", |scope| scope.dimension.as_str());
    let motion = rule.metric.motion().map_or("", |motion| motion.as_str());
    let Test { side, threshold, .. } = rule.test;
    let labels = rule.labels();
    let text = format!("{} {motion} {} {scope} {side:?} {threshold} {labels:?}", rule.metric.name(), rule.window);
    XxHash3_128::oneshot(text.as_bytes()) as u64
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
