//! Mistakes made on purpose, between keeper and store or by whoever drives: the simulation has to find each. Those of a store that
//! keeps what it should not, or too late, are in [`crate::planted`]; those in the engine itself are the patches in `tests/sim/engine`,
//! which `make planted` makes one after the other.

use crate::cluster::Cluster;
use crate::trouble::{Kind, Swarm};
use upswell::domain::calendar::{Instant, Zone};
use upswell::engine::image::Chunk;
use upswell::engine::rejected::Change;
use upswell::service::archivist::Part;
use upswell::wire::checkpoint::{Position, Section, TOPICS};

/// Three years: longer than anything is remembered.
const AGES: i64 = 1_100 * 86_400_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The same run without a mistake.
    None,
    /// The manifest's positions are one too far, or one too low.
    PositionAhead,
    PositionBehind,
    /// Parts of an image are lost, or written twice.
    IdsDropped,
    AccountsDropped,
    TextsDropped,
    RejectedDropped,
    TakenUpDropped,
    RejectedForged,
    /// The manifest says that more usage days are gone.
    FloorAhead,
    /// It counts what is not there.
    AccountsMiscounted,
    AheadDropped,
    /// What is restored goes on one too far or too low.
    RestoredAhead,
    RestoredBehind,
    SeekPast,
    /// Ids are forgotten at once.
    ShortMemory,
    /// Records are lost on the way.
    RecordsSkipped,
    PassedTooFar,
    /// Letters count as delivered that are lost.
    LettersLost,
    /// A piece goes while its manifest stays.
    PieceLost,
    /// The manifest is of another generation than the image was begun as.
    Generation,
    /// The manifest is there before its last piece.
    ManifestFirst,
    /// The oldest image is taken instead of the newest.
    OldestImage,
    /// A partition that was taken away still counts.
    RevokedCounted,
    /// What a retry has settled is not taken off the list.
    RetryTwice,
    /// The positions of two topics are mistaken for each other.
    PositionsSwapped,
    /// A delta between a base and a later delta is lost.
    DeltaLost,
    /// Ids are hashed with another key after a restore, or count as older than they are.
    HashKeyChanged,
    RecordTimeAhead,
    /// Ids are remembered longer than they should be.
    LongMemory,
    /// The manifest does not say what a view had passed, or from when on usage days are kept.
    PassedForgotten,
    FloorForgotten,
    /// A partition is shown before it has caught up.
    EarlyView,
    /// An image is complete before the letters are.
    LettersUnawaited,
    /// A new configuration reaches the figures of the whole, but not those of the partitions.
    StalePlan,
    /// The limit of memory is not heeded.
    MemoryUnheeded,
    /// A round that was left unfinished shows what the one before it showed.
    StaleParts,
    /// An image that was begun between two slices of a move is of other positions, or says that more usage days are gone, or that
    /// less usage lies ahead.
    SlicedAhead,
    SlicedFloor,
    SlicedAheadDropped,
    /// Records are lost that come between two slices of a move.
    SlicedSkipped,
}

impl Mistake {
    pub const ALL: [Mistake; 40] = [
        Mistake::PositionAhead,
        Mistake::PositionBehind,
        Mistake::IdsDropped,
        Mistake::AccountsDropped,
        Mistake::TextsDropped,
        Mistake::RejectedDropped,
        Mistake::TakenUpDropped,
        Mistake::RejectedForged,
        Mistake::FloorAhead,
        Mistake::AccountsMiscounted,
        Mistake::AheadDropped,
        Mistake::RestoredAhead,
        Mistake::RestoredBehind,
        Mistake::SeekPast,
        Mistake::ShortMemory,
        Mistake::RecordsSkipped,
        Mistake::PassedTooFar,
        Mistake::LettersLost,
        Mistake::PieceLost,
        Mistake::Generation,
        Mistake::ManifestFirst,
        Mistake::OldestImage,
        Mistake::RevokedCounted,
        Mistake::RetryTwice,
        Mistake::PositionsSwapped,
        Mistake::DeltaLost,
        Mistake::HashKeyChanged,
        Mistake::RecordTimeAhead,
        Mistake::LongMemory,
        Mistake::PassedForgotten,
        Mistake::FloorForgotten,
        Mistake::EarlyView,
        Mistake::LettersUnawaited,
        Mistake::StalePlan,
        Mistake::MemoryUnheeded,
        Mistake::StaleParts,
        Mistake::SlicedAhead,
        Mistake::SlicedFloor,
        Mistake::SlicedAheadDropped,
        Mistake::SlicedSkipped,
    ];

