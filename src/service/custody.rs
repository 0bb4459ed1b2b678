//! Custody: the partitions one worker has, and when images of them are taken.
//!
//! A partition that is taken away is *parked*: nothing is read, an image of its last state is taken, and the state stays for a while,
//! because most partitions come back at once. Whoever waits for the image waits until a deadline at most.

use super::board::Board;
use super::feed::Feed;
use super::partition::Partition;
use crate::adapter::clock::Clock;
use crate::engine::plan::Plan;
use crossbeam_channel::Sender;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

/// The partitions of one worker.
pub struct Custody<F> {
    /// How often an image of a partition is begun.
    interval: Duration,
    stays: BTreeMap<i32, Stay<F>>,
}

/// A partition and what is planned for it.
struct Stay<F> {
    partition: Partition<F>,
    /// When the next image is due.
    due: Moment,
    /// Nothing is read any more.
    parked: bool,
    /// Who waits for the last image, and until when.
    waiting: Option<(Sender<()>, Moment)>,
}

impl<F: Feed> Custody<F> {
    pub fn new(interval: Duration) -> Custody<F> {
        Custody { interval, stays: BTreeMap::new() }
    }

    /// Takes a partition over, and gives away the one of that number that is still here.
    pub fn own(&mut self, partition: Partition<F>, clock: Clock) -> Option<Partition<F>> {
        let due = clock.steady() + self.interval;
        let stay = Stay { partition, due, parked: false, waiting: None };
        self.stays.insert(stay.partition.board.partition, stay).map(|stay| stay.partition)
    }

    /// Goes on with a parked partition; `false` if it is not here.
    pub fn resume(&mut self, board: Arc<Board>, feeds: Vec<F>) -> bool {
        let Some(stay) = self.stays.get_mut(&board.partition) else { return false };
        (stay.parked, stay.waiting) = (false, None);
        stay.partition.resume(board, feeds);
        true
    }

    /// Parks a partition. `released` is dropped when its last image is there; at the deadline it is sent something first.
    pub fn release(&mut self, partition: i32, released: Sender<()>, deadline: Moment, clock: Clock) {
        if let Some(stay) = self.stays.get_mut(&partition) {
            stay.park(released, deadline, clock);
        }
    }

    /// Parks all, likewise.
    pub fn drain(&mut self, drained: Sender<()>, deadline: Moment, clock: Clock) {
        self.stays.values_mut().for_each(|stay| stay.park(drained.clone(), deadline, clock));
    }

    /// Gives a partition away.
    pub fn forget(&mut self, partition: i32) -> Option<Partition<F>> {
        self.stays.remove(&partition).map(|stay| stay.partition)
    }

    /// The partitions that are read.
    pub fn owned(&mut self) -> impl Iterator<Item = &mut Partition<F>> {
        self.stays.values_mut().filter(|stay| !stay.parked).map(|stay| &mut stay.partition)
    }

    /// Those and the parked ones.
    pub fn all(&mut self) -> impl Iterator<Item = &mut Partition<F>> {
        self.stays.values_mut().map(|stay| &mut stay.partition)
    }

    /// Whether all shards can serve a plan; a sentence if not.
    ///
    /// # Errors
    /// Why not.
    pub fn can_serve(&self, plan: &Plan) -> Result<(), String> {
        for Stay { partition, .. } in self.stays.values() {
            let shard = &partition.ledger.shard;
            if !shard.can_serve(plan) {
                return Err("the new windows need usage days that are no longer kept; restart to make the state anew".to_owned());
            }
            if let Some(currency) = shard.unserved_currency(plan) {
                return Err(format!("events in {} are stored and the new exchange rates have none for it", currency.as_str()));
            }
        }
        Ok(())
    }

    /// Begins the images that are due and goes on with those under way, until a moment at most. Whether there may be more to do
    /// at once.
    pub fn keep(&mut self, until: Moment, clock: Clock) -> bool {
        let mut more = false;
        for stay in self.stays.values_mut() {
            more |= stay.keep(until, clock, self.interval);
        }
        more
    }
}

impl<F: Feed> Stay<F> {
    fn park(&mut self, waiting: Sender<()>, deadline: Moment, clock: Clock) {
        self.partition.close();
        (self.parked, self.due, self.waiting) = (true, clock.steady(), Some((waiting, deadline)));
        self.begin_if_due(clock, Duration::ZERO);
    }

    fn keep(&mut self, until: Moment, clock: Clock, interval: Duration) -> bool {
        self.begin_if_due(clock, interval);
        let Partition { board, ledger, keeper, .. } = &mut self.partition;
        let more = keeper.step(ledger, board, until, clock);
        let settled = !keeper.is_saving() && (keeper.is_current(ledger) || board.stopped().is_some());
        let over = |(_, deadline): &mut (Sender<()>, Moment)| settled || clock.steady() >= *deadline;
        if let Some((waiting, _)) = self.waiting.take_if(over)
            && !settled
        {
            // Nobody listens when whoever waited has given up as well.
            let _ = waiting.try_send(());
        }
        more
    }

    fn begin_if_due(&mut self, clock: Clock, interval: Duration) {
        let Partition { board, ledger, keeper, .. } = &mut self.partition;
        if keeper.is_saving() || clock.steady() < self.due {
            return;
        }
        self.due = clock.steady() + interval;
        if keeper.is_current(ledger) {
            board.set_saved_at(clock.now());
        } else {
            keeper.begin(ledger, board, clock.now());
        }
    }
}
