//! A frame: everything about a view that does not depend on the customer.
//!
//! Edges have fixed numbers for one set of windows, whatever the day, so that a side computed for an edge is found by its number
//! and a move of the view's instant is a move of each edge from one instant to another.

use super::calendar::{Day, Instant, Zone};
use super::currency::{ExchangeRates, Valuation};
use super::window::{Edge, Window};

/// Greatest number of windows: at most three edges each and the view's instant fit the 128 bits of an edge set.
pub const MAX_WINDOWS: usize = 32;

/// Days of usage summed at an edge.
pub const RATE_DAYS: i32 = 28;
/// Days without usage before the first usage day that let a rate count from that day.
pub const QUIET_DAYS: i32 = 35;

/// An edge of a frame: an instant, and the civil day it lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeAt {
    pub at: Instant,
    pub day: Day,
}

/// What the comparison of two edges is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The window itself, by its number.
    Window(usize),
    /// The comparison window of a window.
    Comparison(usize),
    /// Revenue at the view's instant: both edges are the live one.
    Now,
}

/// Two edges to compare, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub role: Role,
    pub opening: u8,
    pub closing: u8,
}

/// A set of span numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanSet(u128);

impl SpanSet {
    pub const EMPTY: SpanSet = SpanSet(0);

    pub fn contains(self, span: usize) -> bool {
        self.0 >> span & 1 == 1
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// One view's edges, spans and rates.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub as_of: Instant,
    pub today: Day,
    pub edges: Vec<EdgeAt>,
    pub spans: Vec<Span>,
    pub valuation: Valuation,
}

impl Frame {
    /// Number of the edge at the view's instant.
    pub const LIVE: usize = 0;

    /// The frame of a view at `as_of`; at most [`MAX_WINDOWS`] windows.
    pub fn new(windows: &[Window], zone: &Zone, rates: &ExchangeRates, as_of: Instant) -> Frame {
        debug_assert!(windows.len() <= MAX_WINDOWS);
        let today = zone.day(as_of);
        let mut kinds = vec![Edge::AsOf];
        let mut spans = vec![Span { role: Role::Now, opening: 0, closing: 0 }];
        for (number, window) in windows.iter().enumerate() {
            let comparison = window.comparison().map(|edges| (Role::Comparison(number), edges));
            for (role, (opening, closing)) in [(Role::Window(number), window.span())].into_iter().chain(comparison) {
                spans.push(Span { role, opening: edge_number(&mut kinds, opening), closing: edge_number(&mut kinds, closing) });
            }
        }
        let edges =
            kinds.iter().map(|kind| kind.instant(zone, as_of, today)).map(|at| EdgeAt { at, day: zone.day(at) }).collect();
        let valuation = rates.valuation(zone.day(zone.midnight(today.period_start(1))));
        Frame { as_of, today, edges, spans, valuation }
    }

    /// The same view later on the same civil day: only the live edge moves.
    pub fn later_today(&self, as_of: Instant) -> Frame {
        let mut frame = self.clone();
        frame.as_of = as_of;
        frame.edges[Frame::LIVE].at = as_of;
        frame
    }

    pub fn all_spans(&self) -> SpanSet {
        SpanSet((1u128 << self.spans.len()) - 1)
    }

    /// The span of a role, alone; none if there is no such span.
    pub fn only(&self, role: Role) -> SpanSet {
        SpanSet(self.spans.iter().position(|span| span.role == role).map_or(0, |number| 1 << number))
    }

    /// The spans with an edge that satisfies a condition.
    pub fn spans_where(&self, touched: impl Fn(&EdgeAt) -> bool) -> SpanSet {
        let edges = self.edges.iter().enumerate().fold(0u128, |set, (number, edge)| set | u128::from(touched(edge)) << number);
        let ends = |span: &Span| edges >> span.opening | edges >> span.closing;
        SpanSet(self.spans.iter().enumerate().fold(0, |set, (number, span)| set | (ends(span) & 1) << number))
    }

    /// The earliest instant any edge lies at.
    pub fn earliest_edge(&self) -> Instant {
        self.edges.iter().map(|edge| edge.at).min().unwrap_or(self.as_of)
    }

    /// The first civil day whose usage some edge of this frame, or of any later one, can need.
    pub fn first_usage_day(&self) -> Day {
        let first = self.edges.iter().map(|edge| edge.day).min().unwrap_or(self.today);
        first.plus(-(RATE_DAYS + QUIET_DAYS))
    }
}

/// The number of an edge, given a new one if it is not among `kinds` yet.
fn edge_number(kinds: &mut Vec<Edge>, edge: Edge) -> u8 {
    let number = kinds.iter().position(|known| *known == edge).unwrap_or_else(|| {
        kinds.push(edge);
        kinds.len() - 1
    });
    number as u8
}
