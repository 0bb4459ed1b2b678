//! Listings as JSON, and as lines of JSON: one customer a line, without what all have in common.

use super::{Page, Version};
use crate::domain::calendar::Instant;
use crate::domain::money::{Micros, decimal};
use crate::engine::survey::Question;
use crate::engine::survey::listing::Query;
use crate::engine::survey::rows::{Order, Row, Tally, Why};
use serde_json::{Map, Value, json};

/// A page as a document, ending in a line feed.
pub fn render(page: &Page) -> String {
    format!("{}\n", Value::Object(document(page)))
}

/// The rows of a page, a line each.
pub fn lines(page: &Page) -> String {
    page.rows().iter().map(|one| format!("{}\n", row(one))).collect()
}

/// What a version is, as the first fields of a document.
pub(super) fn version(version: &Version) -> Map<String, Value> {
    let Version { as_of, currency, offsets, owns_all } = version;
    fields(json!({
        "as_of": as_of.to_rfc3339(),
        "currency": currency,
        "owns_all_partitions": owns_all,
        "offsets": offsets,
    }))
}

fn document(page: &Page) -> Map<String, Value> {
    let listing = &page.listing;
    let mut document = version(&listing.version);
    document.extend(question(&listing.question));
    if let Some((opening, closing)) = listing.edges {
        document.insert("opening_edge".to_owned(), json!(opening.to_rfc3339()));
        document.insert("closing_edge".to_owned(), json!(closing.to_rfc3339()));
    }
    document.insert("total".to_owned(), tally(listing.total));
    document.insert("beyond".to_owned(), tally(listing.beyond()));
    document.insert("customers".to_owned(), page.rows().iter().map(row).collect());
    document.insert("next_cursor".to_owned(), json!(page.next().map(|cursor| cursor.to_string())));
    document
}

fn question(question: &Question) -> Map<String, Value> {
    let order_name = |order: &Order| Order::ALL.iter().find(|(_, known)| known == order).map(|(name, _)| *name);
    match question {
        Question::Moved(Query { window, movement, segment, order, .. }) => fields(json!({
            "window": window.to_string(),
            "movement": movement.as_str(),
            "dimension": segment.as_ref().map(|(dimension, _)| dimension),
            "segment": segment.as_ref().map(|(_, value)| value),
            "order": order_name(order),
        })),
        Question::Likely(order) => fields(json!({ "likely": "expand", "order": order_name(order) })),
        Question::Closed { .. } => Map::new(),
    }
}

fn tally(tally: Tally) -> Value {
    json!({ "customers": tally.customers, "amount": decimal(tally.amount) })
}

pub(super) fn row(row: &Row) -> Value {
    let mut fields = fields(json!({ "customer_id": row.customer_id }));
    fields.extend(figures(row).map(|(name, value)| (name.to_owned(), value)));
    Value::Object(fields)
}

/// What a row says beside the customer, by name: what rows of one listing have is the same for all.
pub(super) fn figures(row: &Row) -> impl Iterator<Item = (&'static str, Value)> {
    let money = |micros: Micros| json!(decimal(micros));
    let figures = match &row.why {
        Why::Moved { movement, opening, closing } => vec![
            ("movement", json!(movement.as_str())),
            ("amount", money(row.amount)),
            ("opening", money(*opening)),
            ("closing", money(*closing)),
        ],
        Why::Likely { run_rate, run_rate_before, committed, scheduled, scheduled_at } => vec![
            ("amount", money(row.amount)),
            ("run_rate", money(*run_rate)),
            ("run_rate_before", run_rate_before.map_or(Value::Null, money)),
            ("committed", money(*committed)),
            ("scheduled", money(*scheduled)),
            ("scheduled_at", json!(scheduled_at.map(Instant::to_rfc3339))),
        ],
    };
    figures.into_iter()
}

/// The fields of an object.
pub(super) fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
pub(in crate::wire) mod tests {
    use super::*;
    use crate::domain::window::Window;
    use crate::engine::survey::listing::Movement;
    use crate::wire::customers::Listing;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    /// Two customers of a listing of three, the last beyond what is kept.
    pub(in crate::wire) fn listing() -> Listing {
        let row = |customer_id: &str, opening: Micros, closing: Micros| {
            let why = Why::Moved { movement: Movement::Expansion, opening, closing };
            Row { customer_id: customer_id.into(), amount: closing - opening, why }
        };
        let window = Window::parse("last_month").expect("a window");
        let (movement, segment) = (Movement::Expansion, Some(("vertical".to_owned(), "fin,tech".to_owned())));
        let question = Question::Moved(Query { window, movement, segment, order: Order::Amount, most: 2 });
        Listing {
            id: 7,
            version: Version {
                as_of: Instant(1_789_027_200_000),
                currency: "USD".to_owned(),
                offsets: BTreeMap::from([("subs".to_owned(), BTreeMap::from([(0, 12), (1, 9)]))]),
                owns_all: true,
            },
            question,
            edges: Some((Instant(1_785_542_400_000), Instant(1_788_220_800_000))),
            total: Tally { customers: 3, amount: 42_000_001 },
            rows: vec![row("acme", 100_000_000, 130_000_000), row("=cmd,\"x\"", 1, 12_000_001)],
        }
    }

    #[test]
    fn the_documented_shape_in_the_documented_order() {
        let listing = Arc::new(listing());
        let first = render(&Page::of(listing.clone(), 0, 1));
        let expected = r#"{"as_of":"2026-09-10T08:00:00Z","currency":"USD","owns_all_partitions":true,"offsets":{"subs":{"0":12,"1":9}},"window":"last_month","movement":"expansion","dimension":"vertical","segment":"fin,tech","order":"amount","opening_edge":"2026-08-01T00:00:00Z","closing_edge":"2026-09-01T00:00:00Z","total":{"customers":3,"amount":"42.000001"},"beyond":{"customers":1,"amount":"0.000001"},"customers":[{"customer_id":"acme","movement":"expansion","amount":"30.000000","opening":"100.000000","closing":"130.000000"}],"next_cursor":"0000000000000007-1"}"#;
        assert_eq!(first, format!("{expected}\n"));
        let last = Page::of(listing.clone(), 1, 100);
        assert!(render(&last).ends_with("\"next_cursor\":null}\n"));
        assert_eq!(
            lines(&last),
            "{\"customer_id\":\"=cmd,\\\"x\\\"\",\"movement\":\"expansion\",\"amount\":\"12.000000\",\"opening\":\"0.000001\",\"closing\":\"12.000001\"}\n"
        );
        assert!(Page::of(listing, usize::MAX, usize::MAX).rows().is_empty());
    }

    #[test]
    fn what_is_likely_says_what_grows() {
        let why = Why::Likely {
            run_rate: 5,
            run_rate_before: None,
            committed: 1_000_000,
            scheduled: 3_000_000,
            scheduled_at: Some(Instant(0)),
        };
        let row = row(&Row { customer_id: "a".into(), amount: 2_000_000, why });
        let expected = r#"{"customer_id":"a","amount":"2.000000","run_rate":"0.000005","run_rate_before":null,"committed":"1.000000","scheduled":"3.000000","scheduled_at":"1970-01-01T00:00:00Z"}"#;
        assert_eq!(row.to_string(), expected);
    }
}
