//! Orders, bounds, pauses and deadlines, at moments that are made up.

use super::*;
use crate::domain::calendar;
use std::collections::BTreeMap;

fn notice(number: usize) -> Notice {
    Notice {
        labels: BTreeMap::from([("alertname".to_owned(), number.to_string())]),
        annotations: BTreeMap::new(),
        starts_at: calendar::Instant(0),
        ends_at: None,
        generator_url: String::new(),
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What is to be delivered now.
fn batch(queue: &mut Queue, now: Instant) -> Vec<Waiting> {
    match queue.next(now) {
        (Turn::Deliver(batch), 0) => batch,
        other => panic!("{other:?}"),
    }
}

fn numbers(batch: &[Waiting]) -> Vec<&str> {
    batch.iter().map(|waiting| waiting.notice.name()).collect()
}

#[test]
fn notices_go_out_in_order_and_come_back_to_where_they_were() {
    let (start, mut queue) = (Instant::now(), Queue::new(2));
    assert_eq!(queue.next(start), (Turn::Idle, 0));
    (0..3).for_each(|number| assert_eq!(queue.push(notice(number), start), 0));
    let first = batch(&mut queue, start);
    assert_eq!(numbers(&first), ["0", "1"]);
    assert_eq!(queue.failed(first, start, None, 0.0), 0);
    assert_eq!(queue.next(start), (Turn::Pause(seconds(1)), 0));
    assert_eq!(numbers(&batch(&mut queue, start + seconds(1))), ["0", "1"]);
    queue.settled();
    assert_eq!(numbers(&batch(&mut queue, start + seconds(1))), ["2"]);
    queue.settled();
    assert_eq!(queue.next(start + seconds(1)), (Turn::Idle, 0));
}

#[test]
fn pauses_double_up_to_a_minute_and_begin_anew_after_a_success() {
    for (spread, expected) in [
        (0.0, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 40_000, 40_000]),
        (1.0, [1_500, 3_000, 6_000, 12_000, 24_000, 48_000, 60_000, 60_000]),
    ] {
        let (mut now, mut queue) = (Instant::now(), Queue::new(1));
        queue.push(notice(0), now);
        let mut pause = |queue: &mut Queue| {
            let taken = batch(queue, now);
            queue.failed(taken, now, None, spread);
            let (Turn::Pause(pause), 0) = queue.next(now) else { panic!("no pause") };
            now += pause;
            pause.as_millis()
        };
        assert_eq!(expected.map(|_| pause(&mut queue)), expected);
        queue.settled();
        assert_eq!(pause(&mut queue), expected[0]);
    }
}

#[test]
fn a_pause_that_was_asked_for_is_kept() {
    let (start, mut queue) = (Instant::now(), Queue::new(1));
    queue.push(notice(0), start);
    let taken = batch(&mut queue, start);
    queue.failed(taken, start, Some(seconds(90)), 0.5);
    queue.push(notice(1), start + seconds(5));
    assert_eq!(queue.next(start + seconds(30)), (Turn::Pause(seconds(60)), 0), "what comes later waits too");
    let taken = batch(&mut queue, start + seconds(90));
    queue.failed(taken, start + seconds(90), Some(Duration::ZERO), 0.0);
    assert_eq!(queue.next(start + seconds(90)), (Turn::Pause(seconds(2)), 0), "ours is the least");
}

#[test]
fn the_oldest_are_dropped_when_too_many_wait() {
    let (start, mut queue) = (Instant::now(), Queue::new(1));
    let dropped: usize = (0..MOST_WAITING + 5).map(|number| queue.push(notice(number), start)).sum();
    assert_eq!(dropped, 5);
    let taken = batch(&mut queue, start);
    assert_eq!(numbers(&taken), ["5"]);
    assert_eq!(queue.push(notice(9_999), start), 0, "the one on its way left a place");
    assert_eq!(queue.failed(taken, start, None, 0.0), 1, "which it does not find any more");
    assert_eq!(numbers(&batch(&mut queue, start + seconds(2))), ["6"]);
}

#[test]
fn a_notice_is_tried_for_an_hour() {
    let (start, mut queue) = (Instant::now(), Queue::new(1));
    queue.push(notice(0), start);
    queue.push(notice(1), start + seconds(1));
    let last = start + DEADLINE - seconds(1);
    let taken = batch(&mut queue, last);
    assert_eq!(numbers(&taken), ["0"]);
    queue.failed(taken, last, None, 0.0);
    let (turn, dropped) = queue.next(start + DEADLINE);
    assert!(matches!(&turn, Turn::Deliver(batch) if numbers(batch) == ["1"]), "{turn:?}");
    assert_eq!(dropped, 1);
    let Turn::Deliver(taken) = turn else { panic!("{turn:?}") };
    queue.failed(taken, start + DEADLINE, None, 0.0);
    assert_eq!(queue.next(start + DEADLINE + seconds(1)), (Turn::Idle, 1));
}

#[test]
fn only_the_newest_list_matters() {
    let (start, mut queue) = (Instant::now(), Queue::new(usize::MAX));
    queue.replace((0..MOST_WAITING * 2).map(notice).collect(), start);
    queue.replace(vec![notice(1), notice(2)], start);
    let taken = batch(&mut queue, start);
    assert_eq!(numbers(&taken), ["1", "2"]);
    queue.replace(vec![notice(3)], start);
    assert_eq!(queue.failed(taken, start, None, 0.0), 0);
    assert_eq!(queue.next(start), (Turn::Pause(seconds(1)), 0), "a newer list waits as the older one would have");
    let taken = batch(&mut queue, start + seconds(1));
    assert_eq!(numbers(&taken), ["3"]);
    queue.failed(taken, start + seconds(1), None, 0.0);
    assert_eq!(numbers(&batch(&mut queue, start + seconds(3))), ["3"], "without a newer one it is tried again");
    queue.settled();
    queue.replace(Vec::new(), start);
    assert_eq!(queue.next(start + seconds(3)), (Turn::Idle, 0));
}
