//! Both ways of alerting over one history: rules judged by the service, and the same rules printed for Prometheus. Each has a real
//! Alertmanager of its own, behind which an inbox counts the pages.

use crate::bench::{Bench, DAY, PROGRAM, now, subscription_schema};
use serde_json::{Value, json};
use std::io::Write;
use tempfile::{Builder, NamedTempFile};
use upswell_testkit::kafka::Outgoing;
use upswell_testkit::program::{command, text};
use upswell_testkit::{Alertmanager, Inbox, Prometheus, Upswell, avro, wait};

const RULE: &str = "UpswellExpansionRateLow";

/// One way of alerting, from its Alertmanager on.
struct Way {
    name: &'static str,
    inbox: Inbox,
    alertmanager: Alertmanager,
}

impl Way {
    fn open(name: &'static str) -> Way {
        let inbox = Inbox::open();
        let config = format!(
            "route: {{ receiver: pager, group_by: ['...'], group_wait: 0s, group_interval: 1s }}\n\
             receivers: [{{ name: pager, webhook_configs: [{{ url: '{}' }}] }}]\n",
            inbox.url()
        );
        Way { name, inbox, alertmanager: Alertmanager::start_with(&config) }
    }

    /// The one alert that fires.
    fn alert(&self) -> Value {
        let alerts = self.alertmanager.alerts();
        assert_eq!(alerts.len(), 1, "{}: {alerts:?}", self.name);
        assert_eq!(alerts[0]["labels"]["alertname"], RULE, "{}", self.name);
        alerts[0].clone()
    }

    /// Until when it fires if nobody says so again.
    fn ends_at(&self) -> jiff::Timestamp {
        self.alert()["endsAt"].as_str().expect("a time").parse().expect("RFC 3339")
    }

    fn wait_resent(&self, after: jiff::Timestamp) {
        wait::holds(&format!("{}: it is told again", self.name), || self.ends_at() > after);
    }
}

/// What was paged so far.
fn pages(inbox: &Inbox) -> Vec<String> {
    let status = |body: Value| body["status"].as_str().expect("a status").to_owned();
    inbox.requests().iter().map(|request| status(request.json())).collect()
}

fn configuration(alertmanager: &Alertmanager, direct: &Inbox) -> String {
    let complete_since = (jiff::Timestamp::from_millisecond(now() - 450 * DAY).expect("a time")).strftime("%Y-%m-%d");
    format!(
        "revenue: {{ windows: [trailing_365d], dimensions: [], complete_since: {complete_since} }}\n\
         alerts:\n  interval: 1s\n  shipped: false\n  operational: {{ enabled: false }}\n\
         \x20 rules: [{{ name: {RULE}, for: 2s, keep_firing_for: 1s, clear: 10% }}]\n\
         \x20 receivers: [{{ name: oncall, alertmanager: {{ urls: ['{}'] }} }}, {{ name: hook, webhook: {{ url: '{}' }} }}]\n",
        alertmanager.url(),
        direct.url()
    )
}

/// Writes what customers are worth since so many days ago.
fn change(bench: &Bench, changes: impl IntoIterator<Item = (usize, i64, i64)>) {
    let (writer, schema) = (bench.kafka.producer(), subscription_schema());
    for (customer, days, units) in changes {
        let customer = format!("c-{customer}");
        let item = json!({ "item_id": "i", "product_id": "p", "plan_id": "plan", "quantity": 1,
            "unit_amount_micros": units * 1_000_000, "interval": "MONTH", "interval_count": 1, "discount_micros": 0 });
        let event = json!({ "event_id": format!("{customer}-{days}"), "customer_id": customer, "subscription_id": "s",
            "effective_at": now() - days * DAY, "version": 0, "status": "ACTIVE", "currency": "USD", "items": [item],
            "attributes": {} });
        let value = schema.confluent(&avro::value(&schema.schema, &event));
        writer.send(Outgoing {
            topic: &bench.subscriptions,
            key: Some(customer.as_bytes()),
            value: Some(&value),
            ..Outgoing::default()
        });
    }
    writer.flush();
}

