//! Couriers: they try until notices are taken, in order, within bounds, and end when they are told to.

use crate::fixture::{NOW, figures, notice, receiver, resolved, telemetry};
use crossbeam_channel::{Receiver as Channel, RecvTimeoutError};
use std::sync::Arc;
use upswell::adapter::notify::{Courier, Delivered, Receiver, To};
use upswell::wire::notification::Notice;
use upswell::wire::telemetry::ReceiverCounts;
use upswell_testkit::{Inbox, Reply, wait};

struct Hired {
    courier: Courier,
    delivered: Channel<Delivered>,
    counts: Arc<ReceiverCounts>,
}

fn hire(receiver: Receiver) -> Hired {
    let (telemetry, (sender, delivered)) = (telemetry(), crossbeam_channel::unbounded());
    let courier = Courier::hire(receiver, &telemetry, sender, || NOW).expect("settings that can be used");
    let counts = telemetry.notifications.all().pop().expect("counts from the start").1;
    Hired { courier, delivered, counts }
}

fn hook(inbox: &Inbox) -> Receiver {
    receiver(To::Webhook(inbox.url()))
}

impl Hired {
    /// The next that was delivered.
    fn next(&self) -> Delivered {
        self.delivered.recv_timeout(wait::DEADLINE).expect("something is delivered")
    }
}

fn told(notice: &Notice, resolved: bool) -> Delivered {
    Delivered { receiver: Arc::from("oncall"), key: notice.dedup_key(), resolved, taken: true }
}

#[test]
fn notices_are_tried_until_they_are_taken_in_their_order() {
    let inbox = Inbox::open();
    for reply in
        [Reply::status(500), Reply::Answer(429, "Retry-After: 1\r\n".to_owned(), String::new()), Reply::Cut, Reply::status(202)]
    {
        inbox.reply(reply);
    }
    let hired = hire(hook(&inbox));
    assert_eq!(figures(&hired.counts), [0; 4]);
    hired.courier.send(notice("A"));
    hired.courier.send(resolved("A"));
    assert_eq!(hired.next(), told(&notice("A"), false));
    assert_eq!(hired.next(), told(&notice("A"), true));
    let statuses: Vec<_> = inbox.requests().iter().map(|request| request.json()["status"].clone()).collect();
    assert_eq!(statuses, ["firing", "firing", "firing", "firing", "resolved"]);
    assert_eq!(figures(&hired.counts), [5, 3, 0, 5]);
}

#[test]
fn what_is_refused_for_good_is_dropped_and_counted_and_the_next_goes_out() {
    let inbox = Inbox::open();
    inbox.reply(Reply::status(400));
    let hired = hire(hook(&inbox));
    hired.courier.send(notice("A"));
    hired.courier.send(notice("B"));
    assert_eq!(hired.next(), Delivered { taken: false, ..told(&notice("A"), false) }, "whoever sent it hears of that");
    assert_eq!(hired.next(), told(&notice("B"), false));
    assert_eq!(figures(&hired.counts), [2, 1, 1, 2]);
}

#[test]
fn a_receiver_is_told_what_it_wants_to_hear() {
    let inbox = Inbox::open();
    let severities = vec!["critical".to_owned()];
    let hired = hire(Receiver { send_resolved: false, severities, ..hook(&inbox) });
    let mut mild = notice("mild");
    mild.labels.insert("severity".to_owned(), "warning".to_owned());
    hired.courier.send(mild);
    hired.courier.send(resolved("A"));
    hired.courier.send(notice("B"));
    assert_eq!(hired.next(), told(&notice("B"), false));
    assert_eq!(inbox.requests().len(), 1);
}

#[test]
fn the_oldest_of_too_many_are_dropped_and_counted() {
    let inbox = Inbox::open();
    inbox.reply(Reply::Held(200));
    let hired = hire(hook(&inbox));
    hired.courier.send(notice("first"));
    inbox.wait(1);
    (0..1_003).for_each(|number| hired.courier.send(notice(&number.to_string())));
    assert_eq!(hired.counts.dropped.get(), 3);
    inbox.let_go();
    assert_eq!(hired.next(), told(&notice("first"), false));
    for number in 3..1_003 {
        assert_eq!(hired.next(), told(&notice(&number.to_string()), false), "in order");
    }
    assert_eq!(figures(&hired.counts), [1_001, 0, 3, 1_001]);
}

#[test]
fn a_chat_is_told_of_several_alerts_in_one_message() {
    let inbox = Inbox::open();
    inbox.reply(Reply::Held(200));
    let hired = hire(receiver(To::Slack(inbox.url())));
    hired.courier.send(notice("first"));
    inbox.wait(1);
    (0..12).for_each(|number| hired.courier.send(notice(&number.to_string())));
    inbox.let_go();
    (0..13).for_each(|_| drop(hired.next()));
    let sizes: Vec<_> = inbox.requests().iter().map(|request| request.json()["attachments"].as_array().map(Vec::len)).collect();
    assert_eq!(sizes, [Some(1), Some(10), Some(2)]);
}

#[test]
fn of_lists_only_the_newest_is_told() {
    let inbox = Inbox::open();
    inbox.reply(Reply::Held(500));
    let hired = hire(Receiver { send_resolved: false, ..receiver(To::Alertmanager(vec![inbox.url()])) });
    hired.courier.send_all(vec![notice("A")]);
    inbox.wait(1);
    (0..5_000).for_each(|_| hired.courier.send_all(vec![notice("B")]));
    hired.courier.send_all(vec![notice("B"), resolved("C")]);
    inbox.let_go();
    assert_eq!(hired.next(), told(&notice("B"), false));
    assert_eq!(hired.next(), told(&notice("C"), true), "an Alertmanager is always told that an alert has ended");
    let names: Vec<_> = inbox.requests().iter().map(|request| request.json()[0]["labels"]["alertname"].clone()).collect();
    assert_eq!((names, figures(&hired.counts)), (vec!["A".into(), "B".into()], [2, 1, 0, 2]));
    hired.courier.send_all(Vec::new());
    hired.courier.send_all(vec![notice("D")]);
    assert_eq!(hired.next(), told(&notice("D"), false));
    assert_eq!(inbox.requests().len(), 3, "an empty list is not told");
}

#[test]
fn a_courier_that_is_let_go_tries_nothing_more_whatever_hangs() {
    let inbox = Inbox::open();
    inbox.reply(Reply::Held(500));
    let hired = hire(hook(&inbox));
    hired.courier.send(notice("A"));
    hired.courier.send(notice("B"));
    inbox.wait(1);
    drop(hired.courier); // returns although the call hangs
    assert_eq!(hired.delivered.try_recv().ok(), None);
    inbox.let_go();
    assert_eq!(hired.delivered.recv_timeout(wait::DEADLINE), Err(RecvTimeoutError::Disconnected), "the thread has ended");
    assert_eq!(inbox.requests().len(), 1);
}

#[test]
fn a_courier_that_pauses_ends_at_once() {
    let inbox = Inbox::open();
    inbox.reply(Reply::Answer(429, "Retry-After: 300\r\n".to_owned(), String::new()));
    let hired = hire(hook(&inbox));
    hired.courier.send(notice("A"));
    wait::holds("the failure is counted", || hired.counts.failures.get() == 1);
    drop(hired.courier);
    assert_eq!(hired.delivered.recv_timeout(wait::DEADLINE), Err(RecvTimeoutError::Disconnected));
}
