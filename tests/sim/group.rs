//! What the group does to an instance: partitions given and taken, as the conductor of the service obeys it.

use crate::instance::{Images, Instance};
use crate::trouble::Kind;
use crossbeam_channel::bounded;
use std::time::Duration;
use upswell::domain::facts::TopicKind;
use upswell::service::worker::Command;

/// How long the last image of a partition that moves may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a partition is taken away.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It moves.
    Moved,
    /// The group has given it away already.
    Lost,
    /// All are taken away before they are assigned anew.
    Rejoining,
}

impl Instance {
    /// The group gives it partitions. What was suspended and is not among them counts no more.
    pub fn assign(&mut self, partitions: &[i32]) {
        for partition in partitions {
            TopicKind::ALL.into_iter().take(self.config.topics).for_each(|topic| self.assignment.assign(topic, *partition, ()));
        }
        for (board, _) in self.assignment.begin() {
            self.starting.insert(board.partition, 0);
            self.ends.insert(board.partition, self.cluster.ends(board.partition));
            self.boards.insert(board.partition, board);
        }
        self.assignment.settle();
        let boards = &self.boards;
        self.suspended.retain(|partition| boards.contains_key(partition));
    }

    /// The group takes one away. Its last image may take a while.
    pub fn release(&mut self, partition: i32, why: Why, images: &mut Images) -> Result<(), String> {
        let revoke = |topic| self.assignment.revoke(topic, partition, why == Why::Rejoining);
        let Some(board) = TopicKind::ALL.into_iter().filter_map(revoke).last() else { return Ok(()) };
        self.boards.remove(&partition);
        self.starting.remove(&partition);
        if self.counting.remove(&partition) && why == Why::Rejoining {
            self.suspended.insert(partition);
        }
        self.see_if_moving(partition, Kind::LostSliced);
        let patience = if why == Why::Lost { Duration::ZERO } else { PATIENCE };
        let deadline = self.worker.clock.steady() + patience;
        self.worker.obey(Command::Release { partition, released: bounded(1).0, deadline });
        self.parking.park(board, self.worker.clock.steady());
        self.sync(images)
    }

    /// It is being stopped: takes in nothing more, and begins its last images.
    pub fn drain(&mut self, images: &mut Images) -> Result<(), String> {
        let deadline = self.worker.clock.steady() + PATIENCE;
        self.worker.obey(Command::Drain { drained: bounded(1).0, deadline });
        self.sync(images)
    }

    /// The membership is lost, and nobody asked: everything goes at once.
    pub fn lose(&mut self, images: &mut Images) -> Result<Vec<i32>, String> {
        let had: Vec<i32> = self.boards.keys().copied().collect();
        for partition in &had {
            self.release(*partition, Why::Lost, images)?;
        }
        self.assignment.lose();
        self.suspended.clear();
        Ok(had)
    }

    /// It has to give up everything before it is told what it has: `kept` of it again.
    pub fn rejoin(&mut self, kept: &[i32], images: &mut Images) -> Result<(), String> {
        let had: Vec<i32> = self.boards.keys().copied().collect();
        for partition in had {
            self.release(partition, Why::Rejoining, images)?;
        }
        // What is suspended goes on moving, and counts.
        if !self.is_moving() {
            self.check(images)?;
        }
        self.assign(kept);
        Ok(())
    }

    /// Notes what happens to a partition, if its view moves. Whether it does.
    pub fn see_if_moving(&mut self, partition: i32, kind: Kind) -> bool {
        let moves = self.worker.custody.all().any(|one| one.board.partition == partition && one.ledger.shard.is_moving());
        self.seen.extend(moves.then_some(kind));
        moves
    }
}
