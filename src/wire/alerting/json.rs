//! `/api/v1/rules` and `/api/v1/alerts`, in Prometheus' shapes; what is suppressed is said in fields of our own.

use super::{AlertStanding, RuleStanding, Standing, name_of};
use crate::domain::alert::{State, Suppression};
use crate::domain::calendar::Instant;
use serde_json::{Value, json};

/// The rules, in one group.
pub fn rules(standing: &Standing) -> Value {
    let evaluated_at = standing.evaluated_at.map(Instant::to_rfc3339);
    let rules: Vec<Value> = standing.rules.iter().map(|one| rule(one, evaluated_at.as_deref())).collect();
    let group = json!({
        "name": "upswell",
        "file": "",
        "interval": standing.interval.as_secs_f64(),
        "limit": 0,
        "rules": rules,
        "evaluationTime": 0,
        "lastEvaluation": evaluated_at,
    });
    json!({ "status": "success", "data": { "groups": [group] } })
}

/// The alerts that are pending or fire.
pub fn alerts(standing: &Standing) -> Value {
    let active = standing.rules.iter().flat_map(|rule| &rule.alerts).filter_map(alert);
    json!({ "status": "success", "data": { "alerts": active.collect::<Vec<Value>>() } })
}

fn rule(rule: &RuleStanding, evaluated_at: Option<&str>) -> Value {
    let suppressed: Vec<Value> = rule.alerts.iter().filter_map(suppressed_alert).collect();
    let whole = rule.suppressed.filter(|_| suppressed.is_empty()).map(|reason| suppression(reason, None, None));
    let suppressed: Vec<Value> = suppressed.into_iter().chain(whole).collect();
    let error = suppressed.first().and_then(|first| first["detail"].as_str()).unwrap_or("").to_owned();
    json!({
        "state": rule.state(),
        "name": rule.name,
        "query": rule.query,
        "duration": seconds(rule.pending),
        "keepFiringFor": seconds(rule.keep),
        "labels": rule.labels,
        "annotations": rule.annotations,
        "alerts": rule.alerts.iter().filter_map(alert).collect::<Vec<Value>>(),
        "suppressed": suppressed,
        "threshold": rule.threshold.as_ref().map(|of| json!({ "metric": of.metric, "window": of.window, "value": of.value })),
        "health": if evaluated_at.is_some() { "ok" } else { "unknown" },
        "lastError": error,
        "evaluationTime": 0,
        "lastEvaluation": evaluated_at,
        "type": "alerting",
    })
}

fn alert(alert: &AlertStanding) -> Option<Value> {
    let (since, clearing) = match alert.state {
        State::Inactive => return None,
        State::Pending { since, .. } => (since, false),
        State::Firing { since, clear } => (since, clear.is_some()),
    };
    Some(json!({
        "labels": alert.labels,
        "annotations": alert.annotations,
        "state": name_of(alert.state),
        "activeAt": since.to_rfc3339(),
        "clearing": clearing,
        "suppressed": alert.suppressed.map(|(reason, _)| reason.as_str()),
        "value": alert.value.map_or_else(|| "NaN".to_owned(), |value| format!("{value:e}")),
    }))
}

fn suppressed_alert(alert: &AlertStanding) -> Option<Value> {
    let (reason, since) = alert.suppressed?;
    Some(suppression(reason, Some(since), alert.labels.get("segment")))
}

fn suppression(reason: Suppression, since: Option<Instant>, segment: Option<&String>) -> Value {
    json!({ "reason": reason.as_str(), "since": since.map(Instant::to_rfc3339), "segment": segment, "detail": reason.sentence() })
}

fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn standing() -> Standing {
        let labels = |segment: &str| {
            BTreeMap::from([("alertname".to_owned(), "A".to_owned()), ("segment".to_owned(), segment.to_owned())])
        };
        let alert = |segment: &str, state, suppressed| AlertStanding {
            labels: labels(segment),
            annotations: BTreeMap::new(),
            state,
            value: Some(0.08),
            suppressed,
        };
        let firing = State::Firing { since: Instant(0), clear: Some(5) };
        let rule = RuleStanding {
            name: "A".to_owned(),
            query: "expansion_rate < 0.1".to_owned(),
            pending: 3_600_000,
            keep: 900_000,
            labels: BTreeMap::from([("severity".to_owned(), "critical".to_owned())]),
            annotations: BTreeMap::new(),
            threshold: None,
            suppressed: None,
            alerts: vec![
                alert("retail", firing, None),
                alert("media", State::Inactive, Some((Suppression::SmallBase, Instant(1000)))),
            ],
        };
        Standing { evaluated_at: Some(Instant(60_000)), interval: Duration::from_secs(15), rules: vec![rule] }
    }

    #[test]
    fn rules_have_prometheus_shape() {
        let shown = rules(&standing());
        let group = &shown["data"]["groups"][0];
        assert_eq!((&shown["status"], &group["name"], &group["interval"]), (&json!("success"), &json!("upswell"), &json!(15.0)));
        let rule = &group["rules"][0];
        assert_eq!(rule["state"], "firing");
        assert_eq!(rule["type"], "alerting");
        assert_eq!((&rule["duration"], &rule["keepFiringFor"]), (&json!(3600.0), &json!(900.0)));
        assert_eq!(rule["lastEvaluation"], "1970-01-01T00:01:00Z");
        assert_eq!(rule["alerts"].as_array().map(Vec::len), Some(1));
        assert_eq!(rule["suppressed"][0]["reason"], "small_base");
        assert_eq!(rule["suppressed"][0]["segment"], "media");
    }

    #[test]
    fn alerts_are_those_that_are_active() {
        let shown = alerts(&standing());
        let alerts = shown["data"]["alerts"].as_array().expect("a list");
        assert_eq!(alerts.len(), 1);
        assert_eq!((&alerts[0]["state"], &alerts[0]["value"]), (&json!("firing"), &json!("8e-2")));
        assert_eq!(alerts[0]["activeAt"], "1970-01-01T00:00:00Z");
        assert_eq!(alerts[0]["labels"]["segment"], "retail");
    }
}
