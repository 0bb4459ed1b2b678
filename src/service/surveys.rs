//! Surveys of one worker's partitions: all of them frozen at one moment between two batches, then looked at a slice at a time.
//!
//! There is one survey at a time, so that memory and the share of a worker's turns are bounded; a new one takes the place of one that
//! nobody waits for any more. A partition that is taken away meanwhile ends it: what it would have found is not known.

use super::custody::Custody;
use super::desk::{Event, Reply};
use super::feed::Feed;
use super::partition::Partition;
use crate::domain::calendar::Instant;
use crate::engine::shard::Listed;
use crate::engine::shard::portrait::Portrait;
use crate::engine::survey::{Found, Question};
use crossbeam_channel::Sender;
use std::collections::VecDeque;
use std::sync::Arc;

/// Accounts looked at in one step.
const STEP: usize = 500;

/// What is asked of every worker; each answers once.
#[derive(Clone, Debug)]
pub struct Order {
    /// Given back with the answer.
    pub ticket: u64,
    pub question: Question,
    pub answer: Sender<Event>,
}

/// The moment one partition was frozen at.
#[derive(Clone, Debug)]
pub struct Counted {
    pub partition: i32,
    pub as_of: Instant,
    /// The next offset of each topic: everything before it is counted, and nothing else is.
    pub offsets: Vec<(Arc<str>, i64)>,
    /// The window or segment that is listed.
    pub listed: Option<Listed>,
}

/// What a worker found in its partitions.
#[derive(Debug, Default)]
pub struct Part {
    pub counted: Vec<Counted>,
    /// `None` without a live partition.
    pub found: Option<Found>,
}

/// Why a worker has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// A partition was taken away meanwhile.
    Moved,
    /// What is asked for is not among what is configured.
    Unknown,
}

/// A customer, if one of a worker's partitions has it.
#[derive(Debug)]
pub struct Sighting {
    /// Live partitions that were looked at.
    pub partitions: usize,
    pub found: Option<(Counted, Box<Portrait>)>,
}

/// The survey of a worker, if there is one.
#[derive(Default)]
pub struct Surveys {
    /// Waits until no shard moves.
    ordered: Option<Order>,
    running: Option<Running>,
}

struct Running {
    order: Order,
    /// The partition looked at now, and those after it.
    left: VecDeque<i32>,
    part: Part,
}

impl Surveys {
    /// Takes an order. One that was under way is given up, in parked partitions too: no usage day is forgotten during a look.
    pub fn order<F: Feed>(&mut self, order: Order, custody: &mut Custody<F>) {
        if self.running.take().is_some() {
            custody.all().for_each(|partition| drop(partition.ledger.shard.end_look()));
        }
        self.ordered = Some(order);
    }

    /// Begins the survey that was ordered, if there is one: freezes the live partitions, all of which are at one instant.
    pub fn freeze<F: Feed>(&mut self, custody: &mut Custody<F>) {
        let Some(order) = self.ordered.take() else { return };
        let mut running = Running { order, left: VecDeque::new(), part: Part::default() };
        for partition in custody.owned().filter(|partition| partition.is_live() && partition.board.is_live()) {
            let Some(frozen) = partition.ledger.shard.begin_look(&running.order.question) else {
                return running.order.give(Reply::Unanswered(Unanswered::Unknown));
            };
            running.part.counted.push(counted(partition, frozen.as_of, frozen.listed));
            running.left.push_back(partition.board.partition);
        }
        self.running = Some(running);
    }

    /// Looks at one slice. Whether there is more to do.
    pub fn go_on<F: Feed>(&mut self, custody: &mut Custody<F>) -> bool {
        let Some(running) = &mut self.running else { return false };
        let Some(number) = running.left.front().copied() else {
            let done = self.running.take();
            done.into_iter().for_each(|running| running.order.give(Reply::Part(running.part)));
            return false;
        };
        let Some(partition) = custody.owned().find(|owned| owned.board.partition == number) else {
            self.abandon(custody);
            return false;
        };
        let shard = &mut partition.ledger.shard;
        if !shard.look_step(STEP) {
            let Some(found) = shard.end_look() else {
                self.abandon(custody);
                return false;
            };
            match &mut running.part.found {
                Some(all) => all.merge(found),
                None => running.part.found = Some(found),
            }
            running.left.pop_front();
        }
        true
    }

    /// Ends without an answer, and has no shard go on noting what changes.
    fn abandon<F: Feed>(&mut self, custody: &mut Custody<F>) {
        custody.all().for_each(|partition| drop(partition.ledger.shard.end_look()));
        self.running.take().into_iter().for_each(|running| running.order.give(Reply::Unanswered(Unanswered::Moved)));
    }
}

/// Looks for a customer in the live partitions.
pub fn sight<F: Feed>(customer_id: &str, custody: &mut Custody<F>) -> Sighting {
    let mut sighting = Sighting { partitions: 0, found: None };
    for partition in custody.owned().filter(|partition| partition.is_live()) {
        sighting.partitions += 1;
        if let Some(portrait) = partition.ledger.shard.portrait(customer_id) {
            sighting.found = Some((counted(partition, portrait.as_of, None), Box::new(portrait)));
        }
    }
    sighting
}

fn counted<F>(partition: &Partition<F>, as_of: Instant, listed: Option<Listed>) -> Counted {
    let ledger = &partition.ledger;
    let positions = ledger.topics.iter().zip(&ledger.positions);
    let offsets = positions.filter_map(|(topic, position)| Some((topic.name.clone(), (*position)?.next))).collect();
    Counted { partition: partition.board.partition, as_of, offsets, listed }
}

impl Order {
    /// Nobody listens when the service is ending.
    fn give(self, reply: Reply) {
        let _ = self.answer.send(Event { ticket: self.ticket, reply });
    }
}
