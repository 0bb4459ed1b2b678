//! Assessment: one customer's contribution to every figure, a pure function of the account and a frame.

use super::account::{Account, Subscriptions};
use super::calendar::{Instant, Zone};
use super::frame::{EdgeSet, Frame, SpanSet};
use super::money::Micros;
use super::motion::{self, MOTIONS};
use super::segment::{Dimension, SegmentValue};
use super::side::{RunRates, Sides};
use super::symbol::Symbols;
use super::usage::{Bin, UsageDays};

/// How a customer moved between the two edges of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    New,
    Reactivation,
    Churn,
    Expansion,
    Contraction,
    Retained,
}

/// What one customer adds to one span. Customers of class none, without revenue at either edge, have no contribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contribution {
    pub class: Class,
    /// Revenue at the opening edge.
    pub opening: Micros,
    /// Revenue at the closing edge.
    pub closing: Micros,
    /// Expansion or contraction by motion, never negative; 0 for the other classes.
    pub motions: [Micros; MOTIONS],
}

/// A contribution, and the customer's value in each dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed<'a> {
    pub contribution: Contribution,
    pub segments: &'a [SegmentValue],
}

impl Contribution {
    /// Expansion, where that is the class.
    pub fn expansion(&self) -> Micros {
        if self.class == Class::Expansion { self.closing - self.opening } else { 0 }
    }
}

/// What a change of usage has an effect on, beside the first revenue.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// The spans whose contributions it can change.
    pub spans: SpanSet,
    /// The edges whose run rates it can.
    pub edges: EdgeSet,
    /// What the change adds, if to a day that is a usage day before and after.
    pub added: Option<Bin>,
}

/// What assessment needs beside the account.
#[derive(Clone, Copy, Debug)]
pub struct Lens<'a> {
    pub frame: &'a Frame,
    pub zone: &'a Zone,
    pub dimensions: &'a [Dimension],
    pub symbols: &'a Symbols,
}

/// One customer seen through a lens: revenue at the edges that were asked for.
#[derive(Clone, Debug)]
pub struct Seen<'l, 'a> {
    lens: Lens<'l>,
    sides: Sides<'a>,
    rates: RunRates,
    first_revenue: Option<Instant>,
}

impl<'l> Lens<'l> {
    /// A customer at the edges of some spans.
    pub fn look<'a>(&self, account: &'a Account, spans: SpanSet) -> Seen<'l, 'a> {
        self.look_at(&account.subscriptions, &account.usage, spans)
    }

    #[inline(always)]
    fn look_at<'a>(&self, subscriptions: &'a Subscriptions, usage: &UsageDays, spans: SpanSet) -> Seen<'l, 'a> {
        let edges = self.frame.edges_of(spans);
        let first_revenue = super::account::first_revenue(subscriptions, usage);
        let sides = Sides::new(self, subscriptions, first_revenue, edges);
        let mut rates = RunRates::new();
        sides.put_rates(self, usage, edges, &mut rates);
        Seen { lens: *self, sides, rates, first_revenue }
    }

    /// Changes a customer's usage: as it was and as it is.
    #[inline(always)]
    pub fn look_around<'a>(
        &self,
        account: &'a mut Account,
        reach: &Reach,
        change: impl FnOnce(&mut UsageDays),
    ) -> Around<'l, 'a> {
        let Account { subscriptions, usage } = account;
        let Reach { spans, edges, added } = *reach;
        let (all, first_revenue) = (self.frame.edges_of(spans), super::account::first_revenue(subscriptions, usage));
        let sides = Sides::new(self, subscriptions, first_revenue, all);
        let (mut before, mut after) = (RunRates::new(), None);
        if let Some(added) = &added {
            sides.put_rates(self, usage, all.without(edges), &mut before);
            after = sides.rates_around(self, (usage, added), edges, &mut before);
        }
        if after.is_none() {
            sides.put_rates(self, usage, all, &mut before);
        }
        change(usage);
        let rates = after.unwrap_or_else(|| {
            let mut rates = RunRates::from_slice(&before);
            sides.put_rates(self, usage, edges, &mut rates);
            rates
        });
        let later = super::account::first_revenue(subscriptions, usage);
        let moved = (later != first_revenue).then(|| (later, Sides::new(self, subscriptions, later, all)));
        Around { before: Seen { lens: *self, sides, rates: before, first_revenue }, rates, moved }
    }

    /// The account's contributions to some spans, with their numbers.
    pub fn assess(&self, account: &Account, spans: SpanSet, mut take: impl FnMut(usize, Placed)) {
        let seen = self.look(account, spans);
        spans.each(|span| seen.contribution(span).into_iter().for_each(|placed| take(span, placed)));
    }
}

