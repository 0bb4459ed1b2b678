//! Searches for the customers that moved most, over the partitions of one worker, a slice at a time.

use super::custody::Custody;
use super::feed::Feed;
use crate::engine::shard::movers::{Mover, Query, Search, merged};
use crossbeam_channel::Sender;
use std::collections::VecDeque;

/// Accounts looked at in one step.
const STEP: usize = 500;
/// Searches that wait at most; more are answered with nothing.
const MOST: usize = 64;

/// The searches of a worker, oldest first.
#[derive(Default)]
pub struct Searches(VecDeque<Running>);

/// One search.
struct Running {
    query: Query,
    answer: Sender<Vec<Mover>>,
    /// The partition looked at now, and those after it.
    left: VecDeque<i32>,
    search: Search,
    found: Vec<Mover>,
}

impl Searches {
    /// Begins a search over the partitions there are now. The answer is dropped unanswered if too many wait.
    pub fn begin<F: Feed>(&mut self, query: Query, answer: Sender<Vec<Mover>>, custody: &mut Custody<F>) {
        if self.0.len() < MOST {
            let left = custody.owned().map(|partition| partition.board.partition).collect();
            let search = Search::new(query.clone());
            self.0.push_back(Running { query, answer, left, search, found: Vec::new() });
        }
    }

    /// Looks at one slice. Whether there is more to do.
    pub fn go_on<F: Feed>(&mut self, custody: &mut Custody<F>) -> bool {
        let Some(running) = self.0.front_mut() else { return false };
        let partition = running.left.front().and_then(|number| custody.owned().find(|owned| owned.board.partition == *number));
        let more = partition.is_some_and(|partition| partition.ledger.shard.search_step(&mut running.search, STEP));
        if !more {
            let done = std::mem::replace(&mut running.search, Search::new(running.query.clone()));
            running.found.extend(done.found());
            running.left.pop_front();
        }
        if running.left.is_empty()
            && let Some(done) = self.0.pop_front()
        {
            // Nobody listens who has lost patience.
            let _ = done.answer.send(merged(&done.query, done.found));
        }
        !self.0.is_empty()
    }
}
