//! What goes wrong, by name, and how often it did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use upswell_testkit::faulty::{Fate, Fault, Faulty, Operation};

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
    PieceDeleted, PieceFlipped, ManifestFlipped, AllDamaged, ForeignImage, StoreFull, StoreSlow,
    // The process.
    CrashIdle, CrashWriting, CrashRestoring, MemoryFull, Drained,
    // The group.
    RevokeIdle, RevokeWriting, RevokeRestoring, BackHeld, BackNewer, Overlap, ZombieWrote, MembershipLost, Rejoined,
    // The log.
    Holes, AbortedTail, Redelivered, PollTrouble, AskTrouble, UnreadableBatch, RetriesLater, Forgotten,
    RetentionPassed, LogCut, TopicAnew, ClusterChanged, PartitionsChanged,
    // The registry.
    RegistryFails, RegistryGarbage, RegistryAway, SchemaDenied, SchemaLate,
    // Letters.
    LettersDelayed, LettersRefused, LettersFull, LettersTwice,
    // The clock.
    ClockAhead, ClockBack, ClockStill, ClockBehindImage,
    // The configuration.
    DedupWindow, TimeZone, RateAdded, RateTakenOut, RebuildAsked, PlanReload, PlanRefused, DaysMissing,
    // What follows is met with, and made by nobody. A move left unfinished, into a new day or going live, and what comes between two
    // of its slices: facts by what they are ...
    NightSliced, LiveSliced, UsageToday, UsageLate, StateChange, StateAhead, StateDue, Supersedes, FallsDue,
    // ... and by whose: of an account that has moved, has not, or was never assessed; of a customer not known before.
    OfMoved, OfUnmoved, OfUnassessed, NewAmongMoved, NewAmongUnmoved,
    // Images and restores from them, audits, surveys, another round, a clock that jumps, another configuration.
    ImageSliced, RestoreSliced, AuditSliced, SurveySliced, SurveyWaits, AdvanceTwice, ClockSliced, ReloadSliced,
    // Loss of a partition and its return, the end of the process.
    LostSliced, BackSliced, CrashSliced, DrainSliced,
}

impl Kind {
    /// The kinds that somebody makes; the others are met with.
    pub fn made() -> impl Iterator<Item = Kind> {
        Kind::ALL.iter().copied().filter(|kind| *kind < Kind::NightSliced)
    }
}

/// How often each kind was reached in a run; in how many runs, once added up.
#[derive(Clone, Debug, Default)]
pub struct Counts(pub BTreeMap<Kind, u64>);

impl Counts {
    pub fn hit(&mut self, kind: Kind) {
        *self.0.entry(kind).or_default() += 1;
    }

    pub fn of(&self, kind: Kind) -> u64 {
        self.0.get(&kind).copied().unwrap_or(0)
    }

    /// A run more.
    pub fn add(&mut self, other: &Counts) {
        other.0.keys().for_each(|kind| self.hit(*kind));
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
    /// Every put is refused.
    full: bool,
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
            if board.full && operation == Operation::Put {
                board.hits.push(Kind::StoreFull);
                return Fate::Fails(Fault::Refused);
            }
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
        let board = &mut *self.0.lock().expect("one thread");
        (board.full, board.armed) = (false, Vec::new());
    }

    /// The store is full from now on, or no longer.
    pub fn fill(&self) {
        let board = &mut *self.0.lock().expect("one thread");
        board.full = !board.full;
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
