//! Which partitions are ours.
//!
//! A partition is worked on only while it is assigned in every topic: a customer's subscriptions and usage are one account. The
//! first topic's source waits here for the others', because the group may hand them over one by one. A source is used once: if
//! one topic's partition goes and comes back while the others' stay, those need new sources.
//!
//! With an eager protocol all partitions are taken away before they are assigned anew, most of them to the same member. Until
//! that assignment is there, they are *suspended*: nothing is read, and their totals still count.

use super::board::Board;
use crate::domain::facts::TopicKind;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The partitions assigned to this instance. `S` is the source of one topic's partition.
pub struct Assignment<S> {
    topics: &'static [TopicKind],
    /// What is assigned; without a source once that has been taken.
    places: BTreeMap<(i32, TopicKind), Option<S>>,
    boards: BTreeMap<i32, Arc<Board>>,
    suspended: BTreeMap<i32, Arc<Board>>,
}

/// A partition that can begin: its new board, and its sources by topic, `None` for one that was used before.
pub type Beginning<S> = (Arc<Board>, Vec<Option<S>>);

impl<S> Assignment<S> {
    /// `topics` is how many there are: 3 with retries, 2 without.
    pub fn new(topics: usize) -> Assignment<S> {
        let topics = &TopicKind::ALL[..topics];
        Assignment { topics, places: BTreeMap::new(), boards: BTreeMap::new(), suspended: BTreeMap::new() }
    }

    /// One topic's partition is ours.
    pub fn assign(&mut self, topic: TopicKind, partition: i32, source: S) {
        self.places.insert((partition, topic), Some(source));
    }

    /// It no longer is. Answers the board of the partition if it was worked on, which has to end; `suspend` if its totals count
    /// until the next assignment.
    pub fn revoke(&mut self, topic: TopicKind, partition: i32, suspend: bool) -> Option<Arc<Board>> {
        self.places.remove(&(partition, topic));
        let board = self.boards.remove(&partition)?;
        board.give_up();
        // One that had not begun yet has no totals; what it was to go on from still counts.
        if suspend && (board.has_begun() || !self.suspended.contains_key(&partition)) {
            self.suspended.insert(partition, board.clone());
        }
        Some(board)
    }

    /// An assignment has arrived: suspended partitions that did not come back count no more. Those that did, count until
    /// [`Assignment::resumed`].
    pub fn settle(&mut self) {
        let boards = &self.boards;
        self.suspended.retain(|partition, _| boards.contains_key(partition));
    }

    /// The membership was lost: nothing suspended comes back.
    pub fn lose(&mut self) {
        self.suspended.clear();
    }

    /// A partition goes on with its new board.
    pub fn resumed(&mut self, partition: i32) {
        self.suspended.remove(&partition);
    }

    /// Takes the partitions that are assigned in every topic and not worked on.
    pub fn begin(&mut self) -> Vec<Beginning<S>> {
        let whole = |partition: &i32| self.topics.iter().all(|topic| self.places.contains_key(&(*partition, *topic)));
        let idle = |partition: &i32| !self.boards.contains_key(partition);
        let mut ready: Vec<i32> = self.places.keys().map(|(partition, _)| *partition).filter(whole).filter(idle).collect();
        ready.dedup();
        ready.into_iter().map(|partition| self.begin_one(partition)).collect()
    }

    fn begin_one(&mut self, partition: i32) -> Beginning<S> {
        let board = Arc::new(Board::new(partition, self.topics.len()));
        self.boards.insert(partition, board.clone());
        let mut source = |topic: &TopicKind| self.places.get_mut(&(partition, *topic)).and_then(Option::take);
        (board, self.topics.iter().map(&mut source).collect())
    }

    /// Partitions that are not assigned in every topic.
    pub fn unpaired(&self) -> Vec<i32> {
        let mut unpaired: Vec<i32> = self.places.keys().map(|(partition, _)| *partition).collect();
        unpaired.dedup();
        unpaired.retain(|partition| !self.boards.contains_key(partition));
        unpaired
    }

    /// The boards of the partitions worked on, by partition.
    pub fn boards(&self) -> Vec<Arc<Board>> {
        self.boards.values().cloned().collect()
    }

    /// Whether a board is that of a present assignment, not of an earlier one.
    pub fn is_present(&self, board: &Arc<Board>) -> bool {
        holds(&self.boards, board)
    }

    /// Whether the totals of a board's partition count.
    pub fn counts(&self, board: &Arc<Board>) -> bool {
        self.is_present(board) || holds(&self.suspended, board)
    }

    /// Whether a partition is ours, or is about to be again.
    pub fn wants(&self, partition: i32) -> bool {
        self.boards.contains_key(&partition) || self.suspended.contains_key(&partition)
    }

    /// Whether there is nothing whose totals could count.
    pub fn is_empty(&self) -> bool {
        self.boards.is_empty() && self.suspended.is_empty()
    }

    /// Number of a topic's partitions that are ours.
    pub fn count(&self, topic: TopicKind) -> usize {
        self.places.keys().filter(|(_, held)| *held == topic).count()
    }
}

