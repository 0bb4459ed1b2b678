//! Alertmanager's API, version 2: the body of `POST /api/v2/alerts`.
//!
//! Alertmanager is told again and again, and ends an alert by itself when it is told no more. So while an alert fires its end is put
//! as far into the future as Prometheus puts it, counted from the moment of sending; when it has ended, its end is the moment it did.

use super::Notice;
use crate::domain::calendar::Instant;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often Alertmanager is told at least.
pub const RESEND: Duration = Duration::from_mins(1);
/// How many times it may fail to be told before the alert ends there.
const LIVES: u32 = 4;

/// The notices as sent at `now`, by a service that evaluates its rules this often.
pub fn body(notices: &[Notice], now: Instant, evaluation_interval: Duration) -> String {
    let lasts = evaluation_interval.max(RESEND).saturating_mul(LIVES);
    let expires = Instant(now.0.saturating_add(i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX)));
    Value::Array(notices.iter().map(|notice| alert(notice, expires)).collect()).to_string()
}

fn alert(notice: &Notice, expires: Instant) -> Value {
    let mut alert = json!({
        "labels": notice.identifying().collect::<BTreeMap<_, _>>(),
        "annotations": notice.annotations,
        "startsAt": notice.starts_at.to_rfc3339(),
        "endsAt": notice.ends_at.unwrap_or(expires).to_rfc3339(),
    });
    // It takes an absent address, but no empty one.
    if !notice.generator_url.is_empty() {
        alert["generatorURL"] = json!(notice.generator_url);
    }
    alert
}
