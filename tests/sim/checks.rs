//! What has to hold of an instance at any time: which partitions count, and what they show.

use crate::instance::{Images, Instance};
use crate::trouble::Kind;
use std::collections::BTreeSet;
use upswell::engine::shard::AuditStep;

impl Instance {
    /// Ends the rounds under way, and compares every live partition of another one with its shadow.
    pub fn check(&mut self, images: &mut Images) -> Result<(), String> {
        self.look_again(images)?;
        let plan = self.worker.around.plan.clone();
        self.compare_shown(&plan).map(drop)
    }

    /// The same, and all partitions together with the twin.
    pub fn judge(&mut self, images: &mut Images) -> Result<(), String> {
        self.look_again(images)?;
        let (plan, deployment) = (self.worker.around.plan.clone(), self.config.deployment.clone());
        self.judge_shown(&plan, &deployment)
    }

    fn look_again(&mut self, images: &mut Images) -> Result<(), String> {
        self.sync(images)?;
        self.advance()?;
        self.order_survey();
        Ok(())
    }

    /// Audits every partition a little: as many parts of the map, as many accounts at once. One whose view moves has to wait.
    pub fn audit(&mut self, parts: usize, most: usize) -> Result<(), String> {
        for partition in self.worker.custody.all() {
            let shard = &mut partition.ledger.shard;
            let moves = shard.is_moving();
            self.seen.extend(moves.then_some(Kind::AuditSliced));
            match shard.audit_step(parts, most) {
                AuditStep::Working => {}
                AuditStep::Clean if !moves => {}
                found => return Err(format!("an audit of a view, moving or not ({moves}), found {found:?}")),
            }
        }
        Ok(())
    }

    /// The partitions that are shown.
    pub fn live(&mut self) -> BTreeSet<i32> {
        let live = self.worker.custody.all().filter(|partition| partition.is_live() && partition.board.is_live());
        live.map(|partition| partition.board.partition).collect()
    }

    /// A partition is shown once it has read what there was when it was assigned. `before` are those that were shown already.
    pub fn no_early_view(&mut self, before: &BTreeSet<i32>) -> Result<(), String> {
        for partition in self.worker.custody.owned() {
            let number = partition.board.partition;
            let new = partition.is_live() && partition.board.is_live() && !before.contains(&number);
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
