//! What a partition's state has to be: a plain list of which records count and which are rejected, as far as it has read.
//!
//! A verdict depends on the rates in force when a record was taken up, so every state has its own shadow, which goes with it through
//! images and restores. The figures are those of the slow twin ([`crate::oracle`]); between its looks, those of a fresh shard that is
//! given every record that counts, in order, at once.

use crate::cluster::{Entry, State};
use crate::deployment::Deployment;
use crate::events::{Event, LATE_ID};
use crate::twin::facts::{Event as Told, accept};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use upswell::domain::accept;
use upswell::domain::calendar::Instant;
use upswell::domain::facts::{Reason, Rejection};
use upswell::engine::dedup::Memory;
use upswell::engine::plan::Plan;
use upswell::engine::report::{Report, ShardTotals};
use upswell::engine::shard::Shard;
use upswell::service::ledger::Ledger;

/// Milliseconds that usage may lie after its record.
const AHEAD: i64 = 86_400_000;

/// What verdicts depend on besides the record.
pub struct Circumstances<'a> {
    pub deployment: &'a Deployment,
    /// The clock that the state was told last.
    pub clock: i64,
    /// For how long ids are remembered, in a run that is long enough to forget some.
    pub memory: Option<i64>,
}

#[derive(Clone, Debug, Default)]
pub struct Shadow {
    pub next: [i64; 3],
    pub rejected: [BTreeMap<i64, Reason>; 2],
    /// Kind and offset of what was rejected at some time, or may have been.
    pub ever: BTreeSet<(usize, i64)>,
    /// What counts, by kind and offset: the event as the record had it, or as a retry brought it. One that was forgotten and came
    /// again counts again, under an id of its own.
    pub applied: BTreeMap<(usize, i64), Arc<Event>>,
    /// Events that count once more because they were forgotten.
    pub forgotten: u64,
    /// It is that of an image that was begun between two slices of a move, or of the state restored from it.
    pub sliced: bool,
    /// The record time, and that at which each id was applied last.
    record_time: i64,
    remembered: BTreeMap<String, i64>,
}

impl Shadow {
    /// That of a state that is made anew from there on.
    pub fn at(next: [i64; 3]) -> Shadow {
        Shadow { next, ..Shadow::default() }
    }

    /// That of an image, which was or was not begun between two slices of a move.
    pub fn of_image(&self, sliced: bool) -> Shadow {
        Shadow { sliced, ..self.clone() }
    }

    /// Reads what the ledger has read, and has to come to the same verdicts.
    pub fn follow(&mut self, state: &State, ledger: &Ledger, around: &Circumstances) -> Result<(), String> {
        let partition = ledger.partition as usize;
        for topic in 0..3 {
            let to = ledger.positions[topic].map_or(0, |position| position.next);
            if to < self.next[topic] {
                return Err(format!("topic {topic} of {partition} went back from {} to {to}", self.next[topic]));
            }
            let from = std::mem::replace(&mut self.next[topic], to);
            for (offset, entry) in state.logs[topic][partition].entries.range(from..to) {
                match topic {
                    2 => self.retry(entry, ledger, around),
                    kind => self.take(kind, *offset, entry, ledger, around),
                }
            }
        }
        self.same_rejected(ledger)
    }

    pub fn same_rejected(&self, ledger: &Ledger) -> Result<(), String> {
        let found = rejected(&ledger.rejected);
        if found == self.rejected { Ok(()) } else { Err(format!("rejected {found:?}, not {:?}", self.rejected)) }
    }

    fn take(&mut self, kind: usize, offset: i64, entry: &Entry, ledger: &Ledger, around: &Circumstances) {
        let seen = ledger.rejected[kind].get(offset);
        let found = verdict(entry, around.deployment, seen);
        if found.is_some() || entry.event.schema == LATE_ID {
            self.ever.insert((kind, offset));
        }
        match found {
            Some(reason) => drop(self.rejected[kind].insert(offset, reason)),
            None => self.apply(kind, offset, entry, around),
        }
    }

    fn retry(&mut self, entry: &Entry, ledger: &Ledger, around: &Circumstances) {
        let Some((kind, offset)) = entry.origin else { return };
        if offset >= self.next[kind] || !self.rejected[kind].contains_key(&offset) {
            return;
        }
        // Of a schema that the registry learns of late, what was seen counts; the reason is the origin's.
        let unknown = entry.event.schema == LATE_ID && ledger.rejected[kind].get(offset).is_some();
        if !unknown && verdict(entry, around.deployment, None).is_none() {
            self.rejected[kind].remove(&offset);
            self.apply(kind, offset, entry, around);
        }
    }

