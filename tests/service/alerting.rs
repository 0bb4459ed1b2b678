//! Alerts of the running service: judged over what is published, told once, remembered in the images of partition 0.

use crate::DAY;
use crate::avro::Subscription;
use crate::world::{Look, NOW, USAGE, World, quiet, until};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use upswell::adapter::clock::Clock;
use upswell::adapter::notify::{Receiver, To};
use upswell::adapter::store::Store;
use upswell::domain::alert::shipped;
use upswell::domain::alert::{Guards, Metric, Rule, Severity, Side, State, Test};
use upswell::domain::calendar::Instant;
use upswell::domain::window::Window;
use upswell::service::{Service, Settings, alerting};
use upswell::wire::alerting::AlertStanding;
use upswell::wire::checkpoint::envelope::{self, Kind};
use upswell::wire::checkpoint::{Manifest, manifest, parse_name};
use upswell_testkit::faulty::{Fault, Faulty};
use upswell_testkit::{Inbox, Reply};

const HOUR: i64 = 3_600_000;
const CUSTOMERS: [&str; 6] = ["c-0", "c-1", "c-2", "c-3", "c-4", "c-5"];

/// The expansion rate of 90 days below 10 %, told at once.
fn low() -> Rule {
    Rule {
        name: "Low".to_owned(),
        metric: Metric::ExpansionRate,
        window: Window::Trailing(90),
        scope: None,
        test: Test { side: Side::Below, threshold: 100_000, clear: 100_000 },
        pending: 0,
        keep: 0,
        guards: Guards::default(),
        severity: Severity::Critical,
        labels: BTreeMap::from([("team".to_owned(), "revops".to_owned())]),
        annotations: shipped::texts("Expansion is low."),
    }
}

fn webhook(inbox: &Inbox) -> Receiver {
    Receiver {
        name: Arc::from("hook"),
        to: To::Webhook(inbox.url()),
        authorization: None,
        ca: None,
        cert: None,
        key: None,
        proxy: None,
        timeout: Duration::from_secs(10),
        send_resolved: true,
        severities: vec![],
        external_url: String::new(),
        evaluation_interval: Duration::from_millis(50),
    }
}

/// These rules, told to an inbox, over a history that reaches back far enough.
fn told(rules: &[Rule], inbox: &Inbox) -> alerting::Settings {
    let complete_since = Some(Instant(NOW.0 - 400 * DAY));
    alerting::Settings { rules: rules.to_vec(), receivers: vec![webhook(inbox)], complete_since, ..quiet() }
}

fn settings(world: &World, alerting: alerting::Settings) -> Settings {
    Settings { alerting, ..world.settings() }
}

/// Runs so many hours after [`NOW`] began, its clock as fast as time.
fn start(settings: Settings, hours: i64) -> Look {
    Look(Service::start(settings, Clock::simulated(Instant(NOW.0 + hours * HOUR), 1)).expect("a service"))
}

/// Customers worth 100 each since long, none of which has grown.
fn stagnate(world: &World) {
    for customer in CUSTOMERS {
        world.subscribe(&Subscription { event: "e1", customer, at: NOW.0 - 300 * DAY, mrr: 100, vertical: "media" });
    }
}

/// One of them grows by so much: 60 is a tenth of what all were worth.
fn grow(world: &World, by: i64) {
    world.subscribe(&Subscription { event: "e2", customer: "c-0", at: NOW.0 - DAY, mrr: 100 + by, vertical: "media" });
}

impl Look {
    fn alerts(&self, rule: &str) -> Vec<AlertStanding> {
        let standing = self.0.handle().published().alerts();
        standing.rules.iter().filter(|standing| standing.name == rule).flat_map(|rule| rule.alerts.clone()).collect()
    }

    /// Waits until so many evaluations have passed that begin after this moment.
    fn evaluate(&self, times: usize) {
        for _ in 0..=times {
            let evaluated = || self.0.handle().published().alerts().evaluated_at;
            let before = evaluated();
            until("another evaluation", evaluated, |after| *after != before);
        }
    }

    fn wait_for_state(&self, rule: &str, state: &str) {
        self.wait_for_metric(&format!("upswell_alerts{{rule=\"{rule}\",state=\"{state}\"}}"), 1.0);
    }

