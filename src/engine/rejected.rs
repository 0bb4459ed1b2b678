//! Rejected offsets: which records of one topic's partition were rejected and not taken up since, and why.
//!
//! A verdict stands until the record comes back as a retry and is applied. Bad records come in runs, so runs are kept.

use super::image::Scope;
use crate::domain::facts::Reason;
use std::collections::BTreeMap;

/// One change of the set, as it is recorded in deltas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The offsets from `first` to before `end` were rejected.
    Add { first: i64, end: i64, reason: Reason },
    /// The offset was taken up.
    Remove { offset: i64 },
}

/// The set, and what changed since it was recorded last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// By first offset: the end, exclusive, and the reason. Runs do not overlap; two with one reason do not touch.
    runs: BTreeMap<i64, (i64, Reason)>,
    len: u64,
    /// `None` while no image is known: everything is a change then, and nothing has to be kept to say so.
    changes: Option<Vec<Change>>,
}

impl Rejected {
    /// Takes up a verdict; `false` if the offset had one, which then stands.
    pub fn insert(&mut self, offset: i64, reason: Reason) -> bool {
        if self.get(offset).is_some() {
            return false;
        }
        self.add(offset, offset.saturating_add(1), reason);
        if let Some(changes) = &mut self.changes {
            match changes.last_mut() {
                Some(Change::Add { end, reason: known, .. }) if *end == offset && *known == reason => *end += 1,
                _ => changes.push(Change::Add { first: offset, end: offset.saturating_add(1), reason }),
            }
        }
        true
    }

    /// Takes a verdict back; the reason, if the offset had one.
    pub fn remove(&mut self, offset: i64) -> Option<Reason> {
        let reason = self.cut(offset)?;
        self.changes.iter_mut().for_each(|changes| changes.push(Change::Remove { offset }));
        Some(reason)
    }

    pub fn get(&self, offset: i64) -> Option<Reason> {
        self.run_at(offset).map(|(_, _, reason)| reason)
    }

    /// Number of offsets.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// First offset, end (exclusive) and reason of each run, by offset.
    pub fn runs(&self) -> impl Iterator<Item = (i64, i64, Reason)> {
        self.runs.iter().map(|(first, (end, reason))| (*first, *end, *reason))
    }

    /// What an image taken now has to hold: all runs, or the changes since the last one.
    pub fn freeze(&mut self, scope: Scope) -> Vec<Change> {
        match (scope, self.changes.replace(Vec::new())) {
            (Scope::Delta, Some(changes)) => changes,
            _ => self.runs().map(|(first, end, reason)| Change::Add { first, end, reason }).collect(),
        }
    }

    /// Takes up a change that an image holds. In a run, offsets with a verdict keep it.
    pub fn apply(&mut self, change: &Change) {
        self.changes.get_or_insert_default();
        match *change {
            Change::Add { first, end, reason } => self.fill(first, end, reason),
            Change::Remove { offset } => drop(self.cut(offset)),
        }
    }

    fn run_at(&self, offset: i64) -> Option<(i64, i64, Reason)> {
        let (first, (end, reason)) = self.runs.range(..=offset).next_back()?;
        (offset < *end).then_some((*first, *end, *reason))
    }

    /// Adds what is missing of a run.
    fn fill(&mut self, first: i64, end: i64, reason: Reason) {
        let mut from = first;
        while from < end {
            if let Some((_, covered, _)) = self.run_at(from) {
                from = covered;
            } else {
                let gap = self.runs.range(from..).next().map_or(end, |(next, _)| end.min(*next));
                self.add(from, gap, reason);
                from = gap;
            }
        }
    }

    /// Adds a run where there is none, joined with those of the same reason that it touches.
    fn add(&mut self, first: i64, end: i64, reason: Reason) {
        self.len = self.len.saturating_add(end.abs_diff(first));
        let (mut first, mut end) = (first, end);
        if let Some((before, (touches, known))) = self.runs.range(..first).next_back()
            && (*touches, *known) == (first, reason)
        {
            first = *before;
        }
        if let Some((after, known)) = self.runs.get(&end).copied()
            && known == reason
        {
            self.runs.remove(&end);
            end = after;
        }
        self.runs.insert(first, (end, reason));
    }

