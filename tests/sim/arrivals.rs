//! What arrives between two slices of a move: noted by what it is, and by whether the move has come to its customer.

use crate::events::Event;
use crate::instance::Instance;
use crate::trouble::Kind::{self, *};
use std::collections::{BTreeMap, BTreeSet};
use upswell::domain::calendar::Instant;

/// What a partition had whose view moves.
pub struct Before {
    applied: BTreeSet<(usize, i64)>,
    customers: BTreeSet<String>,
}

impl Instance {
    /// The partitions whose views move.
    pub fn before_arrivals(&mut self) -> BTreeMap<i32, Before> {
        let moving = self.worker.custody.all().filter(|partition| partition.ledger.shard.is_moving());
        let numbers: Vec<i32> = moving.map(|partition| partition.board.partition).collect();
        let before = |number: &i32| {
            let applied = &self.shadows.get(number)?.applied;
            let customers = applied.values().map(|event| event.customer.clone()).collect();
            Some((*number, Before { applied: applied.keys().copied().collect(), customers }))
        };
        numbers.iter().filter_map(before).collect()
    }

    /// Notes what has arrived since, the shadows having followed.
    pub fn note_arrivals(&mut self, before: &BTreeMap<i32, Before>) {
        let Some(to) = self.rounds.front().map(|round| round.as_of).filter(|_| !before.is_empty()) else { return };
        let (from, zone) = (self.shown.as_of.unwrap_or(to), self.worker.around.plan.zone.clone());
        let what = |event: &Event| match event.kind {
            0 if event.at >= to.0 => StateAhead,
            0 if event.at >= from.0 => StateDue,
            0 => StateChange,
            _ if zone.day(Instant(event.at)) == zone.day(to) => UsageToday,
            _ => UsageLate,
        };
        for partition in self.worker.custody.all() {
            let (number, shard) = (partition.board.partition, &partition.ledger.shard);
            let (Some(before), Some(shadow)) = (before.get(&number), self.shadows.get(&number)) else { continue };
            for (_, event) in shadow.applied.iter().filter(|(key, _)| !before.applied.contains(key)) {
                let known = before.customers.contains(&event.customer);
                let who = match (known, shard.has_moved(&event.customer), shard.is_live()) {
                    (true, Some(true), _) => OfMoved,
                    (true, _, true) => OfUnmoved,
                    (true, _, false) => OfUnassessed,
                    (false, Some(true), _) => NewAmongMoved,
                    (false, ..) => NewAmongUnmoved,
                };
                let supersedes = before.applied.iter().any(|key| {
                    let older = shadow.applied.get(key).filter(|older| older.customer == event.customer);
                    older.is_some_and(|older| older.kind == 0 && event.kind == 0 && older.at == event.at)
                });
                self.seen.extend([what(event), who]);
                self.seen.extend(supersedes.then_some(Supersedes));
            }
        }
    }

    /// Whether a state that was known before takes effect between what was shown last and the round that begins.
    pub fn note_due(&mut self, to: Instant) {
        let Some(from) = self.shown.as_of else { return };
        let due = |event: &Event| event.kind == 0 && (from.0..to.0).contains(&event.at);
        let falls_due = self.shadows.values().any(|shadow| shadow.applied.values().any(|event| due(event)));
        self.seen.extend(falls_due.then_some(Kind::FallsDue));
    }
}
