//! What a lane takes from its feed, and what holds it up.

use super::*;
use crate::service::ledger::tests::{World, message, usage, world};
use TopicKind::{Retries, Subscriptions, Usage};
use std::cell::RefCell;
use std::collections::VecDeque;

/// A feed that offers what it was given.
#[derive(Default)]
struct Queue {
    offers: RefCell<VecDeque<Offer<OwnedMessage>>>,
    position: Option<i64>,
}

impl Feed for Queue {
    type Fetched<'f> = OwnedMessage;

    fn poll(&self) -> Offer<OwnedMessage> {
        self.offers.borrow_mut().pop_front().unwrap_or(Offer::Empty)
    }

    fn position(&mut self) -> Option<i64> {
        self.position
    }
}

fn lane(topic: TopicKind, offers: impl IntoIterator<Item = Offer<OwnedMessage>>) -> Lane<Queue> {
    Lane::new(topic, Queue { offers: RefCell::new(offers.into_iter().collect()), position: None })
}

fn event(offset: i64) -> Offer<OwnedMessage> {
    Offer::Record(message(offset, &usage(&format!("e{offset}"), "USD"), None))
}

fn board() -> Board {
    Board::new(3, 3)
}

/// A world in which the schema of usage is known.
fn settled() -> World {
    let mut world = world();
    let _ = lane(Usage, [event(0)]).take_in(&board(), &mut world.ledger, &mut world.around);
    assert!(world.answer());
    world
}

/// How many were taken, and the sentence of a stall or stop, or "wait".
fn take_in(lane: &mut Lane<Queue>, board: &Board, world: &mut World) -> (usize, Option<String>) {
    let (taken, halt) = lane.take_in(board, &mut world.ledger, &mut world.around);
    let sentence = halt.map(|halt| match halt {
        Halt::Wait => "wait".to_owned(),
        Halt::Stall(stall) => stall.sentence().to_owned(),
        Halt::Stop(reason, detail) => format!("{}: {detail}", reason.as_str()),
        Halt::Misplaced(_) => "misplaced".to_owned(),
    });
    (taken, sentence)
}

#[test]
fn a_record_that_cannot_be_judged_is_held_and_a_batch_follows_it() {
    let (mut world, board) = (world(), board());
    let mut lane = lane(Usage, (0..1100).map(event));
    let (taken, halt) = take_in(&mut lane, &board, &mut world);
    assert!(taken == 0 && halt.is_some(), "its schema is not known");
    lane.feed().position = Some(7);
    lane.pass_control_records(&board, &mut world.ledger);
    assert_eq!((world.ledger.next(Usage), lane.feed().offers.borrow().len()), (0, 1100 - GROUP));
    assert_eq!(take_in(&mut lane, &board, &mut world).0, 0, "nor is it now");

    assert!(world.answer());
    for (taken, next) in [(BATCH, 500), (BATCH, 1000), (100, 1100), (0, 1100)] {
        assert_eq!(take_in(&mut lane, &board, &mut world), (taken, None));
        assert_eq!(world.ledger.next(Usage), next);
    }
    assert_eq!(world.around.telemetry.topic(Usage).applied.get(), 1100);
}

#[test]
fn records_before_the_next_offset_are_in_the_state_already() {
    let (mut world, board) = (settled(), board());
    world.ledger.pass(Usage, 5);
    assert_eq!(take_in(&mut lane(Usage, (3..7).map(event)), &board, &mut world), (4, None));
    assert_eq!((world.ledger.next(Usage), world.around.telemetry.topic(Usage).applied.get()), (7, 2));
}

#[test]
fn a_log_that_cannot_be_gone_on_with_stops_the_partition() {
    for (offer, words) in [
        (Offer::Truncated, ["log_truncated: u no longer holds offset 6", "--rebuild"]),
        (
            Offer::Unreadable("bad checksum".into()),
            ["unreadable_log: u cannot be read from offset 6 on (bad checksum)", "replica"],
        ),
    ] {
        let (mut world, board) = (settled(), board());
        world.ledger.pass(Usage, 5);
        let (taken, halt) = take_in(&mut lane(Usage, [event(5), offer, event(6)]), &board, &mut world);
        let sentence = halt.expect("it stops");
        assert!(taken == 1 && sentence.starts_with(words[0]) && sentence.contains(words[1]), "{taken}, {sentence}");
    }
}

#[test]
fn trouble_is_told_until_records_come_or_there_are_none() {
    let trouble = || Offer::Troubled("no leader".to_owned());
    let told = (0, Some("no leader".to_owned()));
    let (mut world, board) = (settled(), board());
    let mut lane = lane(Usage, [trouble()]);
    assert_eq!(take_in(&mut lane, &board, &mut world), told);
    assert_eq!(take_in(&mut lane, &board, &mut world), told, "nothing has come");
    lane.feed().offers.get_mut().extend([trouble(), event(0)]);
    assert_eq!(take_in(&mut lane, &board, &mut world), (1, None));

    board.set_position(Usage, 1, 1);
    board.saw_end(Usage, 2);
    lane.feed().offers.get_mut().push_back(trouble());
    assert_eq!(take_in(&mut lane, &board, &mut world), told);
    board.saw_end(Usage, 1);
    assert_eq!(take_in(&mut lane, &board, &mut world), (0, None), "nothing is missing");
}

#[test]
fn control_records_are_passed_while_there_is_something_to_pass() {
    for (end, next) in [(None, 9), (Some(12), 9), (Some(4), 4)] {
        let (mut world, board) = (world(), board());
        world.ledger.pass(Usage, 4);
        board.set_position(Usage, 4, 4);
        end.iter().for_each(|end| board.saw_end(Usage, *end));
        let mut lane = lane(Usage, []);
        lane.feed().position = Some(9);
        lane.pass_control_records(&board, &mut world.ledger);
        assert_eq!(world.ledger.next(Usage), next, "the log ends at {end:?}");
    }
}

#[test]
fn a_retry_of_what_is_behind_the_end_is_judged_by_a_look_that_began_after_it() {
    let (mut world, board) = (world(), board());
    let wait = (0, Some("wait".to_owned()));
    for topic in [Subscriptions, Usage] {
        board.saw_end(topic, 0);
        board.saw_end(topic, 0);
    }
    let mut lane = lane(Retries, [Offer::Record(message(0, &usage("e", "USD"), Some("u/id-u/3/9")))]);
    for _ in 0..2 {
        assert_eq!(take_in(&mut lane, &board, &mut world), wait, "it may have come since the last look");
    }
    board.saw_end(Usage, 0);
    assert_eq!(take_in(&mut lane, &board, &mut world), wait, "that look may have begun before it came");
    board.saw_end(Usage, 0);
    assert_eq!(take_in(&mut lane, &board, &mut world), (1, None));
    assert_eq!(world.around.telemetry.topic(Retries).unknown_origin.get(), 1);
}
