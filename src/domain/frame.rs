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

/// A set of numbers below 128: those of spans, or of edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers(u128);

/// A set of span numbers.
pub type SpanSet = Numbers;
/// A set of edge numbers.
pub type EdgeSet = Numbers;

impl Numbers {
    pub const EMPTY: Numbers = Numbers(0);

    /// All numbers less than this one.
    pub fn below(end: usize) -> Numbers {
        Numbers((1u128 << end) - 1)
    }

    #[inline]
    pub fn contains(self, number: usize) -> bool {
        self.0 >> number & 1 == 1
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are not in another set.
    #[inline]
    pub fn without(self, others: Numbers) -> Numbers {
        Numbers(self.0 & !others.0)
    }

    /// Those that satisfy a condition.
    #[inline]
    pub fn filter(self, holds: impl Fn(usize) -> bool) -> Numbers {
        let mut kept = 0;
        self.each(|number| kept |= u128::from(holds(number)) << number);
        Numbers(kept)
    }

    /// In ascending order.
    #[inline]
    pub fn each(self, mut take: impl FnMut(usize)) {
        let mut left = self.0;
        while left != 0 {
            take(left.trailing_zeros() as usize);
            left &= left - 1;
        }
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
    /// Numbers of the edges by their instant.
    order: Vec<u8>,
    /// By number of the edge: the spans that end there.
    spans_of: Vec<u128>,
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
        let edges: Vec<EdgeAt> =
            kinds.iter().map(|kind| kind.instant(zone, as_of, today)).map(|at| EdgeAt { at, day: zone.day(at) }).collect();
        let valuation = rates.valuation(zone.day(zone.midnight(today.period_start(1))));
        let ends = |edge: usize| {
            let ends = |span: &Span| usize::from(span.opening) == edge || usize::from(span.closing) == edge;
            spans.iter().enumerate().fold(0, |set, (number, span)| set | u128::from(ends(span)) << number)
        };
        let spans_of = (0..edges.len()).map(ends).collect();
        let order = in_time(&edges);
        Frame { as_of, today, edges, spans, valuation, order, spans_of }
    }

    /// The same view later on the same civil day: only the live edge moves.
    pub fn later_today(&self, as_of: Instant) -> Frame {
        let mut frame = self.clone();
        frame.as_of = as_of;
        frame.edges[Frame::LIVE].at = as_of;
        frame.order = in_time(&frame.edges);
        frame
    }

    /// Numbers of the edges by their instant.
    #[inline]
    pub fn by_time(&self) -> impl Iterator<Item = usize> {
        self.order.iter().map(|number| usize::from(*number))
    }

    pub fn all_spans(&self) -> SpanSet {
        Numbers::below(self.spans.len())
    }

    /// The edges that some spans compare.
    #[inline]
    pub fn edges_of(&self, spans: SpanSet) -> EdgeSet {
        let mut edges = 0;
        spans.each(|span| edges |= 1 << self.spans[span].opening | 1 << self.spans[span].closing);
        Numbers(edges)
    }

    /// The spans that compare at least one of some edges.
    #[inline]
    pub fn spans_of(&self, edges: EdgeSet) -> SpanSet {
        let mut spans = 0;
        edges.each(|edge| spans |= self.spans_of[edge]);
        Numbers(spans)
    }

    /// The spans to which an account can contribute otherwise than in another frame of the same windows: with equal rates, those of
    /// which an edge has moved. An attribute that takes effect between the two views can change its segments in any.
    pub fn spans_moved(&self, from: &Frame) -> SpanSet {
        if self.valuation != from.valuation {
            return self.all_spans();
        }
        let edges = self.edges.iter().zip(&from.edges).enumerate();
        self.spans_of(Numbers(edges.fold(0, |set, (number, (new, old))| set | u128::from(new != old) << number)))
    }

    /// The span of a role, alone; none if there is no such span.
    pub fn only(&self, role: Role) -> SpanSet {
        Numbers(self.spans.iter().position(|span| span.role == role).map_or(0, |number| 1 << number))
    }

    /// The edges that satisfy a condition.
    #[inline]
    pub fn edges_where(&self, holds: impl Fn(&EdgeAt) -> bool) -> EdgeSet {
        Numbers(self.edges.iter().enumerate().fold(0, |set, (number, edge)| set | u128::from(holds(edge)) << number))
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

/// Numbers of edges by their instant.
fn in_time(edges: &[EdgeAt]) -> Vec<u8> {
    let mut order: Vec<u8> = (0..edges.len() as u8).collect();
    order.sort_by_key(|number| edges[usize::from(*number)].at);
    order
}
