//! Surveys under way while everything else happens: what is listed has to be what was so when it was frozen.

use crate::instance::Instance;
use crossbeam_channel::{Receiver, unbounded};
use std::collections::BTreeMap;
use std::sync::Arc;
use upswell::domain::calendar::Instant;
use upswell::engine::report::{Report, ShardTotals};
use upswell::engine::survey::listing::{Movement, Query};
use upswell::engine::survey::rows::{Order as By, Rows, Tally};
use upswell::engine::survey::{Found, Question};
use upswell::service::desk::{Event, Reply};
use upswell::service::surveys::{Order, Part};
use upswell::service::worker::Command;

/// Slices between two batches.
const SLICES: usize = 400;

/// A survey under way, and what it has to find.
pub struct Survey {
    answer: Receiver<Event>,
    as_of: Instant,
    expected: Tally,
    /// By partition the next offset of each topic.
    offsets: BTreeMap<i32, Vec<(Arc<str>, i64)>>,
}

impl Instance {
    /// Orders a survey, unless one is under way or the plan has no window.
    pub fn order_survey(&mut self) {
        let plan = self.worker.around.plan.clone();
        let Some(window) = plan.windows.first().copied().filter(|_| self.survey.is_none()) else { return };
        let (mut parts, mut offsets): (Vec<ShardTotals>, _) = (Vec::new(), BTreeMap::new());
        for partition in self.worker.custody.owned().filter(|partition| partition.is_live() && partition.board.is_live()) {
            let (ledger, number) = (&partition.ledger, partition.board.partition);
            parts.extend(ledger.shard.totals());
            let next = |(topic, position): (&upswell::service::ledger::TopicName, &Option<_>)| {
                Option::map(*position, |position: upswell::wire::checkpoint::Position| (topic.name.clone(), position.next))
            };
            offsets.insert(number, ledger.topics.iter().zip(&ledger.positions).filter_map(next).collect());
        }
        let Some(as_of) = parts.first().map(|part| part.as_of) else { return };
        let report = Report::of(&plan, as_of, &parts);
        let Some(known) = report.windows.iter().find(|known| known.window == window.to_string()) else { return };
        let movement = Movement::ASKED[(as_of.0 / 1000 % 8) as usize].1;
        let expected = movement.tally(&known.total);
        let query = Query { window, movement, segment: None, order: By::Amount, most: Rows::MOST };
        let (answer, answers) = unbounded();
        self.worker.obey(Command::Survey(Order { ticket: 1, question: Question::Moved(query), answer }));
        self.survey = Some(Survey { answer: answers, as_of, expected, offsets });
    }

    /// Brings it to its end: while it is under way no usage day is forgotten.
    pub fn end_survey(&mut self) -> Result<(), String> {
        while self.worker.surveys.go_on(&mut self.worker.custody) {}
        self.go_on_with_survey()
    }

    /// Goes on with it, and compares what it has found.
    pub fn go_on_with_survey(&mut self) -> Result<(), String> {
        for _ in 0..SLICES {
            self.worker.surveys.go_on(&mut self.worker.custody);
        }
        let Some(event) = self.survey.as_ref().and_then(|survey| survey.answer.try_recv().ok()) else { return Ok(()) };
        let (Some(survey), Reply::Part(part)) = (self.survey.take(), event.reply) else { return Ok(()) };
        self.surveyed += 1;
        survey.compare(part)
    }
}

impl Survey {
    fn compare(self, Part { counted, found }: Part) -> Result<(), String> {
        let offsets: BTreeMap<_, _> = counted.iter().map(|counted| (counted.partition, counted.offsets.clone())).collect();
        if offsets != self.offsets || counted.iter().any(|counted| counted.as_of != self.as_of) {
            return Err(format!("a survey of {offsets:?} was ordered at {:?}", self.offsets));
        }
        let Some(Found::Customers(rows)) = found else { return Err("a survey found no customers' rows".to_owned()) };
        let (rows, all) = rows.done();
        match all == self.expected && Tally::of(&rows) == all {
            true => Ok(()),
            false => Err(format!("a survey found {all:?}, the totals had {:?}", self.expected)),
        }
    }
}
