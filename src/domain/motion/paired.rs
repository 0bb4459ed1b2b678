//! The usual case of motions: the same items on both sides, and numbers that 128 bits hold.
//!
//! Exactly what the general way gives, or nothing where only that one will do.

use super::{MOTIONS, Motion};
use crate::domain::currency::Valuation;
use crate::domain::money::{Micros, half_even};
use crate::domain::side::{Epoch, Line, lines};

/// The deltas of items that are all paired; `None` if some item is on one side only, or a product is too large.
pub fn deltas(opening: &Epoch, closing: &Epoch, valuation: &Valuation) -> Option<[Micros; MOTIONS]> {
    let mut deltas = [0; MOTIONS];
    for (number, (before, after)) in opening.states().iter().zip(closing.states()).enumerate() {
        let is_same = before.zip(*after).is_some_and(|(before, after)| before.is(after));
        if is_same || before.is_none() && after.is_none() {
            continue;
        }
        let mut after = lines(number, *after, valuation);
        for before in lines(number, *before, valuation) {
            pair(&mut deltas, &before, &after.next().filter(|after| after.item.id == before.item.id)?)?;
        }
        if after.next().is_some() {
            return None;
        }
    }
    Some(deltas)
}

/// A change of quantity is seats, at the old price; the rest is upsell if the plans differ, else price.
fn pair(deltas: &mut [Micros; MOTIONS], before: &Line, after: &Line) -> Option<()> {
    let change = after.mrr - before.mrr;
    let seats = match (before.item.quantity, after.item.quantity) {
        (0, _) => change,
        (old, new) if old == new => 0,
        (old, new) => half_even(before.mrr.checked_mul(Micros::from(new) - Micros::from(old))?, old.into()),
    };
    let rest = if before.item.plan == after.item.plan { Motion::Price } else { Motion::Upsell };
    for (motion, delta) in [(Motion::Seats, seats), (rest, change.checked_sub(seats)?)] {
        deltas[motion as usize] = deltas[motion as usize].checked_add(delta)?;
    }
    Some(())
}

/// Shares a change among the deltas of its direction in proportion, by largest remainder; `None` if a product is too large.
pub(super) fn allocate(change: Micros, deltas: &[Micros; MOTIONS]) -> Option<[Micros; MOTIONS]> {
    let amount = change.checked_abs()?;
    let mut weights = [0; MOTIONS];
    for (weight, delta) in weights.iter_mut().zip(deltas) {
        *weight = if change < 0 { delta.checked_neg()? } else { *delta }.max(0);
    }
    let total = weights.iter().try_fold(0 as Micros, |sum, weight| sum.checked_add(*weight))?;
    let mut shares = [0; MOTIONS];
    if let Some(only) = weights.iter().position(|weight| *weight == total) {
        // Without a weight there is no amount to share.
        shares[only] = if total == 0 { 0 } else { amount };
        return Some(shares);
    }
    let mut remainders = [0; MOTIONS];
    for motion in 0..MOTIONS {
        let product = amount.checked_mul(weights[motion])?;
        (shares[motion], remainders[motion]) = (product / total, product % total);
    }
    let left = amount - shares.iter().sum::<Micros>();
    for _ in 0..left {
        // The largest remainder, the first of equal ones.
        let largest = (0..MOTIONS).rev().max_by_key(|motion| remainders[*motion])?;
        (shares[largest], remainders[largest]) = (shares[largest] + 1, -1);
    }
    Some(shares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ethnum::I256;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_are_those_of_the_general_way(
            change in prop_oneof![-20i128..20, -(1i128 << 80)..1i128 << 80],
            deltas in prop::array::uniform5(prop_oneof![3 => -9i128..9, 1 => -(1i128 << 60)..1i128 << 60]),
        ) {
            if let Some(shares) = allocate(change, &deltas) {
                let turned = deltas.map(|delta| I256::from(if change < 0 { -delta } else { delta }));
                prop_assert_eq!(shares, super::super::allocate(change.abs(), &turned));
            }
        }
    }
}
