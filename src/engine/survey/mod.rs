//! Surveys: questions that need a look at every account as it was at one instant.
//!
//! A shard asks a survey about each of its accounts exactly once, in no order (`engine::shard::look`); what the surveys of several
//! shards found is merged. Nothing here knows how the shard manages to show every account as it was.

pub mod expanding;
pub mod listing;
pub mod periods;
pub mod rows;

use super::plan::Plan;
use crate::domain::account::Account;
use crate::domain::assess::Lens;
use crate::domain::calendar::Day;
use crate::domain::frame::Frame;
use crate::domain::segment::Dimension;
use crate::domain::symbol::Symbols;
use crate::domain::window::Period;
use expanding::Expanding;
use listing::{Listing, Query};
use periods::{PeriodSums, Periods};
use rows::{Order, Rows};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Who moved, in one window and one way.
    Moved(Query),
    /// Who is likely to expand: whose usage grew, and whose next states are worth more.
    Likely(Order),
    /// The figures of closed periods, the newest so many.
    Closed { every: Period, most: usize },
}

/// What was found in the accounts of one or more shards.
#[derive(Clone, Debug)]
pub enum Found {
    Customers(Rows),
    /// Newest first, without gaps.
    Periods(Vec<PeriodSums>),
}

impl Found {
    /// Adds what another shard found for the same question at the same instant.
    pub fn merge(&mut self, other: Found) {
        match (self, other) {
            (Found::Customers(rows), Found::Customers(more)) => rows.merge(more),
            (Found::Periods(periods), Found::Periods(more)) => periods::merge(periods, more),
            // Both answer one question.
            _ => debug_assert!(false, "answers to different questions"),
        }
    }
}

/// What a survey sees beside accounts; the same from its beginning to its end, but for texts that are added.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    pub plan: &'a Plan,
    pub dimensions: &'a [Dimension],
    pub symbols: &'a Symbols,
}

impl<'a> Sight<'a> {
    fn lens(self, frame: &'a Frame) -> Lens<'a> {
        Lens { frame, zone: &self.plan.zone, dimensions: self.dimensions, symbols: self.symbols }
    }
}

/// A survey on its way through the accounts of one shard.
#[derive(Clone, Debug)]
pub enum Survey {
    Listing(Listing),
    Expanding(Expanding),
    Periods(Periods),
}

impl Survey {
    /// A survey for the view of `frame`, of a shard that keeps usage from the day `floor` on. `None` if the plan lacks what is asked
    /// for.
    pub fn new(question: &Question, plan: &Plan, frame: &Frame, floor: Day) -> Option<Survey> {
        match question {
            Question::Moved(query) => Listing::new(query, plan, frame).map(Survey::Listing),
            Question::Likely(order) => Some(Survey::Expanding(Expanding::new(*order, plan, frame.as_of, floor))),
            Question::Closed { every, most } => Some(Survey::Periods(Periods::new(*every, *most, plan, frame.as_of, floor))),
        }
    }

    /// Looks at an account.
    pub fn take(&mut self, customer_id: &str, account: &Account, sight: Sight) {
        match self {
            Survey::Listing(listing) => listing.take(customer_id, account, sight),
            Survey::Expanding(expanding) => expanding.take(customer_id, account, sight),
            Survey::Periods(periods) => periods.take(account, sight),
        }
    }

    /// How many accounts cost about as much as one costs a listing.
    pub fn cost(&self) -> usize {
        match self {
            Survey::Periods(periods) => periods.cost(),
            Survey::Listing(_) | Survey::Expanding(_) => 1,
        }
    }

    pub fn found(self) -> Found {
        match self {
            Survey::Listing(listing) => Found::Customers(listing.rows),
            Survey::Expanding(expanding) => Found::Customers(expanding.rows),
            Survey::Periods(periods) => Found::Periods(periods.found()),
        }
    }
}
