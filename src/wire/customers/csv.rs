//! Listings as CSV: a header row and one customer a row, RFC 4180. What is undefined is an empty cell; customer ids are safe to open
//! in a spreadsheet, as the text cells of the report are.

use super::Page;
use super::json::figures;
use crate::engine::survey::Question;
use crate::wire::report::csv::{harmless, quoted};
use serde_json::Value;

/// The columns of each kind of listing.
const MOVED: &str = "customer_id,movement,amount,opening,closing\r\n";
const LIKELY: &str = "customer_id,amount,run_rate,run_rate_before,committed,scheduled,scheduled_at\r\n";

/// A page with its header row.
pub fn render(page: &Page) -> String {
    let mut out = match page.listing.question {
        Question::Likely(_) => LIKELY.to_owned(),
        Question::Moved(_) | Question::Closed { .. } => MOVED.to_owned(),
    };
    for row in page.rows() {
        out.push_str(&quoted(&harmless(&row.customer_id)));
        for (_, value) in figures(row) {
            out.push(',');
            out.push_str(value.as_str().unwrap_or_default());
            debug_assert!(matches!(value, Value::String(_) | Value::Null));
        }
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::json::tests::listing;
    use super::*;
    use crate::engine::survey::rows::{Row, Why};
    use std::sync::Arc;

    #[test]
    fn one_customer_a_row_and_no_formulas() {
        let text = render(&Page::of(Arc::new(listing()), 0, 10));
        let expected = "customer_id,movement,amount,opening,closing\r\n\
                        acme,expansion,30.000000,100.000000,130.000000\r\n\
                        \"'=cmd,\"\"x\"\"\",expansion,12.000000,0.000001,12.000001\r\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_id_that_would_run_gets_an_apostrophe() {
        for id in ["=1", "+1", "-1", "@x", "\t=1"] {
            let mut listing = listing();
            listing.rows.truncate(1);
            listing.rows[0].customer_id = id.into();
            let text = render(&Page::of(Arc::new(listing), 0, 10));
            assert!(text.contains(&format!("\r\n'{id},expansion,")), "{text}");
        }
    }

    #[test]
    fn the_header_names_what_is_in_the_rows() {
        let names = |row: &Row| figures(row).map(|(name, _)| name).collect::<Vec<_>>().join(",");
        assert_eq!(MOVED, format!("customer_id,{}\r\n", names(&listing().rows[0])));
        let why = Why::Likely { run_rate: 0, run_rate_before: None, committed: 0, scheduled: 0, scheduled_at: None };
        assert_eq!(LIKELY, format!("customer_id,{}\r\n", names(&Row { customer_id: "a".into(), amount: 1, why })));
    }
}
