//! Totals of one shard: every contribution summed, per span and per segment value.

use crate::domain::assess::{Contribution, Placed};
use crate::domain::frame::Role;
use crate::domain::rates::Sums;
use crate::domain::segment::SegmentValue;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Sums by segment value; values without any sum are left out.
pub type Cells = HashMap<SegmentValue, Sums, BuildHasherDefault<Numbered>>;

/// Sums of one window: of all customers, and by dimension and value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowSums {
    pub total: Sums,
    /// By dimension in configured order.
    pub segments: Vec<Cells>,
}

/// Hashes the numbers of segment values. They are given in order of appearance, so nobody can choose ones that meet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbered(u64);

impl Hasher for Numbered {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32((*byte).into()));
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        // An odd constant with well mixed upper bits, of which the table takes some.
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }

    fn finish(&self) -> u64 {
        self.0
    }
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
        let signed = |placed: Option<Placed>, sign: i64| placed.map(|placed| (placed.contribution, sign));
        let (window, put): (usize, fn(&mut Sums, &Contribution, i64)) = match role {
            Role::Now => {
                let closing = |placed: Option<Placed>| placed.map_or(0, |placed| placed.contribution.closing);
                self.mrr += closing(after) - closing(before);
                return;
            }
            Role::Window(number) => (number, |sums, contribution, sign| sums.put(contribution, sign)),
            Role::Comparison(number) => {
                let expansion = |placed: &Placed| placed.contribution.expansion() > 0;
                if !before.iter().chain(&after).any(expansion) {
                    return;
                }
                let put = |sums: &mut Sums, contribution: &Contribution, sign: i64| {
                    sums.money.comparison_expansion += i128::from(sign) * contribution.expansion();
                };
                (number, put)
            }
        };
        let window = &mut self.windows[window];
        let changes = [signed(before, -1), signed(after, 1)];
        changes.iter().flatten().for_each(|(contribution, sign)| put(&mut window.total, contribution, *sign));
        for (dimension, values) in window.segments.iter_mut().enumerate() {
            let value = |placed: Option<Placed>| placed.map(|placed| placed.segments[dimension]);
            match (value(before), value(after)) {
                (Some(old), Some(new)) if old == new => change(values, old, |cell| {
                    changes.iter().flatten().for_each(|(contribution, sign)| put(cell, contribution, *sign));
                }),
                (old, new) => {
                    for (value, part) in [(old, changes[0]), (new, changes[1])] {
                        if let Some((value, (contribution, sign))) = value.zip(part) {
                            change(values, value, |cell| put(cell, &contribution, sign));
                        }
                    }
                }
            }
        }
    }
}

/// Changes a cell; one without any sum is left out.
#[inline]
fn change(values: &mut Cells, value: SegmentValue, change: impl FnOnce(&mut Sums)) {
    let cell = values.entry(value).or_default();
    change(cell);
    if *cell == Sums::default() {
        values.remove(&value);
    }
}
