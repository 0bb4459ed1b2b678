//! A generic webhook: the body Alertmanager posts to its webhooks, version 4, so that what takes Alertmanager's takes ours.
//!
//! The group of a notification is what all its alerts have in common. A body about one alert is a group of its own whose key does not
//! change between firing and resolved.

use super::{Notice, Status};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What Alertmanager writes for the end of an alert that fires.
const NO_END: &str = "0001-01-01T00:00:00Z";

/// The body for a receiver of this name. `external_url` is where this service is reached; may be empty.
pub fn body(notices: &[Notice], receiver: &str, external_url: &str) -> String {
    let status = if notices.iter().any(|notice| notice.ends_at.is_none()) { Status::Firing } else { Status::Resolved };
    let labels = common(notices, |notice| &notice.labels);
    json!({
        "version": "4",
        "groupKey": group_key(&labels),
        "truncatedAlerts": 0,
        "status": status.as_str(),
        "receiver": receiver,
        "groupLabels": labels,
        "commonLabels": labels,
        "commonAnnotations": common(notices, |notice| &notice.annotations),
        "externalURL": external_url,
        "alerts": notices.iter().map(alert).collect::<Vec<_>>(),
    })
    .to_string()
}

fn alert(notice: &Notice) -> Value {
    json!({
        "status": notice.status().as_str(),
        "labels": notice.identifying().collect::<BTreeMap<_, _>>(),
        "annotations": notice.annotations,
        "startsAt": notice.starts_at.to_rfc3339(),
        "endsAt": notice.ends_at.map_or_else(|| NO_END.to_owned(), |end| end.to_rfc3339()),
        "generatorURL": notice.generator_url,
        "fingerprint": notice.fingerprint(),
    })
}

/// The entries that all notices have, with the same value, and that are not empty.
fn common(notices: &[Notice], of: fn(&Notice) -> &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    let Some((first, others)) = notices.split_first() else { return BTreeMap::new() };
    let shared = |name: &String, value: &String| others.iter().all(|notice| of(notice).get(name) == Some(value));
    let entries = of(first).iter().filter(|(name, value)| !value.is_empty() && shared(name, value));
    entries.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// As Alertmanager writes the key of a group of its root route.
fn group_key(labels: &BTreeMap<&str, &str>) -> String {
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{}}:{{{}}}", labels.join(", "))
}
