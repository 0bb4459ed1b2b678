//! A look at every account as it was at one instant, while facts go on arriving.
//!
//! Freezing keeps the view's frame and what the totals were, nothing more. The accounts are then looked at in slices; one that is
//! about to change and has not been looked at yet is looked at first, as it is. So what a look finds adds up to the totals of the
//! moment it was frozen, whatever is applied and wherever the view moves meanwhile.

use super::{Shard, View};
use crate::domain::account::Account;
use crate::domain::calendar::Instant;
use crate::domain::rates::Sums;
use crate::domain::segment::Dimension;
use crate::domain::symbol::Symbols;
use crate::domain::window::Edge;
use crate::engine::accounts::{Pass, Place};
use crate::engine::plan::Plan;
use crate::engine::survey::listing::Query;
use crate::engine::survey::{Found, Question, Sight, Survey};
use crate::engine::totals::WindowSums;
use std::collections::HashSet;
use std::sync::Arc;

/// The moment a look was frozen at.
#[derive(Clone, Debug, PartialEq)]
pub struct Frozen {
    /// The instant of the view.
    pub as_of: Instant,
    /// What is listed, as the totals had it; `None` for a question that is about no window.
    pub listed: Option<Listed>,
}

/// A window or a segment of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    pub opening_edge: Instant,
    pub closing_edge: Instant,
    pub sums: Sums,
}

/// A look on its way.
#[derive(Debug)]
pub(super) struct Look {
    plan: Arc<Plan>,
    dimensions: Vec<Dimension>,
    survey: Survey,
    pass: Pass,
    /// Customers that were looked at before the pass came to them, because they were about to change.
    early: HashSet<Box<str>>,
}

impl Look {
    /// Has to be told of each account before it changes.
    #[inline]
    pub(super) fn before_change(
        look: &mut Option<Box<Look>>,
        place: Place,
        customer_id: &str,
        account: &Account,
        symbols: &Symbols,
    ) {
        if let Some(look) = look {
            look.catch(place, customer_id, account, symbols);
        }
    }

    fn catch(&mut self, place: Place, customer_id: &str, account: &Account, symbols: &Symbols) {
        if !self.pass.has_passed(place) && !self.early.contains(customer_id) {
            self.early.insert(customer_id.into());
            let sight = Sight { plan: &self.plan, dimensions: &self.dimensions, symbols };
            self.survey.take(customer_id, account, sight);
        }
    }
}

/// Accounts looked at in one step at least: cutting a part of the map into smaller slices takes longer than what is saved.
const LEAST_SLICE: usize = 32;

impl Shard {
    /// Begins a look at the accounts as they are now, for the view as it is now; one that is under way is given up. `None` in a
    /// shard that is not live, whose view moves, or whose plan lacks what is asked for.
    pub fn begin_look(&mut self, question: &Question) -> Option<Frozen> {
        self.look = None;
        let view = self.view.as_ref().filter(|view| view.moving.is_none())?;
        let survey = Survey::new(question, &self.plan, &view.frame, self.floor)?;
        let listed = match question {
            Question::Moved(query) => Some(self.listed(view, query)?),
            Question::Likely(_) | Question::Closed { .. } => None,
        };
        let (plan, dimensions) = (self.plan.clone(), self.dimensions.clone());
        let frozen = Frozen { as_of: view.frame.as_of, listed };
        self.look = Some(Box::new(Look { plan, dimensions, survey, pass: Pass::default(), early: HashSet::new() }));
        Some(frozen)
    }

    /// Looks at the next accounts, at about as many as cost what `most` of a listing do. Whether there are more.
    pub fn look_step(&mut self, most: usize) -> bool {
        let Some(Look { plan, dimensions, survey, pass, early }) = self.look.as_deref_mut() else { return false };
        if pass.is_over(&self.accounts) {
            return false;
        }
        let most = (most / survey.cost()).max(LEAST_SLICE);
        let sight = Sight { plan, dimensions, symbols: &self.symbols };
        pass.next(&self.accounts, most, |customer_id, account| {
            // Each comes once: whoever was looked at before needs not be remembered after that.
            if early.is_empty() || !early.remove(customer_id) {
                survey.take(customer_id, account, sight);
            }
        });
        !pass.is_over(&self.accounts)
    }

    /// What a look found; ends it, whether it has seen every account or not. `None` if there is none.
    pub fn end_look(&mut self) -> Option<Found> {
        self.look.take().map(|look| look.survey.found())
    }

    /// All at once: what a look at the accounts as they are now finds.
    pub fn look(&mut self, question: &Question) -> Option<(Frozen, Found)> {
        let frozen = self.begin_look(question)?;
        while self.look_step(usize::MAX) {}
        self.end_look().map(|found| (frozen, found))
    }

    /// The window or segment of a query in a view.
    fn listed(&self, view: &View, query: &Query) -> Option<Listed> {
        let number = self.plan.windows.iter().position(|window| *window == query.window)?;
        let edge = |edge: Edge| edge.instant(&self.plan.zone, view.frame.as_of, view.frame.today);
        let (opening, closing) = query.window.span();
        let sums = self.sums_of(&view.totals.windows[number], query)?;
        Some(Listed { opening_edge: edge(opening), closing_edge: edge(closing), sums })
    }

    fn sums_of(&self, window: &WindowSums, query: &Query) -> Option<Sums> {
        let Some((name, value)) = &query.segment else { return Some(window.total) };
        let dimension = self.plan.dimensions.iter().position(|known| known == name)?;
        let is_asked = |known| *self.dimensions[dimension].text(known, &self.symbols) == **value;
        let mut sums = Sums::default();
        window.segments[dimension].iter().filter(|(known, _)| is_asked(*known)).for_each(|(_, more)| sums.add(more));
        Some(sums)
    }
}
