//! Rounds: how a view of one instant is put together from shards that belong to several workers.
//!
//! A round asks every worker to bring its shards to one instant, and is over when all have answered. Only then is the view
//! replaced, as a whole, so all figures of a view are exact for its instant however long a new civil day takes to be worked in.
//! There is one round at a time, and its instant never goes back.

use super::assignment::Assignment;
use super::board::Board;
use super::crew::Crew;
use super::worker::Answer;
use crate::domain::calendar::{Instant, Zone};
use crate::engine::plan::Plan;
use crate::engine::report::{Report, ShardTotals};
use crate::wire::published::{Published, View};
use crate::wire::telemetry::Telemetry;
use crossbeam_channel::{Receiver, never};
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

/// After rounds that took a while, the next one waits for so many times as long as the shorter of the last two: views are kept fresh in
/// a fraction of the time, and one round that had to wait for a processor delays no other.
const REST: u32 = 4;
/// But no longer than this: a new civil day takes long and holds nobody up meanwhile.
const MOST_REST: Duration = Duration::from_secs(2);

/// Views of the past, the present round, and what views are drawn with.
pub struct Rounds {
    pub plan: Arc<Plan>,
    /// Windows whose segments are exported as gauges.
    pub segment_windows: Arc<[String]>,
    /// Partitions each topic has.
    pub partitions: usize,
    as_of: Instant,
    /// Whether all assigned partitions have once been live together since the last time there was none.
    complete: bool,
    round: Option<Round>,
    /// Before which no round is begun.
    due: Option<Moment>,
    /// How long the last round took.
    took: Duration,
}

/// One round under way.
struct Round {
    as_of: Instant,
    new_day: bool,
    plan: Arc<Plan>,
    answers: Receiver<Answer>,
    missing: usize,
    parts: Vec<(Arc<Board>, ShardTotals)>,
    accounts: usize,
    dedup_entries: usize,
    tracked_bytes: usize,
    began: Moment,
}

impl Rounds {
    pub fn new(plan: Arc<Plan>, segment_windows: Arc<[String]>, partitions: usize) -> Rounds {
        Rounds {
            plan,
            segment_windows,
            partitions,
            as_of: Zone::EARLIEST_VIEW,
            complete: false,
            round: None,
            due: None,
            took: Duration::ZERO,
        }
    }

    /// Begins a round for the present instant, unless one is under way or the last one is too recent for what it took.
    pub fn begin(&mut self, now: Instant, crew: &Crew) {
        if self.round.is_some() || self.due.is_some_and(|due| Moment::now() < due) {
            return;
        }
        let as_of = now.clamp(self.as_of, Zone::LATEST_VIEW);
        let new_day = self.complete && self.plan.zone.day(as_of) != self.plan.zone.day(self.as_of);
        self.as_of = as_of;
        let answers = crew.advance(as_of, now);
        let (plan, missing, parts, began) = (self.plan.clone(), crew.size(), Vec::new(), Moment::now());
        self.round =
            Some(Round { as_of, new_day, plan, answers, missing, parts, accounts: 0, dedup_entries: 0, tracked_bytes: 0, began });
    }

    /// Where the answers of the present round arrive.
    pub fn answers(&self) -> Receiver<Answer> {
        self.round.as_ref().map_or_else(never, |round| round.answers.clone())
    }

    /// Takes one worker's answer; the last one of a round replaces the view.
    pub fn take<S>(&mut self, answer: Answer, assignment: &Assignment<S>, published: &Published, telemetry: &Telemetry) {
        let Some(round) = &mut self.round else { return };
        round.parts.extend(answer.parts);
        round.accounts += answer.accounts;
        round.dedup_entries += answer.dedup_entries;
        round.tracked_bytes += answer.tracked_bytes;
        round.missing -= 1;
        if round.missing == 0
            && let Some(round) = self.round.take()
        {
            let took = round.began.elapsed();
            self.due = Some(Moment::now() + (took.min(self.took) * REST).min(MOST_REST));
            self.took = took;
            self.finish(round, assignment, published, telemetry);
        }
    }

    /// A partition was given up: without any left there is nothing to show until the next first catch-up.
    pub fn gave_up<S>(&mut self, assignment: &Assignment<S>, published: &Published) {
        if assignment.is_empty() {
            self.complete = false;
            published.withdraw();
        }
    }

    /// Whether a view is shown.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    fn finish<S>(&mut self, round: Round, assignment: &Assignment<S>, published: &Published, telemetry: &Telemetry) {
        telemetry.accounts.set(round.accounts as u64);
        telemetry.dedup_entries.set(round.dedup_entries as u64);
        telemetry.tracked_bytes.set(round.tracked_bytes as u64);
        let present = round.parts.into_iter().filter(|(board, _)| assignment.counts(board));
        let parts: Vec<ShardTotals> = present.map(|(_, totals)| totals).collect();
        let boards = assignment.boards();
        self.complete |= !boards.is_empty() && boards.iter().all(|board| board.is_live());
        if !self.complete || parts.is_empty() {
            return;
        }
        let report = Report::of(&round.plan, round.as_of, &parts);
        let (live_partitions, owns_all) = (parts.len(), parts.len() == self.partitions);
        published.publish(View { report, live_partitions, owns_all, segment_windows: self.segment_windows.clone() });
        if round.new_day {
            telemetry.rollover_duration.set(round.began.elapsed());
        }
    }
}
