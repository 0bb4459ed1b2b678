//! Readiness as a pure function of what the service knows of itself.
//!
//! The first thing that keeps the service from being relied on is named, the worst first: what needs a person, then what needs
//! an outside system, then what only needs time. The gauges are another matter: they stay through an outage.

use super::board::{Board, Stall};
use crate::wire::readiness::{Phase, Readiness};
use std::sync::Arc;

/// Everything readiness depends on once the group has been joined.
pub struct Standing<'s> {
    /// Why the whole intake has stopped, in a sentence.
    pub halted: Option<&'s str>,
    /// Whether the group has assigned partitions (maybe none) since the last time it took all away.
    pub assigned: bool,
    /// The topic that does not exist any more, in a sentence.
    pub gone: Option<&'s str>,
    /// The latest trouble of the client, if it is fresh.
    pub trouble: Option<&'s str>,
    /// Partitions that are not assigned in every topic.
    pub unpaired: &'s [i32],
    /// Partitions that are.
    pub boards: &'s [Arc<Board>],
    /// Whether a view of all assigned partitions has been published.
    pub published: bool,
}

/// The phase, and a sentence for the person who waits.
pub fn assess(standing: &Standing) -> Readiness {
    stopped(standing)
        .or_else(|| unassigned(standing))
        .or_else(|| stalled(standing.boards))
        .or_else(|| restoring(standing.boards))
        .or_else(|| catching_up(standing))
        .unwrap_or_else(|| live(standing))
}

fn stopped(standing: &Standing) -> Option<Readiness> {
    if let Some(sentence) = standing.halted {
        return Some(Readiness::new(Phase::Stopped, sentence));
    }
    let (partition, stopped) = standing.boards.iter().find_map(|board| Some((board.partition, board.stopped()?)))?;
    Some(Readiness::new(Phase::Stopped, format!("Partition {partition} has stopped: {}", stopped.detail)))
}

fn unassigned(standing: &Standing) -> Option<Readiness> {
    let wait = |sentence: String| Some(Readiness::new(Phase::WaitingForAssignment, sentence));
    match (standing.assigned, standing.unpaired) {
        (false, _) => wait(format!("Waiting for the consumer group to assign partitions.{}", said(standing))),
        (true, []) => {
            let gone = standing.gone.filter(|_| standing.boards.is_empty());
            gone.map(|sentence| Readiness::new(Phase::WaitingForTopics, sentence))
        }
        (true, unpaired) => wait(format!(
            "Of partitions {unpaired:?} not every topic's is assigned; waiting for the others. If this lasts, a member of the \
             group subscribes to other topics (an instance started before the retries topic was there: restart it) or does not use the \
             range assignor: give Upswell a kafka.group_id of its own."
        )),
    }
}

fn stalled(boards: &[Arc<Board>]) -> Option<Readiness> {
    let (partition, stall) = boards.iter().find_map(|board| Some((board.partition, board.stall()?)))?;
    let (phase, sentence) = match stall {
        Stall::Registry(sentence) => (Phase::WaitingForRegistry, sentence),
        Stall::DeadLetters(sentence) => (Phase::WaitingForDeadLetters, sentence),
        Stall::Broker(sentence) => (Phase::WaitingForBrokers, sentence),
        Stall::Checkpoints(sentence) => (Phase::WaitingForCheckpoints, sentence),
        Stall::Memory(sentence) => (Phase::MemoryFull, sentence),
    };
    Some(Readiness::new(phase, format!("Partition {partition} waits: {sentence}")))
}

fn restoring(boards: &[Arc<Board>]) -> Option<Readiness> {
    let (waiting, all) = (boards.iter().filter(|board| !board.has_begun()).count(), boards.len());
    (waiting > 0).then(|| Readiness::new(Phase::Restoring, format!("Restoring {waiting} of {all} partitions from checkpoints.")))
}

fn catching_up(standing: &Standing) -> Option<Readiness> {
    let behind: Vec<&Arc<Board>> = standing.boards.iter().filter(|board| !board.is_live() || !board.check_caught_up()).collect();
    if behind.is_empty() {
        let wait = || Readiness::new(Phase::CatchingUp, "All partitions are read; the first view is being computed.");
        return (!standing.published && !standing.boards.is_empty()).then(wait);
    }
    let lags: Option<Vec<u64>> = behind.iter().flat_map(|board| board.topics().iter().map(|topic| board.lag(*topic))).collect();
    let lag = lags.map_or("an unknown number of".to_owned(), |lags| lags.iter().sum::<u64>().to_string());
    let (count, all) = (behind.len(), standing.boards.len());
    Some(Readiness::new(Phase::CatchingUp, format!("Reading {count} of {all} partitions, {lag} records behind.")))
}

