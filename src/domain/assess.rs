//! Assessment: one customer's contribution to every figure, a pure function of the account and a frame.

use super::account::Account;
use super::calendar::Zone;
use super::frame::{Frame, SpanSet};
use super::money::Micros;
use super::motion::{self, MOTIONS};
use super::rates::{Customers, Money, Sums};
use super::segment::{Dimension, SegmentValue};
use super::side::Side;
use super::symbol::Symbols;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    pub class: Class,
    /// Revenue at the opening edge.
    pub opening: Micros,
    /// Revenue at the closing edge.
    pub closing: Micros,
    /// Expansion or contraction by motion, never negative; 0 for the other classes.
    pub motions: [Micros; MOTIONS],
    /// The customer's value in each dimension.
    pub segments: Vec<SegmentValue>,
}

impl Contribution {
    /// The contribution as sums over one customer.
    pub fn sums(&self) -> Sums {
        let mut money = Money { opening: self.opening, ..Money::default() };
        let mut customers = Customers { opening: i64::from(self.opening > 0), ..Customers::default() };
        match self.class {
            Class::New => (money.new, customers.new) = (self.closing, 1),
            Class::Reactivation => (money.reactivation, customers.reactivation) = (self.closing, 1),
            Class::Churn => (money.churn, customers.churn) = (self.opening, 1),
            Class::Expansion => (money.expansion, customers.expansion) = (self.motions, 1),
            Class::Contraction => (money.contraction, customers.contraction) = (self.motions, 1),
            Class::Retained => {}
        }
        Sums { money, customers }
    }

    /// Expansion, where that is the class.
    pub fn expansion(&self) -> Micros {
        if self.class == Class::Expansion { self.closing - self.opening } else { 0 }
    }
}

/// What assessment needs beside the account.
#[derive(Clone, Copy, Debug)]
pub struct Lens<'a> {
    pub frame: &'a Frame,
    pub zone: &'a Zone,
    pub dimensions: &'a [Dimension],
    pub symbols: &'a Symbols,
}

impl Lens<'_> {
    /// The account's contributions to some spans, by span number; `None` where it has none.
    pub fn assess(&self, account: &Account, spans: SpanSet) -> Vec<Option<Contribution>> {
        let mut sides: Vec<Option<Side>> = vec![None; self.frame.edges.len()];
        let mut contributions = Vec::with_capacity(self.frame.spans.len());
        for (number, span) in self.frame.spans.iter().enumerate() {
            if !spans.contains(number) {
                contributions.push(None);
                continue;
            }
            for edge in [span.opening, span.closing] {
                let side = || Side::new(account, &self.frame.edges[usize::from(edge)], self.zone, &self.frame.valuation);
                sides[usize::from(edge)].get_or_insert_with(side);
            }
            let pair = sides[usize::from(span.opening)].as_ref().zip(sides[usize::from(span.closing)].as_ref());
            contributions.push(pair.and_then(|pair| self.contribution(account, (span.opening, span.closing), pair)));
        }
        contributions
    }

    fn contribution(&self, account: &Account, edges: (u8, u8), (opening, closing): (&Side, &Side)) -> Option<Contribution> {
        let (before, after) = (opening.revenue(), closing.revenue());
        let opening_edge = &self.frame.edges[usize::from(edges.0)];
        let is_first = || account.first_revenue().is_none_or(|first| first >= opening_edge.at);
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
            Class::Expansion | Class::Contraction => motion::attribute(opening, closing, self.symbols),
            _ => [0; MOTIONS],
        };
        let (number, side) = if before > 0 { (edges.0, opening) } else { (edges.1, closing) };
        let edge = &self.frame.edges[usize::from(number)];
        let value = |dimension: &Dimension| dimension.value(account, edge, side, self.frame, self.zone, self.symbols);
        let segments = self.dimensions.iter().map(value).collect();
        Some(Contribution { class, opening: before, closing: after, motions, segments })
    }
}
