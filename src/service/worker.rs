//! A worker: one thread that owns whole partitions, and alone touches their shards.
//!
//! It takes records from all its partitions in turn, obeys commands between batches, hands over a little of every image under way,
//! and sleeps until a queue, a schema or a command wakes it. Commands come in order over one channel, so a plan that was sent
//! before an advance is in force in it. Nothing here ever waits for the thread that polls the group, nor for the store.

use super::board::Board;
use super::custody::Custody;
use super::desk::{Event, Reply};
use super::feed::Feed;
use super::ledger::Surroundings;
use super::partition::Partition;
use super::placement::Misplaced;
use super::searches::Searches;
use super::surveys::{self, Order, Surveys};
use crate::adapter::clock::Clock;
use crate::domain::calendar::Instant;
use crate::engine::plan::Plan;
use crate::engine::report::ShardTotals;
use crate::engine::shard::movers::{Mover, Query};
use crate::wire::telemetry::StopReason;
use crossbeam_channel::{Receiver, Sender, TryRecvError, select};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant as Moment};

/// How long an idle worker sleeps at most: positions passed without a record and acknowledged letters show after that.
const NAP: Duration = Duration::from_millis(50);
/// What images under way may take of a worker's turn: so long does a partition not take in.
const IMAGE_TIME: Duration = Duration::from_millis(2);
/// Accounts that are carried over into a new civil day, or assessed for the first time, in one turn: some five milliseconds.
pub const MOVED_AT_ONCE: usize = 2_000;

/// What a worker is told.
pub enum Command<F> {
    /// A partition of all topics is ours.
    Own(Box<Partition<F>>),
    /// One is ours again whose state is still here.
    Resume { board: Arc<Board>, sources: Vec<F> },
    /// It no longer is: take in no more and take its image; drop the sender when it is there, and send something
    /// first if it is not at the deadline.
    Release { partition: i32, released: Sender<()>, deadline: Moment },
    /// Its state is of no use any more.
    Forget(i32),
    /// Bring every shard that has caught up to an instant, and answer with the totals.
    Advance { as_of: Instant, wall: Instant, answer: Sender<Answer> },
    /// Whether a new plan can be taken over; a sentence if not.
    CanServe { plan: Arc<Plan>, answer: Sender<Result<(), String>> },
    /// Take it over.
    Reconfigure(Arc<Plan>),
    /// Look for the customers that moved most, a little at a time; several searches one after another.
    Search { query: Query, answer: Sender<Vec<Mover>> },
    /// Freeze the shards as they are, once the advance under way is over, and look at every account, a little at a time.
    Survey(Order),
    /// Look for a customer, and answer at once.
    Sight { ticket: u64, customer_id: Arc<str>, answer: Sender<Event> },
    /// Take in nothing more, and take the last images; drop the sender when they are there, and send something first for each
    /// that is not at the deadline.
    Drain { drained: Sender<()>, deadline: Moment },
}

/// An advance that is answered once every shard is there.
pub struct Advancing {
    as_of: Instant,
    answer: Sender<Answer>,
}

/// The totals of one worker's live partitions at one instant.
pub struct Answer {
    pub parts: Vec<(Arc<Board>, ShardTotals)>,
    /// Of all its partitions, live or not.
    pub accounts: usize,
    pub dedup_entries: usize,
    pub tracked_bytes: usize,
}

/// What all workers heed.
#[derive(Default)]
pub struct Orders {
    /// All intake has to stop; the shards stay.
    pub halt: AtomicBool,
    /// Intake waits because of the limit of memory.
    pub full: AtomicBool,
}

/// One worker's state; [`Worker::run`] is its thread.
pub struct Worker<F> {
    pub commands: Receiver<Command<F>>,
    /// Rung when there may be something to do.
    pub bell: Receiver<()>,
    pub orders: Arc<Orders>,
    /// Told of a customer in the wrong partition, by partition.
    pub misplaced: Sender<(i32, Misplaced)>,
    pub around: Surroundings,
    pub custody: Custody<F>,
    pub clock: Clock,
    pub searches: Searches,
    pub surveys: Surveys,
    /// The advance under way.
    pub advancing: Option<Advancing>,
    /// Accounts that one turn of it looks at.
    pub moved_at_once: usize,
    /// Frees a state that is of no use any more.
    pub reap: fn(Partition<F>),
}

