//! What an answer leads to, and that no sentence about it holds a secret.

use crate::fixture::{CANARY, NOW, client, figures, notice, receiver};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;
use upswell::adapter::notify::{Authorization, Receiver, To};
use upswell_testkit::{Inbox, Reply};

#[test]
fn an_answer_decides_whether_it_is_tried_again() {
    let inbox = Inbox::open();
    let (client, counts) = client(receiver(To::Webhook(inbox.url())));
    let cases = [
        (429, "Retry-After: 17\r\n", true, Some(17)),
        (429, "", true, None),
        (503, "Retry-After: Thu, 10 Sep 2026 08:00:09 GMT\r\n", true, Some(9)),
        (500, "Retry-After: 86400\r\n", true, Some(300)),
        (400, "Retry-After: 17\r\n", false, None),
        (404, "", false, None),
        (302, "Location: http://localhost:1/\r\n", false, None),
    ];
    for (status, headers, transient, seconds) in cases {
        inbox.reply(Reply::Answer(status, headers.to_owned(), String::new()));
        let failure = client.deliver(&[notice("A")], NOW).expect_err("no success");
        assert_eq!((failure.transient, failure.retry_after), (transient, seconds.map(Duration::from_secs)), "{failure:?}");
    }
    assert_eq!(figures(&counts), [7, 7, 0, 7]);
    assert_eq!(inbox.requests().len(), cases.len(), "one call each, and no redirect is followed");
    for status in [200, 201, 202, 204] {
        inbox.reply(Reply::status(status));
        client.deliver(&[notice("A")], NOW).expect("taken");
    }
}

#[test]
fn pagerduty_stops_at_the_first_event_that_is_not_taken() {
    let inbox = Inbox::open();
    let (client, _) = client(receiver(To::PagerDuty { url: inbox.url(), routing_key: "k".to_owned() }));
    inbox.reply(Reply::status(202));
    inbox.reply(Reply::status(429));
    let failure = client.deliver(&[notice("A"), notice("B"), notice("C")], NOW).expect_err("not all are taken");
    assert!(failure.transient);
    assert_eq!(inbox.requests().len(), 2);
}

#[test]
fn what_a_server_says_is_repeated_without_our_secrets() {
    let inbox = Inbox::open();
    let places = [
        To::Slack(format!("{}/services/{CANARY}", inbox.url())),
        To::Webhook(format!("{}/?token={CANARY}", inbox.url())),
        To::PagerDuty { url: inbox.url(), routing_key: CANARY.to_owned() },
        To::Alertmanager(vec![inbox.url()]),
    ];
    for to in places {
        let authorizations = [
            Authorization::Basic { user: "u".to_owned(), password: CANARY.to_owned() },
            Authorization::Bearer(CANARY.to_owned()),
        ];
        for authorization in authorizations {
            let is_basic = matches!(authorization, Authorization::Basic { .. });
            let receiver = Receiver { authorization: Some(authorization), ..receiver(to.clone()) };
            assert!(!format!("{receiver:?}").contains(CANARY));
            let (client, _) = client(receiver);
            assert!(!client.shown().contains(CANARY));
            for status in [301, 400, 401, 404, 429, 500] {
                let said =
                    format!("no\u{1b}[2J {CANARY} {}/services/{CANARY} {}", inbox.url(), STANDARD.encode(format!("u:{CANARY}")));
                inbox.reply(Reply::Answer(status, String::new(), said));
                let sentence = client.deliver(&[notice("A")], NOW).expect_err("no success").sentence;
                assert!(!sentence.contains(CANARY) && !sentence.contains('\u{1b}'), "{sentence}");
                assert!(!is_basic || !sentence.contains("dTpjYW5h"), "{sentence}");
            }
        }
    }
}