impl<'l> Seen<'l, '_> {
    /// The same customer with other subscriptions, at the edges of the same spans.
    pub fn with<'a>(&self, usage: &UsageDays, subscriptions: &'a Subscriptions, spans: SpanSet) -> Seen<'l, 'a> {
        let (lens, edges) = (self.lens, self.lens.frame.edges_of(spans));
        let first_revenue = super::account::first_revenue(subscriptions, usage);
        let sides = Sides::new(&lens, subscriptions, first_revenue, edges);
        let mut rates = RunRates::from_slice(&self.rates);
        if !usage.is_empty() {
            // Where something counts before and after, the same usage does.
            let others = edges.filter(|edge| !(self.sides.counts(edge) && sides.counts(edge)));
            sides.put_rates(&lens, usage, others, &mut rates);
        }
        Seen { lens, sides, rates, first_revenue }
    }

    /// What the customer adds to a span, one of those that were asked for; `None` without revenue at both edges.
    #[inline]
    pub fn contribution(&self, span: usize) -> Option<Placed<'_>> {
        self.lens.contribution(&self.sides, &self.rates, self.first_revenue, span)
    }
}

/// One customer before and after a change of usage.
#[derive(Clone, Debug)]
pub struct Around<'l, 'a> {
    before: Seen<'l, 'a>,
    /// Run rates after it.
    rates: RunRates,
    /// The first revenue after it and the sides with it, if it changed.
    moved: Option<(Option<Instant>, Sides<'a>)>,
}

impl Around<'_, '_> {
    /// What the customer added to a span, and what they add now.
    #[inline]
    pub fn contributions(&self, span: usize) -> (Option<Placed<'_>>, Option<Placed<'_>>) {
        let (first_revenue, sides) = match &self.moved {
            Some((first_revenue, sides)) => (*first_revenue, sides),
            None => (self.before.first_revenue, &self.before.sides),
        };
        (self.before.contribution(span), self.before.lens.contribution(sides, &self.rates, first_revenue, span))
    }
}

impl Lens<'_> {
    #[inline]
    fn contribution<'s>(
        &self,
        sides: &'s Sides,
        rates: &RunRates,
        first_revenue: Option<Instant>,
        span: usize,
    ) -> Option<Placed<'s>> {
        let span = self.frame.spans[span];
        let (opening_edge, closing_edge) = (usize::from(span.opening), usize::from(span.closing));
        let (opening, closing) = (sides.epoch(opening_edge), sides.epoch(closing_edge));
        let (before, after) = (opening.committed + rates[opening_edge], closing.committed + rates[closing_edge]);
        let is_first = || first_revenue.is_none_or(|first| first >= self.frame.edges[opening_edge].at);
        let class = match (before, after) {
            (0, 0) => return None,
            (0, _) if is_first() => Class::New,
            (0, _) => Class::Reactivation,
            (_, 0) => Class::Churn,
            _ if after > before => Class::Expansion,
            _ if after < before => Class::Contraction,
            _ => Class::Retained,
        };
        let motions = match class {
            Class::Expansion | Class::Contraction => {
                let usage = rates[closing_edge] - rates[opening_edge];
                motion::attribute(after - before, usage, (opening_edge, closing_edge), sides, self)
            }
            _ => [0; MOTIONS],
        };
        let segments = sides.segments(self, if before > 0 { opening } else { closing });
        Some(Placed { contribution: Contribution { class, opening: before, closing: after, motions }, segments })
    }
}
