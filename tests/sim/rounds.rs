//! Rounds of views: begun, left unfinished between two slices of a move, and over. Whatever came meanwhile, what a round shows has
//! to be right, and nobody is shown anything before it is over.

use crate::deployment::Deployment;
use crate::instance::Instance;
use crate::mistake::Mistake;
use crate::oracle;
use crate::trouble::Kind;
use crossbeam_channel::{Receiver, unbounded};
use std::collections::BTreeSet;
use std::sync::Arc;
use upswell::domain::calendar::Instant;
use upswell::engine::plan::Plan;
use upswell::engine::report::ShardTotals;
use upswell::service::board::Board;
use upswell::service::worker::{Answer, Command};

/// More accounts than there are, and parts of the map: a slice that is a whole move.
pub const ALL: usize = 10_000;

/// A partition's totals, under the board they are of.
pub type Part = (Arc<Board>, ShardTotals);

/// A round under way.
pub struct Round {
    pub as_of: Instant,
    answers: Receiver<Answer>,
    plan: Arc<Plan>,
    deployment: Deployment,
    /// The partitions that were live when it began, as long as their state is here.
    pub live: BTreeSet<i32>,
    /// It was left unfinished.
    cut: bool,
}

/// What the last round showed.
#[derive(Default)]
pub struct Shown {
    pub as_of: Option<Instant>,
    /// Of all partitions, counted or not.
    pub parts: Vec<Part>,
    /// Of those that count.
    pub counted: Vec<(i32, ShardTotals)>,
}

impl Instance {
    /// Whether a round is under way.
    pub fn is_moving(&self) -> bool {
        !self.rounds.is_empty()
    }

    /// Moves the view on, all at once.
    pub fn advance(&mut self) -> Result<(), String> {
        self.begin_round(ALL)?;
        self.end_rounds()
    }

    pub fn end_rounds(&mut self) -> Result<(), String> {
        while self.is_moving() {
            self.go_on(ALL)?;
        }
        Ok(())
    }

    /// Begins a round, and does what is done of it at once: a slice of about so many accounts.
    pub fn begin_round(&mut self, most: usize) -> Result<(), String> {
        self.seen.extend(self.is_moving().then_some(Kind::AdvanceTwice));
        let wall = self.worker.clock.now();
        self.as_of = self.as_of.max(wall);
        self.note_due(self.as_of);
        let (answer, answers) = unbounded();
        let (as_of, live, plan) = (self.as_of, self.live(), self.worker.around.plan.clone());
        self.rounds.push_back(Round { as_of, answers, plan, deployment: self.config.deployment.clone(), live, cut: false });
        self.worker.moved_at_once = most;
        self.worker.obey(Command::Advance { as_of, wall, answer });
        for partition in self.worker.custody.all() {
            self.told.insert(partition.board.partition, wall.0);
        }
        self.hear()
    }

    /// Goes on with the round under way: a slice of about so many accounts.
    pub fn go_on(&mut self, most: usize) -> Result<(), String> {
        self.worker.moved_at_once = most;
        let more = self.worker.go_on();
        self.hear()?;
        match more == self.is_moving() {
            true => Ok(()),
            false => Err("a round is over without an answer, or the other way round".to_owned()),
        }
    }

    /// Ends the rounds that are answered.
    pub fn hear(&mut self) -> Result<(), String> {
        while let Some(answer) = self.rounds.front().and_then(|round| round.answers.try_recv().ok()) {
            let round = self.rounds.pop_front().ok_or("no round")?;
            self.end(round, answer)?;
        }
        if self.telemetry.invariant_violations.get() > 0 {
            return Err("an audit found a difference".to_owned());
        }
        if self.rounds.len() > 1 {
            return Err("two rounds are under way".to_owned());
        }
        self.hold_still()
    }

    /// Nobody is shown a view that moves.
    fn hold_still(&mut self) -> Result<(), String> {
        for partition in self.worker.custody.all() {
            let (shard, number) = (&partition.ledger.shard, partition.board.partition);
            if !shard.is_moving() {
                continue;
            }
            let Some(round) = self.rounds.front_mut() else { return Err(format!("{number} moves and nobody goes on with it")) };
            round.cut = true;
            self.seen.push(if shard.is_live() { Kind::NightSliced } else { Kind::LiveSliced });
            if shard.totals().is_some() {
                return Err(format!("{number} shows a view that moves"));
            }
            if partition.board.is_live() && !shard.is_live() {
                return Err(format!("{number} is live before its view is"));
            }
        }
        Ok(())
    }

