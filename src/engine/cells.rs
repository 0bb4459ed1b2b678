//! Sums by segment value: those near the first value in a row, found without a search, the others in a table.
//!
//! Plans and attributes are numbered in order of appearance and cohorts are months, so nearly all values of a dimension lie close
//! together, and a fact changes a cell of each dimension of each window. A value without any sum counts as absent wherever it lies:
//! neither what is seen nor equality depends on the order in which values came.

use crate::domain::rates::Sums;
use crate::domain::segment::SegmentValue;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::iter::repeat_n;

/// Cells in a row at most: 144 KiB, where the values of a dimension lie that far apart.
const ROW: usize = 512;

/// Sums by segment value.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    /// Number of the row's first value.
    base: u32,
    /// From the least value near the first one to the greatest.
    row: Vec<Sums>,
    /// Values that would make the row too long when they come; as it only grows, they never belong into it later. None is zero.
    others: HashMap<SegmentValue, Sums, BuildHasherDefault<Numbered>>,
}

impl Cells {
    /// Changes the sums of a value, which are zero if it is absent.
    #[inline]
    pub fn change(&mut self, value: SegmentValue, change: impl FnOnce(&mut Sums)) {
        let index = self.index(value);
        match self.row.get_mut(index) {
            Some(cell) => change(cell),
            None => self.change_outside(value, change),
        }
    }

    /// Changes a cell that the row does not have so far.
    #[inline(never)]
    fn change_outside(&mut self, value: SegmentValue, change: impl FnOnce(&mut Sums)) {
        if self.reach(value) {
            let index = self.index(value);
            return change(&mut self.row[index]);
        }
        let cell = self.others.entry(value).or_default();
        change(cell);
        if *cell == Sums::default() {
            self.others.remove(&value);
        }
    }

    /// Makes the row hold a value, unless it would become too long.
    fn reach(&mut self, SegmentValue(value): SegmentValue) -> bool {
        if self.row.is_empty() {
            self.base = value;
        }
        let base = self.base.min(value);
        let lower = (self.base - base) as usize;
        let length = (lower + self.row.len()).max((value - base) as usize + 1);
        if length > ROW {
            return false;
        }
        self.base = base;
        self.row.splice(0..0, repeat_n(Sums::default(), lower));
        self.row.resize(length, Sums::default());
        true
    }

    /// Where a value is in the row; beyond its end for one that is not in it, greater or less.
    #[inline]
    fn index(&self, value: SegmentValue) -> usize {
        value.0.wrapping_sub(self.base) as usize
    }

    fn get(&self, value: SegmentValue) -> Option<&Sums> {
        self.row.get(self.index(value)).or_else(|| self.others.get(&value))
    }

    /// The values that have sums, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (SegmentValue, &Sums)> {
        let row = (self.base..=u32::MAX).map(SegmentValue).zip(&self.row);
        row.filter(|(_, sums)| **sums != Sums::default()).chain(self.others.iter().map(|(value, sums)| (*value, sums)))
    }
}

impl PartialEq for Cells {
    fn eq(&self, other: &Cells) -> bool {
        self.iter().count() == other.iter().count() && self.iter().all(|(value, sums)| other.get(value) == Some(sums))
    }
}

/// Hashes the numbers of segment values. They are given in order of appearance, so nobody can choose ones that meet.
#[derive(Clone, Copy, Debug, Default)]
struct Numbered(u64);

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Values about one, and far from it on both sides.
    fn values() -> impl Strategy<Value = u32> {
        let about = |one: u32| one - 5..one + 5;
        let row = u32::try_from(ROW).unwrap();
        prop_oneof![0..5u32, about(row), about(24_300 - row), about(24_300), about(24_300 + row), u32::MAX - 5..=u32::MAX]
    }

    /// Amounts so small that sums often become zero again.
    fn changes() -> impl Strategy<Value = Vec<(u32, i128)>> {
        prop::collection::vec((values(), -2..=2i128), 0..60)
    }

    fn put(cells: &mut Cells, value: u32, amount: i128) {
        cells.change(SegmentValue(value), |sums| sums.money.churn += amount);
    }

    fn cells<'a>(changes: impl IntoIterator<Item = &'a (u32, i128)>) -> Cells {
        let mut cells = Cells::default();
        changes.into_iter().for_each(|(value, amount)| put(&mut cells, *value, *amount));
        cells
    }

    fn seen(cells: &Cells) -> Vec<(u32, i128)> {
        let mut seen: Vec<_> = cells.iter().map(|(value, sums)| (value.0, sums.money.churn)).collect();
        seen.sort_unstable();
        seen
    }

    #[test]
    fn values_close_together_are_in_the_row() {
        let close = cells(&[(24_310, 1), (24_250, 1), (24_400, 1)]);
        assert_eq!((close.base, close.row.len(), close.others.len()), (24_250, 151, 0));
        let apart = cells(&[(24_310, 1), (3, 1), (u32::MAX, 1), (24_310, -1)]);
        assert_eq!((apart.base, apart.row.len(), apart.others.len()), (24_310, 1, 2));
    }

    #[test]
    fn what_is_taken_out_elsewhere_leaves_nothing() {
        let mut cells = cells(&[(0, 1), (u32::MAX, 1)]);
        put(&mut cells, u32::MAX, -1);
        assert!(cells.others.is_empty());
        assert_eq!(seen(&cells), [(0, 1)]);
        put(&mut cells, 0, -1);
        assert_eq!(cells, Cells::default());
    }

    proptest! {
        #[test]
        fn cells_are_sums_by_value(changes in changes()) {
            let mut expected: BTreeMap<u32, i128> = BTreeMap::new();
            let mut cells = Cells::default();
            for (value, amount) in changes {
                *expected.entry(value).or_default() += amount;
                put(&mut cells, value, amount);
                expected.retain(|_, sum| *sum != 0);
                prop_assert_eq!(seen(&cells), expected.clone().into_iter().collect::<Vec<_>>());
                prop_assert!(cells.row.len() <= ROW && cells.others.values().all(|sums| *sums != Sums::default()));
            }
        }

        #[test]
        fn equality_is_that_of_the_sums(changes in changes(), other in values(), amount in 1..3i128) {
            let (mut forwards, backwards) = (cells(&changes), cells(changes.iter().rev()));
            prop_assert_eq!(&forwards, &backwards);
            prop_assert_eq!(&forwards, &cells(&seen(&forwards)));
            put(&mut forwards, other, amount);
            prop_assert_ne!(&forwards, &backwards);
            prop_assert_ne!(backwards, forwards);
        }
    }
}
