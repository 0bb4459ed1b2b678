//! The desk with workers played by hand.

use super::super::audience::{HELD, PATIENCE};
use super::*;
use crate::adapter::clock::Clock;
use crate::domain::calendar::Instant;
use crate::domain::rates::{Money, Sums};
use crate::domain::window::Window;
use crate::engine::report::Report;
use crate::engine::shard::Listed;
use crate::engine::survey::listing::{Movement, Query};
use crate::engine::survey::rows::{Order as By, Row, Rows, Why};
use crate::wire::published::Published;
use crate::wire::telemetry::Telemetry;
use crossbeam_channel::unbounded;
use tokio::sync::oneshot;

const NOW: Instant = Instant(1_789_027_200_000);

/// A desk before two workers with a partition each, and what it tells the conductor.
fn desk(shown: bool) -> (Desk, Receiver<Control>) {
    let (published, telemetry) = (Arc::new(Published::new()), Arc::new(Telemetry::new("s", "u", "r")));
    if shown {
        let (currency, time_zone) = ("USD".to_owned(), "UTC".to_owned());
        let report = Report { as_of: NOW, currency, time_zone, mrr: 0, usage_today: None, windows: vec![] };
        published.publish(View { report, live_partitions: 2, owns_all: true, segment_windows: Arc::new([]) });
    }
    let shared = Shared {
        clock: Clock::wall(),
        published,
        telemetry,
        boards: Arc::default(),
        memo: Arc::default(),
        tick: Duration::from_secs(1),
        plans: Arc::default(),
    };
    let (control, told) = unbounded();
    let zone = Zone::named("UTC").expect("a zone");
    (Desk::new(control, shared, (2, zone), unbounded().1), told)
}

type Answers = oneshot::Receiver<Result<Answer, Refusal>>;

fn ask(desk: &mut Desk, asked: Asked) -> Answers {
    let (reply, answer) = oneshot::channel();
    desk.hear(asked, reply);
    desk.tidy(Moment::now());
    answer
}

fn listing(limit: usize) -> Asked {
    let window = Window::parse("last_month").expect("a window");
    let query = Query { window, movement: Movement::New, segment: None, order: By::Amount, most: 100 };
    Asked::Listing { question: Question::Moved(query), limit }
}

fn order(told: &Receiver<Control>) -> Order {
    match told.try_recv() {
        Ok(Control::Survey(order)) => order,
        _ => panic!("no survey is asked for"),
    }
}

/// What a worker found in its partition: these amounts, of which the totals knew the sum.
fn part(partition: i32, as_of: Instant, amounts: &[i128], known: i128) -> Reply {
    let mut rows = Rows::new(By::Amount, 100);
    for (number, amount) in amounts.iter().enumerate() {
        let why = Why::Moved { movement: Movement::New, opening: 0, closing: *amount };
        rows.push(Row { customer_id: format!("{partition}-{number}").into(), amount: *amount, why });
    }
    let mut sums = Sums { money: Money { new: known, ..Money::default() }, ..Sums::default() };
    sums.customers.new = amounts.len() as i64;
    let listed = Listed { opening_edge: Instant(1), closing_edge: Instant(2), sums };
    let counted = Counted { partition, as_of, offsets: vec![("s".into(), 7 + i64::from(partition))], listed: Some(listed) };
    Reply::Part(Part { counted: vec![counted], found: Some(Found::Customers(rows)) })
}

fn reply(desk: &mut Desk, order: &Order, replies: impl IntoIterator<Item = Reply>) {
    replies.into_iter().for_each(|reply| desk.note(Event { ticket: order.ticket, reply }));
}

fn page(mut answer: Answers) -> Page {
    match answer.try_recv() {
        Ok(Ok(Answer::Page(page))) => page,
        other => panic!("no page: {other:?}"),
    }
}

