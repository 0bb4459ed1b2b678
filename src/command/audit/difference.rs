//! Where two reports differ, figure by figure.

use crate::engine::report::Report;
use crate::wire::report::{EventCounts, json};
use serde_json::Value;

/// One figure that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Window, segment if it is one's, and figure: `last_month/mrr/expansion`.
    pub place: String,
    /// As JSON; `null` where there is none.
    pub checkpoint: String,
    pub log: String,
}

/// Every figure of the windows that differs, and recurring revenue now.
pub fn differences(checkpoint: &Report, log: &Report) -> Vec<Difference> {
    let mut found = Vec::new();
    let now = |report: &Report| {
        let today = report.usage_today.map_or("an unknown amount".to_owned(), |micros| micros.to_string());
        Value::String(format!("{} micro-units now, {today} used today", report.mrr))
    };
    compare("mrr", &now(checkpoint), &now(log), &mut found);
    let windows = |report: &Report| -> Value {
        let text = json::render(report, &EventCounts::default());
        serde_json::from_str::<Value>(&text).map_or(Value::Null, |mut report| report["windows"].take())
    };
    compare("", &windows(checkpoint), &windows(log), &mut found);
    found
}

fn compare(place: &str, checkpoint: &Value, log: &Value, found: &mut Vec<Difference>) {
    let below = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}/{name}") };
    match (checkpoint, log) {
        (Value::Object(one), Value::Object(other)) => {
            let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
            names.for_each(|name| compare(&below(name), &checkpoint[name], &log[name], found));
        }
        (Value::Array(one), Value::Array(other)) => {
            for item in one.iter().chain(other.iter().filter(|item| !one.iter().any(|held| named(held) == named(item)))) {
                let of = |items: &[Value]| items.iter().find(|held| named(held) == named(item)).cloned().unwrap_or_default();
                compare(&below(&named(item)), &of(one), &of(other), found);
            }
        }
        (one, other) if one == other => {}
        (one, other) => found.push(Difference { place: place.to_owned(), checkpoint: one.to_string(), log: other.to_string() }),
    }
}

/// What a window or a segment is called.
fn named(item: &Value) -> String {
    let text = |key: &str| item[key].as_str().unwrap_or_default();
    if item["window"].is_string() { text("window").to_owned() } else { format!("{}={}", text("dimension"), text("value")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures_are_named_by_where_they_stand() {
        let report = |expansion: &str, value: &str| {
            json!([{ "window": "last_month", "mrr": { "expansion": expansion, "churn": "1" },
                "segments": [{ "dimension": "plan", "value": value, "mrr": { "opening": "2" } }] }])
        };
        let mut found = Vec::new();
        compare("", &report("5", "a"), &report("5", "a"), &mut found);
        assert_eq!(found, []);
        compare("", &report("5", "a"), &report("6", "b"), &mut found);
        let places: Vec<&str> = found.iter().map(|one| one.place.as_str()).collect();
        assert_eq!(places, ["last_month/mrr/expansion", "last_month/segments/plan=a", "last_month/segments/plan=b"]);
        assert_eq!((found[0].checkpoint.as_str(), found[0].log.as_str()), ("\"5\"", "\"6\""));
        assert_eq!((found[2].checkpoint.as_str(), found[1].log.as_str()), ("null", "null"));
    }
}
