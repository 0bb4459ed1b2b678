//! The bodies, field by field, and the keys that must never change.

use super::*;
use serde_json::{Value, json};
use std::time::Duration;

const STARTED: Instant = Instant(1_789_027_200_000);
const NOW: Instant = Instant(1_789_027_260_500);
const ENDED: Instant = Instant(1_789_030_800_123);

fn texts(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn notice() -> Notice {
    Notice {
        labels: texts(&[("alertname", "ExpansionRateLow"), ("severity", "critical"), ("window", "trailing_365d")]),
        annotations: texts(&[
            ("summary", "Expansion is below 10 %."),
            ("description", "It is at 9.8 % <of> \"opening\" & falling."),
            ("runbook_url", "https://docs/runbook"),
        ]),
        starts_at: STARTED,
        ends_at: None,
        generator_url: "https://upswell/alerts".to_owned(),
    }
}

fn resolved() -> Notice {
    Notice { ends_at: Some(ENDED), ..notice() }
}

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).expect("JSON")
}

#[test]
fn keys_never_change() {
    // Written down: an instance of another version has to name the same alert.
    assert_eq!(notice().fingerprint(), "44352f18dbcb569e");
    assert_eq!(notice().dedup_key(), "62b0a0b40616b1b5272fb20839e6f99d318a99c6b5dc2c4d0706984d879c2da5");
    assert_eq!(Notice { labels: BTreeMap::new(), ..notice() }.fingerprint(), "cbf29ce484222325");
}

#[test]
fn keys_depend_on_labels_alone_and_on_all_of_them() {
    let other = Notice { annotations: BTreeMap::new(), starts_at: NOW, generator_url: String::new(), ..resolved() };
    let empty = |mut notice: Notice| {
        notice.labels.insert("team".to_owned(), String::new());
        notice
    };
    for same in [other, empty(notice())] {
        assert_eq!((same.fingerprint(), same.dedup_key()), (notice().fingerprint(), notice().dedup_key()));
    }
    let sets: [&[(&str, &str)]; 5] = [&[], &[("a", "bc")], &[("ab", "c")], &[("a", "b"), ("c", "d")], &[("a", "bcd")]];
    let mut keys: Vec<_> = sets.map(|labels| Notice { labels: texts(labels), ..notice() }.dedup_key()).to_vec();
    assert!(keys.iter().all(|key| key.len() <= 255));
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), sets.len());
}

#[test]
fn alertmanager_is_told_an_end_four_resends_ahead_or_when_it_ended() {
    let expected = json!([{
        "labels": { "alertname": "ExpansionRateLow", "severity": "critical", "window": "trailing_365d" },
        "annotations": notice().annotations,
        "startsAt": "2026-09-10T08:00:00Z",
        "endsAt": "2026-09-10T08:05:00.500Z",
        "generatorURL": "https://upswell/alerts",
    }]);
    for seconds in [0, 15, 60] {
        let body = alertmanager::body(&[notice()], NOW, Duration::from_secs(seconds));
        assert_eq!(parsed(&body), expected, "{seconds} s");
    }
    let slow = parsed(&alertmanager::body(&[notice()], NOW, Duration::from_secs(300)));
    assert_eq!(slow[0]["endsAt"], "2026-09-10T08:21:00.500Z");
    let mut ended = resolved();
    ended.generator_url.clear();
    ended.labels.insert("team".to_owned(), String::new());
    let ended = parsed(&alertmanager::body(&[ended], NOW, Duration::from_secs(15)));
    assert_eq!((&ended[0]["endsAt"], ended[0].get("generatorURL")), (&json!("2026-09-10T09:00:00.123Z"), None));
    assert_eq!(ended[0]["labels"].get("team"), None, "an empty label is none");
    assert_eq!(alertmanager::body(&[], NOW, Duration::ZERO), "[]");
}

#[test]
fn pagerduty_is_sent_a_trigger_and_a_resolve_with_one_key() {
    let expected = json!({
        "routing_key": "KEY",
        "event_action": "trigger",
        "dedup_key": notice().dedup_key(),
        "client": "Upswell",
        "client_url": "https://upswell/alerts",
        "payload": {
            "summary": "ExpansionRateLow: Expansion is below 10 %. (window=trailing_365d)",
            "source": "upswell",
            "severity": "critical",
            "timestamp": "2026-09-10T08:00:00Z",
            "class": "ExpansionRateLow",
            "custom_details": {
                "labels": notice().labels, "annotations": notice().annotations, "fingerprint": notice().fingerprint(),
            },
        },
        "links": [{ "href": "https://docs/runbook", "text": "Runbook" }],
    });
    assert_eq!(parsed(&pagerduty::event(&notice(), "KEY", "")), expected);
    let expected = json!({ "routing_key": "KEY", "event_action": "resolve", "dedup_key": notice().dedup_key() });
    assert_eq!(parsed(&pagerduty::event(&resolved(), "KEY", "https://upswell")), expected);
    for (severity, told) in [("critical", "critical"), ("warning", "warning"), ("info", "info"), ("page", "error"), ("", "error")]
    {
        let mut notice = notice();
        notice.labels.insert("severity".to_owned(), severity.to_owned());
        assert_eq!(parsed(&pagerduty::event(&notice, "KEY", ""))["payload"]["severity"], told, "{severity}");
    }
}

