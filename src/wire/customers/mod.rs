//! Customers behind the figures: what can be asked, and the answers as JSON, CSV and lines of JSON.
//!
//! A listing is of one frozen version: its instant, the offsets that are counted, and its totals are in every page, and the
//! amounts of all pages (with what is beyond the rows that are kept) add up to the total to the micro-unit.

pub mod csv;
pub mod cursor;
pub mod json;
pub mod portrait;
pub mod query;

use crate::domain::calendar::Instant;
use crate::engine::shard::portrait::Portrait;
use crate::engine::survey::Question;
use crate::engine::survey::rows::{Row, Tally};
use crate::wire::history::History;
use cursor::Cursor;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// One customer.
    Customer(String),
    /// The first page of a new listing, of so many rows.
    Listing { question: Question, limit: usize },
    /// The first so many rows of a listing that others may have asked for a little while ago; there are no further pages.
    Top { question: Question, limit: usize },
    /// A further page of a listing; `question` if the client repeats what it is of.
    Page { cursor: Cursor, question: Option<Question>, limit: usize },
    /// Closed periods.
    History { every: crate::domain::window::Period, limit: usize },
}

/// What answers it.
#[derive(Clone, Debug)]
pub enum Answer {
    Customer(Box<Customer>),
    Page(Page),
    History(Arc<History>),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    /// What to do.
    pub sentence: String,
}

/// The kind of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The question makes no sense.
    Wrong,
    /// There is no such customer here.
    NotFound,
    /// The listing is no longer kept.
    Gone,
    /// Others are being answered.
    Busy,
    /// Nothing is known yet, or for the moment.
    Unavailable,
    /// A defect.
    Internal,
}

impl Refusal {
    pub fn new(reason: Reason, sentence: impl Into<String>) -> Refusal {
        Refusal { reason, sentence: sentence.into() }
    }
}

/// The version an answer is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The instant every figure is exact for.
    pub as_of: Instant,
    /// Reporting currency, ISO 4217.
    pub currency: String,
    /// By topic and partition the next offset: everything before it is counted, and nothing else is.
    pub offsets: BTreeMap<String, BTreeMap<i32, i64>>,
    /// Whether those are all partitions of the topics.
    pub owns_all: bool,
}

/// A listing that is kept for paging.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// Random: what its cursors begin with.
    pub id: u64,
    pub version: Version,
    pub question: Question,
    /// Opening and closing edge of the window; `None` where none is asked for.
    pub edges: Option<(Instant, Instant)>,
    /// Of all customers, listed or beyond.
    pub total: Tally,
    /// In order, as many as are kept.
    pub rows: Vec<Row>,
}

impl Listing {
    /// The customers that no page shows, because more are listed than are kept.
    pub fn beyond(&self) -> Tally {
        let kept = Tally::of(&self.rows);
        Tally { customers: self.total.customers - kept.customers, amount: self.total.amount - kept.amount }
    }

    /// The same with its first rows only: the others are beyond.
    pub fn top(&self, rows: usize) -> Listing {
        let rows = self.rows.iter().take(rows).cloned().collect();
        Listing { rows, version: self.version.clone(), question: self.question.clone(), ..*self }
    }
}

/// A page of a listing.
#[derive(Clone, Debug)]
pub struct Page {
    pub listing: Arc<Listing>,
    pub rows: Range<usize>,
}

impl Page {
    /// So many rows from one on, as far as there are.
    pub fn of(listing: Arc<Listing>, from: usize, limit: usize) -> Page {
        let length = listing.rows.len();
        let from = from.min(length);
        Page { rows: from..from.saturating_add(limit).min(length), listing }
    }

    /// The first so many rows of a listing as all that there is of it.
    pub fn all(listing: &Listing, limit: usize) -> Page {
        Page::of(Arc::new(listing.top(limit)), 0, limit)
    }

    pub fn rows(&self) -> &[Row] {
        &self.listing.rows[self.rows.clone()]
    }

    /// Where the next page begins; `None` after the last.
    pub fn next(&self) -> Option<Cursor> {
        let more = self.rows.end < self.listing.rows.len();
        more.then_some(Cursor { listing: self.listing.id, from: self.rows.end })
    }
}

/// One customer, and the version it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    pub version: Version,
    /// The partition that holds the customer.
    pub partition: i32,
    pub portrait: Portrait,
}