    fn wait_for_suppression(&self, rule: &str, reason: &str) {
        self.wait_for_metric(&format!("upswell_alerts_suppressed{{rule=\"{rule}\",reason=\"{reason}\"}}"), 1.0);
    }

    /// `data` of one of the API's answers.
    fn data(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((status, body["status"].as_str()), (200, Some("success")), "{body}");
        body["data"].clone()
    }

    fn rule(&self, name: &str) -> Value {
        let data = self.data("/api/v1/rules");
        let rules = data["groups"][0]["rules"].as_array().expect("rules").clone();
        rules.into_iter().find(|rule| rule["name"] == name).unwrap_or_else(|| panic!("no rule {name}: {data}"))
    }
}

/// Status and labels of the alert that each call was about.
fn calls(inbox: &Inbox) -> Vec<(String, Value)> {
    let call = |request: &upswell_testkit::inbox::Request| {
        let body = request.json();
        assert_eq!(body["alerts"].as_array().map(Vec::len), Some(1), "{body}");
        (body["status"].as_str().expect("a status").to_owned(), body["alerts"][0]["labels"].clone())
    };
    inbox.requests().iter().map(call).collect()
}

/// What the inbox was sent in all when an alert has fired once and ended once, under the same labels.
fn assert_once(inbox: &Inbox) {
    let calls = calls(inbox);
    let statuses: Vec<&str> = calls.iter().map(|(status, _)| status.as_str()).collect();
    assert_eq!(statuses, ["firing", "resolved"]);
    assert_eq!(calls[0].1, calls[1].1, "who was told that it fires must know what has ended");
}

#[test]
fn an_alert_fires_once_is_shown_and_ends_once() {
    let (world, inbox) = (World::new(2), Inbox::open());
    stagnate(&world);
    let patient = Rule { name: "Patient".to_owned(), pending: HOUR, ..low() };
    let prompt = Rule { pending: 1_000, keep: 1_000, ..low() };
    let service = start(settings(&world, told(&[prompt, patient], &inbox)), 0);
    let body = inbox.wait(1)[0].json();
    let labels = serde_json::json!({
        "alertname": "Low", "severity": "critical", "window": "trailing_90d", "team": "revops"
    });
    assert_eq!((&body["status"], &body["receiver"]), (&"firing".into(), &"hook".into()), "{body}");
    assert_eq!(body["alerts"][0]["labels"], labels);
    let description = body["alerts"][0]["annotations"]["description"].as_str().expect("a description").to_owned();
    assert!(description.contains("is at 0 %, the threshold is 10 %"), "{description}");
    let runbook = body["alerts"][0]["annotations"]["runbook_url"].as_str().expect("a runbook");
    assert!(runbook.ends_with("/docs/runbooks/OwnRules.md"), "{runbook}");

    let data = service.data("/api/v1/alerts");
    let shown = |name: &str| {
        let alerts = data["alerts"].as_array().expect("alerts");
        alerts.iter().find(|alert| alert["labels"]["alertname"] == name).unwrap_or_else(|| panic!("{name}: {data}"))
    };
    assert_eq!((&shown("Low")["state"], &shown("Low")["labels"]), (&"firing".into(), &labels));
    assert_eq!((&shown("Patient")["state"], &shown("Low")["value"]), (&"pending".into(), &"0e0".into()));
    let rule = service.rule("Low");
    assert_eq!((&rule["state"], &rule["duration"], &rule["suppressed"]), (&"firing".into(), &1.0.into(), &serde_json::json!([])));
    for (rule, state) in [("Low", "firing"), ("Patient", "pending")] {
        let states = |state| service.metric(&format!("upswell_alerts{{rule=\"{rule}\",state=\"{state}\"}}"));
        for known in ["inactive", "pending", "firing"] {
            assert_eq!(states(known), Some(f64::from(u8::from(known == state))), "{rule} {known}");
        }
    }
    let threshold = "upswell_alert_threshold{rule=\"Low\",metric=\"expansion_rate\",window=\"trailing_90d\"}";
    assert_eq!(service.metric(threshold), Some(0.1));
    service.evaluate(10);
    assert_eq!(calls(&inbox).len(), 1, "it is told once");

    grow(&world, 59);
    service.evaluate(10);
    assert_eq!(calls(&inbox).len(), 1, "9.8 % is still too little");
    world.subscribe(&Subscription { event: "e3", customer: "c-1", at: NOW.0 - DAY, mrr: 101, vertical: "media" });
    inbox.wait(2);
    service.wait_for_state("Low", "inactive");
    service.wait_for_state("Patient", "inactive");
    service.evaluate(10);
    assert_once(&inbox);
    assert_eq!(service.data("/api/v1/alerts")["alerts"], serde_json::json!([]));
    assert_eq!(service.metric("upswell_notifications_total{receiver=\"hook\"}"), Some(2.0));
    service.stop();
}