#[test]
fn pagerduty_gets_no_more_than_it_takes() {
    let long = |letters: usize| {
        let mut notice = notice();
        notice.annotations.insert("summary".to_owned(), "é".repeat(letters));
        pagerduty::event(&notice, "KEY", "")
    };
    let summary = |body: &str| parsed(body)["payload"]["summary"].as_str().map(|text| text.chars().count());
    assert_eq!(summary(&long(2_000)), Some(1024));
    let (fits, too_large) = (long(200_000), long(300_000));
    assert!(fits.len() > 400_000 && parsed(&fits)["payload"]["custom_details"]["labels"].is_object());
    assert!(too_large.len() < 10_000, "{}", too_large.len());
    let event = parsed(&too_large);
    assert!(event["payload"]["custom_details"]["error"].as_str().is_some_and(|said| said.contains("512 KB")), "{event}");
    assert_eq!((&event["event_action"], summary(&too_large)), (&json!("trigger"), Some(1024)));
    let mut everything = notice();
    everything.labels.insert("alertname".to_owned(), "n".repeat(600_000));
    everything.annotations.insert("runbook_url".to_owned(), format!("https://{}", "u".repeat(600_000)));
    everything.generator_url = format!("https://{}", "g".repeat(600_000));
    assert!(pagerduty::event(&everything, "KEY", "").len() < 10_000);
}

#[test]
fn slack_is_told_in_colours_and_texts_never_address_a_channel() {
    let expected = json!({ "attachments": [{
        "color": "danger",
        "fallback": "[FIRING] ExpansionRateLow: Expansion is below 10 %. (window=trailing_365d)",
        "title": "[FIRING] ExpansionRateLow: Expansion is below 10 %. (window=trailing_365d)",
        "title_link": "https://upswell/alerts",
        "text": "It is at 9.8 % &lt;of&gt; \"opening\" &amp; falling.\n<https://docs/runbook|Runbook>",
        "footer": "Upswell",
        "ts": 1_789_027_200,
    }] });
    assert_eq!(parsed(&slack::message(&[notice()])), expected);
    let both = parsed(&slack::message(&[notice(), resolved()]));
    assert_eq!((&both["attachments"][1]["color"], &both["attachments"][1]["ts"]), (&json!("good"), &json!(1_789_030_800)));
    assert!(both["attachments"][1]["title"].as_str().is_some_and(|title| title.starts_with("[RESOLVED] ")));
    let mut loud = notice();
    loud.labels.insert("severity".to_owned(), "warning".to_owned());
    loud.labels.insert("segment".to_owned(), "<!channel>".to_owned());
    loud.annotations.insert("description".to_owned(), "<!here> ".repeat(10_000));
    loud.annotations.insert("runbook_url".to_owned(), "javascript:alert(1)".to_owned());
    let body = slack::message(&[loud]);
    assert!(!body.contains('<') && body.len() < 40_000, "{}", body.len());
    assert_eq!(parsed(&body)["attachments"][0]["color"], "warning");
}

#[test]
fn webhooks_get_alertmanagers_own_form() {
    let expected = json!({
        "version": "4",
        "groupKey": "{}:{alertname=\"ExpansionRateLow\", severity=\"critical\", window=\"trailing_365d\"}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "hook",
        "groupLabels": notice().labels,
        "commonLabels": notice().labels,
        "commonAnnotations": notice().annotations,
        "externalURL": "https://upswell",
        "alerts": [{
            "status": "firing",
            "labels": notice().labels,
            "annotations": notice().annotations,
            "startsAt": "2026-09-10T08:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://upswell/alerts",
            "fingerprint": notice().fingerprint(),
        }],
    });
    assert_eq!(parsed(&webhook::body(&[notice()], "hook", "https://upswell")), expected);
    let ended = parsed(&webhook::body(&[resolved()], "hook", ""));
    assert_eq!((&ended["status"], &ended["alerts"][0]["status"]), (&json!("resolved"), &json!("resolved")));
    assert_eq!((&ended["alerts"][0]["endsAt"], &ended["groupKey"]), (&json!("2026-09-10T09:00:00.123Z"), &expected["groupKey"]));
}

#[test]
fn a_group_is_what_its_alerts_share() {
    let segment = |name: &str, mut notice: Notice| {
        notice.labels.insert("segment".to_owned(), name.to_owned());
        notice.annotations.insert("description".to_owned(), format!("{name} fell."));
        notice
    };
    let body = parsed(&webhook::body(&[segment("a\"b", resolved()), segment("b", notice())], "hook", ""));
    assert_eq!(body["status"], "firing", "one that fires makes the group fire");
    assert_eq!(body["commonLabels"], json!(notice().labels));
    assert_eq!(body["commonAnnotations"].get("description"), None);
    assert_eq!(body["alerts"].as_array().map(Vec::len), Some(2));
    let alone = parsed(&webhook::body(&[segment("a\"b", notice())], "hook", ""));
    assert!(alone["groupKey"].as_str().is_some_and(|key| key.contains("segment=\"a\\\"b\"")), "{}", alone["groupKey"]);
    assert_eq!(parsed(&webhook::body(&[], "hook", ""))["groupKey"], "{}:{}");
}
