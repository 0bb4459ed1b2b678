//! One customer at every edge of a frame: what counts there and what it is worth in the reporting currency.
//!
//! Hardly any customer changes between all edges, so edges with the same states before them share an *epoch*: which states hold,
//! what they are worth, and the customer's value in each dimension are found once for each.

use super::account::{ItemRef, State, States, Subscriptions};
use super::assess::Lens;
use super::calendar::{Day, Instant};
use super::currency::Valuation;
use super::frame::EdgeSet;
use super::money::Micros;
use super::motion::{MOTIONS, paired};
use super::segment::SegmentValue;
use super::symbol::{Symbol, Symbols};
use super::usage::{Bin, UsageDays};
use smallvec::SmallVec;
use std::cell::{Cell, OnceCell};

/// What holds at some edges: the same states of all subscriptions.
#[derive(Clone, Debug)]
pub struct Epoch<'a> {
    /// The state of each subscription, in the account's order; `None` before its first.
    states: SmallVec<[Option<State<'a>>; 1]>,
    /// Committed MRR of all subscriptions, converted.
    pub committed: Micros,
    /// Whether some subscription counts.
    counts: bool,
    /// The first of its edges that was asked for.
    at: Instant,
    segments: OnceCell<SmallVec<[SegmentValue; 4]>>,
}

/// A customer's revenue at the edges of a frame.
#[derive(Clone, Debug)]
pub struct Sides<'a> {
    subscriptions: &'a Subscriptions,
    cohort: SegmentValue,
    epochs: SmallVec<[Epoch<'a>; 3]>,
    /// The number of each edge's epoch; of edges that were not asked for, anything.
    epoch_of: SmallVec<[u8; 16]>,
    /// What the items of two epochs came to last: most spans compare the same two.
    compared: Cell<Option<(u8, u8, ItemDeltas)>>,
}

/// Deltas of items by motion; `None` where only the general way will do.
type ItemDeltas = Option<[Micros; MOTIONS]>;

/// Usage run rates at the edges of a frame, converted; of edges that were not asked for, 0.
pub type RunRates = SmallVec<[Micros; 16]>;

/// One counting item with its converted MRR.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Number of the subscription in the account.
    pub subscription: usize,
    pub item: ItemRef<'a>,
    pub mrr: Micros,
}

/// A subscription whose states are passed one after the other.
#[derive(Clone)]
struct Passing<'a> {
    states: States<'a>,
    next: Option<State<'a>>,
    state: Option<State<'a>>,
}

impl<'a> Passing<'a> {
    fn new(mut states: States<'a>) -> Passing<'a> {
        Passing { next: states.next(), states, state: None }
    }

    /// Passes the states before an instant. Whether there were any.
    #[inline]
    fn pass(&mut self, at: Instant) -> bool {
        let mut passed = false;
        while let Some(next) = self.next.filter(|next| next.effective_at < at) {
            (self.state, self.next, passed) = (Some(next), self.states.next(), true);
        }
        passed
    }
}

impl<'a> Sides<'a> {
    /// What a customer with these subscriptions, and first revenue at some time, has committed at some edges of the lens' frame.
    #[inline(always)]
    pub fn new(lens: &Lens, subscriptions: &'a Subscriptions, first_revenue: Option<Instant>, edges: EdgeSet) -> Sides<'a> {
        let frame = lens.frame;
        let mut passing: SmallVec<[Passing; 1]> =
            subscriptions.iter().map(|subscription| Passing::new(subscription.states())).collect();
        let cohort = lens.cohort(first_revenue);
        let mut sides = Sides {
            subscriptions,
            cohort,
            epochs: SmallVec::new(),
            epoch_of: SmallVec::from_elem(0, frame.edges.len()),
            compared: Cell::new(None),
        };
        for number in frame.by_time().filter(|number| edges.contains(*number)) {
            let at = frame.edges[number].at;
            let mut passed = sides.epochs.is_empty();
            passing.iter_mut().for_each(|subscription| passed |= subscription.pass(at));
            if passed {
                let states = passing.iter().map(|subscription| subscription.state).collect();
                sides.epochs.push(Epoch::new(&lens.frame.valuation, states, at));
            }
            sides.epoch_of[number] = (sides.epochs.len() - 1) as u8;
        }
        sides
    }

    /// The epoch of an edge.
    #[inline]
    pub fn epoch(&self, edge: usize) -> &Epoch<'a> {
        &self.epochs[usize::from(self.epoch_of[edge])]
    }

