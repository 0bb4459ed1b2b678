//! The report as CSV: long form, one row per figure, columns `window,dimension,segment,metric,value`.
//!
//! The rows are the JSON report flattened, so the two cannot differ: `metric` is the path inside a window or segment
//! (`mrr.opening`, `rates.arpa`), rows without a window are about the report (`as_of`, `events.usage`). An undefined value is an
//! empty cell. Quoting follows RFC 4180 with CRLF.
//!
//! Text cells are safe to open in a spreadsheet: one that a spreadsheet might run as a formula (it begins with `=`, `+`, `-`, `@`,
//! their full-width forms, a tab, a carriage return or a line feed) gets an apostrophe in front, and so does one that begins
//! with an apostrophe, so removing one leading apostrophe gives the original back. Figures are written as they are.

use super::EventCounts;
use super::json::{self, Document};
use crate::engine::report::Report;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The whole report with a header row.
pub fn render(report: &Report, events: &EventCounts) -> String {
    let document = json::value(&Document::of(report, events));
    let mut rows = Rows(String::from("window,dimension,segment,metric,value\r\n"));
    rows.fields(["", "", ""], document.as_object());
    for window in items(&document, "windows") {
        let name = text(window, "window");
        rows.fields([name, "", ""], window.as_object());
        for segment in items(window, "segments") {
            rows.fields([name, text(segment, "dimension"), text(segment, "value")], segment.as_object());
        }
    }
    rows.0
}

/// Fields that are columns of their own or lists with rows of their own.
const NOT_FIGURES: [&str; 5] = ["window", "windows", "segments", "dimension", "value"];

struct Rows(String);

impl Rows {
    fn fields(&mut self, at: [&str; 3], fields: Option<&Map<String, Value>>) {
        for (name, value) in fields.into_iter().flatten().filter(|(name, _)| !NOT_FIGURES.contains(&name.as_str())) {
            flatten(name, value, &mut |metric, figure| self.row(at, metric, figure));
        }
    }

    fn row(&mut self, at: [&str; 3], metric: &str, value: &str) {
        for cell in at {
            self.0.push_str(&quoted(&harmless(cell)));
            self.0.push(',');
        }
        self.0.push_str(metric);
        self.0.push(',');
        self.0.push_str(&quoted(value));
        self.0.push_str("\r\n");
    }
}

/// Every figure in a value with its path, in order; what is undefined is empty.
pub(in crate::wire) fn flatten(path: &str, value: &Value, row: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Object(inner) => inner.iter().for_each(|(name, value)| flatten(&format!("{path}.{name}"), value, row)),
        Value::Null => row(path, ""),
        Value::String(figure) => row(path, figure),
        figure => row(path, &figure.to_string()),
    }
}

fn items<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_default()
}

/// A text cell that no spreadsheet takes for a formula.
pub(in crate::wire) fn harmless(cell: &str) -> Cow<'_, str> {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\'' | '＝' | '＋' | '－' | '＠') => Cow::Owned(format!("'{cell}")),
        _ => Cow::Borrowed(cell),
    }
}

/// RFC 4180: in quotes where a separator, a quote or a line break is inside, quotes doubled.
pub(in crate::wire) fn quoted(cell: &str) -> Cow<'_, str> {
    if cell.contains([',', '"', '\r', '\n']) {
        Cow::Owned(format!("\"{}\"", cell.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;

    #[test]
    fn one_row_per_figure() {
        let (mut report, events) = example();
        report.windows[0].comparison_opening = None;
        let text = render(&report, &events);
        for row in [
            "window,dimension,segment,metric,value",
            ",,,as_of,2026-09-10T08:00:00Z",
            ",,,events.subscriptions,121",
            "last_month,,,opening_edge,2026-08-01T00:00:00Z",
            "last_month,,,mrr.opening,620.000000",
            "last_month,,,mrr.comparison_expansion,",
            "last_month,,,rates.expansion_growth,",
            "last_month,,,band,lagging",
            "last_month,vertical,fintech,customers.churn,1",
            "last_month,vertical,fintech,expansion_by_motion.upsell,25.000000",
        ] {
            assert!(text.split("\r\n").any(|line| line == row), "{row} is missing in\n{text}");
        }
        // 7 of the report (3 and 4 counts), 2 edges, twice 34 figures, the header.
        assert_eq!(text.matches("\r\n").count(), 7 + 2 + 2 * 34 + 1, "{text}");
    }

    #[test]
    fn text_cells_are_quoted_and_never_formulas() {
        for (cell, written) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("=1+1", "'=1+1"),
            ("-2", "'-2"),
            ("+2", "'+2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("'=1", "''=1"),
            ("＝1", "'＝1"),
            ("", ""),
        ] {
            assert_eq!(quoted(&harmless(cell)), written, "{cell:?}");
        }
    }
}
