//! A history as CSV: one row per figure, columns `period,metric,value`, the JSON flattened as the report's is.

use super::History;
use super::json::Document;
use crate::wire::report::csv::flatten;
use crate::wire::report::json::value;
use serde_json::Value;

/// The whole history with a header row.
pub fn render(history: &History) -> String {
    let document = value(&Document::of(history));
    let mut out = String::from("period,metric,value\r\n");
    fields(&mut out, "", &document, "periods");
    for period in document["periods"].as_array().into_iter().flatten() {
        fields(&mut out, period["period"].as_str().unwrap_or_default(), period, "period");
    }
    out
}

/// Everything but the field that is a column of its own, or has rows of its own.
///
/// No cell holds a separator or a quote: names of periods, metrics and zones, instants and numbers have none.
fn fields(out: &mut String, period: &str, of: &Value, besides: &str) {
    for (name, value) in of.as_object().into_iter().flatten().filter(|(name, _)| *name != besides) {
        flatten(name, value, &mut |metric, figure| out.extend([period, ",", metric, ",", figure, "\r\n"]));
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
