//! What producers write: events of a dozen customers, some of them twice, holes between them, and retries of what was rejected.

use crate::cluster::TOPICS;
use crate::events::{Event, LATE_ID, USAGE_ID};
use crate::trouble::Kind;
use crate::world::World;
use std::sync::Arc;

impl World {
    pub fn produce(&mut self) {
        for _ in 0..1 + self.dice.below(6) {
            let copy = self.dice.one_in(6);
            let (partition, event) = match self.dice.pick(&self.written) {
                Some(found) if copy => found.clone(),
                Some((partition, found)) if found.kind == 0 && found.fault.is_none() && self.dice.one_in(8) => {
                    self.number += 1;
                    (*partition, Arc::new(found.corrected(&mut self.dice, self.number)))
                }
                _ => {
                    let (partition, customer) = self.customers[self.dice.index(self.customers.len())].clone();
                    let kind = self.dice.index(2);
                    self.number += 1;
                    let mut event = Event::drawn(&mut self.dice, kind, self.number, customer, self.now);
                    if event.schema == LATE_ID && !self.swarm.contains(&Kind::SchemaLate) {
                        event.schema = USAGE_ID;
                    }
                    (partition, Arc::new(event))
                }
            };
            self.gap(event.kind, partition);
            self.cluster.append(event.kind, partition, &event, self.now, None);
            self.written.push((partition, event));
        }
    }

    /// Two letters of one record came, and whoever puts letters back does it with both.
    pub fn replay_twice(&mut self, topic: &str, partition: i32, offset: i64) {
        if self.topics < TOPICS.len() || !self.swarm.contains(&Kind::LettersTwice) || !self.dice.one_in(4) {
            return;
        }
        let Some(kind) = TOPICS.iter().position(|name| *name == topic).filter(|kind| *kind < 2) else { return };
        let number = partition as usize;
        let (entry, id) = {
            let state = self.cluster.state();
            (state.logs[kind][number].entries.get(&offset).map(|entry| entry.event.clone()), state.topic_ids[kind].clone())
        };
        let Some(event) = entry else { return };
        self.counts.hit(Kind::LettersTwice);
        let text = format!("{topic}/{id}/{partition}/{offset}");
        for _ in 0..2 {
            self.cluster.append(2, number, &event, self.now, Some(&text));
        }
    }

    /// Offsets without a record.
    fn gap(&mut self, topic: usize, partition: usize) {
        if self.swarm.contains(&Kind::Holes) && self.dice.one_in(8) {
            self.counts.hit(Kind::Holes);
            self.cluster.state().logs[topic][partition].end += 1 + self.dice.below(3) as i64;
        }
    }

    /// Somebody writes a rejected record again, or something that is none.
    pub fn retry(&mut self) {
        if self.topics < TOPICS.len() {
            return;
        }
        let partition = self.dice.index(self.owner.len());
        let kind = self.dice.index(2);
        let origin = |kind: usize, partition: usize, offset: i64| {
            let state = self.cluster.state();
            format!("{}/{}/{partition}/{offset}", TOPICS[kind], state.topic_ids[kind])
        };
        let rejected: Vec<i64> = self
            .slots
            .iter()
            .flatten()
            .filter_map(|instance| instance.shadows.get(&(partition as i32)))
            .flat_map(|shadow| shadow.rejected[kind].keys().copied())
            .collect();
        let log = self.cluster.state().logs[kind][partition].clone();
        let wanted = match self.dice.pick(&rejected) {
            Some(offset) if !self.dice.one_in(5) => *offset,
            _ => self.dice.between(0, log.end.max(1)),
        };
        let Some(entry) = log.entries.get(&wanted).or_else(|| log.entries.values().next()) else { return };
        let text = match self.dice.below(12) {
            0 => "nonsense".to_owned(),
            1 => origin(kind, partition + 1, wanted),
            // With a schema that is known late, nobody could tell which of the two events counts once the record is there.
            2 if self.swarm.contains(&Kind::SchemaLate) => return,
            2 => origin(kind, partition, log.end + 2),
            _ if log.entries.contains_key(&wanted) => origin(kind, partition, wanted),
            _ => return,
        };
        self.gap(2, partition);
        self.cluster.append(2, partition, &entry.event.clone(), self.now, Some(&text));
    }
}