    fn end(&mut self, round: Round, answer: Answer) -> Result<(), String> {
        let mut parts = answer.parts;
        if self.mistake == Some(Mistake::StaleParts) {
            self.show_stale(&round, &mut parts);
        }
        if parts.iter().any(|(_, totals)| totals.as_of != round.as_of) {
            return Err("a view of two instants".to_owned());
        }
        if let Some((board, _)) = parts.iter().find(|(board, _)| !board.is_live()) {
            return Err(format!("{} is shown before it has caught up with what it was assigned", board.partition));
        }
        self.no_early_view(&round.live)?;
        let here: BTreeSet<i32> = parts.iter().map(|(board, _)| board.partition).collect();
        let live = self.live();
        if let Some(gone) = round.live.iter().find(|number| live.contains(number) && !here.contains(number)) {
            return Err(format!("{gone} was live and is not shown any more"));
        }
        let all = self.mistake == Some(Mistake::RevokedCounted);
        let counted = parts.iter().filter(|(board, _)| all || self.assignment.counts(board));
        let counted: Vec<(i32, ShardTotals)> = counted.map(|(board, totals)| (board.partition, totals.clone())).collect();
        self.survey_froze(&round.plan, round.as_of, &parts);
        self.shown = Shown { as_of: Some(round.as_of), parts, counted };
        self.same_counted()?;
        if round.cut { self.judge_shown(&round.plan, &round.deployment) } else { Ok(()) }
    }

    /// Those count that should.
    fn same_counted(&self) -> Result<(), String> {
        let counted: BTreeSet<i32> = self.shown.counted.iter().map(|(partition, _)| *partition).collect();
        let here: BTreeSet<i32> = self.shown.parts.iter().map(|(board, _)| board.partition).collect();
        let due: BTreeSet<i32> = self.counting.union(&self.suspended).copied().filter(|number| here.contains(number)).collect();
        match counted == due && counted.len() == self.shown.counted.len() {
            true => Ok(()),
            false => Err(format!("{counted:?} are counted, not {due:?}")),
        }
    }

    /// Compares what was shown last with the shadows: every partition, and which of them are counted. Whether one that is counted does
    /// not know its usage of the day.
    pub fn compare_shown(&mut self, plan: &Arc<Plan>) -> Result<bool, String> {
        let (latest, memory, mut unknown) = (self.cluster.state().latest_clock, self.config.memory, false);
        for partition in self.worker.custody.all() {
            let (number, ledger) = (partition.board.partition, &partition.ledger);
            let shadow = &self.shadows[&number];
            shadow.same_rejected(ledger)?;
            let found = self.shown.parts.iter().find(|(board, _)| board.partition == number);
            let Some((_, found)) = found else { continue };
            if shadow.check(ledger, plan, found, (latest, memory))? {
                self.seen.push(Kind::ClockBehindImage);
                unknown |= self.shown.counted.iter().any(|(partition, _)| *partition == number);
            }
        }
        Ok(unknown)
    }

    /// The same, and all partitions together with the twin.
    pub fn judge_shown(&mut self, plan: &Arc<Plan>, deployment: &Deployment) -> Result<(), String> {
        let unknown = self.compare_shown(plan)?;
        let shadows = self.shown.counted.iter().map(|(partition, _)| &self.shadows[partition]);
        let parts: Vec<ShardTotals> = self.shown.counted.iter().map(|(_, totals)| totals.clone()).collect();
        oracle::judge(deployment, shadows, &parts, unknown)
    }

    /// A planted mistake: a round that was left unfinished shows what the round before it showed.
    fn show_stale(&self, round: &Round, parts: &mut [Part]) {
        for (board, totals) in parts.iter_mut().filter(|_| round.cut) {
            let before = self.shown.parts.iter().find(|(known, _)| known.partition == board.partition);
            if let Some((_, before)) = before {
                *totals = before.clone();
                totals.as_of = round.as_of;
            }
        }
    }
}
