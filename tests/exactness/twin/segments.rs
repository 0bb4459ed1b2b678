//! Segments: the value of a customer in a dimension, and which values are published.

use super::calendar::{Calendar, month};
use super::customer::{Customer, Side};
use num_bigint::BigInt;
use num_traits::Zero;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use upswell::domain::rates::Sums;

/// One value of a dimension with what belongs to it.
#[derive(Clone, Debug)]
pub struct Segment {
    pub value: String,
    pub sums: Sums,
}

/// A customer's value, looked up at `edge`, where `side` is what the customer is worth.
pub fn value(dimension: &str, customer: &Customer, side: &Side, edge: i64, calendar: &Calendar) -> String {
    match dimension {
        "cohort" => {
            let first = customer.first_revenue().expect("a customer of some class has had revenue");
            month(calendar.day(first))
        }
        "plan" => plan(side),
        attribute => customer.attribute(attribute, edge).unwrap_or_else(|| "unknown".to_owned()),
    }
}

/// The plan of the most valuable item; of equal ones the smallest plan.
fn plan(side: &Side) -> String {
    let worth = side.items.iter().filter(|item| item.mrr > BigInt::zero());
    let first = worth.min_by_key(|item| (Reverse(&item.mrr), &item.plan_id));
    first.map_or_else(|| "usage".to_owned(), |item| item.plan_id.clone())
}

/// The published values by rank, then `other`; and how many values `other` sums up.
pub fn ranked(contributions: Vec<Segment>, max_values: usize) -> (Vec<Segment>, usize) {
    let mut by_value: BTreeMap<String, Sums> = BTreeMap::new();
    for Segment { value, sums } in contributions {
        by_value.entry(value).or_default().add(&sums);
    }
    let figures = |sums: &Sums| (sums.money.opening, sums.money.closing(), sums.money.comparison_expansion);
    by_value.retain(|_, sums| figures(sums) != (0, 0, 0));
    let mut other: Vec<Sums> = by_value.remove("other").into_iter().collect();
    let mut values: Vec<Segment> = by_value.into_iter().map(|(value, sums)| Segment { value, sums }).collect();
    values.sort_by(|one, two| figures(&two.sums).cmp(&figures(&one.sums)).then(one.value.cmp(&two.value)));
    other.extend(values.split_off(max_values.min(values.len())).into_iter().map(|segment| segment.sums));
    let folded = other.len();
    if folded > 0 {
        let mut sums = Sums::default();
        other.iter().for_each(|more| sums.add(more));
        values.push(Segment { value: "other".to_owned(), sums });
    }
    (values, folded)
}
