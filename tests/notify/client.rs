//! What each kind of receiver is sent: method, path, headers, and the body its documentation asks for.

use crate::fixture::{CANARY, NOW, client, figures, notice, receiver, resolved};
use serde_json::json;
use upswell::adapter::notify::{Authorization, Receiver, To};
use upswell_testkit::{Inbox, Reply};

#[test]
fn alertmanager_is_posted_a_list_to_its_second_api() {
    let inbox = Inbox::open();
    let (client, _) = client(receiver(To::Alertmanager(vec![format!("{}/prefix", inbox.url())])));
    client.deliver(&[notice("A"), resolved("B")], NOW).expect("taken");
    let [request] = &inbox.requests()[..] else { panic!("one request") };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/prefix/api/v2/alerts"));
    assert_eq!((request.header("content-type"), request.header("authorization")), ("application/json", ""));
    assert!(request.header("user-agent").starts_with("upswell/"), "{request:?}");
    let body = request.json();
    assert_eq!((&body[0]["labels"]["alertname"], &body[0]["endsAt"]), (&json!("A"), &json!("2026-09-10T08:04:00Z")));
    assert_eq!((&body[1]["labels"]["alertname"], &body[1]["endsAt"]), (&json!("B"), &json!("2026-09-10T08:01:00Z")));
    for alert in body.as_array().expect("a list") {
        assert!(["annotations", "labels", "startsAt", "endsAt", "generatorURL"].iter().all(|key| alert.get(key).is_some()));
        assert_eq!(alert.as_object().map(serde_json::Map::len), Some(5), "nothing else: {alert}");
    }
}

#[test]
fn a_long_list_goes_to_alertmanager_in_parts() {
    let inbox = Inbox::open();
    let (client, counts) = client(receiver(To::Alertmanager(vec![inbox.url()])));
    let notices: Vec<_> = (0..300).map(|number| notice(&number.to_string())).collect();
    client.deliver(&notices, NOW).expect("taken");
    let told: Vec<_> = inbox.requests().iter().map(|request| request.json().as_array().map(Vec::len)).collect();
    assert_eq!((told, figures(&counts)), (vec![Some(256), Some(44)], [2, 0, 0, 2]));
}

#[test]
fn every_alertmanager_is_told_and_one_that_takes_it_is_enough() {
    let (first, second) = (Inbox::open(), Inbox::open());
    let (client, counts) = client(receiver(To::Alertmanager(vec![first.url(), second.url()])));
    client.deliver(&[notice("A")], NOW).expect("taken");
    assert_eq!((first.requests().len(), second.requests().len(), figures(&counts)), (1, 1, [2, 0, 0, 2]));
    first.reply(Reply::status(500));
    client.deliver(&[notice("A")], NOW).expect("taken by the other");
    assert_eq!((first.requests().len(), second.requests().len(), figures(&counts)), (2, 2, [4, 1, 0, 4]));
    first.reply(Reply::status(500));
    second.reply(Reply::status(400));
    let failure = client.deliver(&[notice("A")], NOW).expect_err("taken by none");
    assert!(failure.transient && failure.sentence.contains("500") && failure.sentence.contains("400"), "{failure:?}");
    assert_eq!(figures(&counts), [6, 3, 0, 6]);
}

#[test]
fn an_alertmanager_that_hangs_does_not_keep_the_others_from_being_told() {
    let (first, second) = (Inbox::open(), Inbox::open());
    first.reply(Reply::Held(200));
    let (client, _) = client(receiver(To::Alertmanager(vec![first.url(), second.url()])));
    std::thread::scope(|scope| {
        let call = scope.spawn(|| client.deliver(&[notice("A")], NOW));
        second.wait(1);
        first.let_go();
        call.join().expect("no panic").expect("taken");
    });
}

#[test]
fn pagerduty_is_sent_events() {
    let inbox = Inbox::open();
    let to = To::PagerDuty { url: format!("{}/v2/enqueue", inbox.url()), routing_key: CANARY.to_owned() };
    let (client, _) = client(receiver(to));
    inbox.reply(Reply::Answer(202, String::new(), r#"{"status":"success"}"#.to_owned()));
    inbox.reply(Reply::Answer(202, String::new(), r#"{"status":"success"}"#.to_owned()));
    client.deliver(&[notice("A"), resolved("A")], NOW).expect("taken");
    let requests = inbox.requests();
    let [trigger, resolve] = &requests[..] else { panic!("two requests") };
    assert_eq!((trigger.path.as_str(), trigger.header("content-type")), ("/v2/enqueue", "application/json"));
    let (trigger, resolve) = (trigger.json(), resolve.json());
    assert_eq!((&trigger["event_action"], &resolve["event_action"]), (&json!("trigger"), &json!("resolve")));
    assert_eq!((&trigger["routing_key"], &resolve["routing_key"]), (&json!(CANARY), &json!(CANARY)));
    assert_eq!(trigger["dedup_key"], resolve["dedup_key"]);
    assert!(trigger["dedup_key"].as_str().is_some_and(|key| !key.is_empty() && key.len() <= 255));
    for field in ["summary", "source", "severity"] {
        assert!(trigger["payload"][field].as_str().is_some_and(|text| !text.is_empty()), "{field} is required: {trigger}");
    }
    assert_eq!(trigger["client_url"], "http://upswell/");
}

#[test]
fn slack_is_sent_one_message_and_a_webhook_alertmanagers_form() {
    let inbox = Inbox::open();
    let (slack, _) = client(receiver(To::Slack(format!("{}/services/{CANARY}", inbox.url()))));
    slack.deliver(&[notice("A"), notice("B")], NOW).expect("taken");
    let (webhook, _) = client(receiver(To::Webhook(format!("{}/hook?token={CANARY}", inbox.url()))));
    webhook.deliver(&[notice("A")], NOW).expect("taken");
    let requests = inbox.requests();
    let [message, hook] = &requests[..] else { panic!("two requests") };
    assert_eq!(message.path, format!("/services/{CANARY}"));
    let message = message.json();
    assert_eq!(message["attachments"].as_array().map(Vec::len), Some(2), "{message}");
    assert_eq!(hook.path, format!("/hook?token={CANARY}"));
    let hook = hook.json();
    for (field, expected) in [
        ("version", json!("4")),
        ("receiver", json!("oncall")),
        ("status", json!("firing")),
        ("externalURL", json!("http://upswell")),
        ("truncatedAlerts", json!(0)),
    ] {
        assert_eq!(hook[field], expected, "{field}");
    }
    assert_eq!(hook["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
}

#[test]
fn user_and_password_or_a_token_are_sent() {
    let inbox = Inbox::open();
    for (authorization, sent) in [
        (Authorization::Basic { user: "me".to_owned(), password: "pass:word".to_owned() }, "Basic bWU6cGFzczp3b3Jk"),
        (Authorization::Bearer("t0ken".to_owned()), "Bearer t0ken"),
    ] {
        let (client, _) =
            client(Receiver { authorization: Some(authorization), ..receiver(To::Webhook(format!("{}/x", inbox.url()))) });
        client.deliver(&[notice("A")], NOW).expect("taken");
        assert_eq!(inbox.requests().last().map(|request| request.header("authorization").to_owned()).as_deref(), Some(sent));
    }
}
