//! Mistakes made on purpose, between keeper and store or by whoever drives: the simulation has to find each.

use crate::cluster::Cluster;
use upswell::engine::image::Chunk;
use upswell::engine::rejected::Change;
use upswell::service::archivist::Part;
use upswell::wire::checkpoint::{Position, Section, TOPICS};

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
}

impl Mistake {
    pub const ALL: [Mistake; 20] = [
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
    ];

    pub fn make_with(self, cluster: &Cluster) {
        match self {
            Mistake::RecordsSkipped => cluster.state().skip_every = Some(9),
            Mistake::PassedTooFar => cluster.state().pass_too_far = 1,
            _ => {}
        }
    }

    /// Makes it in a part that is on its way into the store; `None` if the part is lost.
    pub fn make_in(self, part: Part) -> Option<Part> {
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
                    Mistake::PositionAhead => shift(&mut manifest.positions, 1),
                    Mistake::PositionBehind => shift(&mut manifest.positions, -1),
                    Mistake::FloorAhead => {
                        manifest.head.floor = manifest.head.floor.plus(45);
                    }
                    Mistake::AccountsMiscounted => manifest.head.accounts += 1,
                    Mistake::AheadDropped => manifest.head.ahead.clear(),
                    Mistake::Generation => manifest.generation += 1,
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