fn holds(boards: &BTreeMap<i32, Arc<Board>>, board: &Arc<Board>) -> bool {
    boards.get(&board.partition).is_some_and(|present| Arc::ptr_eq(present, board))
}

#[cfg(test)]
mod tests {
    use super::*;

    use TopicKind::{Retries, Subscriptions, Usage};

    fn begun(assignment: &mut Assignment<&'static str>) -> Vec<(i32, Vec<Option<&'static str>>)> {
        assignment.begin().into_iter().map(|(board, sources)| (board.partition, sources)).collect()
    }

    #[test]
    fn a_partition_begins_once_both_topics_have_it() {
        let mut assignment = Assignment::new(2);
        assignment.assign(Subscriptions, 4, "s4");
        assignment.assign(Subscriptions, 2, "s2");
        assignment.assign(Usage, 2, "u2");
        assert_eq!(begun(&mut assignment), [(2, vec![Some("s2"), Some("u2")])]);
        assert_eq!((assignment.unpaired(), begun(&mut assignment)), (vec![4], vec![]));
        assignment.assign(Usage, 4, "u4");
        assert_eq!(begun(&mut assignment), [(4, vec![Some("s4"), Some("u4")])]);
        assert_eq!((assignment.unpaired(), assignment.count(Usage), assignment.boards().len()), (vec![], 2, 2));
    }

    #[test]
    fn losing_one_topic_ends_the_partition_and_the_other_is_read_again() {
        let mut assignment = Assignment::new(2);
        assignment.assign(Subscriptions, 1, "s");
        assignment.assign(Usage, 1, "u");
        let (first, _) = assignment.begin().remove(0);
        assert!(assignment.is_present(&first));
        let ended = assignment.revoke(Usage, 1, false).expect("it was worked on");
        assert!(Arc::ptr_eq(&ended, &first) && !assignment.is_present(&first));
        assert_eq!((assignment.unpaired(), assignment.count(Usage)), (vec![1], 0));
        assignment.assign(Usage, 1, "new u");
        assert_eq!(begun(&mut assignment), [(1, vec![None, Some("new u")])]);
        assert!(!assignment.is_present(&first), "a new assignment has a new board");
    }

    #[test]
    fn losing_both_leaves_nothing() {
        let mut assignment = Assignment::new(2);
        [Subscriptions, Usage].into_iter().for_each(|topic| assignment.assign(topic, 0, "x"));
        assert_eq!(begun(&mut assignment).len(), 1);
        assert!(assignment.revoke(Subscriptions, 0, false).is_some());
        assert!(assignment.revoke(Usage, 0, false).is_none());
        assert!(assignment.boards().is_empty() && assignment.unpaired().is_empty() && begun(&mut assignment).is_empty());
    }

    #[test]
    fn retries_are_waited_for_where_there_is_such_a_topic() {
        let mut assignment = Assignment::new(3);
        [Subscriptions, Usage].into_iter().for_each(|topic| assignment.assign(topic, 0, "x"));
        assert_eq!((begun(&mut assignment), assignment.unpaired()), (vec![], vec![0]));
        assignment.assign(Retries, 0, "r");
        assert_eq!(begun(&mut assignment), [(0, vec![Some("x"), Some("x"), Some("r")])]);
    }

    #[test]
    fn a_suspended_partition_counts_until_it_goes_on_or_the_assignment_is_without_it() {
        let mut assignment = Assignment::new(2);
        let assign = |assignment: &mut Assignment<&str>, partition| {
            [Subscriptions, Usage].into_iter().for_each(|topic| assignment.assign(topic, partition, "x"));
        };
        [0, 1].into_iter().for_each(|partition| assign(&mut assignment, partition));
        let boards: Vec<_> = assignment.begin().into_iter().map(|(board, _)| board).collect();
        for partition in [0, 1] {
            [Subscriptions, Usage].into_iter().for_each(|topic| drop(assignment.revoke(topic, partition, true)));
        }
        assert!(boards.iter().all(|board| assignment.counts(board) && !assignment.is_present(board) && board.is_given_up()));
        assign(&mut assignment, 0);
        let (fresh, _) = assignment.begin().remove(0);
        assignment.settle();
        assert!(assignment.counts(&boards[0]) && !assignment.counts(&boards[1]) && assignment.counts(&fresh));
        [Subscriptions, Usage].into_iter().for_each(|topic| drop(assignment.revoke(topic, 0, true)));
        assert!(assignment.counts(&boards[0]), "taken away again before it went on");
        assign(&mut assignment, 0);
        let (fresh, _) = assignment.begin().remove(0);
        assignment.resumed(0);
        assert!(!assignment.counts(&boards[0]) && assignment.counts(&fresh) && !assignment.is_empty());
        fresh.begin();
        [Subscriptions, Usage].into_iter().for_each(|topic| drop(assignment.revoke(topic, 0, true)));
        assignment.lose();
        assert!(assignment.is_empty());
    }
}
