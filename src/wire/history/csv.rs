//! A history as CSV: one row per figure, columns `period,metric,value`, the JSON flattened as the report's is.

use super::History;
use super::json::Document;
use serde_json::Value;

/// The whole history with a header row.
pub fn render(history: &History) -> String {
    let document = serde_json::to_value(Document::of(history))
        .expect("the document is plain structs, strings and numbers, which always serialise");
    let mut out = String::from("period,metric,value\r\n");
    for (name, value) in document.as_object().into_iter().flatten().filter(|(name, _)| *name != "periods") {
        figure(&mut out, "", name, value);
    }
    for period in document["periods"].as_array().into_iter().flatten() {
        let of = period["period"].as_str().unwrap_or_default();
        for (name, value) in period.as_object().into_iter().flatten().filter(|(name, _)| *name != "period") {
            figure(&mut out, of, name, value);
        }
    }
    out
}

/// No cell holds a separator or a quote: names of periods, metrics and zones, instants and numbers have none.
fn figure(out: &mut String, period: &str, path: &str, value: &Value) {
    match value {
        Value::Object(inner) => inner.iter().for_each(|(name, value)| figure(out, period, &format!("{path}.{name}"), value)),
        Value::Null => out.extend([period, ",", path, ",\r\n"]),
        Value::String(text) => out.extend([period, ",", path, ",", text, "\r\n"]),
        other => out.extend([period, ",", path, ",", &other.to_string(), "\r\n"]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;

    #[test]
    fn one_row_per_figure() {
        let text = render(&example());
        for row in [
            "period,metric,value",
            ",as_of,2026-09-10T08:00:00Z",
            ",every,month",
            ",complete_since,",
            "2026-07,mrr.new,620.000000",
            "2026-07,rates.expansion_rate,",
            "2026-08,closing_edge,2026-09-01T00:00:00Z",
            "2026-08,customers.closing,14",
        ] {
            assert!(text.split("\r\n").any(|line| line == row), "{row} is missing in\n{text}");
        }
        assert_eq!(text.matches("\r\n").count(), 1 + 6 + 2 * (2 + 34), "{text}");
    }
}