impl<F: Feed> Worker<F> {
    /// Works until the commands' sender is gone.
    pub fn run(mut self) {
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.obey(command),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {
                    let moving = self.go_on();
                    let taken = self.take_in();
                    let more = self.custody.keep(self.clock.steady() + IMAGE_TIME, self.clock);
                    let searching = self.searches.go_on(&mut self.custody) | self.surveys.go_on(&mut self.custody);
                    if taken == 0 && !more && !searching && !moving {
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

    /// Takes a batch of each partition. Answers how many records were taken.
    pub fn take_in(&mut self) -> usize {
        let mut taken = 0;
        for partition in self.custody.owned() {
            if self.orders.halt.load(Relaxed) {
                partition.note_positions();
                continue;
            }
            if self.orders.full.load(Relaxed) {
                partition.wait_for_memory();
                continue;
            }
            match partition.take_in(&mut self.around) {
                Ok(count) => taken += count,
                Err(misplaced) => {
                    self.orders.halt.store(true, Relaxed);
                    // Nobody listens only when the service is ending.
                    let _ = self.misplaced.send((partition.board.partition, misplaced));
                }
            }
        }
        taken
    }

    /// Answers go to whoever asked; one who no longer listens does not need them.
    pub fn obey(&mut self, command: Command<F>) {
        match command {
            Command::Own(partition) => self.own(*partition),
            Command::Resume { board, sources } => self.resume(board, sources),
            Command::Release { partition, released, deadline } => {
                self.custody.release(partition, released, deadline, self.clock);
            }
            Command::Forget(partition) => {
                self.around.placement.leave(partition);
                self.custody.forget(partition).into_iter().for_each(self.reap);
            }
            Command::Advance { as_of, wall, answer } => self.advance(as_of, wall, answer),
            Command::CanServe { plan, answer } => {
                let _ = answer.send(self.custody.can_serve(&plan));
            }
            Command::Reconfigure(plan) => {
                // The advance under way is for the plan before; it seldom has much left to do.
                while self.go_on() {}
                self.custody.all().for_each(|partition| partition.ledger.shard.reconfigure(plan.clone()));
                self.around.plan = plan;
            }
            Command::Search { query, answer } => self.searches.begin(query, answer, &mut self.custody),
            Command::Survey(order) => {
                self.surveys.order(order, &mut self.custody);
                if self.advancing.is_none() {
                    self.surveys.freeze(&mut self.custody);
                }
            }
            Command::Sight { ticket, customer_id, answer } => {
                let reply = Reply::Sighting(Box::new(surveys::sight(&customer_id, &mut self.custody)));
                let _ = answer.send(Event { ticket, reply });
            }
            Command::Drain { drained, deadline } => self.custody.drain(drained, deadline, self.clock),
        }
    }

    fn own(&mut self, mut partition: Partition<F>) {
        let number = partition.board.partition;
        self.around.placement.leave(number);
        if !Arc::ptr_eq(partition.ledger.shard.plan(), &self.around.plan) {
            partition.ledger.shard.reconfigure(self.around.plan.clone());
        }
        let directory = partition.ledger.shard.directory();
        let look = directory.clone();
        let holds = Box::new(move |customer_id: &str| look.holds(customer_id));
        let evidence = partition.ledger.evidence.clone();
        let entered = self.around.placement.enter(number, holds, evidence, |condition| directory.find(condition));
        if let Err(misplaced) = entered {
            self.orders.halt.store(true, Relaxed);
            // Nobody listens only when the service is ending.
            let _ = self.misplaced.send((number, misplaced));
        }
        self.custody.own(partition, self.clock).into_iter().for_each(self.reap);
    }

    /// The state is here: whoever asks for this has seen to it that it was not forgotten.
    fn resume(&mut self, board: Arc<Board>, sources: Vec<F>) {
        if !self.custody.resume(board.clone(), sources) {
            let sentence = "its state was forgotten although it was wanted; please report this as a defect, and restart";
            board.stop(StopReason::InvariantViolated, sentence.to_owned());
        }
    }

    fn advance(&mut self, as_of: Instant, wall: Instant, answer: Sender<Answer>) {
        while self.go_on() {}
        self.custody.all().for_each(|partition| partition.begin_advance(as_of, wall));
        self.advancing = Some(Advancing { as_of, answer });
        self.go_on();
    }

    /// Goes on with the advance under way, a little. Whether there is more to do.
    pub fn go_on(&mut self) -> bool {
        let Some(advancing) = self.advancing.take() else { return false };
        let moves = |partition: &mut Partition<F>| partition.ledger.shard.move_on(self.moved_at_once);
        if self.custody.all().any(moves) {
            self.advancing = Some(advancing);
            return true;
        }
        let mut answer = Answer { parts: Vec::new(), accounts: 0, dedup_entries: 0, tracked_bytes: 0 };
        for partition in self.custody.all() {
            let totals = partition.settle(advancing.as_of);
            partition.audit(advancing.as_of, &self.around.telemetry);
            answer.parts.extend(totals.map(|totals| (partition.board.clone(), totals)));
            let shard = &partition.ledger.shard;
            answer.accounts += shard.accounts();
            answer.dedup_entries += shard.dedup_entries();
            answer.tracked_bytes += shard.tracked_bytes();
        }
        // Whoever asked and no longer listens does not need it.
        let _ = advancing.answer.send(answer);
        // At once: another advance may be the next command.
        self.surveys.freeze(&mut self.custody);
        false
    }
}
