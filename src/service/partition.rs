//! One partition of all topics: its lanes feed its ledger, and its keeper takes images of it.
//!
//! State and positions move together, on one thread: between two batches the ledger is exactly the fold of everything before its
//! positions, and that is when images are begun.

use super::board::{Board, Stall};
use super::feed::Feed;
use super::keeper::Keeper;
use super::lane::Lane;
use super::ledger::{Halt, Ledger, Surroundings};
use super::placement::Misplaced;
use crate::adapter::kafka::consumer::Source;
use crate::domain::calendar::Instant;
use crate::engine::report::ShardTotals;
use crate::engine::shard::AuditStep;
use crate::wire::telemetry::{StopReason, Telemetry};
use std::sync::Arc;

/// Parts of the accounts that are audited at once: a thousandth or so of all ...
const AUDIT_PARTS: usize = 1;
/// ... and of a large part so many accounts, since the partition takes nothing in meanwhile.
const AUDIT_ACCOUNTS: usize = 100;

/// Milliseconds between two such looks at least.
const AUDIT_EVERY: i64 = 500;

/// What a partition says at the limit of memory.
const MEMORY_FULL: &str = "limits.memory is reached, so nothing more is taken in; give the process more memory and raise the limit, or \
                           share the partitions with further instances";

/// A partition that is ours, or was until a moment ago.
pub struct Partition<F> {
    pub board: Arc<Board>,
    pub ledger: Ledger,
    pub keeper: Keeper,
    /// Empty once intake has ended.
    lanes: Vec<Lane<F>>,
    /// The instant at which totals were audited last.
    audited: Option<Instant>,
}

impl<F: Feed> Partition<F> {
    /// `feeds` by topic; each stands at the ledger's position or before it.
    pub fn new(board: Arc<Board>, ledger: Ledger, keeper: Keeper, feeds: Vec<F>) -> Partition<F> {
        let mut partition = Partition { board, ledger, keeper, lanes: Vec::new(), audited: None };
        partition.read(feeds);
        partition
    }

    /// Goes on under a new assignment with the state at hand: shown at once if it was shown before.
    pub fn resume(&mut self, board: Arc<Board>, feeds: Vec<F>) {
        if self.board.is_live() {
            board.set_live();
        }
        self.board = board;
        self.read(feeds);
    }

    fn read(&mut self, feeds: Vec<F>) {
        self.lanes = self.board.topics().iter().zip(feeds).map(|(topic, feed)| Lane::new(*topic, feed)).collect();
        if self.ledger.positions.iter().flatten().any(|position| position.began > 0) {
            self.board.set_incomplete();
        }
        self.board.begin();
        self.note_positions();
    }

    /// Takes what has been fetched, up to a batch of each topic, and notes the positions. Answers how many records were taken.
    ///
    /// # Errors
    /// A customer was found where they must not be: all intake has to stop.
    pub fn take_in(&mut self, around: &mut Surroundings) -> Result<usize, Misplaced> {
        if self.board.stopped().is_some() {
            self.note_positions();
            return Ok(0);
        }
        let (mut taken, mut stall) = (0, None);
        for lane in &mut self.lanes {
            let (count, halt) = lane.take_in(&self.board, &mut self.ledger, around);
            taken += count;
            match halt {
                None | Some(Halt::Wait) => {}
                Some(Halt::Stall(reason)) => stall = Some(reason),
                Some(Halt::Stop(reason, detail)) => self.board.stop(reason, detail),
                Some(Halt::Misplaced(misplaced)) => {
                    // At once: no image of this state may be begun, or a restart would not find them out again.
                    self.board.stop_with_all(StopReason::MisplacedCustomer, misplaced.sentence(self.board.partition));
                    return Err(misplaced);
                }
            }
        }
        self.board.set_stall(stall);
        self.note_positions();
        Ok(taken)
    }

    /// Takes in nothing for now, because of the limit of memory.
    pub fn wait_for_memory(&mut self) {
        self.board.set_stall(Some(Stall::Memory(MEMORY_FULL.to_owned())));
        self.note_positions();
    }

    /// Notes the positions a last time and lets the feeds go. The state stays.
    pub fn close(&mut self) {
        self.note_positions();
        self.lanes.clear();
        for topic in self.ledger.topics.iter() {
            self.ledger.letters.release(&topic.name, self.ledger.partition);
        }
    }

    /// Takes note of letters acknowledged since, and of positions passed without a record.
    pub fn note_positions(&mut self) {
        for lane in &mut self.lanes {
            lane.pass_control_records(&self.board, &mut self.ledger);
        }
        for topic in self.board.topics() {
            self.board.set_position(*topic, self.ledger.next(*topic), self.ledger.safe(*topic));
        }
        let oldest = self.ledger.positions.iter().flatten().filter_map(|position| position.oldest_record).min();
        self.board.set_oldest_record(oldest);
        self.board.check_caught_up();
    }

    /// Begins to bring the shard to an instant, once it has caught up.
    pub fn begin_advance(&mut self, as_of: Instant, wall: Instant) {
        let shard = &mut self.ledger.shard;
        shard.observe_clock(wall);
        if !self.board.is_live() && !self.board.check_caught_up() {
            return;
        }
        if shard.has_view() {
            shard.begin_move(as_of);
        } else if as_of >= shard.earliest_view() {
            shard.begin_view(as_of);
        }
    }

    /// The totals, once the shard is at an instant; from then on it is live. One that was assigned anew while it went live has to catch
    /// up first with what that assignment found, like any other.
    pub fn settle(&mut self, as_of: Instant) -> Option<ShardTotals> {
        let totals = self.ledger.shard.totals().filter(|totals| totals.as_of == as_of)?;
        if !self.board.is_live() && !self.board.check_caught_up() {
            return None;
        }
        self.board.set_live();
        Some(totals)
    }

    /// Recomputes some of the totals, unless that was done a moment ago; a difference stops the partition.
    pub fn audit(&mut self, as_of: Instant, telemetry: &Telemetry) {
        if self.board.stopped().is_some() || self.audited.is_some_and(|at| as_of.0 - at.0 < AUDIT_EVERY) {
            return;
        }
        self.audited = Some(as_of);
        if let AuditStep::Violated(difference) = self.ledger.shard.audit_step(AUDIT_PARTS, AUDIT_ACCOUNTS) {
            telemetry.invariant_violations.add(1);
            self.board.stop(StopReason::InvariantViolated, violated(&difference));
        }
    }

    /// Whether its totals are kept.
    pub fn is_live(&self) -> bool {
        self.ledger.shard.is_live()
    }
}

impl Partition<Source> {
    /// Has `ring` called when records arrive while there were none.
    pub fn on_arrival(&mut self, ring: impl Fn() + Clone + Send + Sync + 'static) {
        self.lanes.iter_mut().for_each(|lane| lane.feed().on_arrival(ring.clone()));
    }
}

fn violated(difference: &str) -> String {
    format!(
        "the kept totals differ from the accounts ({difference}). Please report this as a defect; a restart goes on from the last \
         checkpoint, which holds accounts and no totals."
    )
}
