//! The crew: a fixed number of workers. Partition p belongs to worker p modulo their number, for as long as the process lives.
//!
//! A worker that panics is a failure of the whole service: a live process with a dead worker would show figures that no longer
//! move.

use super::board::Board;
use super::custody::Custody;
use super::desk::Event;
use super::ledger::Surroundings;
use super::partition::Partition;
use super::placement::Misplaced;
use super::searches::Searches;
use super::surveys::{Order, Surveys};
use super::worker::{Answer, Command, MOVED_AT_ONCE, Orders, Worker};
use super::{Control, Failure};
use crate::adapter::clock::Clock;
use crate::adapter::kafka::consumer::Source;
use crate::domain::calendar::Instant;
use crate::engine::plan::Plan;
use crate::engine::shard::movers::{Mover, Query};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant as Moment};

/// How late a worker may be.
const GRACE: Duration = Duration::from_secs(1);

/// The workers, as seen by whoever directs them.
pub struct Crew {
    workers: Vec<Hand>,
    orders: Arc<Orders>,
}

struct Hand {
    commands: Sender<Command<Source>>,
    bell: Sender<()>,
}

impl Crew {
    /// Starts one worker for each of the surroundings, at least one. An image of each partition is taken every `interval`.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn hire(
        surroundings: Vec<Surroundings>,
        interval: Duration,
        clock: Clock,
        misplaced: &Sender<(i32, Misplaced)>,
        control: &Sender<Control>,
    ) -> Result<Crew, Failure> {
        let orders = Arc::new(Orders::default());
        let hire = |(number, around)| {
            let (commands, told) = unbounded();
            let (bell, rung) = bounded(1);
            let (orders, misplaced, custody) = (orders.clone(), misplaced.clone(), Custody::new(interval));
            let (searches, surveys) = (Searches::default(), Surveys::default());
            let worker = Worker {
                commands: told,
                bell: rung,
                orders,
                misplaced,
                around,
                custody,
                clock,
                searches,
                surveys,
                advancing: None,
                moved_at_once: MOVED_AT_ONCE,
                reap,
            };
            super::spawn(&format!("worker-{number}"), control.clone(), move || worker.run())?;
            Ok(Hand { commands, bell })
        };
        let workers: Result<Vec<Hand>, Failure> = surroundings.into_iter().enumerate().map(hire).collect();
        Ok(Crew { workers: workers?, orders })
    }

    /// Hands a partition to its worker.
    pub fn own(&self, mut partition: Partition<Source>) {
        let hand = self.hand(partition.board.partition);
        partition.on_arrival(hand.ring());
        hand.tell(Command::Own(Box::new(partition)));
    }

    /// Has a partition go on whose state the worker still has.
    pub fn resume(&self, board: Arc<Board>, mut sources: Vec<Source>) {
        let hand = self.hand(board.partition);
        sources.iter_mut().for_each(|source| source.on_arrival(hand.ring()));
        hand.tell(Command::Resume { board, sources });
    }

    /// Parks a partition; `released` is dropped once its sources are and its last image is there, or after `patience`.
    pub fn release(&self, partition: i32, released: Sender<()>, patience: Duration) {
        self.hand(partition).tell(Command::Release { partition, released, deadline: Moment::now() + patience });
    }

    /// Drops the state of a parked partition.
    pub fn forget(&self, partition: i32) {
        self.hand(partition).tell(Command::Forget(partition));
    }

    /// Brings all shards to an instant; each worker answers once.
    pub fn advance(&self, as_of: Instant, wall: Instant) -> Receiver<Answer> {
        let (answer, answers) = unbounded();
        self.tell_all(|| Command::Advance { as_of, wall, answer: answer.clone() });
        answers
    }

    /// Whether all shards can serve a plan.
    ///
    /// # Errors
    /// A sentence why not, or that the workers are too busy to say by the deadline.
    pub fn can_serve(&self, plan: &Arc<Plan>, deadline: Moment) -> Result<(), String> {
        let (answer, answers) = unbounded();
        self.tell_all(|| Command::CanServe { plan: plan.clone(), answer: answer.clone() });
        let busy = |_| "the workers were too busy to take over a configuration; try again".to_owned();
        self.workers.iter().try_for_each(|_| answers.recv_deadline(deadline).map_err(busy)?)
    }

    /// Has all workers look for the customers that moved most; each answers once, with those of its partitions.
    pub fn search(&self, query: &Query, answer: &Sender<Vec<Mover>>) {
        self.tell_all(|| Command::Search { query: query.clone(), answer: answer.clone() });
    }

    /// Has all workers look at every account as it is now; each answers once. All shards are at the instant of the last advance.
    pub fn survey(&self, order: &Order) {
        self.tell_all(|| Command::Survey(order.clone()));
    }

    /// Has all workers look for a customer; each answers once.
    pub fn sight(&self, ticket: u64, customer_id: &Arc<str>, answer: &Sender<Event>) {
        self.tell_all(|| Command::Sight { ticket, customer_id: customer_id.clone(), answer: answer.clone() });
    }

    /// Every advance from now on is for this plan.
    pub fn reconfigure(&self, plan: &Arc<Plan>) {
        self.tell_all(|| Command::Reconfigure(plan.clone()));
    }

    /// No record is taken in from now on; the shards stay.
    pub fn halt(&self) {
        self.orders.halt.store(true, Relaxed);
    }

    /// Whether intake waits because of the limit of memory.
    pub fn wait_for_memory(&self, full: bool) {
        self.orders.full.store(full, Relaxed);
    }

    /// Drops all sources and takes the last images; waits for them, but not longer than `patience`. Whether all are there.
    pub fn drain(&self, patience: Duration) -> bool {
        self.halt();
        let deadline = Moment::now() + patience;
        let (drained, wait) = unbounded();
        self.tell_all(|| Command::Drain { drained: drained.clone(), deadline });
        drop(drained);
        // A worker that gives up at the deadline says so.
        wait.recv_deadline(deadline + GRACE) == Err(RecvTimeoutError::Disconnected)
    }

    pub fn size(&self) -> usize {
        self.workers.len()
    }

    fn hand(&self, partition: i32) -> &Hand {
        &self.workers[partition.unsigned_abs() as usize % self.workers.len()]
    }

    fn tell_all(&self, command: impl Fn() -> Command<Source>) {
        self.workers.iter().for_each(|hand| hand.tell(command()));
    }
}

impl Hand {
    /// Wakes the worker. A full channel means that the bell is ringing already.
    fn ring(&self) -> impl Fn() + Clone + Send + Sync + 'static {
        let bell = self.bell.clone();
        move || {
            let _ = bell.try_send(());
        }
    }

    /// A worker that is gone has reported why; the command is of no use any more.
    fn tell(&self, command: Command<Source>) {
        let _ = self.commands.send(command);
        let _ = self.bell.try_send(());
    }
}

/// Frees a state where nobody waits for it: that of millions of accounts takes a while.
fn reap(partition: Partition<Source>) {
    // Without a thread to spare it is freed here.
    let _ = std::thread::Builder::new().name("reaper".into()).spawn(move || drop(partition));
}
