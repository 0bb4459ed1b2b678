//! Totals of one shard: every contribution summed, per span and per segment value.

use crate::domain::assess::Contribution;
use crate::domain::frame::{Frame, Role};
use crate::domain::rates::Sums;
use crate::domain::segment::SegmentValue;
use std::collections::HashMap;

/// Sums of one window: of all customers, and by dimension and value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowSums {
    pub total: Sums,
    /// By dimension in configured order; values without any sum are left out.
    pub segments: Vec<HashMap<SegmentValue, Sums>>,
}

/// Sums of every window, and recurring revenue now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Recurring revenue at the view's instant.
    pub mrr: i128,
    /// In configured order.
    pub windows: Vec<WindowSums>,
}

/// Whether a contribution comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Add,
    Subtract,
}

impl Totals {
    pub fn new(windows: usize, dimensions: usize) -> Totals {
        Totals {
            mrr: 0,
            windows: vec![WindowSums { total: Sums::default(), segments: vec![HashMap::new(); dimensions] }; windows],
        }
    }

    /// Adds a new account's contributions.
    pub fn add(&mut self, frame: &Frame, contributions: &[Option<Contribution>]) {
        for (number, contribution) in contributions.iter().enumerate() {
            self.change(Change::Add, frame.spans[number].role, contribution.as_ref());
        }
    }

    /// Replaces an account's contributions to some spans; equal ones cost nothing.
    pub fn replace(&mut self, frame: &Frame, before: &[Option<Contribution>], after: &[Option<Contribution>]) {
        for (number, (before, after)) in before.iter().zip(after).enumerate() {
            if before != after {
                self.change(Change::Subtract, frame.spans[number].role, before.as_ref());
                self.change(Change::Add, frame.spans[number].role, after.as_ref());
            }
        }
    }

    fn change(&mut self, change: Change, role: Role, contribution: Option<&Contribution>) {
        let Some(contribution) = contribution else {
            return;
        };
        let (window, sums) = match role {
            Role::Now => {
                self.mrr += if change == Change::Add { contribution.closing } else { -contribution.closing };
                return;
            }
            Role::Window(number) => (&mut self.windows[number], contribution.sums()),
            Role::Comparison(number) => {
                let mut sums = Sums::default();
                sums.money.comparison_expansion = contribution.expansion();
                (&mut self.windows[number], sums)
            }
        };
        if sums == Sums::default() {
            return;
        }
        apply(change, &mut window.total, &sums);
        for (values, value) in window.segments.iter_mut().zip(&contribution.segments) {
            let cell = values.entry(*value).or_default();
            apply(change, cell, &sums);
            if *cell == Sums::default() {
                values.remove(value);
            }
        }
    }
}

fn apply(change: Change, cell: &mut Sums, sums: &Sums) {
    match change {
        Change::Add => cell.add(sums),
        Change::Subtract => cell.subtract(sums),
    }
}
