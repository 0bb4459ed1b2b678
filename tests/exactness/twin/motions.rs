//! Motions: which items moved, and how expansion or contraction is shared among the reasons.

use super::customer::{HeldItem, Side};
use super::number::{fraction, half_even};
use num_bigint::BigInt;
use num_traits::{Signed, Zero};
use std::collections::{BTreeMap, BTreeSet};

/// Order of motions, which breaks ties.
const UPSELL: usize = 0;
const CROSS_SELL: usize = 1;
const SEATS: usize = 2;
const USAGE: usize = 3;
const PRICE: usize = 4;

/// An amount per motion.
pub type PerMotion = [BigInt; 5];

/// One end of a pair, or one end of a group of items: their sums and the plans they are on.
#[derive(Default)]
struct Bundle {
    mrr: BigInt,
    quantity: BigInt,
    plans: BTreeSet<String>,
}

impl Bundle {
    fn add(&mut self, item: &HeldItem) {
        self.mrr += &item.mrr;
        self.quantity += &item.quantity;
        self.plans.insert(item.plan_id.clone());
    }
}

/// The five deltas between two sides; they add up to the difference of their totals.
fn deltas(opening: &Side, closing: &Side) -> PerMotion {
    let mut deltas = PerMotion::default();
    let mut paired_products = BTreeSet::new();
    let mut groups: BTreeMap<&str, (Bundle, Bundle)> = BTreeMap::new();
    let same =
        |one: &HeldItem, other: &HeldItem| (&one.subscription_id, &one.item_id) == (&other.subscription_id, &other.item_id);
    for removed in &opening.items {
        match closing.items.iter().find(|added| same(removed, added)) {
            Some(added) => {
                let mut bundles = (Bundle::default(), Bundle::default());
                bundles.0.add(removed);
                bundles.1.add(added);
                pair(&bundles.0, &bundles.1, &mut deltas);
                paired_products.extend([removed.product_id.as_str(), added.product_id.as_str()]);
            }
            None => groups.entry(&removed.product_id).or_default().0.add(removed),
        }
    }
    for added in closing.items.iter().filter(|added| !opening.items.iter().any(|removed| same(removed, added))) {
        groups.entry(&added.product_id).or_default().1.add(added);
    }
    let (mut removed_groups, mut added_groups) = (Vec::new(), Vec::new());
    for (product, (removed, added)) in groups {
        match (removed.plans.is_empty(), added.plans.is_empty()) {
            (false, false) => pair(&removed, &added, &mut deltas),
            (true, _) if paired_products.contains(product) => deltas[SEATS] += added.mrr,
            (_, true) if paired_products.contains(product) => deltas[SEATS] -= removed.mrr,
            (true, _) => added_groups.push((product, added.mrr)),
            (_, true) => removed_groups.push((product, removed.mrr)),
        }
    }
    replace(removed_groups, added_groups, &mut deltas);
    deltas[USAGE] += &closing.run_rate - &opening.run_rate;
    deltas
}

/// Step 3: seats take the change of quantity at the old price, the rest is the plan's or the price's.
fn pair(before: &Bundle, after: &Bundle, deltas: &mut PerMotion) {
    let change = &after.mrr - &before.mrr;
    let seats = if before.quantity.is_zero() {
        change.clone()
    } else {
        half_even(&fraction(&before.mrr * (&after.quantity - &before.quantity), before.quantity.clone()))
    };
    let rest = if before.plans == after.plans { PRICE } else { UPSELL };
    deltas[rest] += change - &seats;
    deltas[SEATS] += seats;
}

/// The groups still left replace one another, the largest first; what remains is cross-sell.
fn replace(mut removed: Vec<(&str, BigInt)>, mut added: Vec<(&str, BigInt)>, deltas: &mut PerMotion) {
    let order = |one: &(&str, BigInt), other: &(&str, BigInt)| other.1.cmp(&one.1).then(one.0.cmp(other.0));
    removed.sort_by(order);
    added.sort_by(order);
    let both = removed.len().min(added.len());
    for (position, (_, mrr)) in removed.into_iter().enumerate() {
        deltas[if position < both { UPSELL } else { CROSS_SELL }] -= mrr;
    }
    for (position, (_, mrr)) in added.into_iter().enumerate() {
        deltas[if position < both { UPSELL } else { CROSS_SELL }] += mrr;
    }
}

/// Shares `amount` among the positive parts in proportion: floors first, then one each to the largest remainders.
fn share(amount: &BigInt, parts: &PerMotion) -> PerMotion {
    let parts = parts.each_ref().map(|part| part.max(&BigInt::zero()).clone());
    let sum: BigInt = parts.iter().sum();
    let exact = parts.map(|part| fraction(amount * part, sum.clone()));
    let mut shares = exact.each_ref().map(|share| share.floor().to_integer());
    let mut by_remainder: Vec<usize> = (0..5).collect();
    by_remainder.sort_by_key(|&motion| std::cmp::Reverse(exact[motion].fract()));
    let mut left = amount - shares.iter().sum::<BigInt>();
    for motion in by_remainder {
        if left.is_positive() {
            shares[motion] += 1;
            left -= 1;
        }
    }
    shares
}

/// Expansion by motion of a customer whose revenue grew.
pub fn expansion(opening: &Side, closing: &Side) -> PerMotion {
    share(&(closing.total() - opening.total()), &deltas(opening, closing))
}

/// Contraction by motion of a customer whose revenue shrank.
pub fn contraction(opening: &Side, closing: &Side) -> PerMotion {
    share(&(opening.total() - closing.total()), &deltas(opening, closing).map(|delta| -delta))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(values: [i64; 5]) -> PerMotion {
        values.map(BigInt::from)
    }

    #[test]
    fn shares_go_to_the_largest_remainders() {
        for (amount, from, expected) in [
            (10, [10, 0, 0, 0, 0], [10, 0, 0, 0, 0]),
            (10, [15, -5, 0, 0, 0], [10, 0, 0, 0, 0]),
            (10, [1, 1, 1, -1, 0], [4, 3, 3, 0, 0]),
            (11, [1, 1, 1, 0, 0], [4, 4, 3, 0, 0]),
            (1, [0, 1, 0, 0, 2], [0, 0, 0, 0, 1]),
            (1, [0, 0, 1, 1, 0], [0, 0, 1, 0, 0]),
        ] {
            assert_eq!(share(&BigInt::from(amount), &parts(from)), parts(expected), "{amount} among {from:?}");
        }
    }
}