    fn cut(&mut self, offset: i64) -> Option<Reason> {
        let (first, end, reason) = self.run_at(offset)?;
        self.len = self.len.saturating_sub(1);
        self.runs.remove(&first);
        if first < offset {
            self.runs.insert(first, (offset, reason));
        }
        if offset + 1 < end {
            self.runs.insert(offset + 1, (end, reason));
        }
        Some(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REASONS: [Reason; 3] = [Reason::Decode, Reason::MissingId, Reason::UnknownCurrency];

    #[derive(Clone, Debug)]
    enum Step {
        /// So many records one after the other.
        Insert(i64, i64, usize),
        Remove(i64),
        Freeze(bool),
        /// The set is given up and restored from its images.
        Restore,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (0..60i64, 1..6i64, 0..REASONS.len()).prop_map(|(first, count, reason)| Step::Insert(first, count, reason)),
            4 => (0..60i64).prop_map(Step::Remove),
            2 => prop::bool::weighted(0.3).prop_map(Step::Freeze),
            1 => Just(Step::Restore),
        ]
    }

    fn check(set: &Rejected, model: &BTreeMap<i64, Reason>) {
        assert_eq!((set.len(), set.is_empty()), (model.len() as u64, model.is_empty()));
        for offset in -1..70 {
            assert_eq!(set.get(offset), model.get(&offset).copied(), "{offset}");
        }
        let runs: Vec<_> = set.runs().collect();
        let each = runs.iter().flat_map(|(first, end, reason)| (*first..*end).map(|offset| (offset, *reason)));
        assert_eq!(each.collect::<BTreeMap<_, _>>(), *model);
        assert!(runs.windows(2).all(|pair| pair[0].1 < pair[1].0 || pair[0].1 == pair[1].0 && pair[0].2 != pair[1].2));
    }

    proptest! {
        #[test]
        fn a_set_and_its_images_are_what_was_put_into_it(steps in prop::collection::vec(step(), 0..60)) {
            let (mut set, mut model) = (Rejected::default(), BTreeMap::new());
            let (mut image, mut fixed): (Vec<Change>, _) = (Vec::new(), BTreeMap::new());
            for step in steps {
                match step {
                    Step::Insert(first, count, reason) => {
                        for offset in first..first + count {
                            prop_assert_eq!(set.insert(offset, REASONS[reason]), !model.contains_key(&offset));
                            model.entry(offset).or_insert(REASONS[reason]);
                        }
                    }
                    Step::Remove(offset) => prop_assert_eq!(set.remove(offset), model.remove(&offset)),
                    Step::Freeze(base) => {
                        let scope = if base { Scope::Base } else { Scope::Delta };
                        image = if base { Vec::new() } else { image };
                        image.extend(set.freeze(scope));
                        fixed = model.clone();
                    }
                    Step::Restore => {
                        set = Rejected::default();
                        image.iter().for_each(|change| set.apply(change));
                        model = fixed.clone();
                    }
                }
                check(&set, &model);
            }
        }
    }

    #[test]
    fn a_run_of_bad_records_is_one_change() {
        let mut set = Rejected::default();
        set.insert(1, Reason::Decode);
        set.freeze(Scope::Base);
        (10..1000).for_each(|offset| assert!(set.insert(offset, Reason::Decode)));
        assert_eq!(set.freeze(Scope::Delta), [Change::Add { first: 10, end: 1000, reason: Reason::Decode }]);
        assert_eq!(set.freeze(Scope::Delta), []);
    }

    #[test]
    fn a_run_that_lies_is_taken_as_far_as_it_goes() {
        let mut set = Rejected::default();
        set.insert(5, Reason::MissingId);
        for (first, end) in [(i64::MIN, i64::MAX), (9, 9), (9, 3), (i64::MAX, i64::MIN)] {
            set.apply(&Change::Add { first, end, reason: Reason::Decode });
        }
        assert_eq!(set.get(5), Some(Reason::MissingId));
        assert_eq!(set.runs().count(), 3);
        assert_eq!(set.len(), u64::MAX);
    }
}
