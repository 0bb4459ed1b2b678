//! The slow twin: every published number recomputed from all facts, in the words of the semantics.
//!
//! Nothing is kept, nothing is incremental, no shortcut is taken; numbers are unbounded integers and exact fractions. It shares
//! only plain data types with the program under test.

pub mod calendar;
pub mod customer;
pub mod facts;
pub mod motions;
pub mod number;
pub mod rates;
pub mod same;
pub mod segments;
pub mod setup;

use calendar::Calendar;
use customer::{Customer, Side};
use facts::Fact;
use motions::PerMotion;
use num_bigint::BigInt;
use num_traits::{ToPrimitive, Zero};
use segments::Segment;
use setup::{Setup, Valuation, edges};
use std::cmp::Ordering;
use upswell::domain::calendar::Instant;
use upswell::domain::rates::{Customers, Money, Sums};
use upswell::engine::report::{DimensionReport, Report, SegmentReport, WindowReport};

/// How a customer moved in a window, and by how much.
#[derive(Clone, Debug, PartialEq)]
pub enum Class {
    None,
    New,
    Reactivation,
    Churn,
    Expansion(PerMotion),
    Contraction(PerMotion),
    Retained,
}

/// One customer in one window.
#[derive(Clone, Debug)]
pub struct Contribution {
    pub opening: BigInt,
    pub closing: BigInt,
    pub class: Class,
}

fn classify(opening: &Side, closing: &Side, first_revenue: Option<i64>, opening_edge: i64) -> Contribution {
    let (s, e) = (opening.total(), closing.total());
    let class = match (s.is_zero(), e.is_zero()) {
        (true, true) => Class::None,
        (true, false) if first_revenue.is_some_and(|first| first >= opening_edge) => Class::New,
        (true, false) => Class::Reactivation,
        (false, true) => Class::Churn,
        (false, false) => match e.cmp(&s) {
            Ordering::Greater => Class::Expansion(motions::expansion(opening, closing)),
            Ordering::Less => Class::Contraction(motions::contraction(opening, closing)),
            Ordering::Equal => Class::Retained,
        },
    };
    Contribution { opening: s, closing: e, class }
}

/// A customer's contribution as the sums that are published.
fn sums(contribution: &Contribution) -> Sums {
    let (mut money, mut customers) = (Money::default(), Customers::default());
    let (opening, closing) = (number(&contribution.opening), number(&contribution.closing));
    money.opening = opening;
    customers.opening = i64::from(opening > 0);
    match &contribution.class {
        Class::None | Class::Retained => {}
        Class::New => (money.new, customers.new) = (closing, 1),
        Class::Reactivation => (money.reactivation, customers.reactivation) = (closing, 1),
        Class::Churn => (money.churn, customers.churn) = (opening, 1),
        Class::Expansion(motions) => (money.expansion, customers.expansion) = (motions.each_ref().map(number), 1),
        Class::Contraction(motions) => (money.contraction, customers.contraction) = (motions.each_ref().map(number), 1),
    }
    assert_eq!(money.closing(), closing, "opening and movements make the closing");
    Sums { money, customers }
}

fn number(value: &BigInt) -> i128 {
    value.to_i128().expect("sums stay within 128 bits")
}

/// Everything that is published at `as_of`, from all facts ever accepted.
pub fn report(setup: &Setup, calendar: &Calendar, facts: &[Fact], as_of: i64) -> Report {
    let valuation = Valuation::at(setup, calendar, as_of);
    let customers = customer::customers(facts, as_of);
    let mrr: BigInt = customers.iter().map(|customer| customer.side(as_of, calendar, &valuation).total()).sum();
    let today: BigInt = customers.iter().map(|customer| customer.usage_today(as_of, calendar, &valuation)).sum();
    let window = |name: &String| window_report(name, setup, calendar, &valuation, &customers, as_of);
    Report {
        as_of: Instant(as_of),
        currency: setup.currency.clone(),
        time_zone: setup.zone.clone(),
        mrr: number(&mrr),
        usage_today: Some(number(&today)),
        windows: setup.windows.iter().map(window).collect(),
    }
}

fn window_report(
    name: &str,
    setup: &Setup,
    calendar: &Calendar,
    valuation: &Valuation,
    customers: &[Customer],
    as_of: i64,
) -> WindowReport {
    let edges = edges(name, calendar, as_of);
    let mut total = Sums::default();
    let mut dimensions = vec![Vec::new(); setup.dimensions.len()];
    for customer in customers {
        let mut assess = |opening_edge: i64, closing_edge: i64, comparison: bool| {
            let (opening, closing) =
                (customer.side(opening_edge, calendar, valuation), customer.side(closing_edge, calendar, valuation));
            let contribution = classify(&opening, &closing, customer.first_revenue(), opening_edge);
            if contribution.class == Class::None {
                return;
            }
            let existing = !contribution.opening.is_zero();
            let (edge, side) = if existing { (opening_edge, &opening) } else { (closing_edge, &closing) };
            let sums = if comparison { expansion_only(&contribution) } else { sums(&contribution) };
            total.add(&sums);
            for (dimension, contributions) in setup.dimensions.iter().zip(&mut dimensions) {
                let value = segments::value(dimension, customer, side, edge, calendar);
                contributions.push(Segment { value, sums });
            }
        };
        assess(edges.opening, edges.closing, false);
        if let Some((opening, closing)) = edges.comparison {
            assess(opening, closing, true);
        }
    }
    let ranked = |(name, contributions): (&String, Vec<Segment>)| {
        let (segments, folded) = segments::ranked(contributions, setup.max_values);
        let segments = segments.into_iter().map(|Segment { value, sums }| SegmentReport { value, sums }).collect();
        DimensionReport { dimension: name.clone(), segments, folded }
    };
    WindowReport {
        window: name.to_owned(),
        opening_edge: Instant(edges.opening),
        closing_edge: Instant(edges.closing),
        comparison_opening: edges.comparison.map(|(opening, _)| Instant(opening)),
        total,
        dimensions: setup.dimensions.iter().zip(dimensions).map(ranked).collect(),
    }
}

/// What the comparison window is for: its expansion.
fn expansion_only(contribution: &Contribution) -> Sums {
    let mut sums = Sums::default();
    if let Class::Expansion(motions) = &contribution.class {
        sums.money.comparison_expansion = number(&motions.iter().sum());
    }
    sums
}
