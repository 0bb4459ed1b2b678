//! Surveys under way while everything else happens: what is listed has to be what was so when it was frozen.

use crate::instance::Instance;
use crate::rounds::Part;
use crate::trouble::Kind;
use crossbeam_channel::{Receiver, unbounded};
use std::collections::BTreeMap;
use std::sync::Arc;
use upswell::domain::calendar::Instant;
use upswell::engine::plan::Plan;
use upswell::engine::report::Report;
use upswell::engine::survey::listing::{Movement, Query};
use upswell::engine::survey::rows::{Order as By, Rows, Tally};
use upswell::engine::survey::{Found, Question};
use upswell::service::desk::{Event, Reply};
use upswell::service::ledger::TopicName;
use upswell::service::surveys::{Order, Part as Answered, Unanswered};
use upswell::service::worker::Command;
use upswell::wire::checkpoint::Position;

/// Slices between two batches.
const SLICES: usize = 400;

/// A survey under way, and what it has to find once it is frozen.
pub struct Survey {
    answer: Receiver<Event>,
    query: Query,
    frozen: Option<Frozen>,
}

/// What was so when it was frozen.
struct Frozen {
    as_of: Instant,
    expected: Tally,
    /// By partition the next offset of each topic.
    offsets: BTreeMap<i32, Vec<(Arc<str>, i64)>>,
}

impl Instance {
    /// Orders a survey, unless one is under way or the plan has no window. While a round is under way, it waits for that.
    pub fn order_survey(&mut self) {
        let (plan, parts, as_of) = (self.worker.around.plan.clone(), self.present_parts(), self.as_of);
        let Some(window) = plan.windows.first().copied().filter(|_| self.survey.is_none()) else { return };
        if parts.is_empty() && !self.is_moving() {
            return;
        }
        let movement = Movement::ASKED[(as_of.0 / 1000 % 8) as usize].1;
        let query = Query { window, movement, segment: None, order: By::Amount, most: Rows::MOST };
        let (answer, answers) = unbounded();
        self.worker.obey(Command::Survey(Order { ticket: 1, question: Question::Moved(query.clone()), answer }));
        self.survey = Some(Survey { answer: answers, query, frozen: None });
        match parts.first() {
            Some((_, totals)) if !self.is_moving() => self.survey_froze(&plan, totals.as_of, &parts),
            _ => self.seen.push(Kind::SurveyWaits),
        }
    }

    /// The totals of what is read and shown.
    fn present_parts(&mut self) -> Vec<Part> {
        let shown = self.worker.custody.owned().filter(|partition| partition.is_live() && partition.board.is_live());
        shown.filter_map(|partition| Some((partition.board.clone(), partition.ledger.shard.totals()?))).collect()
    }

    /// A survey that was ordered is frozen when no shard moves: what it has to find.
    pub fn survey_froze(&mut self, plan: &Arc<Plan>, as_of: Instant, parts: &[Part]) {
        let Some(survey) = self.survey.as_mut().filter(|survey| survey.frozen.is_none()) else { return };
        let (mut read, mut offsets) = (Vec::new(), BTreeMap::new());
        for partition in self.worker.custody.owned().filter(|partition| partition.board.is_live()) {
            let Some((_, totals)) = parts.iter().find(|(board, _)| Arc::ptr_eq(board, &partition.board)) else { continue };
            let (ledger, number) = (&partition.ledger, partition.board.partition);
            let next = |(topic, position): (&TopicName, &Option<Position>)| Some((topic.name.clone(), (*position)?.next));
            read.push(totals.clone());
            offsets.insert(number, ledger.topics.iter().zip(&ledger.positions).filter_map(next).collect());
        }
        let (report, window) = (Report::of(plan, as_of, &read), survey.query.window.to_string());
        let known = report.windows.iter().find(|known| known.window == window);
        let expected = known.map(|known| survey.query.movement.tally(&known.total)).unwrap_or_default();
        survey.frozen = Some(Frozen { as_of, expected, offsets });
    }

    /// Brings it to its end: while it is under way no usage day is forgotten.
    pub fn end_survey(&mut self) -> Result<(), String> {
        while self.worker.surveys.go_on(&mut self.worker.custody) {}
        self.go_on_with_survey()
    }

    /// Goes on with it, and compares what it has found.
    pub fn go_on_with_survey(&mut self) -> Result<(), String> {
        let mut looks = false;
        for _ in 0..SLICES {
            looks |= self.worker.surveys.go_on(&mut self.worker.custody);
        }
        self.seen.extend((looks && self.is_moving()).then_some(Kind::SurveySliced));
        let Some(event) = self.survey.as_ref().and_then(|survey| survey.answer.try_recv().ok()) else { return Ok(()) };
        let Some(survey) = self.survey.take() else { return Ok(()) };
        self.surveyed += 1;
        match event.reply {
            Reply::Part(part) => survey.compare(part),
            Reply::Unanswered(Unanswered::Moved) => Ok(()),
            reply => Err(format!("a survey was answered with {reply:?}")),
        }
    }
}

impl Survey {
    fn compare(self, Answered { counted, found }: Answered) -> Result<(), String> {
        let Some(Frozen { as_of, expected, offsets }) = self.frozen else {
            return Err("a survey was answered too early".to_owned());
        };
        let looked: BTreeMap<_, _> = counted.iter().map(|counted| (counted.partition, counted.offsets.clone())).collect();
        if looked != offsets || counted.iter().any(|counted| counted.as_of != as_of) {
            return Err(format!("a survey of {looked:?} was frozen at {offsets:?}"));
        }
        let (rows, all) = match found {
            Some(Found::Customers(rows)) => rows.done(),
            None if offsets.is_empty() => return Ok(()),
            _ => return Err("a survey found no customers' rows".to_owned()),
        };
        match all == expected && Tally::of(&rows) == all {
            true => Ok(()),
            false => Err(format!("a survey found {all:?}, the totals had {expected:?}")),
        }
    }
}
