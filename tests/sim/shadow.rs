//! What a partition's state has to be: a plain list of which records count and which are rejected, as far as it has read.
//!
//! A verdict depends on the rates in force when a record was taken up, so every state has its own shadow, which goes with it through
//! images and restores. The figures are those of a fresh shard that is given every record that counts, in order, at once.

use crate::cluster::{Entry, State};
use crate::events::{Event, LATE_ID};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use upswell::domain::accept;
use upswell::domain::calendar::Instant;
use upswell::domain::currency::Currency;
use upswell::domain::facts::{Reason, Status};
use upswell::engine::dedup::Memory;
use upswell::engine::plan::Plan;
use upswell::engine::report::{Report, ShardTotals};
use upswell::engine::shard::Shard;
use upswell::service::ledger::Ledger;

/// Days that usage may lie after its record.
const AHEAD: i64 = 86_400_000;

#[derive(Clone, Debug, Default)]
pub struct Shadow {
    pub next: [i64; 3],
    pub rejected: [BTreeMap<i64, Reason>; 2],
    /// Kind and offset of what was rejected at some time, or may have been.
    pub ever: BTreeSet<(usize, i64)>,
    /// What counts, by kind and offset: the event as the record had it, or as a retry brought it.
    pub applied: BTreeMap<(usize, i64), Arc<Event>>,
}

impl Shadow {
    /// Reads what the ledger has read, and has to come to the same verdicts.
    pub fn follow(&mut self, state: &State, ledger: &Ledger, plan: &Plan) -> Result<(), String> {
        let partition = ledger.partition as usize;
        for topic in 0..3 {
            let to = ledger.positions[topic].map_or(0, |position| position.next);
            if to < self.next[topic] {
                return Err(format!("topic {topic} of {partition} went back from {} to {to}", self.next[topic]));
            }
            let from = std::mem::replace(&mut self.next[topic], to);
            for (offset, entry) in state.logs[topic][partition].entries.range(from..to) {
                match topic {
                    2 => self.retry(entry, ledger, plan),
                    kind => self.take(kind, *offset, entry, ledger, plan),
                }
            }
        }
        self.same_rejected(ledger)
    }

    pub fn same_rejected(&self, ledger: &Ledger) -> Result<(), String> {
        let found = rejected(&ledger.rejected);
        if found == self.rejected { Ok(()) } else { Err(format!("rejected {found:?}, not {:?}", self.rejected)) }
    }

    fn take(&mut self, kind: usize, offset: i64, entry: &Entry, ledger: &Ledger, plan: &Plan) {
        let seen = ledger.rejected[kind].get(offset);
        let found = verdict(entry, entry.at, plan, seen);
        if found.is_some() || entry.event.schema == LATE_ID {
            self.ever.insert((kind, offset));
        }
        match found {
            Some(reason) => drop(self.rejected[kind].insert(offset, reason)),
            None => drop(self.applied.insert((kind, offset), entry.event.clone())),
        }
    }

    fn retry(&mut self, entry: &Entry, ledger: &Ledger, plan: &Plan) {
        let Some((kind, offset)) = entry.origin else { return };
        if offset >= self.next[kind] || !self.rejected[kind].contains_key(&offset) {
            return;
        }
        let seen = ledger.rejected[kind].get(offset);
        if verdict(entry, entry.at, plan, seen).is_none() {
            self.rejected[kind].remove(&offset);
            self.applied.insert((kind, offset), entry.event.clone());
        }
    }

    /// A shard of everything that counts.
    fn shard(&self, plan: &Arc<Plan>, as_of: Instant) -> Shard {
        let mut shard = Shard::new(plan.clone(), Memory::All, (1, 2));
        for ((kind, _), event) in &self.applied {
            match kind {
                0 => {
                    let raw = event.subscription();
                    let fact = accept::subscription(&raw, &plan.rates).expect("it counts");
                    shard.apply_subscription(&fact);
                }
                _ => {
                    let raw = event.usage();
                    let fact = accept::usage(&raw, &plan.rates, None).expect("it counts");
                    shard.apply_usage(&fact, None);
                }
            }
        }
        shard.go_live(as_of);
        shard
    }

    /// Compares a live state with what it has to be; the totals that are right.
    /// Once a clock was ahead, images do not say which usage of a day lies after an earlier view, so `usage_today` may count it early.
    pub fn check(&self, ledger: &Ledger, was_ahead: bool) -> Result<Option<ShardTotals>, String> {
        let Some(totals) = ledger.shard.totals() else { return Ok(None) };
        let (plan, as_of) = (ledger.shard.plan(), totals.as_of);
        let right = self.shard(plan, as_of);
        let expected = right.totals().ok_or("not live")?;
        let report = |totals: &ShardTotals| Report::of(plan, as_of, std::slice::from_ref(totals));
        let (mut found, wanted) = (report(&totals), report(&expected));
        if was_ahead {
            found.usage_today = wanted.usage_today;
        }
        if found != wanted {
            return Err(format!("partition {}: {found:?}\nis not\n{wanted:?}", ledger.partition));
        }
        let counts = |shard: &Shard| (shard.accounts(), shard.dedup_entries());
        if counts(&ledger.shard) != counts(&right) {
            return Err(format!("customers and ids {:?}, not {:?}", counts(&ledger.shard), counts(&right)));
        }
        Ok(Some(expected))
    }
}

/// By kind: offset and reason.
pub fn rejected(sets: &[upswell::engine::rejected::Rejected; 2]) -> [BTreeMap<i64, Reason>; 2] {
    [0, 1].map(|kind: usize| {
        sets[kind].runs().flat_map(|(first, end, reason)| (first..end).map(move |offset| (offset, reason))).collect()
    })
}

/// Why an event is rejected now. Of a schema that the registry learns of late, what was seen counts.
fn verdict(entry: &Entry, at: i64, plan: &Plan, seen: Option<Reason>) -> Option<Reason> {
    let event = &entry.event;
    let known = Currency::parse(event.currency).is_some_and(|currency| plan.rates.knows(currency));
    let needed = event.kind == 1 || matches!(event.status, Status::Active | Status::PastDue);
    match event.fault {
        Some(Reason::FutureUsage) if event.at - at <= AHEAD => None,
        Some(reason) => Some(reason),
        None if event.schema == LATE_ID && seen == Some(Reason::UnknownSchema) => seen,
        None if needed && !known => Some(Reason::UnknownCurrency),
        None => None,
    }
}