fn live(standing: &Standing) -> Readiness {
    let sentence = match standing.boards.len() {
        0 => "No partition is assigned to this instance: the group has more members than partitions.".to_owned(),
        partitions => format!("All {partitions} assigned partitions have caught up."),
    };
    Readiness::new(Phase::Live, sentence + &said(standing))
}

/// What the client says, for whoever wonders why nothing moves.
fn said(standing: &Standing) -> String {
    standing.trouble.map(|trouble| format!(" The Kafka client says: {trouble}.")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::facts::TopicKind::{Subscriptions, Usage};
    use crate::wire::telemetry::StopReason;

    fn begun(partition: i32) -> Board {
        let board = Board::new(partition, 2);
        board.begin();
        [Subscriptions, Usage].into_iter().for_each(|topic| board.set_position(topic, 0, 0));
        board
    }

    fn live_board(partition: i32) -> Arc<Board> {
        let board = begun(partition);
        [Subscriptions, Usage].into_iter().for_each(|topic| board.saw_end(topic, 0));
        board.set_live();
        Arc::new(board)
    }

    fn reading_board(partition: i32, ends: Option<[i64; 2]>) -> Arc<Board> {
        let board = begun(partition);
        for (kind, end) in [Subscriptions, Usage].into_iter().zip(ends.into_iter().flatten()) {
            board.saw_end(kind, end);
        }
        Arc::new(board)
    }

    fn with(change: impl Fn(&Board)) -> Arc<Board> {
        let board = live_board(7);
        change(&board);
        board
    }

    fn standing(boards: &[Arc<Board>]) -> Standing<'_> {
        let (halted, gone, trouble) = (None, None, None);
        Standing { halted, assigned: true, gone, trouble, unpaired: &[], boards, published: true }
    }

    #[test]
    fn the_worst_is_named_first() {
        let live = [live_board(0), live_board(1)];
        let stopped = [live_board(0), with(|board| board.stop(StopReason::LogTruncated, "run --rebuild.".into()))];
        let stall = |stall: Stall| [with(move |board| board.set_stall(Some(stall.clone())))];
        let registry = stall(Stall::Registry("the registry is away.".into()));
        let letters = stall(Stall::DeadLetters("10,000 letters.".into()));
        let broker = stall(Stall::Broker("no leader.".into()));
        let memory = stall(Stall::Memory("no room.".into()));
        let store = stall(Stall::Checkpoints("the bucket is away.".into()));
        let restoring = [live_board(0), Arc::new(Board::new(1, 2))];
        let reading = [live_board(0), reading_board(1, Some([30, 12]))];
        let unknown = [reading_board(1, None)];
        let table: Vec<(Standing, Phase, &str)> = vec![
            (standing(&live), Phase::Live, "All 2 assigned"),
            (standing(&[]), Phase::Live, "No partition is assigned"),
            (Standing { published: false, ..standing(&live) }, Phase::CatchingUp, "first view"),
            (Standing { published: false, ..standing(&[]) }, Phase::Live, "No partition"),
            (Standing { gone: Some("It is gone."), ..standing(&[]) }, Phase::WaitingForTopics, "It is gone."),
            (Standing { gone: Some("It is gone."), ..standing(&live) }, Phase::Live, "All 2 assigned"),
            (standing(&reading), Phase::CatchingUp, "Reading 1 of 2 partitions, 42 records behind."),
            (standing(&restoring), Phase::Restoring, "Restoring 1 of 2 partitions"),
            (standing(&memory), Phase::MemoryFull, "no room."),
            (standing(&store), Phase::WaitingForCheckpoints, "the bucket is away."),
            (standing(&unknown), Phase::CatchingUp, "an unknown number of records"),
            (standing(&registry), Phase::WaitingForRegistry, "Partition 7 waits: the registry is away."),
            (standing(&letters), Phase::WaitingForDeadLetters, "10,000 letters."),
            (standing(&broker), Phase::WaitingForBrokers, "no leader."),
            (Standing { unpaired: &[4], ..standing(&registry) }, Phase::WaitingForAssignment, "Of partitions [4]"),
            (Standing { assigned: false, ..standing(&live) }, Phase::WaitingForAssignment, "assign partitions."),
            (
                Standing { assigned: false, trouble: Some("not authorized"), ..standing(&live) },
                Phase::WaitingForAssignment,
                "not authorized.",
            ),
            (
                Standing { trouble: Some("all brokers down"), ..standing(&live) },
                Phase::Live,
                "caught up. The Kafka client says: all",
            ),
            (standing(&stopped), Phase::Stopped, "Partition 7 has stopped: run --rebuild."),
            (Standing { halted: Some("Mixed."), ..standing(&stopped) }, Phase::Stopped, "Mixed."),
        ];
        for (standing, phase, text) in table {
            let got = assess(&standing);
            assert!(got.phase == phase && got.detail.contains(text), "{phase:?} {text}: {got:?}");
        }
    }
}
