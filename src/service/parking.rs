//! Parking: partitions that were taken away and whose state the workers still have.
//!
//! Most come back at once. What does not come back within a minute is forgotten, and everything is when memory runs short.

use super::beginning::Held;
use super::board::Board;
use crate::wire::checkpoint::TOPICS;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

/// How long a state is kept.
const STAY: Duration = Duration::from_secs(60);

/// Parked partitions, with the board of their last assignment.
#[derive(Default)]
pub struct Parking(BTreeMap<i32, (Arc<Board>, Moment)>);

impl Parking {
    /// A partition was taken away. One whose state was not there yet is not kept, and what was parked before stays.
    pub fn park(&mut self, board: Arc<Board>, at: Moment) {
        if board.has_begun() {
            self.0.insert(board.partition, (board, at));
        }
    }

    /// The state of a partition, if it is still there. That of a stopped one is not taken up again.
    pub fn held(&self, partition: i32) -> Option<Held> {
        let (board, _) = self.0.get(&partition).filter(|(board, _)| board.stopped().is_none())?;
        let mut next = [0; TOPICS];
        for topic in board.topics() {
            next[*topic as usize] = board.next(*topic)?;
        }
        Some(Held { generation: board.generation(), next })
    }

    /// A partition has gone on.
    pub fn left(&mut self, partition: i32) {
        self.0.remove(&partition);
    }

    /// Takes out those that did not come back in time; all of them if there is no room. Those that are `wanted`, because they
    /// count or are about to go on, stay.
    pub fn expired(&mut self, at: Moment, full: bool, wanted: impl Fn(i32) -> bool) -> Vec<i32> {
        let over = |since: &Moment| full || at.saturating_duration_since(*since) >= STAY;
        let expired = |(partition, (_, since)): &(&i32, &(Arc<Board>, Moment))| over(since) && !wanted(**partition);
        let expired: Vec<i32> = self.0.iter().filter(expired).map(|(partition, _)| *partition).collect();
        expired.iter().for_each(|partition| self.left(*partition));
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::facts::TopicKind::{Subscriptions, Usage};
    use crate::wire::telemetry::StopReason;

    fn board(partition: i32) -> Arc<Board> {
        let board = Board::new(partition, 2);
        board.begin();
        board.set_generation(3);
        board.set_position(Subscriptions, 5, 5);
        board.set_position(Usage, 7, 6);
        Arc::new(board)
    }

    #[test]
    fn a_state_is_held_until_it_goes_on() {
        let mut parking = Parking::default();
        let at = Moment::now();
        parking.park(board(1), at);
        parking.park(Arc::new(Board::new(2, 2)), at);
        assert_eq!(parking.held(1), Some(Held { generation: 3, next: [5, 7, 0] }));
        assert_eq!((parking.held(2), parking.expired(at, false, |_| false)), (None, vec![]));
        parking.park(board(3), at);
        assert_eq!(parking.expired(at + STAY, false, |partition| partition == 1), [3]);
        parking.left(1);
        assert_eq!(parking.held(1), None);
    }

    #[test]
    fn a_stopped_state_is_not_taken_up_and_all_go_when_there_is_no_room() {
        let mut parking = Parking::default();
        let (stopped, at) = (board(1), Moment::now());
        stopped.stop(StopReason::InvariantViolated, "wrong".into());
        parking.park(stopped, at);
        parking.park(board(4), at);
        assert_eq!(parking.held(1), None);
        parking.park(board(5), at);
        assert_eq!(parking.expired(at, true, |partition| partition == 5), [1, 4]);
        assert_eq!(parking.held(4), None);
    }
}