fn refused(mut answer: Answers) -> Reason {
    match answer.try_recv() {
        Ok(Err(refusal)) => refusal.reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn what_all_workers_found_is_one_listing_that_can_be_paged() {
    let (mut desk, told) = desk(true);
    let answer = ask(&mut desk, listing(2));
    let order = order(&told);
    reply(&mut desk, &order, [part(1, NOW, &[3, 9], 12), part(0, NOW, &[5], 5)]);
    let first = page(answer);
    assert_eq!(first.rows().iter().map(|row| row.amount).collect::<Vec<_>>(), [9, 5]);
    assert_eq!(first.listing.total, Tally { customers: 3, amount: 17 });
    assert_eq!(first.listing.version.offsets["s"], BTreeMap::from([(0, 7), (1, 8)]));
    let cursor = first.next().expect("a further page");
    let last = ask(&mut desk, Asked::Page { cursor, question: None, limit: 2 });
    assert_eq!(page(last).rows()[0].amount, 3);
    assert!(told.try_recv().is_err(), "pages ask nobody");
    let of_another = Asked::Page { cursor, question: Some(Question::Likely(By::Amount)), limit: 2 };
    assert_eq!(refused(ask(&mut desk, of_another)), Reason::Wrong);
    desk.tidy(Moment::now() + Duration::from_secs(3_600));
    assert_eq!(refused(ask(&mut desk, Asked::Page { cursor, question: None, limit: 2 })), Reason::Gone);
}

#[test]
fn what_does_not_add_up_is_not_shown() {
    let (mut desk, told) = desk(true);
    let answer = ask(&mut desk, listing(2));
    let order = order(&told);
    reply(&mut desk, &order, [part(1, NOW, &[3, 9], 12), part(0, NOW, &[5], 6)]);
    assert_eq!(refused(answer), Reason::Internal);
    assert_eq!(desk.shared.telemetry.invariant_violations.get(), 1);
}

#[test]
fn what_is_not_of_one_instant_or_not_whole_is_not_shown() {
    for replies in [
        vec![part(0, NOW, &[], 0), part(1, Instant(NOW.0 + 1), &[], 0)],
        vec![part(0, NOW, &[], 0), Reply::Part(Part::default())],
        vec![Reply::Unanswered(Unanswered::Moved)],
        vec![part(0, NOW, &[], 0), Reply::Unanswered(Unanswered::Unknown)],
    ] {
        let (mut desk, told) = desk(true);
        let answer = ask(&mut desk, listing(2));
        let order = order(&told);
        reply(&mut desk, &order, replies);
        assert_eq!(refused(answer), Reason::Unavailable);
    }
}

#[test]
fn one_after_another_and_not_forever() {
    let (mut desk, told) = desk(true);
    let first = ask(&mut desk, listing(2));
    let asked = order(&told);
    let (second, third) = (ask(&mut desk, listing(2)), ask(&mut desk, listing(2)));
    assert!(told.try_recv().is_err(), "one at a time");
    // Who gives up makes room for the next.
    drop(first);
    desk.tidy(Moment::now());
    let next = order(&told);
    reply(&mut desk, &asked, [part(0, NOW, &[1], 1), part(1, NOW, &[], 0)]);
    reply(&mut desk, &next, [part(0, NOW, &[2], 2), part(1, NOW, &[], 0)]);
    assert_eq!(page(second).rows()[0].amount, 2, "an answer that comes late is nobody's");
    desk.tidy(Moment::now());
    let _third = order(&told);
    let fourth = ask(&mut desk, listing(2));
    desk.tidy(Moment::now() + TURN);
    assert_eq!(refused(fourth), Reason::Busy);
    let waiting: Vec<Answers> = (0..=QUEUE).map(|_| ask(&mut desk, listing(2))).collect();
    assert_eq!(waiting.into_iter().next_back().map(refused), Some(Reason::Busy));
    desk.tidy(Moment::now() + SURVEY_DEADLINE);
    assert_eq!(refused(third), Reason::Unavailable);
}

#[test]
fn a_look_that_takes_longer_than_anybody_waits_goes_on_and_is_had_on_the_next_try() {
    let (mut desk, told) = desk(true);
    let first = ask(&mut desk, listing(1));
    let order = order(&told);
    desk.tidy(Moment::now() + PATIENCE);
    assert_eq!(refused(first), Reason::Unavailable, "told to ask again");
    let second = ask(&mut desk, listing(2));
    let other = ask(&mut desk, Asked::Listing { question: Question::Likely(By::Amount), limit: 1 });
    assert!(told.try_recv().is_err(), "the look goes on, and nothing else is begun");
    reply(&mut desk, &order, [part(1, NOW, &[3, 9], 12), part(0, NOW, &[5], 5)]);
    let joined = page(second);
    assert_eq!(joined.rows().iter().map(|row| row.amount).collect::<Vec<_>>(), [9, 5]);
    let third = page(ask(&mut desk, listing(1)));
    assert_eq!((third.rows()[0].amount, third.listing.id), (9, joined.listing.id), "it is there for a while");
    let cursor = third.next().expect("a further page");
    assert_eq!(page(ask(&mut desk, Asked::Page { cursor, question: None, limit: 1 })).rows()[0].amount, 5);
    assert!(matches!(told.try_recv(), Ok(Control::Survey(order)) if order.question == Question::Likely(By::Amount)));
    assert!(told.try_recv().is_err(), "and nobody was asked for it once more");
    drop(other);
}

#[test]
fn a_look_that_nobody_comes_back_for_makes_way() {
    let (mut desk, told) = desk(true);
    let first = ask(&mut desk, listing(1));
    let _first = (order(&told), first);
    let start = Moment::now();
    desk.tidy(start + PATIENCE);
    desk.tidy(start + PATIENCE + HELD);
    assert!(desk.survey.is_some(), "it is in nobody's way");
    let other = ask(&mut desk, Asked::Listing { question: Question::Likely(By::Amount), limit: 1 });
    assert!(told.try_recv().is_err());
    desk.tidy(start + PATIENCE + HELD);
    assert!(matches!(told.try_recv(), Ok(Control::Survey(order)) if order.question == Question::Likely(By::Amount)));
    drop(other);
}

#[test]
fn a_listing_that_comes_in_time_is_made_anew_for_the_next() {
    let (mut desk, told) = desk(true);
    let first = ask(&mut desk, listing(1));
    let asked = order(&told);
    reply(&mut desk, &asked, [part(1, NOW, &[3, 9], 12), part(0, NOW, &[5], 5)]);
    page(first);
    let _second = ask(&mut desk, listing(1));
    order(&told);
}

fn history() -> Asked {
    Asked::History { every: Period::Month, limit: 2 }
}

/// A worker's answer to it.
fn no_periods(partition: i32) -> Reply {
    let counted = Counted { partition, as_of: NOW, offsets: vec![], listed: None };
    Reply::Part(Part { counted: vec![counted], found: Some(Found::Periods(vec![])) })
}

#[test]
fn a_history_on_the_shelf_waits_for_nobody() {
    let (mut desk, told) = desk(true);
    let _first = ask(&mut desk, history());
    let asked = order(&told);
    reply(&mut desk, &asked, [no_periods(0), no_periods(1)]);
    let _listing = ask(&mut desk, listing(1));
    order(&told);
    assert!(matches!(ask(&mut desk, history()).try_recv(), Ok(Ok(Answer::History(_)))), "while a listing is made");
}

#[test]
fn before_there_is_a_view_nobody_is_asked() {
    let (mut desk, told) = desk(false);
    for asked in [listing(2), history(), Asked::Customer("a".to_owned())] {
        assert_eq!(refused(ask(&mut desk, asked)), Reason::Unavailable);
    }
    assert!(told.try_recv().is_err());
}

#[test]
fn a_history_is_made_once_a_while() {
    let (mut desk, told) = desk(true);
    let first = ask(&mut desk, history());
    let order = order(&told);
    reply(&mut desk, &order, [no_periods(0), no_periods(1)]);
    let second = ask(&mut desk, history());
    assert!(told.try_recv().is_err(), "the second is on the shelf");
    for mut answer in [first, second] {
        let Ok(Ok(Answer::History(history))) = answer.try_recv() else { panic!("no history") };
        assert_eq!((history.as_of, history.periods.len()), (NOW, 0));
    }
    desk.shared.plans.fetch_add(1, Relaxed);
    let _third = ask(&mut desk, history());
    assert!(matches!(told.try_recv(), Ok(Control::Survey(_))), "another configuration is another history");
}

fn top(limit: usize) -> Asked {
    let Asked::Listing { question, .. } = listing(0) else { unreachable!("a listing is one") };
    Asked::Top { question, limit }
}

#[test]
fn however_many_look_at_the_first_rows_one_look_answers_them() {
    let (mut desk, told) = desk(true);
    let paged = ask(&mut desk, listing(1));
    let asked = order(&told);
    reply(&mut desk, &asked, [part(0, NOW, &[5, 4], 9), part(1, NOW, &[], 0)]);
    let cursor = page(paged).next().expect("a further page");
    let first = ask(&mut desk, top(2));
    let asked = order(&told);
    let (second, other) = (ask(&mut desk, top(1)), ask(&mut desk, listing(2)));
    desk.tidy(Moment::now() + TURN);
    assert_eq!(refused(other), Reason::Busy, "who wants a listing of their own");
    reply(&mut desk, &asked, [part(1, NOW, &[3, 9], 12), part(0, NOW, &[5], 5)]);
    desk.tidy(Moment::now());
    let third = ask(&mut desk, top(3));
    assert!(told.try_recv().is_err(), "all of them are answered by the look that was under way");
    for (answer, amounts, beyond) in [(first, &[9, 5][..], 3), (second, &[9], 8), (third, &[9, 5, 3], 0)] {
        let page = page(answer);
        assert_eq!(page.rows().iter().map(|row| row.amount).collect::<Vec<_>>(), amounts);
        assert_eq!((page.listing.total.amount, page.listing.beyond().amount, page.next()), (17, beyond, None));
    }
    desk.shared.plans.fetch_add(1, Relaxed);
    drop(ask(&mut desk, top(1)));
    desk.tidy(Moment::now());
    let asked = order(&told);
    reply(&mut desk, &asked, [part(1, NOW, &[7], 7), part(0, NOW, &[], 0)]);
    let late = ask(&mut desk, top(1));
    assert_eq!(page(late).rows()[0].amount, 7, "what is begun for all is finished, although who asked first has gone");
    let turned = ask(&mut desk, Asked::Page { cursor, question: None, limit: 1 });
    assert_eq!(page(turned).rows()[0].amount, 4, "nobody's pages are taken away");
    let _listing = ask(&mut desk, listing(2));
    assert!(matches!(told.try_recv(), Ok(Control::Survey(_))), "who wants a listing gets one of now");
}

#[test]
fn a_customer_that_nobody_has_is_not_found_once_all_have_said_so() {
    let (mut desk, told) = desk(true);
    let mut answer = ask(&mut desk, Asked::Customer("a".to_owned()));
    let Ok(Control::Sight { ticket, customer_id, .. }) = told.try_recv() else { panic!("nobody is asked") };
    assert_eq!(&*customer_id, "a");
    let nothing = || Event { ticket, reply: Reply::Sighting(Box::new(Sighting { partitions: 1, found: None })) };
    desk.note(nothing());
    assert!(answer.try_recv().is_err());
    desk.note(nothing());
    assert_eq!(refused(answer), Reason::NotFound);
    let late = ask(&mut desk, Asked::Customer("b".to_owned()));
    desk.tidy(Moment::now() + SIGHT_DEADLINE);
    assert_eq!(refused(late), Reason::Unavailable);
}

#[test]
fn a_customer_is_not_waited_for_once_partitions_are_given_up() {
    let (mut desk, told) = desk(true);
    let answer = ask(&mut desk, Asked::Customer("a".to_owned()));
    let Ok(Control::Sight { ticket, .. }) = told.try_recv() else { panic!("nobody is asked") };
    desk.shared.published.withdraw();
    desk.note(Event { ticket, reply: Reply::Sighting(Box::new(Sighting { partitions: 1, found: None })) });
    assert_eq!(refused(answer), Reason::Unavailable);
    assert!(desk.sights.is_empty(), "the answers of the others are nobody's");
}
