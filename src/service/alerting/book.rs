//! The book of alerts: every alert of every rule, from one evaluation to the next. It asks nobody and tells nobody.

use super::trends::Vitals;
use crate::domain::alert::{
    Fraction, Limits, Observation, Progress, Reason, Record, Resolved, Rule, State, Suppression, Timing, Told, Trouble, step,
};
use crate::domain::calendar::Instant;
use crate::engine::judgement::{Footing, judge};
use crate::engine::report::Report;
use std::collections::BTreeMap;
use twox_hash::XxHash3_128;

/// How long an alert that is over is told of again, as Prometheus does.
pub const TOLD_AGAIN: i64 = 15 * 60_000;

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
    pub told: Vec<Told>,
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
}

impl Book {
    /// What images remembered.
    pub fn of(records: Vec<Record>) -> Book {
        let entry = |record: Record| {
            let Record { rule, segment, definition, state, suppressed, value, resolved, told } = record;
            let progress = Progress { state, judged: None, suppressed };
            (Key { rule, segment }, Entry { definition, progress, value, resolved, told })
        };
        Book { entries: records.into_iter().map(entry).collect(), suppressed: BTreeMap::new() }
    }

    /// What an image has to remember: all but what is quiet and could be judged.
    pub fn records(&self) -> Vec<Record> {
        let record = |(key, entry): (&Key, &Entry)| {
            let Entry { definition, progress, value, resolved, told } = entry;
            let quiet = progress.state == State::Inactive && progress.suppressed.is_none() && resolved.is_none();
            let (rule, segment) = (key.rule.clone(), key.segment.clone());
            let (state, suppressed, definition, value, resolved) =
                (progress.state, progress.suppressed, *definition, *value, *resolved);
            // The figure of what does not fire changes all the time and tells nobody anything.
            let value = value.filter(|_| matches!(state, State::Firing { .. }) || resolved.is_some());
            (!quiet).then(|| Record { rule, segment, definition, state, suppressed, value, resolved, told: told.clone() })
        };
        self.entries.iter().filter_map(record).collect()
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
                let timing = Timing { pending: trouble.pending(), keep: trouble.keep(), longest: evaluation.longest };
                self.step(key, 0, &timing, trouble.observe(&vitals, &limits, evaluation.now), None, evaluation.now);
            }
        }
        self.drop_what_is_over(evaluation);
        self.firing() != before
    }

    fn judge(&mut self, rule: &Rule, evaluation: &Evaluation) {
        let (definition, now) = (definition(rule), evaluation.now);
        let timing = Timing { pending: rule.pending, keep: rule.keep, longest: evaluation.longest };
        let key = |segment: Option<String>| Key { rule: rule.name.clone(), segment };
        let judged = evaluation.report.ok_or(Suppression::NotReady);
        let judged = judged.and_then(|report| judge(rule, report, &evaluation.footing));
        let known: Vec<Key> = self.entries.keys().filter(|known| known.rule == rule.name).cloned().collect();
        let (judged, rest) = match judged {
            Ok(judged) => (judged, Suppression::Undefined),
            Err(reason) => {
                self.suppressed.insert(rule.name.clone(), reason);
                if rule.scope.is_none() && !known.contains(&key(None)) {
                    self.step(key(None), definition, &timing, Observation::Suppressed(reason), None, now);
                }
                (Vec::new(), reason)
            }
        };
        // A segment that is not there any more, or a rule that cannot be judged: what there is is held.
        for held in known.iter().filter(|known| !judged.iter().any(|judged| judged.segment == known.segment)) {
            self.step(held.clone(), definition, &timing, Observation::Suppressed(rest), None, now);
        }
        for judgement in judged {
            self.step(key(judgement.segment), definition, &timing, judgement.observation, judgement.value, now);
        }
    }

    fn step(
        &mut self,
        key: Key,
        definition: u64,
        timing: &Timing,
        observation: Observation,
        value: Option<Fraction>,
        now: Instant,
    ) {
        let entry = self.entries.entry(key).or_insert_with(|| Entry::new(definition));
        if entry.definition != definition {
            // The rule means something else now, so what it fired over is over.
            entry.resolve(now);
            entry.definition = definition;
        }
        let was = entry.progress.state;
        let (progress, reason) = step(timing, observation, &entry.progress, now);
        entry.progress = progress;
        entry.value = value.or(entry.value);
        match (reason, was) {
            (Reason::Fired, _) => (entry.resolved, entry.told) = (None, Vec::new()),
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
            let told = |resolved: &Resolved| evaluation.now.0.saturating_sub(resolved.at.0) > TOLD_AGAIN;
            entry.resolved.take_if(|resolved| told(resolved));
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
            let of_segment = matches!(reason, Suppression::SmallBase | Suppression::Undefined) && key.segment.is_some();
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
        Entry { definition, progress: Progress::default(), value: None, resolved: None, told: Vec::new() }
    }

    /// Ends it, whatever was observed.
    fn resolve(&mut self, now: Instant) {
        if let State::Firing { since, .. } = self.progress.state {
            self.resolved = Some(Resolved { since, at: now });
        }
        self.progress = Progress::default();
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

/// Digest of what a rule judges; times and texts are not part of it.
fn definition(rule: &Rule) -> u64 {
    let scope = rule.scope.as_ref().map_or("", |scope| scope.dimension.as_str());
    let motion = rule.metric.motion().map_or("", |motion| motion.as_str());
    let text = format!("{} {motion} {} {scope} {:?} {}", rule.metric.name(), rule.window, rule.test.side, rule.test.threshold);
    XxHash3_128::oneshot(text.as_bytes()) as u64
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