    /// The customer's value in each dimension, judged at an edge of an epoch: any of its edges gives the same, since no state lies
    /// between them.
    #[inline]
    pub fn segments<'s>(&'s self, lens: &Lens, epoch: &'s Epoch<'a>) -> &'s [SegmentValue] {
        epoch.segments.get_or_init(|| lens.segments(self.subscriptions, epoch, epoch.at, self.cohort))
    }

    /// Deltas between the items of two edges; `None` where only the general way will do.
    #[inline]
    pub fn item_deltas(&self, opening: usize, closing: usize, valuation: &Valuation) -> ItemDeltas {
        let (opening, closing) = (self.epoch_of[opening], self.epoch_of[closing]);
        if let Some((.., deltas)) = self.compared.get().filter(|known| (known.0, known.1) == (opening, closing)) {
            return deltas;
        }
        let deltas = paired::deltas(&self.epochs[usize::from(opening)], &self.epochs[usize::from(closing)], valuation);
        self.compared.set(Some((opening, closing, deltas)));
        deltas
    }

    /// Takes up the run rates at some edges; those of other edges stay.
    pub fn put_rates(&self, lens: &Lens, usage: &UsageDays, edges: EdgeSet, rates: &mut RunRates) {
        let frame = lens.frame;
        rates.resize(frame.edges.len(), 0);
        if usage.is_empty() {
            edges.each(|edge| rates[edge] = 0);
            return;
        }
        let read = usage.read();
        edges.each(|edge| rates[edge] = read.run_rate(frame.edges[edge].day, self.cut_off(edge, lens), &frame.valuation));
    }

    /// Takes up the run rates at some edges as they are, and gives those of all edges as they will be when an amount has been added to a
    /// usage day that stays one; `None`, and nothing taken up for good, where that takes a look at the usage as it will be.
    #[inline]
    pub fn rates_around(
        &self,
        lens: &Lens,
        (usage, added): (&UsageDays, &Bin),
        edges: EdgeSet,
        rates: &mut RunRates,
    ) -> Option<RunRates> {
        let (frame, read) = (lens.frame, usage.read());
        let (mut later, mut holds) = (RunRates::from_slice(rates), true);
        edges.each(|edge| match read.basis(frame.edges[edge].day, self.cut_off(edge, lens)) {
            Some(Some(basis)) if basis.currency == added.currency => {
                rates[edge] = basis.run_rate(&frame.valuation);
                later[edge] = basis.with(added).run_rate(&frame.valuation);
            }
            Some(None) => (rates[edge], later[edge]) = (0, 0),
            _ => holds = false,
        });
        holds.then_some(later)
    }

    /// Whether something counts at an edge.
    #[inline]
    pub fn counts(&self, edge: usize) -> bool {
        self.epoch(edge).counts
    }

    /// The civil day up to which usage is left out at an edge where nothing counts: if something did, the day of the latest change
    /// from counting to not counting.
    #[inline]
    fn cut_off(&self, edge: usize, lens: &Lens) -> Option<Day> {
        if self.counts(edge) {
            return None;
        }
        let at = lens.frame.edges[edge].at;
        let stop = self.subscriptions.iter().filter_map(|subscription| last_stop(subscription.states(), at)).max();
        stop.map(|stop| lens.zone.day(stop))
    }
}

/// The instant of the latest change from counting to not counting before an edge.
fn last_stop(states: States, at: Instant) -> Option<Instant> {
    let (mut counted, mut stop) = (false, None);
    for state in states.take_while(|state| state.effective_at < at) {
        if counted && !state.counts() {
            stop = Some(state.effective_at);
        }
        counted = state.counts();
    }
    stop
}

impl<'a> Epoch<'a> {
    fn new(valuation: &Valuation, states: SmallVec<[Option<State<'a>>; 1]>, at: Instant) -> Epoch<'a> {
        let counts = states.iter().flatten().any(|state| state.counts());
        let mut epoch = Epoch { states, committed: 0, counts, at, segments: OnceCell::new() };
        epoch.committed = epoch.lines(valuation).map(|line| line.mrr).sum();
        epoch
    }

    /// Every item that counts, by subscription and item id.
    pub fn lines<'l>(&'l self, valuation: &'l Valuation) -> impl Iterator<Item = Line<'a>> + 'l {
        self.states.iter().enumerate().flat_map(move |(subscription, state)| lines(subscription, *state, valuation))
    }

    /// The state of each subscription, in the account's order.
    pub fn states(&self) -> &[Option<State<'a>>] {
        &self.states
    }

    /// Plan of the counting item worth most, ties to the smallest plan id; `None` if no item is worth anything.
    pub fn top_plan(&self, valuation: &Valuation, symbols: &Symbols) -> Option<Symbol> {
        let mut top: Option<(Micros, Symbol)> = None;
        for line in self.lines(valuation).filter(|line| line.mrr > 0) {
            let is_more = |(mrr, plan): (Micros, Symbol)| {
                line.mrr > mrr || line.mrr == mrr && symbols.text(line.item.plan) < symbols.text(plan)
            };
            if top.is_none_or(is_more) {
                top = Some((line.mrr, line.item.plan));
            }
        }
        top.map(|(_, plan)| plan)
    }
}

/// The items of a state that counts, with their converted MRR.
#[inline]
pub fn lines<'a, 'v>(
    subscription: usize,
    state: Option<State<'a>>,
    valuation: &'v Valuation,
) -> impl Iterator<Item = Line<'a>> + use<'a, 'v> {
    let details = state.filter(|state| state.counts()).map(State::details);
    details.into_iter().flat_map(move |details| {
        let worth = move |mrr: i64| details.currency.map_or(0, |currency| valuation.convert(mrr.into(), currency));
        details.items().map(move |item| Line { subscription, item, mrr: worth(item.mrr) })
    })
}