/// The newest image of partition 0.
fn newest(store: &Faulty) -> Option<Manifest> {
    let names = store.names();
    let name_of = |path: &String| parse_name(path.rsplit('/').next()?).map(|name| (name, path.clone()));
    let of_0 = names.iter().filter(|path| path.contains("/p00000/")).filter_map(name_of);
    let (_, path) = of_0.max()?;
    Some(manifest::decode(&store.bytes(&path)?).expect("a whole manifest"))
}

/// Waits until an image says what the receiver was told last.
fn wait_until_remembered(store: &Faulty) {
    let told = || newest(store).map(|manifest| manifest.alerts);
    until("an image that remembers", told, |alerts| {
        let alerts = alerts.iter().flatten();
        alerts.filter(|record| matches!(record.state, State::Firing { .. })).any(|record| !record.told.is_empty())
    });
}

/// Settings whose checkpoints outlive the service.
fn kept(world: &World, alerting: alerting::Settings, store: &Faulty) -> Settings {
    let store = Store::from_backend(Arc::new(store.clone()), "").expect("a store");
    Settings { store, ..settings(world, alerting) }
}

/// Ends a service whose store is gone, so that it leaves nothing but what it had saved.
fn kill(service: Look, store: &Faulty) {
    store.fail(1, Fault::DiesBefore);
    service.0.handle().stop();
    // A failure, unless everything had been saved already.
    drop(service.0.wait());
    store.revive();
}

#[test]
fn a_restart_neither_ends_an_alert_nor_tells_of_it_again() {
    for in_order in [true, false] {
        let (world, inbox, store) = (World::new(2), Inbox::open(), Faulty::new());
        stagnate(&world);
        let settings = || kept(&world, told(&[low()], &inbox), &store);
        let first = start(settings(), 0);
        inbox.wait(1);
        wait_until_remembered(&store);
        if in_order {
            first.stop()
        } else {
            kill(first, &store)
        }

        let second = start(settings(), 1);
        let judged = |alerts: &Vec<AlertStanding>| alerts.len() == 1 && alerts[0].suppressed.is_none();
        let alerts = until("a judgement", || second.alerts("Low"), judged);
        let State::Firing { since, .. } = alerts[0].state else { panic!("in order {in_order}: {alerts:?}") };
        assert!(since.0 < NOW.0 + HOUR, "it has fired since before the restart: {since:?}");
        second.evaluate(10);
        assert_eq!(calls(&inbox).len(), 1, "in order {in_order}: nobody is told of a restart");
        grow(&world, 60);
        inbox.wait(2);
        second.evaluate(10);
        assert_once(&inbox);
        second.stop();
    }
}

#[test]
fn what_changes_while_nobody_runs_is_told_by_the_next() {
    let (world, inbox, store) = (World::new(1), Inbox::open(), Faulty::new());
    stagnate(&world);
    let settings = |rules: &[Rule]| kept(&world, told(rules, &inbox), &store);
    let first = start(settings(&[low()]), 0);
    inbox.wait(1);
    wait_until_remembered(&store);
    first.stop();
    let second = start(settings(&[]), 1);
    inbox.wait(2);
    second.evaluate(10);
    assert_once(&inbox);
    second.stop();
}