/// A file with the rules of this configuration as the program prints them.
fn printed_rules(config: &str) -> NamedTempFile {
    let [mut file, mut rules] = [".yaml", ".rules.yml"].map(|suffix| Builder::new().suffix(suffix).tempfile().expect("a file"));
    file.write_all(config.as_bytes()).expect("room on the disk");
    let outcome = command(PROGRAM, &["rules", "--config", text(file.path())]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    rules.write_all(outcome.stdout.as_bytes()).expect("room on the disk");
    rules
}

/// The rule's alerts in a state, and how many cannot be judged.
fn standing(service: &Upswell, state: &str) -> (f64, f64) {
    let samples = service.scrape();
    let alerts = samples.value("upswell_alerts", &[("rule", RULE), ("state", state)]);
    (alerts.unwrap_or(0.0), samples.sum("upswell_alerts_suppressed", &[("rule", RULE)]))
}

/// Since when the one alert of the service fires.
fn active_since(service: &Upswell) -> Value {
    let alerts = service.get("/api/v1/alerts").expect("the service answers").json()["data"]["alerts"].clone();
    assert_eq!((alerts.as_array().map(Vec::len), &alerts[0]["state"]), (Some(1), &"firing".into()), "{alerts}");
    alerts[0]["activeAt"].clone()
}

#[test]
fn one_fall_is_one_page_either_way_over_a_kill_and_ends_once() {
    let (own, of_prometheus) = (Way::open("Upswell"), Way::open("Prometheus"));
    let ways = [&own, &of_prometheus];
    // Told by the service without an Alertmanager between, which would hide that something is told twice.
    let direct = Inbox::open();
    let inboxes = [("Upswell", &own.inbox), ("Prometheus", &of_prometheus.inbox), ("a webhook", &direct)];
    let bench = Bench::new("alerting", 2).revenue(&configuration(&own.alertmanager, &direct)).kept();
    let bench = bench.kafka_key("instance_id: one").kafka_key("group_protocol: classic");
    // 25 customers of 100; five have grown by 60: 12 %.
    change(&bench, (0..25).map(|customer| (customer, 500, 100)));
    change(&bench, (0..5).map(|customer| (customer, 100, 160)));
    let mut service = bench.run();
    service.wait_ready();
    let alertmanager = of_prometheus.alertmanager.url().replace("http://", "");
    let rules = printed_rules(&bench.config());
    let prometheus = Prometheus::alerting(service.address(), rules.path(), &alertmanager);
    let judged = || prometheus.query(&format!("upswell_alert:{RULE}:value"));
    wait::holds("Prometheus judges 12 %", || judged() == Some(0.12));
    service.wait("the service judges it too", |service| (standing(service, "inactive") == (1.0, 0.0)).then_some(()));
    assert!(inboxes.iter().all(|(_, inbox)| pages(inbox).is_empty()));

    // Two of the five shrink again: 7.2 %.
    change(&bench, [(0, 20, 100), (1, 20, 100)]);
    for (name, inbox) in inboxes {
        let page = inbox.wait(1)[0].json();
        let labels = &page["alerts"][0]["labels"];
        assert_eq!((&page["status"], &labels["alertname"]), (&"firing".into(), &RULE.into()), "{name}: {page}");
        assert_eq!((&labels["severity"], &labels["window"]), (&"critical".into(), &"trailing_365d".into()), "{name}");
        let description = page["alerts"][0]["annotations"]["description"].as_str().expect("a description");
        assert!(description.contains("7.2"), "{name}: {description}");
    }
    let first = ways.map(Way::ends_at);
    ways.iter().zip(first).for_each(|(way, ends_at)| way.wait_resent(ends_at));

    let (began, ends_at, old) = (active_since(&service), ways.map(Way::ends_at), prometheus.query("process_start_time_seconds"));
    service.kill();
    service.restart();
    service.wait_ready();
    service.wait("it is judged again", |service| (standing(service, "firing") == (1.0, 0.0)).then_some(()));
    wait::holds("the new process is scraped and judged", || {
        let new = prometheus.query("process_start_time_seconds");
        new.is_some() && new != old && judged() == Some(0.072)
    });
    ways.iter().zip(ends_at).for_each(|(way, ends_at)| way.wait_resent(ends_at));
    assert_eq!(active_since(&service), began, "it is the same alert");
    for (name, inbox) in inboxes {
        assert_eq!(pages(inbox), ["firing"], "{name}: a crash pages nobody");
    }

    // One of those that stayed grows: exactly 10 %, which is not below it.
    change(&bench, [(2, 10, 230)]);
    inboxes.iter().for_each(|(_, inbox)| drop(inbox.wait(2)));
    for way in ways {
        wait::holds("nothing fires any more", || way.alertmanager.alerts().is_empty());
    }
    wait::holds("Prometheus sees 10 %", || judged() == Some(0.1));
    wait::holds("and is quiet", || prometheus.query(&format!("ALERTS{{alertname=\"{RULE}\"}}")).is_none());
    for (name, inbox) in inboxes {
        assert_eq!(pages(inbox), ["firing", "resolved"], "{name}");
    }
    assert_eq!(service.terminate(), 0);
}
