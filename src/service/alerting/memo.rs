//! Where the alerts of the group are remembered: whoever owns partition 0 judges and tells, and its images hold them.
//!
//! What was handed over by an image or is still here from before replaces what the judging thread knows; from then on that thread
//! writes, and the keeper of partition 0 copies.

use crate::domain::alert::Record;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Partition whose images hold the alerts.
pub const PARTITION: i32 = 0;

/// The alerts, between the thread that judges, the conductor and the keeper.
#[derive(Debug, Default)]
pub struct Memo(Mutex<Inner>);

/// Who judges for the group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Judge {
    /// Not known: partition 0 is being assigned, restored or waited for.
    #[default]
    Nobody,
    Ours,
    /// Another instance.
    Elsewhere,
}

#[derive(Debug, Default)]
struct Inner {
    judge: Judge,
    /// Counts the times partition 0 was taken up.
    taken_up: u64,
    records: Vec<Record>,
}

impl Memo {
    /// Partition 0 is ours, with these alerts; `None` to go on with what is here.
    pub fn take_up(&self, records: Option<Vec<Record>>) {
        let mut inner = self.inner();
        inner.judge = Judge::Ours;
        inner.taken_up += 1;
        if let Some(records) = records {
            inner.records = records;
        }
    }

    /// It no longer is. What is here stays for its last image, and until it comes back.
    pub fn give_up(&self) {
        self.inner().judge = Judge::Nobody;
    }

    /// An assignment says that it is another instance's.
    pub fn is_elsewhere(&self) {
        self.inner().judge = Judge::Elsewhere;
    }

    /// Who judges.
    pub fn judge(&self) -> Judge {
        self.inner().judge
    }

    /// What goes into an image.
    pub fn records(&self) -> Vec<Record> {
        self.inner().records.clone()
    }

    /// How often partition 0 was taken up, and what came with it; `None` while it is not ours.
    pub fn owned(&self) -> Option<(u64, Vec<Record>)> {
        let inner = self.inner();
        (inner.judge == Judge::Ours).then(|| (inner.taken_up, inner.records.clone()))
    }

    /// Replaces what is remembered, unless partition 0 has moved since.
    pub fn note(&self, taken_up: u64, records: Vec<Record>) {
        let mut inner = self.inner();
        if inner.judge == Judge::Ours && inner.taken_up == taken_up {
            inner.records = records;
        }
    }

    /// Every change is made in one piece, so what a thread that died left behind is whole.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::State;
    use crate::domain::calendar::Instant;
    use std::collections::BTreeMap;

    fn record(rule: &str) -> Record {
        let state = State::Firing { since: Instant(7), clear: None };
        let rule = rule.to_owned();
        Record {
            rule,
            segment: None,
            definition: 1,
            state,
            suppressed: None,
            value: None,
            resolved: None,
            labels: BTreeMap::new(),
            told: vec![],
        }
    }

    #[test]
    fn alerts_go_with_partition_0() {
        let memo = Memo::default();
        assert_eq!(memo.owned(), None);
        memo.note(0, vec![record("lost")]);
        memo.take_up(Some(vec![record("a")]));
        assert_eq!(memo.owned(), Some((1, vec![record("a")])));
        memo.note(1, vec![record("b")]);
        memo.give_up();
        memo.note(1, vec![record("late")]);
        assert_eq!((memo.owned(), memo.records()), (None, vec![record("b")]), "its last image has what was there");
        memo.is_elsewhere();
        assert_eq!((memo.judge(), memo.owned()), (Judge::Elsewhere, None));
        memo.take_up(None);
        memo.note(1, vec![record("stale")]);
        assert_eq!(memo.owned(), Some((2, vec![record("b")])));
        memo.take_up(Some(vec![]));
        assert_eq!(memo.records(), []);
    }
}
