//! Which partitions are ours.
//!
//! A partition is worked on only while it is assigned in both topics: a customer's subscriptions and usage are one account. The
//! first topic's source waits here for the other's, because the group may hand them over one by one. A source is used once: if
//! one topic's partition goes and comes back while the other's stays, that one has to be read again from its beginning.

use super::board::{Board, KINDS};
use crate::domain::facts::FactKind;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The partitions assigned to this instance. `S` is the source of one topic's partition.
pub struct Assignment<S> {
    /// What is assigned; without a source once that has been taken.
    halves: BTreeMap<(i32, FactKind), Option<S>>,
    boards: BTreeMap<i32, Arc<Board>>,
}

impl<S> Default for Assignment<S> {
    fn default() -> Self {
        Assignment { halves: BTreeMap::new(), boards: BTreeMap::new() }
    }
}

impl<S> Assignment<S> {
    /// One topic's partition is ours.
    pub fn assign(&mut self, kind: FactKind, partition: i32, source: S) {
        self.halves.insert((partition, kind), Some(source));
    }

    /// It no longer is. Answers the board of the partition if it was worked on, which has to end.
    pub fn revoke(&mut self, kind: FactKind, partition: i32) -> Option<Arc<Board>> {
        self.halves.remove(&(partition, kind));
        self.boards.remove(&partition)
    }

    /// Takes the partitions that are assigned in both topics and not worked on: each with a new board and its sources in the order
    /// of [`KINDS`], `None` for one that was used before.
    pub fn begin(&mut self) -> Vec<(Arc<Board>, [Option<S>; 2])> {
        let whole = |partition: &i32| KINDS.iter().all(|kind| self.halves.contains_key(&(*partition, *kind)));
        let idle = |partition: &i32| !self.boards.contains_key(partition);
        let mut ready: Vec<i32> = self.halves.keys().map(|(partition, _)| *partition).filter(whole).filter(idle).collect();
        ready.dedup();
        ready.into_iter().map(|partition| self.begin_one(partition)).collect()
    }

    fn begin_one(&mut self, partition: i32) -> (Arc<Board>, [Option<S>; 2]) {
        let board = Arc::new(Board::new(partition));
        self.boards.insert(partition, board.clone());
        (board, KINDS.map(|kind| self.halves.get_mut(&(partition, kind)).and_then(Option::take)))
    }

    /// Partitions that are assigned in one topic only.
    pub fn unpaired(&self) -> Vec<i32> {
        let halves = self.halves.keys().map(|(partition, _)| *partition);
        halves.filter(|partition| !self.boards.contains_key(partition)).collect()
    }

    /// The boards of the partitions worked on, by partition.
    pub fn boards(&self) -> Vec<Arc<Board>> {
        self.boards.values().cloned().collect()
    }

    /// Whether a board is that of a present assignment, not of an earlier one.
    pub fn is_present(&self, board: &Arc<Board>) -> bool {
        self.boards.get(&board.partition).is_some_and(|present| Arc::ptr_eq(present, board))
    }

    /// Number of a topic's partitions that are ours.
    pub fn count(&self, kind: FactKind) -> usize {
        self.halves.keys().filter(|(_, held)| *held == kind).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIPTION: FactKind = FactKind::Subscription;
    const USAGE: FactKind = FactKind::Usage;

    fn begun(assignment: &mut Assignment<&'static str>) -> Vec<(i32, [Option<&'static str>; 2])> {
        assignment.begin().into_iter().map(|(board, sources)| (board.partition, sources)).collect()
    }

    #[test]
    fn a_partition_begins_once_both_topics_have_it() {
        let mut assignment = Assignment::default();
        assignment.assign(SUBSCRIPTION, 4, "s4");
        assignment.assign(SUBSCRIPTION, 2, "s2");
        assignment.assign(USAGE, 2, "u2");
        assert_eq!(begun(&mut assignment), [(2, [Some("s2"), Some("u2")])]);
        assert_eq!((assignment.unpaired(), begun(&mut assignment)), (vec![4], vec![]));
        assignment.assign(USAGE, 4, "u4");
        assert_eq!(begun(&mut assignment), [(4, [Some("s4"), Some("u4")])]);
        assert_eq!((assignment.unpaired(), assignment.count(USAGE), assignment.boards().len()), (vec![], 2, 2));
    }

    #[test]
    fn losing_one_topic_ends_the_partition_and_the_other_is_read_again() {
        let mut assignment = Assignment::default();
        assignment.assign(SUBSCRIPTION, 1, "s");
        assignment.assign(USAGE, 1, "u");
        let (first, _) = assignment.begin().remove(0);
        assert!(assignment.is_present(&first));
        let ended = assignment.revoke(USAGE, 1).expect("it was worked on");
        assert!(Arc::ptr_eq(&ended, &first) && !assignment.is_present(&first));
        assert_eq!((assignment.unpaired(), assignment.count(USAGE)), (vec![1], 0));
        assignment.assign(USAGE, 1, "new u");
        assert_eq!(begun(&mut assignment), [(1, [None, Some("new u")])]);
        assert!(!assignment.is_present(&first), "a new assignment has a new board");
    }

    #[test]
    fn losing_both_leaves_nothing() {
        let mut assignment = Assignment::default();
        KINDS.iter().for_each(|kind| assignment.assign(*kind, 0, "x"));
        assert_eq!(begun(&mut assignment).len(), 1);
        assert!(assignment.revoke(SUBSCRIPTION, 0).is_some());
        assert!(assignment.revoke(USAGE, 0).is_none());
        assert!(assignment.boards().is_empty() && assignment.unpaired().is_empty() && begun(&mut assignment).is_empty());
    }
}