    /// What goes wrong besides: little, so that it is the mistake that is found.
    pub fn swarm(self) -> Swarm {
        let mut swarm: Swarm = [Kind::RateAdded, Kind::SchemaLate, Kind::CrashIdle, Kind::RevokeIdle].into();
        swarm.extend((self == Mistake::FloorForgotten).then_some(Kind::PlanRefused));
        swarm.extend(match self {
            Mistake::LongMemory => Some(Kind::Forgotten),
            Mistake::PassedForgotten => Some(Kind::ClockAhead),
            Mistake::FloorForgotten | Mistake::StalePlan => Some(Kind::PlanReload),
            Mistake::MemoryUnheeded => Some(Kind::MemoryFull),
            // Whoever is stopped in the middle of a move begins again with an image of just then.
            Mistake::SlicedAhead | Mistake::SlicedFloor | Mistake::SlicedAheadDropped => Some(Kind::Drained),
            _ => None,
        });
        swarm
    }

    pub fn make_with(self, cluster: &Cluster) {
        match self {
            Mistake::RecordsSkipped => cluster.state().skip_every = Some(9),
            Mistake::PassedTooFar => cluster.state().pass_too_far = 1,
            _ => {}
        }
    }

    /// Makes it in a part that is on its way into the store; `None` if the part is lost. `sliced` says that the image was begun between
    /// two slices of a move.
    pub fn make_in(self, part: Part, sliced: bool) -> Option<Part> {
        Some(match (self, part) {
            (Mistake::IdsDropped, Part::Section(Section::Chunk(Chunk::Ids { .. })))
            | (Mistake::AccountsDropped, Part::Section(Section::Chunk(Chunk::Accounts { .. })))
            | (Mistake::TextsDropped, Part::Section(Section::Chunk(Chunk::Texts { .. })))
            | (Mistake::RejectedDropped, Part::Section(Section::Rejected { .. })) => return None,
            (Mistake::TakenUpDropped, Part::Section(Section::Rejected { topic, mut changes })) => {
                changes.retain(|change| !matches!(change, Change::Remove { .. }));
                Part::Section(Section::Rejected { topic, changes })
            }
            (Mistake::RejectedForged, Part::Section(Section::Rejected { topic, mut changes })) => {
                changes.iter_mut().for_each(|change| {
                    if let Change::Add { end, .. } = change {
                        *end += 1;
                    }
                });
                Part::Section(Section::Rejected { topic, changes })
            }
            (mistake, Part::Finish(mut manifest)) => {
                match mistake {
                    Mistake::SlicedAhead if sliced => shift(&mut manifest.positions, 1),
                    Mistake::SlicedFloor if sliced => manifest.head.floor = manifest.head.floor.plus(45),
                    Mistake::SlicedAheadDropped if sliced => manifest.head.ahead.clear(),
                    Mistake::PositionAhead => shift(&mut manifest.positions, 1),
                    Mistake::PositionBehind => shift(&mut manifest.positions, -1),
                    Mistake::FloorAhead => {
                        manifest.head.floor = manifest.head.floor.plus(45);
                    }
                    Mistake::AccountsMiscounted => manifest.head.accounts += 1,
                    Mistake::AheadDropped => manifest.head.ahead.clear(),
                    Mistake::Generation => manifest.generation += 1,
                    Mistake::PositionsSwapped => manifest.positions.swap(0, 1),
                    Mistake::HashKeyChanged => manifest.head.hash_key.0 ^= 1,
                    Mistake::RecordTimeAhead => {
                        let ahead = |at: Instant| Instant(at.0 + AGES);
                        manifest.head.record_time = manifest.head.record_time.map(ahead);
                    }
                    Mistake::PassedForgotten => manifest.head.passed = Zone::EARLIEST_VIEW,
                    Mistake::FloorForgotten => {
                        (manifest.head.floor, manifest.head.floor_at) = (Zone::FIRST, Zone::EARLIEST_VIEW);
                    }
                    _ => {}
                }
                Part::Finish(manifest)
            }
            (_, part) => part,
        })
    }

    /// Makes it in what was restored.
    pub fn make_at(self, positions: &mut [Option<Position>; TOPICS]) {
        match self {
            Mistake::RestoredAhead => shift(positions, 1),
            Mistake::RestoredBehind => shift(positions, -1),
            _ => {}
        }
    }
}

fn shift(positions: &mut [Option<Position>; TOPICS], by: i64) {
    positions[1].iter_mut().filter(|position| position.next > 0).for_each(|position| position.next += by);
}
