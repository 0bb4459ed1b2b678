//! What a history holds, counted, as text for people.

use super::event::{Cause, Delivery, Event, Flaw};
use crate::domain::facts::FactKind;
use std::collections::BTreeMap;
use std::fmt;

/// Counts of the events of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub subscriptions: u64,
    pub usage: u64,
    causes: BTreeMap<Cause, u64>,
    flaws: BTreeMap<Flaw, u64>,
    late: u64,
    ahead: u64,
    repeated: u64,
}

impl Summary {
    /// Counts one event that was written.
    pub fn count(&mut self, event: &Event) {
        match event.kind() {
            FactKind::Subscription => self.subscriptions += 1,
            FactKind::Usage => self.usage += 1,
        }
        match event.delivery {
            Delivery::OnTime => {}
            Delivery::Late => self.late += 1,
            Delivery::Ahead => self.ahead += 1,
            Delivery::Repeated => return self.repeated += 1,
            Delivery::Broken(flaw) => return *self.flaws.entry(flaw).or_insert(0) += 1,
        }
        *self.causes.entry(event.cause).or_insert(0) += 1;
    }

    /// Events that a reader has to reject.
    pub fn invalid(&self) -> u64 {
        self.flaws.values().sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} subscription events and {} usage events", self.subscriptions, self.usage)?;
        let counted = |cause| self.causes.get(cause).copied().unwrap_or(0);
        let causes: Vec<String> = Cause::ALL.iter().map(|(cause, words)| format!("{} {words}", counted(cause))).collect();
        for line in causes.chunks(5) {
            writeln!(f, "  {}", line.join(", "))?;
        }
        writeln!(f, "  {} late, {} ahead of time, {} repeated", self.late, self.ahead, self.repeated)?;
        let count = |(flaw, reason): &(Flaw, &str)| self.flaws.get(flaw).map(|count| format!("{reason} {count}"));
        let reasons: Vec<String> = Flaw::ALL.iter().filter_map(count).collect();
        write!(f, "  {} invalid: {}", self.invalid(), if reasons.is_empty() { "none".to_owned() } else { reasons.join(", ") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::history::{Scale, days};
    use crate::domain::calendar::Day;

    #[test]
    fn every_event_is_counted_once() {
        let scale = Scale { customers: 200, months: 8, until: Day::parse("2026-07-01").expect("a date"), seed: 1 };
        let events: Vec<Event> = days(scale).flatten().collect();
        let mut summary = Summary::default();
        events.iter().for_each(|event| summary.count(event));
        assert_eq!(summary.subscriptions + summary.usage, events.len() as u64);
        assert_eq!(summary.causes.values().sum::<u64>() + summary.repeated + summary.invalid(), events.len() as u64);
        let text = summary.to_string();
        assert!(text.contains(" seats added") && text.contains("late") && text.contains(" invalid: "), "{text}");
    }

    #[test]
    fn an_empty_history_says_so() {
        assert!(Summary::default().to_string().ends_with("0 invalid: none"));
    }
}
