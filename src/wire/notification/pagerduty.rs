//! PagerDuty's Events API, version 2: the body of `POST /v2/enqueue`.
//!
//! The key names the incident: a trigger sent twice is one page, a resolve ends what a trigger with the same key began. A body over
//! PagerDuty's limit loses its details, and says so, rather than the page.

use super::{Notice, cut};
use serde_json::{Value, json};

/// Longest `summary`, in characters.
const MOST_SUMMARY: usize = 1024;
/// Longest text of any other field that comes from a label or an address.
const MOST_TEXT: usize = 1024;
/// Largest body, in bytes.
pub const MOST_BYTES: usize = 512_000;
/// What takes the place of details that were too large.
const TOO_LARGE: &str = "The details were left out: with them the event would exceed PagerDuty's limit of 512 KB.";

/// A trigger while the alert fires, a resolve once it has ended. `client_url` is where this service is reached; may be empty.
pub fn event(notice: &Notice, routing_key: &str, client_url: &str) -> String {
    let action = if notice.ends_at.is_some() { "resolve" } else { "trigger" };
    let mut event = json!({ "routing_key": routing_key, "event_action": action, "dedup_key": notice.dedup_key() });
    if notice.ends_at.is_none() {
        event["client"] = json!("Upswell");
        if let Some(url) = [&notice.generator_url, client_url].into_iter().find(|url| is_address(url)) {
            event["client_url"] = json!(url);
        }
        event["payload"] = payload(notice);
        event["links"] = links(notice);
    }
    let whole = event.to_string();
    if whole.len() <= MOST_BYTES {
        return whole;
    }
    event["payload"]["custom_details"] = json!({ "error": TOO_LARGE });
    event.to_string()
}

fn payload(notice: &Notice) -> Value {
    let mut payload = json!({
        "summary": cut(&notice.headline(), MOST_SUMMARY),
        "source": "upswell",
        "severity": severity(notice.severity()),
        "timestamp": notice.starts_at.to_rfc3339(),
        "custom_details": {
            "labels": notice.labels,
            "annotations": notice.annotations,
            "fingerprint": notice.fingerprint(),
        },
    });
    if !notice.name().is_empty() {
        payload["class"] = json!(cut(notice.name(), MOST_TEXT));
    }
    payload
}

/// PagerDuty knows four; what is none of them is an error.
fn severity(severity: Option<&str>) -> &str {
    match severity {
        Some(known @ ("critical" | "error" | "warning" | "info")) => known,
        _ => "error",
    }
}

/// Runbook and dashboard, where the alert names them.
fn links(notice: &Notice) -> Value {
    let link = |(annotation, text): (&str, &str)| {
        let href = notice.annotations.get(annotation).filter(|url| is_address(url))?;
        Some(json!({ "href": href, "text": text }))
    };
    [("runbook_url", "Runbook"), ("dashboard_url", "Dashboard")].into_iter().filter_map(link).collect()
}

/// Whether a text can be a link.
fn is_address(text: &str) -> bool {
    (text.starts_with("http://") || text.starts_with("https://")) && text.chars().count() <= MOST_TEXT
}
