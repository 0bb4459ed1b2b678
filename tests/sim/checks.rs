//! What has to hold of an instance at any time: which partitions count, and what they show.

use crate::instance::{Images, Instance};
use crate::oracle::judge;
use crate::trouble::Kind;
use std::collections::BTreeSet;
use upswell::engine::report::ShardTotals;

impl Instance {
    /// Compares every live partition with its shadow, and which of them are counted.
    pub fn check(&mut self, images: &mut Images) -> Result<(), String> {
        self.compare(images).map(drop)
    }

    /// The same, and all partitions together with the twin.
    pub fn judge(&mut self, images: &mut Images) -> Result<(), String> {
        let (totals, unknown) = self.compare(images)?;
        let Some(as_of) = totals.first().map(|(_, totals)| totals.as_of) else { return Ok(()) };
        if totals.iter().any(|(_, totals)| totals.as_of != as_of) {
            return Err("a view of two instants".to_owned());
        }
        let shadows = totals.iter().map(|(partition, _)| &self.shadows[partition]);
        let parts: Vec<ShardTotals> = totals.iter().map(|(_, totals)| totals.clone()).collect();
        judge(&self.config.deployment, shadows, &parts, unknown)
    }

    /// The totals that are counted, and whether one of them does not know its usage of the day.
    fn compare(&mut self, images: &mut Images) -> Result<(Vec<(i32, ShardTotals)>, bool), String> {
        self.sync(images)?;
        let totals = self.advance()?;
        let counted: BTreeSet<i32> = totals.iter().map(|(partition, _)| *partition).collect();
        let (latest, memory) = (self.cluster.state().latest_clock, self.config.memory);
        let (mut live, mut unknown) = (BTreeSet::new(), false);
        for partition in self.worker.custody.all() {
            let (number, ledger) = (partition.board.partition, &partition.ledger);
            let shadow = &self.shadows[&number];
            shadow.same_rejected(ledger)?;
            let Some(found) = ledger.shard.totals() else { continue };
            live.insert(number);
            if shadow.check(ledger, &found, latest, memory)? {
                self.seen.push(Kind::ClockBehindImage);
                unknown |= counted.contains(&number);
            }
        }
        let due = self.counting.union(&self.suspended).copied().filter(|partition| live.contains(partition));
        let due: BTreeSet<i32> = due.collect();
        self.order_survey();
        match counted == due && counted.len() == totals.len() {
            true => Ok((totals, unknown)),
            false => Err(format!("{counted:?} are counted, not {due:?}")),
        }
    }

    /// The partitions that have totals.
    pub fn live(&mut self) -> BTreeSet<i32> {
        let live = self.worker.custody.all().filter(|partition| partition.is_live());
        live.map(|partition| partition.board.partition).collect()
    }

    /// A partition is shown once it has read what there was when it was assigned. `before` are those that were shown already.
    pub fn no_early_view(&mut self, before: &BTreeSet<i32>) -> Result<(), String> {
        for partition in self.worker.custody.owned() {
            let number = partition.board.partition;
            let new = partition.is_live() && !before.contains(&number);
            let Some(ends) = self.ends.get(&number).filter(|_| new) else { continue };
            let reached = |topic: usize| partition.ledger.positions[topic].map_or(0, |position| position.next) >= ends[topic];
            if !reached(0) || !reached(1) {
                return Err(format!("partition {number} is shown before it has caught up"));
            }
        }
        Ok(())
    }

    /// Whether everything is read, and the newest image is that of the state at hand.
    pub fn is_drained(&mut self, partition: i32) -> bool {
        let state = self.cluster.state();
        let ends = [0, 1, 2].map(|topic: usize| state.logs[topic][partition as usize].end);
        let mut all = self.worker.custody.owned();
        let found = all.find(|found| found.board.partition == partition);
        found.is_some_and(|found| {
            let next = found.ledger.positions.map(|position| position.map_or(0, |position| position.next));
            next == ends && found.is_live() && !found.keeper.is_saving() && found.keeper.is_current(&found.ledger)
        })
    }
}
