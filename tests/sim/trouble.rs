//! What goes wrong, by name, and how often it did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use upswell_testkit::faulty::{Fate, Faulty, Operation};

macro_rules! kinds {
    ($($name:ident),* $(,)?) => {
        /// A kind of trouble.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind { $($name),* }
        impl Kind { pub const ALL: &'static [Kind] = &[$(Kind::$name),*]; }
    };
}

kinds! {
    // The store.
    PieceRefused, PieceReplyLost, PieceDiesBefore, PieceDiesAfter, PieceTorn,
    ManifestRefused, ManifestReplyLost, ManifestDiesBefore, ManifestDiesAfter, ManifestTorn,
    RestoreRefused, RestoreDies, ListRefused, CleanRefused, CleanDies,
    MisreadShort, MisreadFlipped, StaleList, PowerLoss,
    PieceDeleted, PieceFlipped, ManifestFlipped, AllDamaged, ForeignImage,
    // The process.
    CrashIdle, CrashWriting, CrashRestoring,
    // The group.
    RevokeIdle, RevokeWriting, RevokeRestoring, BackHeld, BackNewer, Overlap,
    // The log.
    Holes, AbortedTail, Redelivered, PollTrouble, AskTrouble,
    RetentionPassed, LogCut, TopicAnew, ClusterChanged, PartitionsChanged,
    // The registry.
    RegistryFails, RegistryGarbage, RegistryAway, SchemaDenied, SchemaLate,
    // Letters.
    LettersDelayed, LettersRefused,
    // The clock.
    ClockAhead, ClockBack, ClockStill,
    // The configuration.
    DedupWindow, TimeZone, RateAdded, RateTakenOut, RebuildAsked,
}

/// How often each kind was reached.
#[derive(Clone, Debug, Default)]
pub struct Counts(pub BTreeMap<Kind, u64>);

impl Counts {
    pub fn hit(&mut self, kind: Kind) {
        *self.0.entry(kind).or_default() += 1;
    }

    pub fn add(&mut self, other: &Counts) {
        other.0.iter().for_each(|(kind, count)| *self.0.entry(*kind).or_default() += count);
    }
}

/// An operation of the store that will fail.
#[derive(Clone, Copy)]
struct Armed {
    kind: Kind,
    operation: Operation,
    part: &'static str,
    skip: u64,
    fate: Fate,
}

/// What somebody does with the store at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    Saving,
    Restoring,
    Cleaning,
}

#[derive(Default)]
struct Board {
    armed: Vec<Armed>,
    doing: Option<Doing>,
    hits: Vec<Kind>,
}

/// Decides what fails in the store.
#[derive(Clone, Default)]
pub struct Saboteur(Arc<Mutex<Board>>);

impl Saboteur {
    pub fn attach(store: &Faulty) -> Saboteur {
        let saboteur = Saboteur::default();
        let board = saboteur.0.clone();
        store.direct(move |operation, name| {
            let board = &mut *board.lock().expect("one thread");
            let matches = |armed: &Armed| {
                armed.operation == operation && name.contains(armed.part) && board.doing == Some(doing(armed.kind))
            };
            let Some(at) = board.armed.iter().position(matches) else { return Fate::Fine };
            if board.armed[at].skip > 0 {
                board.armed[at].skip -= 1;
                return Fate::Fine;
            }
            let armed = board.armed.remove(at);
            board.hits.push(armed.kind);
            armed.fate
        });
        saboteur
    }

    pub fn arm(&self, kind: Kind, operation: Operation, part: &'static str, skip: u64, fate: Fate) {
        self.0.lock().expect("one thread").armed.push(Armed { kind, operation, part, skip, fate });
    }

    pub fn disarm(&self) {
        self.0.lock().expect("one thread").armed.clear();
    }

    pub fn now(&self, doing: Doing) {
        self.0.lock().expect("one thread").doing = Some(doing);
    }

    pub fn hits(&self) -> Vec<Kind> {
        std::mem::take(&mut self.0.lock().expect("one thread").hits)
    }
}

fn doing(kind: Kind) -> Doing {
    match kind {
        Kind::CleanRefused | Kind::CleanDies => Doing::Cleaning,
        Kind::RestoreRefused
        | Kind::RestoreDies
        | Kind::ListRefused
        | Kind::MisreadShort
        | Kind::MisreadFlipped
        | Kind::StaleList => Doing::Restoring,
        _ => Doing::Saving,
    }
}

/// The kinds that are on in a run.
pub type Swarm = BTreeSet<Kind>;
