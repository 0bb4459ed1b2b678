//! The keeper of one partition: takes images of its state, one after another, while records go on being applied.
//!
//! Between two batches the state is frozen, which takes no time; what was frozen is then handed over bit by bit. Nothing is lost when
//! the store fails: an image once begun is tried until it is there or the partition is dropped, and the next one waits. An image
//! is completed only when the dead-letter topic has every letter of a record before its positions.

use super::alerting::Memo;
use super::archivist::{Archivists, Part, Task, Wish};
use super::board::Board;
use super::ledger::{Ledger, TopicName};
use crate::adapter::clock::Clock;
use crate::domain::alert::Record;
use crate::domain::calendar::Instant;
use crate::domain::facts::FactKind;
use crate::engine::image::{Scope, Step};
use crate::wire::checkpoint::{Identity, Manifest, PieceRef, Position, Section, TOPICS, account};
use crossbeam_channel::TryRecvError;
use std::sync::Arc;
use std::time::Instant as Moment;

/// Accounts or ids looked at in one step.
const STEP: usize = 500;
/// Parts handed over that may wait to be written.
const ROOM: usize = 16;
/// Pieces of deltas after which a base is taken: a restore reads one after another.
const MOST_PIECES: usize = 400;
/// Bytes of deltas that are worth no base, however small the base is.
const FREE_BYTES: u64 = 1 << 20;

/// Takes the images of one partition.
pub struct Keeper {
    archivists: Archivists,
    identity: Identity,
    generation: u32,
    sequence: u64,
    /// The newest complete image, which a delta continues.
    newest: Option<Arc<Manifest>>,
    saving: Option<Saving>,
    /// Where the alerts are kept that go into the images of this partition.
    alerts: Option<Arc<Memo>>,
}

/// An image under way.
struct Saving {
    wish: Wish,
    stage: Stage,
}

enum Stage {
    /// What was frozen is being handed over.
    Capturing(Box<Manifest>),
    /// Letters of records before the positions are on their way.
    Letters(Box<Manifest>),
    /// The rest is up to the archivist.
    Writing,
}

impl Keeper {
    /// `newest` is the image that the state was restored from, if it was.
    pub fn new(archivists: Archivists, identity: Identity, generation: u32, newest: Option<Arc<Manifest>>) -> Keeper {
        let sequence = newest.as_ref().map_or(0, |newest| newest.sequence);
        Keeper { archivists, identity, generation, sequence, newest, saving: None, alerts: None }
    }

    /// The same, whose images hold the alerts as well.
    pub fn with_alerts(self, memo: Arc<Memo>) -> Keeper {
        Keeper { alerts: Some(memo), ..self }
    }

    fn alerts(&self) -> Vec<Record> {
        self.alerts.as_ref().map_or_else(Vec::new, |memo| memo.records())
    }

    /// Order of the newest image that could be taken now, among all of the partition.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether an image is under way.
    pub fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// Whether the newest complete image is that of the state at hand.
    pub fn is_current(&self, ledger: &Ledger) -> bool {
        let next = |positions: &[Option<Position>; TOPICS]| positions.map(|position| position.map(|position| position.next));
        let is_current =
            |newest: &Arc<Manifest>| next(&newest.positions) == next(&ledger.positions) && newest.alerts == self.alerts();
        self.newest.as_ref().is_some_and(is_current)
    }

    /// Freezes the state and begins its image, unless one is under way. Never that of a partition that was stopped: its state may
    /// be what is wrong.
    pub fn begin(&mut self, ledger: &mut Ledger, board: &Board, now: Instant) {
        if self.saving.is_some() || board.stopped().is_some() {
            return;
        }
        let scope = if ledger.shard.needs_base() || self.wants_base() { Scope::Base } else { Scope::Delta };
        let Some(head) = ledger.shard.freeze(scope, account::encode) else { return };
        self.sequence += 1;
        let manifest = Manifest {
            identity: self.identity.clone(),
            generation: self.generation,
            writer: self.archivists.writer(),
            sequence: self.sequence,
            taken_at: now,
            positions: ledger.positions,
            placement: ledger.evidence.counts(),
            head,
            pieces: Vec::new(),
            base_pieces: 0,
            alerts: self.alerts(),
        };
        let before = self.newest.clone().filter(|_| scope == Scope::Delta);
        let (task, wish) = Task::new(&manifest, before);
        for kind in [FactKind::Subscription, FactKind::Usage] {
            let changes = ledger.rejected[kind as usize].freeze(scope);
            // Nobody takes parts only when the process is ending.
            let _ = wish.parts.send(Part::Section(Section::Rejected { topic: kind, changes }));
        }
        self.archivists.give(task);
        self.saving = Some(Saving { wish, stage: Stage::Capturing(Box::new(manifest)) });
    }

    /// A base is due when restoring its deltas costs more than writing it again. All pieces of an image have one identity.
    fn wants_base(&self) -> bool {
        let Some(newest) = self.newest.as_ref().filter(|newest| newest.identity == self.identity) else { return true };
        let (base, deltas) = newest.pieces.split_at(newest.pieces.len().min(newest.base_pieces as usize));
        let bytes = |pieces: &[PieceRef]| pieces.iter().map(|piece| piece.length).sum::<u64>();
        deltas.len() > MOST_PIECES || bytes(deltas) > (bytes(base) / 2).max(FREE_BYTES)
    }

    /// Goes on with the image under way, until a moment at most. Answers whether there may be more to do at once.
    pub fn step(&mut self, ledger: &mut Ledger, board: &Board, until: Moment, clock: Clock) -> bool {
        let Some(saving) = &mut self.saving else { return false };
        match saving.stage {
            Stage::Capturing(_) => return saving.capture(ledger, until, clock),
            Stage::Letters(_) => saving.finish(ledger),
            Stage::Writing => match saving.wish.saved.try_recv() {
                Ok(manifest) => {
                    (self.newest, self.saving) = (Some(manifest), None);
                    board.set_saved_at(clock.now());
                }
                Err(TryRecvError::Empty) => return false,
                // It cannot be completed any more; a base will be.
                Err(TryRecvError::Disconnected) => (self.newest, self.saving) = (None, None),
            },
        }
        true
    }
}

impl Saving {
    /// Hands over what was frozen, as long as there is time and room.
    fn capture(&mut self, ledger: &mut Ledger, until: Moment, clock: Clock) -> bool {
        while self.wish.parts.len() < ROOM {
            match ledger.shard.capture(STEP) {
                Step::Chunk(chunk) => drop(self.wish.parts.send(Part::Section(Section::Chunk(chunk)))),
                Step::Working => {}
                Step::Done => {
                    self.stage = match std::mem::replace(&mut self.stage, Stage::Writing) {
                        Stage::Capturing(manifest) => Stage::Letters(manifest),
                        other => other,
                    };
                    return true;
                }
            }
            if clock.steady() >= until {
                return true;
            }
        }
        false
    }

    fn finish(&mut self, ledger: &Ledger) {
        let Stage::Letters(manifest) = &self.stage else { return };
        let acknowledged = |(topic, position): (&TopicName, &Position)| {
            let waiting = ledger.letters.lowest_unacknowledged(&topic.name, ledger.partition);
            waiting.is_none_or(|waiting| waiting >= position.next)
        };
        if !ledger.topics.iter().zip(manifest.positions.iter().flatten()).all(acknowledged) {
            return;
        }
        if let Stage::Letters(manifest) = std::mem::replace(&mut self.stage, Stage::Writing) {
            let _ = self.wish.parts.send(Part::Finish(manifest));
        }
    }
}