#[test]
fn an_instance_with_a_part_of_the_partitions_judges_nothing_and_a_rebalance_tells_nobody() {
    let (world, inbox, store) = (World::new(4), Inbox::open(), Faulty::new());
    stagnate(&world);
    let first = start(kept(&world, told(&[low()], &inbox), &store), 0);
    inbox.wait(1);
    let second = start(kept(&world, told(&[low()], &inbox), &store), 0);
    for service in [&first, &second] {
        service.wait_for_suppression("Low", "partial_coverage");
        let rule = service.rule("Low");
        assert!(rule["lastError"].as_str().is_some_and(|detail| detail.contains("upswell rules")), "{rule}");
    }
    second.stop();
    first.wait_for_metric("upswell_live_partitions", 4.0);
    let judged = |alerts: &Vec<AlertStanding>| alerts.len() == 1 && alerts[0].suppressed.is_none();
    let alerts = until("a judgement", || first.alerts("Low"), judged);
    assert!(matches!(alerts[0].state, State::Firing { .. }), "{alerts:?}");
    first.evaluate(10);
    assert_eq!(calls(&inbox).len(), 1);
    grow(&world, 60);
    inbox.wait(2);
    first.evaluate(10);
    assert_once(&inbox);
    first.stop();
}

/// A manifest as version 1 wrote it: without alerts, and without the instant before which all usage counts.
fn as_version_1(file: &[u8]) -> Vec<u8> {
    const HEADER: usize = 18;
    const TRAILER: usize = 16;
    let mut found = manifest::decode(file).expect("a whole manifest");
    found.alerts.clear();
    let encoded = manifest::encode(&found);
    found.head.passed.0 += 1;
    let later = manifest::encode(&found);
    let body = &encoded[HEADER..encoded.len() - TRAILER - 1]; // without the empty list of alerts
    let passed = body.iter().zip(&later[HEADER..]).take_while(|(one, other)| one == other).count();
    let width = body[passed..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
    let mut file = envelope::begin(Kind::Manifest);
    file[8..10].copy_from_slice(&1_u16.to_le_bytes());
    file.extend_from_slice(&body[..passed]);
    file.extend_from_slice(&body[passed + width..]);
    envelope::seal(&mut file);
    file
}

#[test]
fn images_of_version_1_are_taken_up_and_know_no_alerts() {
    let (world, inbox, store) = (World::new(2), Inbox::open(), Faulty::new());
    stagnate(&world);
    let settings = || kept(&world, told(&[low()], &inbox), &store);
    let first = start(settings(), 0);
    inbox.wait(1);
    wait_until_remembered(&store);
    first.stop();
    let mut rewritten = 0;
    for path in store.names() {
        if path.rsplit('/').next().and_then(parse_name).is_some() {
            let older = as_version_1(&store.bytes(&path).expect("it is listed"));
            assert_eq!(manifest::decode(&older).expect("version 1 is read").alerts, []);
            store.set(&path, older);
            rewritten += 1;
        }
    }
    assert!(rewritten >= 2, "one of each partition");
    let second = start(settings(), 1);
    second.wait_until_ready();
    assert_eq!(
        second.metric("upswell_events_applied_total{topic=\"billing.subscriptions\"}"),
        Some(0.0),
        "nothing is read again"
    );
    inbox.wait(2);
    let calls = calls(&inbox);
    assert_eq!(calls[0], calls[1], "nobody remembers that it was told, so it is told again, under the same labels");
    second.stop();
}

#[test]
fn a_rule_that_is_taken_out_has_ended() {
    let (world, inbox) = (World::new(1), Inbox::open());
    stagnate(&world);
    let service = start(settings(&world, told(&[low()], &inbox)), 0);
    inbox.wait(1);
    service.0.handle().reload_alerting(told(&[], &inbox));
    inbox.wait(2);
    service.evaluate(10);
    assert_once(&inbox);
    assert_eq!(service.data("/api/v1/rules")["groups"][0]["rules"], serde_json::json!([]));
    service.stop();
}

#[test]
fn a_rule_with_other_labels_is_another_alert() {
    let (world, inbox) = (World::new(1), Inbox::open());
    stagnate(&world);
    let service = start(settings(&world, told(&[low()], &inbox)), 0);
    inbox.wait(1);
    let milder = Rule { severity: Severity::Warning, ..low() };
    service.0.handle().reload_alerting(told(&[milder], &inbox));
    inbox.wait(3);
    service.evaluate(10);
    let calls = calls(&inbox);
    let severity = |call: usize| (calls[call].0.as_str(), calls[call].1["severity"].as_str().unwrap_or_default());
    assert_eq!(
        [severity(0), severity(1), severity(2)],
        [("firing", "critical"), ("resolved", "critical"), ("firing", "warning")]
    );
    assert_eq!(calls.len(), 3);
    service.stop();
}

#[test]
fn what_cannot_be_judged_is_said_and_never_fires() {
    let (world, inbox) = (World::new(2), Inbox::open());
    stagnate(&world);
    let guards = Guards { min_opening_customers: 7, ..Guards::default() };
    let rules = [
        Rule { name: "Undefined".to_owned(), metric: Metric::QuickRatio, ..low() },
        Rule { name: "Small".to_owned(), guards, ..low() },
        // Needs the 90 days before as well.
        Rule { name: "Short".to_owned(), metric: Metric::ExpansionGrowth, ..low() },
        low(),
    ];
    let since = |days| alerting::Settings { complete_since: Some(Instant(NOW.0 - days * DAY)), ..told(&rules, &inbox) };
    let service = start(settings(&world, since(100)), 0);
    inbox.wait(1);
    for (rule, reason) in [("Undefined", "undefined"), ("Small", "small_base"), ("Short", "short_history")] {
        service.wait_for_suppression(rule, reason);
        let shown = service.rule(rule);
        assert_eq!((&shown["state"], &shown["suppressed"][0]["reason"]), (&"inactive".into(), &reason.into()), "{shown}");
        assert!(shown["lastError"].as_str().is_some_and(|detail| detail.ends_with('.')), "{shown}");
    }
    service.evaluate(10);
    let calls = calls(&inbox);
    assert!(calls.len() == 1 && calls[0].1["alertname"] == "Low", "{calls:?}");
    service.stop();
}

#[test]
fn before_it_is_ready_and_without_a_history_nothing_is_judged() {
    let (world, inbox) = (World::new(2), Inbox::open());
    stagnate(&world);
    world.registry.set_away(true);
    let unknown = alerting::Settings { complete_since: None, ..told(&[low()], &inbox) };
    let service = start(settings(&world, unknown), 0);
    service.wait_for_phase("waiting_for_registry");
    service.wait_for_suppression("Low", "not_ready");
    world.registry.set_away(false);
    service.wait_until_ready();
    // The oldest record was written today, so it is not known that there was nothing before.
    service.wait_for_suppression("Low", "short_history");
    assert_eq!(service.rule("Low")["suppressed"][0]["reason"], "short_history");
    service.evaluate(10);
    assert_eq!(calls(&inbox).len(), 0);
    service.0.handle().reload_alerting(told(&[low()], &inbox));
    inbox.wait(1);
    service.stop();
}

#[test]
fn a_log_without_its_beginning_is_not_judged() {
    let (world, inbox) = (World::new(1), Inbox::open());
    // The embedded broker drops the oldest records beyond 5 MiB.
    (0..7).for_each(|_| world.send(USAGE, Some(0), "c", &vec![b'x'; 900_000]));
    stagnate(&world);
    let mut settings = settings(&world, told(&[low()], &inbox));
    settings.kafka.accept_truncated_log = true;
    let service = start(settings, 0);
    service.wait_for_suppression("Low", "truncated_log");
    service.wait_until_ready();
    service.evaluate(10);
    assert_eq!(calls(&inbox).len(), 0);
    service.stop();
}

#[test]
fn a_receiver_that_refuses_at_first_is_told_once() {
    let (world, inbox) = (World::new(1), Inbox::open());
    inbox.reply(Reply::status(429));
    inbox.reply(Reply::status(500));
    stagnate(&world);
    let service = start(settings(&world, told(&[low()], &inbox)), 0);
    let tries = inbox.wait(3);
    assert!(tries.iter().all(|request| request.body == tries[0].body), "{tries:?}");
    let count = |family: &str| service.metric(&format!("upswell_{family}{{receiver=\"hook\"}}"));
    until("an end of the tries", || count("notification_duration_seconds_count"), |calls| *calls == Some(3.0));
    service.evaluate(20);
    assert_eq!((inbox.requests().len(), count("notifications_total")), (3, Some(3.0)), "what was taken is not told again");
    assert_eq!((count("notifications_failed_total"), count("notifications_dropped_total")), (Some(2.0), Some(0.0)));
    service.stop();
}
