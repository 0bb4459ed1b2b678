//! The restorers: threads that find out what an assigned partition begins with, and take its sources there.
//!
//! Everything that may pass (a store or brokers that are away) is waited for, for as long as the partition is ours.

use super::archivist::{FIRST_PAUSE, LAST_PAUSE};
use super::beginning::{Beginning, Beginnings, Held, Hindrance, Ids, Logs};
use super::board::{Board, Stall};
use super::ledger::TopicName;
use super::{Control, Failure, spawn};
use crate::adapter::kafka::bounds::{Bound, Bounds};
use crate::adapter::kafka::consumer::Source;
use crate::engine::plan::Plan;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::sync::Arc;

/// A partition to begin.
pub struct Request {
    pub board: Arc<Board>,
    pub sources: Vec<Source>,
    pub plan: Arc<Plan>,
    /// The state that is still in memory.
    pub held: Option<Held>,
}

/// What came of a request.
pub struct Restored {
    pub board: Arc<Board>,
    /// At the positions of the beginning.
    pub sources: Vec<Source>,
    /// `None` if the partition was stopped or is no longer ours.
    pub beginning: Option<Beginning>,
}

/// One thread.
struct Restorer {
    beginnings: Arc<Beginnings>,
    control: Sender<Control>,
}

/// Starts so many threads, at least one; answers go where they are told to.
///
/// # Errors
/// The system has no thread to give.
pub fn hire(
    beginnings: Beginnings,
    threads: usize,
    restored: &Sender<Restored>,
    control: &Sender<Control>,
) -> Result<Sender<Request>, Failure> {
    let (give, requests): (_, Receiver<Request>) = unbounded();
    let beginnings = Arc::new(beginnings);
    for number in 0..threads.max(1) {
        let restorer = Restorer { beginnings: beginnings.clone(), control: control.clone() };
        let (requests, restored) = (requests.clone(), restored.clone());
        let work = move || {
            // Nobody listens only when the service is ending.
            requests.iter().for_each(|request| drop(restored.send(restorer.see_through(request))));
        };
        spawn(&format!("restorer-{number}"), control.clone(), work)?;
    }
    Ok(give)
}

impl Restorer {
    /// Tries until there is an answer.
    fn see_through(&self, request: Request) -> Restored {
        let Request { board, sources, plan, held } = request;
        let (mut pause, mut tries) = (FIRST_PAUSE, 0);
        let mut beginning = None;
        while beginning.is_none() && !board.is_given_up() && board.stopped().is_none() {
            tries += 1;
            let found = self.beginnings.of(board.partition, &plan, held, tries);
            match found.and_then(|found| seek(&board, &sources, &found).map(|()| found)) {
                Ok(found) => beginning = Some(found),
                Err(Hindrance::Stop(reason, sentence)) => board.stop(reason, sentence),
                Err(Hindrance::Fail(failure)) => {
                    // Nobody listens only when the service is ending.
                    let _ = self.control.send(Control::Failed(failure));
                    break;
                }
                Err(Hindrance::Wait(stall)) => {
                    tracing::warn!(partition = board.partition, "cannot begin yet: {}", stall.sentence());
                    board.set_stall(Some(stall));
                    board.wait(pause);
                    pause = (pause * 2).min(LAST_PAUSE);
                }
            }
        }
        board.set_stall(None);
        // What is of no use is dropped here, where nobody waits for it.
        let beginning = beginning.filter(|_| !board.is_given_up());
        Restored { board, sources, beginning }
    }
}

/// Takes the sources to where the state stands.
fn seek(board: &Board, sources: &[Source], beginning: &Beginning) -> Result<(), Hindrance> {
    for (topic, source) in board.topics().iter().zip(sources) {
        let next = match beginning {
            Beginning::State(state) => state.positions[*topic as usize].map_or(0, |position| position.next),
            Beginning::Held(next) => next[*topic as usize],
        };
        source.begin_at(next).map_err(|error| Hindrance::Wait(Stall::Broker(error.to_string())))?;
    }
    Ok(())
}

impl Logs for Bounds {
    fn starts(&self, topics: &[TopicName], partition: i32) -> Result<Vec<i64>, String> {
        bounds(self, topics, partition, Bound::Start)
    }

    fn ends(&self, topics: &[TopicName], partition: i32) -> Result<Vec<i64>, String> {
        bounds(self, topics, partition, Bound::End)
    }

    fn ids(&self, topics: &[TopicName]) -> Result<Ids, String> {
        let names: Vec<&str> = topics.iter().map(|topic| &*topic.name).collect();
        let found = self.identities(&names).map_err(|error| error.to_string())?;
        Ok(Ids { cluster: found.cluster, topics: found.topics })
    }
}

fn bounds(bounds: &Bounds, topics: &[TopicName], partition: i32, bound: Bound) -> Result<Vec<i64>, String> {
    let places: Vec<(&str, i32)> = topics.iter().map(|topic| (&*topic.name, partition)).collect();
    let answers = bounds.of(&places, bound).map_err(|error| error.to_string())?;
    let known: Option<Vec<i64>> = answers.into_iter().collect();
    known.ok_or_else(|| format!("the brokers did not say where the logs of partition {partition} begin and end"))
}
