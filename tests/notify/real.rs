//! A real Alertmanager: it lists what it is told under our fingerprint, keeps what is told again, and ends what has ended.

use crate::fixture::{notice, receiver, resolved, telemetry};
use std::time::Duration;
use upswell::adapter::clock::Clock;
use upswell::adapter::notify::{Client, Courier, To};
use upswell::domain::calendar::Instant;
use upswell::wire::notification::Notice;
use upswell_testkit::{Alertmanager, wait};

/// The one alert that fires there.
fn only(alertmanager: &Alertmanager) -> Option<serde_json::Value> {
    let mut alerts = alertmanager.alerts();
    assert!(alerts.len() <= 1, "{alerts:?}");
    alerts.pop()
}

#[test]
fn an_alert_is_listed_kept_and_ended() {
    let (alertmanager, clock) = (Alertmanager::start(), Clock::wall());
    let began = Instant(clock.now().0 / 1000 * 1000 - 60_000);
    let firing = Notice { starts_at: began, ..notice("ExpansionRateLow") };
    let (sender, delivered) = crossbeam_channel::unbounded();
    let courier = Courier::hire(receiver(To::Alertmanager(vec![alertmanager.url()])), &telemetry(), sender, move || clock.now())
        .expect("settings that can be used");
    let tell = |notice: &Notice| {
        courier.send_all(vec![notice.clone()]);
        let told = delivered.recv_timeout(wait::DEADLINE).expect("it is delivered");
        assert_eq!((told.key, told.resolved), (notice.dedup_key(), notice.ends_at.is_some()));
    };
    tell(&firing);
    let first = wait::until("it is listed", || only(&alertmanager));
    assert_eq!(first["fingerprint"], firing.fingerprint(), "ours is Alertmanager's");
    assert_eq!((&first["status"]["state"], &first["labels"]), (&"active".into(), &serde_json::json!(firing.labels)));
    assert_eq!(first["annotations"], serde_json::json!(firing.annotations));
    let at = |alert: &serde_json::Value, field: &str| -> i64 {
        let text = alert[field].as_str().expect("a time");
        text.parse::<jiff::Timestamp>().expect("RFC 3339").as_millisecond()
    };
    assert_eq!(at(&first, "startsAt"), began.0);
    assert!(at(&first, "endsAt") >= clock.now().0 + 180_000, "it outlives three resends that are lost: {first}");
    wait::holds("a later moment", || clock.now().0 > at(&first, "endsAt") - 240_000);
    tell(&firing);
    let second = wait::until("it is kept", || only(&alertmanager));
    assert!(at(&second, "endsAt") > at(&first, "endsAt"), "told again, it lasts longer: {first} {second}");
    assert_eq!(at(&second, "startsAt"), began.0);
    tell(&Notice { starts_at: began, ends_at: Some(clock.now()), ..resolved("ExpansionRateLow") });
    wait::holds("it has ended", || only(&alertmanager).is_none());
}

#[test]
fn what_is_told_no_more_expires_and_the_dead_of_a_cluster_are_no_harm() {
    let alertmanager = Alertmanager::start();
    let urls = vec!["http://127.0.0.1:1".to_owned(), alertmanager.url()];
    let client = Client::new(receiver(To::Alertmanager(urls)), &telemetry()).expect("settings that can be used");
    let clock = Clock::wall();
    // As if it had been sent so long ago that it ends in two seconds.
    let sent = Instant(clock.now().0 - 4 * 60_000 + 2_000);
    client.deliver(&[Notice { starts_at: sent, ..notice("Forgotten") }], sent).expect("taken by the one that lives");
    wait::holds("it expires", || only(&alertmanager).is_none());
}

#[test]
fn a_webhook_of_alertmanagers_and_one_of_ours_are_sent_the_same() {
    let (theirs, ours) = (upswell_testkit::Inbox::open(), upswell_testkit::Inbox::open());
    let config = format!(
        "route: {{ receiver: oncall, group_by: ['...'], group_wait: 0s }}\n\
         receivers: [{{ name: oncall, webhook_configs: [{{ url: '{}' }}] }}]\n",
        theirs.url()
    );
    let alertmanager = Alertmanager::start_with(&config);
    let now = Instant(Clock::wall().now().0 / 1000 * 1000);
    let notice = Notice { starts_at: now, ..notice("ExpansionRateLow") };
    for to in [To::Alertmanager(vec![alertmanager.url()]), To::Webhook(ours.url())] {
        let receiver = upswell::adapter::notify::Receiver { timeout: Duration::from_secs(10), ..receiver(to) };
        let client = Client::new(receiver, &telemetry()).expect("settings that can be used");
        client.deliver(std::slice::from_ref(&notice), now).expect("taken");
    }
    let (mut theirs, mut ours) = (theirs.wait(1)[0].json(), ours.wait(1)[0].json());
    for body in [&mut theirs, &mut ours] {
        // Each names itself.
        body["externalURL"] = "".into();
        body["alerts"][0]["startsAt"] = "".into();
    }
    let sorted = |body: &serde_json::Value| -> std::collections::BTreeMap<String, serde_json::Value> {
        body.as_object().expect("an object").clone().into_iter().collect()
    };
    assert_eq!(sorted(&ours), sorted(&theirs));
}
