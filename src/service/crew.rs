//! The crew: a fixed number of workers. Partition p belongs to worker p modulo their number, for as long as the process lives.
//!
//! A worker that panics is a failure of the whole service: a live process with a dead worker would show figures that no longer
//! move.

use super::intake::{Partition, Surroundings};
use super::placement::Misplaced;
use super::worker::{Answer, Command, Worker};
use super::{Control, Failure};
use crate::domain::calendar::Instant;
use crate::engine::plan::Plan;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant as Moment};

/// The workers, as seen by whoever directs them.
pub struct Crew {
    workers: Vec<Hand>,
    halt: Arc<AtomicBool>,
}

struct Hand {
    commands: Sender<Command>,
    bell: Sender<()>,
}

impl Crew {
    /// Starts one worker for each of the surroundings, at least one.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn hire(
        surroundings: Vec<Surroundings>,
        misplaced: &Sender<(i32, Misplaced)>,
        control: &Sender<Control>,
    ) -> Result<Crew, Failure> {
        let halt = Arc::new(AtomicBool::new(false));
        let hire = |(number, around)| Hand::hire(number, around, halt.clone(), misplaced.clone(), control.clone());
        let workers: Result<Vec<Hand>, Failure> = surroundings.into_iter().enumerate().map(hire).collect();
        Ok(Crew { workers: workers?, halt })
    }

    /// Hands a partition to its worker.
    pub fn own(&self, mut partition: Partition) {
        let hand = self.hand(partition.board.partition);
        let bell = hand.bell.clone();
        let ring = move || {
            // A full channel means that the bell is ringing already.
            let _ = bell.try_send(());
        };
        partition.on_arrival(ring);
        hand.tell(Command::Own(Box::new(partition)));
    }

    /// Ends a partition; `released` is dropped once its sources are.
    pub fn release(&self, partition: i32, released: Sender<()>) {
        self.hand(partition).tell(Command::Release { partition, released });
    }

    /// Brings all shards to an instant; each worker answers once.
    pub fn advance(&self, as_of: Instant, wall: Instant) -> Receiver<Answer> {
        let (answer, answers) = unbounded();
        self.tell_all(|| Command::Advance { as_of, wall, answer: answer.clone() });
        answers
    }

    /// Whether all shards can serve a plan. `None` if the workers are too busy to say by the deadline.
    pub fn can_serve(&self, plan: &Arc<Plan>, deadline: Moment) -> Option<bool> {
        let (answer, answers) = unbounded();
        self.tell_all(|| Command::CanServe { plan: plan.clone(), answer: answer.clone() });
        let answers: Result<Vec<bool>, _> = self.workers.iter().map(|_| answers.recv_deadline(deadline)).collect();
        answers.ok().map(|all| all.into_iter().all(|one| one))
    }

    /// Every advance from now on is for this plan.
    pub fn reconfigure(&self, plan: &Arc<Plan>) {
        self.tell_all(|| Command::Reconfigure(plan.clone()));
    }

    /// No record is taken in from now on; the shards stay.
    pub fn halt(&self) {
        self.halt.store(true, Relaxed);
    }

    /// Drops all sources, and notes the last positions; waits for it.
    pub fn drain(&self, deadline: Duration) {
        self.halt();
        let (drained, wait) = bounded(0);
        self.tell_all(|| Command::Drain(drained.clone()));
        drop(drained);
        // Ends by the deadline, or when all workers have dropped their senders.
        let _ = wait.recv_timeout(deadline);
    }

    pub fn size(&self) -> usize {
        self.workers.len()
    }

    fn hand(&self, partition: i32) -> &Hand {
        &self.workers[partition.unsigned_abs() as usize % self.workers.len()]
    }

    fn tell_all(&self, command: impl Fn() -> Command) {
        self.workers.iter().for_each(|hand| hand.tell(command()));
    }
}

impl Hand {
    fn hire(
        number: usize,
        around: Surroundings,
        halt: Arc<AtomicBool>,
        misplaced: Sender<(i32, Misplaced)>,
        control: Sender<Control>,
    ) -> Result<Hand, Failure> {
        let (commands, told) = unbounded();
        let (bell, rung) = bounded(1);
        let worker = Worker { commands: told, bell: rung, halt, misplaced, around, partitions: BTreeMap::new() };
        super::spawn(&format!("worker-{number}"), control, move || worker.run())?;
        Ok(Hand { commands, bell })
    }

    /// A worker that is gone has reported why; the command is of no use any more.
    fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
        let _ = self.bell.try_send(());
    }
}
