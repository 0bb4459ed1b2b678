//! Notices, receivers, and a client with its counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use upswell::adapter::notify::{Client, Receiver, To};
use upswell::domain::calendar::Instant;
use upswell::wire::notification::Notice;
use upswell::wire::telemetry::{ReceiverCounts, Telemetry};

pub const NOW: Instant = Instant(1_789_027_200_000);
/// What is secret in every receiver that has a secret.
pub const CANARY: &str = "canary-c0ffee";

pub fn notice(name: &str) -> Notice {
    let texts = |entries: &[(&str, &str)]| -> BTreeMap<String, String> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    Notice {
        labels: texts(&[("alertname", name), ("severity", "critical"), ("window", "trailing_365d")]),
        annotations: texts(&[("summary", "Expansion is below 10 %."), ("description", "It is at 9.8 %.")]),
        starts_at: NOW,
        ends_at: None,
        generator_url: "http://upswell/".to_owned(),
    }
}

pub fn resolved(name: &str) -> Notice {
    Notice { ends_at: Some(Instant(NOW.0 + 60_000)), ..notice(name) }
}

pub fn receiver(to: To) -> Receiver {
    Receiver {
        name: Arc::from("oncall"),
        to,
        authorization: None,
        ca: None,
        cert: None,
        key: None,
        proxy: None,
        timeout: Duration::from_secs(60),
        send_resolved: true,
        severities: Vec::new(),
        external_url: "http://upswell".to_owned(),
        evaluation_interval: Duration::from_secs(15),
    }
}

pub fn telemetry() -> Telemetry {
    Telemetry::new("s", "u", "r")
}

/// A client and its counts.
pub fn client(receiver: Receiver) -> (Client, Arc<ReceiverCounts>) {
    let telemetry = telemetry();
    let counts = telemetry.notifications.open(&receiver.name);
    (Client::new(receiver, &telemetry).expect("settings that can be used"), counts)
}

/// Attempts, failures, drops and observed durations.
pub fn figures(counts: &ReceiverCounts) -> [u64; 4] {
    [counts.attempts.get(), counts.failures.get(), counts.dropped.get(), counts.duration.snapshot().count]
}
