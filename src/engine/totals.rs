//! Totals of one shard: every contribution summed, per span and per segment value.

use super::cells::Cells;
use crate::domain::assess::Placed;
use crate::domain::frame::Role;
use crate::domain::rates::{Difference, Sums};

/// Sums of one window: of all customers, and by dimension and value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowSums {
    pub total: Sums,
    /// By dimension in configured order.
    pub segments: Vec<Cells>,
}

/// Sums of every window, and recurring revenue now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Recurring revenue at the view's instant.
    pub mrr: i128,
    /// In configured order.
    pub windows: Vec<WindowSums>,
}

impl Totals {
    pub fn new(windows: usize, dimensions: usize) -> Totals {
        Totals {
            mrr: 0,
            windows: vec![WindowSums { total: Sums::default(), segments: vec![Cells::default(); dimensions] }; windows],
        }
    }

    /// Replaces what an account adds to a span; equal contributions cost nothing.
    #[inline]
    pub fn replace(&mut self, role: Role, before: Option<Placed>, after: Option<Placed>) {
        if before == after {
            return;
        }
        match role {
            Role::Now => {
                let closing = |placed: Option<Placed>| placed.map_or(0, |placed| placed.contribution.closing);
                self.mrr += closing(after) - closing(before);
            }
            Role::Window(number) => self.windows[number].replace(before, after),
            Role::Comparison(number) => self.windows[number].replace_comparison(before, after),
        }
    }
}

impl WindowSums {
    fn replace(&mut self, before: Option<Placed>, after: Option<Placed>) {
        let put = |sums: &mut Sums, placed: Option<Placed>, times: i64| {
            placed.into_iter().for_each(|placed| sums.put(&placed.contribution, times));
        };
        let both = before.zip(after);
        match both.and_then(|(before, after)| Difference::between(&before.contribution, &after.contribution)) {
            Some(difference) => self.change(before, after, put, |sums| sums.shift(&difference)),
            None => self.change(before, after, put, |sums| {
                put(sums, before, -1);
                put(sums, after, 1);
            }),
        }
    }

    fn replace_comparison(&mut self, before: Option<Placed>, after: Option<Placed>) {
        let expansion = |placed: Option<Placed>| placed.map_or(0, |placed| placed.contribution.expansion());
        let more = expansion(after) - expansion(before);
        if expansion(before) == 0 && more == 0 {
            return;
        }
        let put = |sums: &mut Sums, placed: Option<Placed>, times: i64| {
            sums.money.comparison_expansion += i128::from(times) * expansion(placed);
        };
        self.change(before, after, put, |sums| sums.money.comparison_expansion += more);
    }

    /// Changes the total, and the cells of a customer: `stay` where they stay, else `put`, -1 times into what they leave and once
    /// into what they come to.
    #[inline]
    fn change(
        &mut self,
        before: Option<Placed>,
        after: Option<Placed>,
        put: impl Fn(&mut Sums, Option<Placed>, i64),
        stay: impl Fn(&mut Sums),
    ) {
        stay(&mut self.total);
        for (dimension, cells) in self.segments.iter_mut().enumerate() {
            let value = |placed: Option<Placed>| placed.map(|placed| placed.segments[dimension]);
            match (value(before), value(after)) {
                (Some(old), Some(new)) if old == new => cells.change(new, &stay),
                (old, new) => {
                    old.into_iter().for_each(|old| cells.change(old, |sums| put(sums, before, -1)));
                    new.into_iter().for_each(|new| cells.change(new, |sums| put(sums, after, 1)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::assess::{Class, Contribution};
    use crate::domain::segment::SegmentValue;
    use proptest::prelude::*;

    const CLASSES: [Class; 6] =
        [Class::New, Class::Reactivation, Class::Churn, Class::Expansion, Class::Contraction, Class::Retained];

    prop_compose! {
        /// A customer in two dimensions of few values; figures need not fit the class.
        fn placed()(
            class in prop::sample::select(&CLASSES[..]),
            opening in 0..3i128,
            closing in 0..3i128,
            motions in prop::array::uniform5(0..3i128),
            segments in prop::array::uniform2((0..3u32).prop_map(|value| SegmentValue(value * 1_000))),
        ) -> (Contribution, [SegmentValue; 2]) {
            (Contribution { class, opening, closing, motions }, segments)
        }
    }

    proptest! {
        #[test]
        fn a_replaced_contribution_is_one_taken_out_and_one_put_in(
            customers in prop::collection::vec(prop::option::of(placed()), 1..8),
        ) {
            for role in [Role::Now, Role::Window(1), Role::Comparison(1)] {
                let (mut replaced, mut put) = (Totals::new(2, 2), Totals::new(2, 2));
                let mut before = None;
                for customer in &customers {
                    let after = customer.as_ref().map(|(contribution, segments)| Placed { contribution: *contribution, segments });
                    replaced.replace(role, before, after);
                    put.replace(role, before, None);
                    put.replace(role, None, after);
                    prop_assert_eq!(&replaced, &put);
                    before = after;
                }
                replaced.replace(role, before, None);
                prop_assert_eq!(replaced, Totals::new(2, 2));
            }
        }
    }
}
