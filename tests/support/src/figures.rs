//! Money and counts of reports, to the micro-unit: those of several instances are added up and compared with those of a replay.
//!
//! Ratios are left out: they are no sums. A segment that a report leaves out is worth nothing.

use serde_json::Value;
use std::collections::BTreeMap;

/// Micro-units of money and numbers of customers, by where they stand in a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures(BTreeMap<String, i128>);

/// Where money and counts stand in a window and in a segment.
const SUMMED: [&str; 4] = ["mrr", "customers", "expansion_by_motion", "contraction_by_motion"];

impl Figures {
    /// Those of one report of `replay` or of the API.
    pub fn of(report: &Value) -> Figures {
        let mut figures = Figures::default();
        for window in list(&report["windows"]) {
            let name = text(&window["window"]);
            figures.add_parts(name, window);
            for segment in list(&window["segments"]) {
                figures.add_parts(&format!("{name}/{}={}", text(&segment["dimension"]), text(&segment["value"])), segment);
            }
        }
        figures
    }

    fn add_parts(&mut self, place: &str, part: &Value) {
        for group in SUMMED {
            for (name, value) in part[group].as_object().unwrap_or_else(|| panic!("{place} has no {group}: {part}")) {
                if let Some(value) = number(value) {
                    self.add_one(format!("{place}/{group}/{name}"), value);
                }
            }
        }
    }

    fn add_one(&mut self, place: String, value: i128) {
        *self.0.entry(place).or_default() += value;
    }

    /// Adds those of another instance.
    pub fn add(&mut self, other: &Figures) {
        other.0.iter().for_each(|(place, value)| self.add_one(place.clone(), *value));
    }

    /// Those that differ: where, these, the others.
    pub fn differences(&self, other: &Figures) -> Vec<(String, i128, i128)> {
        let places: std::collections::BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let value = |figures: &Figures, place| figures.0.get(place).copied().unwrap_or(0);
        let both = places.into_iter().map(|place| (place.clone(), value(self, place), value(other, place)));
        both.filter(|(_, ours, theirs)| ours != theirs).collect()
    }

    /// Whether nothing is worth anything, so that comparing proves nothing.
    pub fn is_worthless(&self) -> bool {
        self.0.values().all(|value| *value == 0)
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}

/// Money is a decimal string with six places, a count is an integer; `None` for null.
fn number(value: &Value) -> Option<i128> {
    match value {
        Value::Null => None,
        Value::String(money) => Some(micros(money).unwrap_or_else(|| panic!("not money with six places: {money}"))),
        count => Some(count.as_i64().unwrap_or_else(|| panic!("not a count: {count}")).into()),
    }
}

fn micros(money: &str) -> Option<i128> {
    let (units, places) = money.split_once('.')?;
    (places.len() == 6).then(|| format!("{units}{places}").parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn part(opening: &str, customers: i64) -> Value {
        let motions = json!({ "upsell": "0.000000" });
        json!({ "mrr": { "opening": opening, "comparison_expansion": null }, "customers": { "opening": customers },
            "expansion_by_motion": motions, "contraction_by_motion": motions })
    }

    fn report(opening: &str, customers: i64, segment: Option<(&str, &str)>) -> Figures {
        let mut window = part(opening, customers);
        let mut segments = Vec::new();
        if let Some((value, opening)) = segment {
            let mut held = part(opening, 1);
            (held["dimension"], held["value"]) = (json!("plan"), json!(value));
            segments.push(held);
        }
        (window["window"], window["segments"]) = (json!("last_month"), json!(segments));
        Figures::of(&json!({ "windows": [window] }))
    }

    #[test]
    fn instances_add_up_to_the_whole() {
        let mut sum = report("10.000001", 2, Some(("a", "3.000000")));
        sum.add(&report("-0.000002", 1, Some(("b", "0.500000"))));
        let whole = report("9.999999", 3, Some(("a", "3.000000")));
        let missing =
            [("last_month/plan=b/customers/opening".to_owned(), 1, 0), ("last_month/plan=b/mrr/opening".to_owned(), 500_000, 0)];
        assert_eq!(sum.differences(&whole), missing);
        assert_eq!(sum.differences(&sum), []);
        assert!(report("0.000000", 0, None).is_worthless() && !sum.is_worthless());
    }

    #[test]
    fn a_micro_unit_or_a_customer_more_is_a_difference() {
        let whole = report("10.000000", 2, None);
        assert_eq!(report("10.000001", 2, None).differences(&whole), [("last_month/mrr/opening".into(), 10_000_001, 10_000_000)]);
        assert_eq!(report("10.000000", 3, None).differences(&whole), [("last_month/customers/opening".into(), 3, 2)]);
    }
}
