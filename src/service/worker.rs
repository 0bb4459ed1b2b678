//! A worker: one thread that owns whole partitions, and alone touches their shards.
//!
//! It takes records from all its partitions in turn, obeys commands between batches, and sleeps until a queue, a schema or a
//! command wakes it. Commands come in order over one channel, so a plan that was sent before an advance is in force in it.
//! Nothing here ever waits for the thread that polls the group.

use super::board::Board;
use super::intake::{Partition, Surroundings};
use super::placement::Misplaced;
use crate::domain::calendar::Instant;
use crate::engine::plan::Plan;
use crate::engine::report::ShardTotals;
use crossbeam_channel::{Receiver, Sender, TryRecvError, select};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// How long an idle worker sleeps at most: positions passed without a record and acknowledged letters show after that.
const NAP: Duration = Duration::from_millis(50);

/// What a worker is told.
pub enum Command {
    /// A partition of both topics is ours.
    Own(Box<Partition>),
    /// It no longer is: drop it, then the sender.
    Release { partition: i32, released: Sender<()> },
    /// Bring every shard that has caught up to an instant, and answer with the totals.
    Advance { as_of: Instant, wall: Instant, answer: Sender<Answer> },
    /// Whether a new plan can be taken over.
    CanServe { plan: Arc<Plan>, answer: Sender<bool> },
    /// Take it over.
    Reconfigure(Arc<Plan>),
    /// Drop all sources and take in nothing more.
    Drain(Sender<()>),
}

/// The totals of one worker's live partitions at one instant.
pub struct Answer {
    pub parts: Vec<(Arc<Board>, ShardTotals)>,
    /// Of all its partitions, live or not.
    pub accounts: usize,
    pub dedup_entries: usize,
    pub tracked_bytes: usize,
}

/// One worker's state; [`Worker::run`] is its thread.
pub struct Worker {
    pub commands: Receiver<Command>,
    /// Rung when there may be something to do.
    pub bell: Receiver<()>,
    /// Set when all intake has to stop; the shards stay.
    pub halt: Arc<AtomicBool>,
    /// Told of a customer in the wrong partition, by partition.
    pub misplaced: Sender<(i32, Misplaced)>,
    pub around: Surroundings,
    pub partitions: BTreeMap<i32, Partition>,
}

impl Worker {
    /// Works until the commands' sender is gone.
    pub fn run(mut self) {
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.obey(command),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {
                    if self.take_in() == 0 {
                        self.nap();
                    }
                }
            }
        }
    }

    fn nap(&mut self) {
        select! {
            recv(self.commands) -> command => if let Ok(command) = command { self.obey(command) },
            recv(self.bell) -> _ => {}
            default(NAP) => {}
        }
    }

    /// Answers how many records were taken.
    fn take_in(&mut self) -> usize {
        let mut taken = 0;
        for partition in self.partitions.values_mut() {
            if self.halt.load(Relaxed) {
                partition.note_positions();
                continue;
            }
            match partition.take_in(&mut self.around) {
                Ok(count) => taken += count,
                Err(misplaced) => {
                    self.halt.store(true, Relaxed);
                    // Nobody listens only when the service is ending.
                    let _ = self.misplaced.send((partition.board.partition, misplaced));
                }
            }
        }
        taken
    }

    /// Answers go to whoever asked; one who no longer listens does not need them.
    fn obey(&mut self, command: Command) {
        match command {
            Command::Own(partition) => self.own(*partition),
            Command::Release { partition, released } => {
                self.around.placement.leave(partition);
                let ended = self.partitions.remove(&partition).map(|mut ended| {
                    ended.close();
                    ended
                });
                // The group need not wait until millions of accounts are freed.
                drop(released);
                drop(ended);
            }
            Command::Advance { as_of, wall, answer } => {
                let _ = answer.send(self.advance(as_of, wall));
            }
            Command::CanServe { plan, answer } => {
                let _ = answer.send(self.partitions.values().all(|partition| partition.shard.can_serve(&plan)));
            }
            Command::Reconfigure(plan) => {
                self.partitions.values_mut().for_each(|partition| partition.shard.reconfigure(plan.clone()));
                self.around.plan = plan;
            }
            Command::Drain(drained) => {
                self.partitions.values_mut().for_each(Partition::close);
                drop(drained);
            }
        }
    }

    fn own(&mut self, partition: Partition) {
        let directory = partition.shard.directory();
        self.around.placement.enter(partition.board.partition, Box::new(move |customer_id| directory.holds(customer_id)));
        self.partitions.insert(partition.board.partition, partition);
    }

    fn advance(&mut self, as_of: Instant, wall: Instant) -> Answer {
        let mut parts = Vec::with_capacity(self.partitions.len());
        for Partition { board, shard, .. } in self.partitions.values_mut() {
            shard.observe_clock(wall);
            if board.is_live() {
                shard.advance(as_of);
            } else if board.check_caught_up() {
                shard.go_live(as_of);
                board.set_live();
            }
            parts.extend(shard.totals().map(|totals| (board.clone(), totals)));
        }
        let accounts = self.partitions.values().map(|partition| partition.shard.accounts()).sum();
        let dedup_entries = self.partitions.values().map(|partition| partition.shard.dedup_entries()).sum();
        let tracked_bytes = self.partitions.values().map(|partition| partition.shard.tracked_bytes()).sum();
        Answer { parts, accounts, dedup_entries, tracked_bytes }
    }
}