    /// An event counts, unless it is usage that is remembered.
    fn apply(&mut self, kind: usize, offset: i64, entry: &Entry, around: &Circumstances) {
        let mut event = entry.event.clone();
        if let (1, Some(memory)) = (kind, around.memory) {
            self.record_time = self.record_time.max(entry.at.min(around.clock));
            if let Some(at) = self.remembered.get(&event.id) {
                if self.record_time < end_of_generation(*at, memory) + memory {
                    return;
                }
                self.forgotten += 1;
                event = Arc::new(Event { id: format!("{}, again at {offset}", event.id), ..(*event).clone() });
            }
            self.remembered.insert(entry.event.id.clone(), self.record_time);
        }
        self.applied.insert((kind, offset), event);
    }

    /// A shard of everything that counts.
    fn shard(&self, plan: &Arc<Plan>, as_of: Instant) -> Result<Shard, String> {
        let strange = |rejection: Rejection| format!("what counts is rejected: {}", rejection.detail);
        let mut shard = Shard::new(plan.clone(), Memory::All, (1, 2));
        for event in self.applied.values() {
            match event.told() {
                Told::Subscription(event) => {
                    let raw = event.raw();
                    let fact = accept::subscription(&raw, &plan.rates).map_err(strange)?;
                    shard.apply_subscription(&fact);
                }
                Told::Usage(event) => {
                    let raw = event.raw();
                    let fact = accept::usage(&raw, &plan.rates, None).map_err(strange)?;
                    shard.apply_usage(&fact, None);
                }
            }
        }
        shard.go_live(as_of);
        Ok(shard)
    }

    /// Compares totals of a live state with what they have to be. Whether usage of the day was not known, which it need not be
    /// after a clock went back: the latest that any has shown comes with `memory`.
    pub fn check(
        &self,
        ledger: &Ledger,
        plan: &Arc<Plan>,
        totals: &ShardTotals,
        (latest_clock, memory): (i64, Option<i64>),
    ) -> Result<bool, String> {
        let as_of = totals.as_of;
        let right = self.shard(plan, as_of)?;
        let expected = right.totals().ok_or("not live")?;
        let report = |totals: &ShardTotals| Report::of(plan, as_of, std::slice::from_ref(totals));
        let (found, mut wanted) = (report(totals), report(&expected));
        let unknown = found.usage_today.is_none();
        if unknown {
            self.may_be_unknown(as_of.0, latest_clock)?;
            wanted.usage_today = None;
        }
        if found != wanted {
            return Err(format!("partition {}: {found:?}\nis not\n{wanted:?}", ledger.partition));
        }
        let counts = |shard: &Shard| (shard.accounts(), memory.map_or(shard.dedup_entries(), |_| 0));
        if counts(&ledger.shard) != counts(&right) {
            return Err(format!("customers and ids {:?}, not {:?}", counts(&ledger.shard), counts(&right)));
        }
        Ok(unknown)
    }

    /// Usage of the day may be unknown only while some lies ahead of a view that is earlier than a clock was.
    fn may_be_unknown(&self, as_of: i64, latest_clock: i64) -> Result<(), String> {
        let ahead = self.applied.values().any(|event| event.kind == 1 && event.at >= as_of);
        match ahead && latest_clock > as_of {
            true => Ok(()),
            false => Err("usage of the day is not known although no clock went back behind it".to_owned()),
        }
    }
}

/// By kind: offset and reason.
pub fn rejected(sets: &[upswell::engine::rejected::Rejected; 2]) -> [BTreeMap<i64, Reason>; 2] {
    [0, 1].map(|kind: usize| {
        sets[kind].runs().flat_map(|(first, end, reason)| (first..end).map(move |offset| (offset, reason))).collect()
    })
}

/// The record time at which the generation ends that takes an id: generations are half as long as the memory.
fn end_of_generation(applied: i64, memory: i64) -> i64 {
    let length = (memory + 1) / 2;
    (applied.div_euclid(length) + 1) * length
}

/// Why an event is rejected now, by the twin where it is a question of acceptance. Of a schema that the registry learns of late, what
/// was seen counts.
fn verdict(entry: &Entry, deployment: &Deployment, seen: Option<Reason>) -> Option<Reason> {
    let event = &entry.event;
    match event.fault {
        Some(reason @ (Reason::Framing | Reason::Decode | Reason::TrailingBytes | Reason::UnknownSchema)) => return Some(reason),
        Some(Reason::FutureUsage) if event.at - entry.at > AHEAD => return Some(Reason::FutureUsage),
        None if event.schema == LATE_ID && seen == Some(Reason::UnknownSchema) => return seen,
        _ => {}
    }
    accept(&event.told(), &deployment.setup().currencies()).err()
}
