//! The report as JSON: the public shape, field by field in its documented order.
//!
//! Money is an exact decimal string with six places; rates are numbers in full double precision or null; nothing else is null
//! but `comparison_expansion` without a comparison window and `band` without a rate.

use super::EventCounts;
use crate::domain::calendar::Instant;
use crate::domain::money::{Micros, decimal};
use crate::domain::motion::{MOTIONS, Motion};
use crate::domain::rates::{self, Sums};
use crate::engine::report::{DimensionReport, Report, WindowReport};
use serde::{Serialize, Serializer};

/// The whole report as indented JSON, ending in a line feed.
pub fn render(report: &Report, events: &EventCounts) -> String {
    indented(&Document::of(report, events))
}

/// A document of plain structs, strings and numbers as indented JSON, ending in a line feed.
pub(in crate::wire) fn indented(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).expect("plain structs, strings and numbers always serialise");
    text.push('\n');
    text
}

/// The same as a value, whose figures can be gone through.
pub(in crate::wire) fn value(document: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(document).expect("plain structs, strings and numbers always serialise")
}

/// The shape of the report.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    as_of: String,
    currency: &'a str,
    time_zone: &'a str,
    events: Events,
    windows: Vec<Window<'a>>,
}

#[derive(Serialize)]
struct Events {
    subscriptions: u64,
    usage: u64,
    duplicates: u64,
    rejected: serde_json::Map<String, serde_json::Value>,
    after_as_of: u64,
}

#[derive(Serialize)]
struct Window<'a> {
    window: &'a str,
    #[serde(flatten)]
    between: Between,
    segments: Vec<Segment<'a>>,
}

/// What happened between two edges.
#[derive(Serialize)]
pub(in crate::wire) struct Between {
    opening_edge: String,
    closing_edge: String,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Serialize)]
struct Segment<'a> {
    dimension: &'a str,
    value: &'a str,
    #[serde(flatten)]
    figures: Figures,
}

/// What a window and each of its segments have in common.
#[derive(Serialize)]
struct Figures {
    mrr: Money,
    customers: Customers,
    expansion_by_motion: ByMotion,
    contraction_by_motion: ByMotion,
    rates: Rates,
    band: Option<&'static str>,
}

#[derive(Serialize)]
struct Money {
    opening: String,
    new: String,
    reactivation: String,
    expansion: String,
    contraction: String,
    churn: String,
    closing: String,
    comparison_expansion: Option<String>,
}

#[derive(Serialize)]
struct Customers {
    opening: i64,
    new: i64,
    reactivation: i64,
    expansion: i64,
    contraction: i64,
    churn: i64,
    closing: i64,
}

#[derive(Serialize)]
struct Rates {
    expansion_rate: Option<f64>,
    expansion_growth: Option<f64>,
    net_revenue_retention: Option<f64>,
    gross_revenue_retention: Option<f64>,
    quick_ratio: Option<f64>,
    customer_churn_rate: Option<f64>,
    customer_expansion_share: Option<f64>,
    arpa: Option<f64>,
}

/// Money by motion, keyed by the motion's name.
struct ByMotion([Micros; MOTIONS]);

impl Serialize for ByMotion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Motion::ALL.iter().zip(self.0).map(|(motion, amount)| (motion.as_str(), decimal(amount))))
    }
}

impl<'a> Document<'a> {
    pub(super) fn of(report: &'a Report, events: &EventCounts) -> Document<'a> {
        Document {
            as_of: Instant::to_rfc3339(report.as_of),
            currency: &report.currency,
            time_zone: &report.time_zone,
            events: Events::of(events),
            windows: report.windows.iter().map(Window::of).collect(),
        }
    }
}

impl Events {
    fn of(counts: &EventCounts) -> Events {
        let rejected = counts.rejected.iter().filter(|(_, count)| **count > 0);
        Events {
            subscriptions: counts.subscriptions,
            usage: counts.usage,
            duplicates: counts.duplicates,
            rejected: rejected.map(|(reason, count)| (reason.as_str().to_owned(), (*count).into())).collect(),
            after_as_of: counts.after_as_of,
        }
    }
}

impl<'a> Window<'a> {
    fn of(window: &'a WindowReport) -> Window<'a> {
        Window {
            window: &window.window,
            between: Between::of(window),
            segments: window.dimensions.iter().flat_map(|of| segments(of, window.has_comparison())).collect(),
        }
    }
}

fn segments(of: &DimensionReport, has_comparison: bool) -> impl Iterator<Item = Segment<'_>> {
    of.segments.iter().map(move |segment| Segment {
        dimension: &of.dimension,
        value: &segment.value,
        figures: Figures::of(&segment.sums, has_comparison),
    })
}

impl Between {
    pub(in crate::wire) fn of(window: &WindowReport) -> Between {
        Between {
            opening_edge: window.opening_edge.to_rfc3339(),
            closing_edge: window.closing_edge.to_rfc3339(),
            figures: Figures::of(&window.total, window.has_comparison()),
        }
    }
}

impl Figures {
    fn of(sums: &Sums, has_comparison: bool) -> Figures {
        Figures {
            mrr: Money::of(&sums.money, has_comparison),
            customers: Customers::of(&sums.customers),
            expansion_by_motion: ByMotion(sums.money.expansion),
            contraction_by_motion: ByMotion(sums.money.contraction),
            rates: Rates::of(sums.rates(has_comparison)),
            band: sums.band().map(rates::Band::as_str),
        }
    }
}

impl Money {
    fn of(money: &rates::Money, has_comparison: bool) -> Money {
        Money {
            opening: decimal(money.opening),
            new: decimal(money.new),
            reactivation: decimal(money.reactivation),
            expansion: decimal(money.expansion()),
            contraction: decimal(money.contraction()),
            churn: decimal(money.churn),
            closing: decimal(money.closing()),
            comparison_expansion: has_comparison.then(|| decimal(money.comparison_expansion)),
        }
    }
}

impl Customers {
    fn of(customers: &rates::Customers) -> Customers {
        Customers {
            opening: customers.opening,
            new: customers.new,
            reactivation: customers.reactivation,
            expansion: customers.expansion,
            contraction: customers.contraction,
            churn: customers.churn,
            closing: customers.closing(),
        }
    }
}

impl Rates {
    fn of(rates: rates::Rates) -> Rates {
        Rates {
            expansion_rate: rates.expansion_rate,
            expansion_growth: rates.expansion_growth,
            net_revenue_retention: rates.net_revenue_retention,
            gross_revenue_retention: rates.gross_revenue_retention,
            quick_ratio: rates.quick_ratio,
            customer_churn_rate: rates.customer_churn_rate,
            customer_expansion_share: rates.customer_expansion_share,
            arpa: rates.arpa,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;
    use crate::domain::facts::Reason;
    use serde_json::{Value, json};

    /// The documented example; its rates are exact here, rounded to four places there.
    const SHAPE: &str = r#"{ "as_of": "2026-09-10T08:00:00Z", "currency": "USD", "time_zone": "UTC",
  "events": { "subscriptions": 121, "usage": 0, "duplicates": 0, "rejected": {} , "after_as_of": 0 },
  "windows": [ { "window": "last_month", "opening_edge": "2026-08-01T00:00:00Z", "closing_edge": "2026-09-01T00:00:00Z",
    "mrr": { "opening": "620.000000", "new": "30.000000", "reactivation": "0.000000", "expansion": "25.000000",
             "contraction": "0.000000", "churn": "50.000000", "closing": "625.000000", "comparison_expansion": "10.000000" },
    "customers": { "opening": 14, "new": 1, "reactivation": 0, "expansion": 2, "contraction": 0, "churn": 1, "closing": 14 },
    "expansion_by_motion": { "upsell": "25.000000", "cross_sell": "0.000000", "seats": "0.000000", "usage": "0.000000", "price": "0.000000" },
    "contraction_by_motion": { "upsell": "0.000000", "cross_sell": "0.000000", "seats": "0.000000", "usage": "0.000000", "price": "0.000000" },
    "rates": { "expansion_rate": 0.0403, "expansion_growth": 1.5, "net_revenue_retention": 0.9597,
               "gross_revenue_retention": 0.9194, "quick_ratio": 1.1, "customer_churn_rate": 0.0714,
               "customer_expansion_share": 0.1429, "arpa": 44.6429 },
    "band": "lagging" } ] }"#;

    fn rounded(value: Value) -> Value {
        match value {
            Value::Number(number) if number.is_f64() => json!((number.as_f64().unwrap_or(0.0) * 1e4).round() / 1e4),
            Value::Array(items) => items.into_iter().map(rounded).collect(),
            Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, rounded(value))).collect(),
            other => other,
        }
    }

    fn rendered() -> Value {
        let (report, events) = example();
        serde_json::from_str(&render(&report, &events)).expect("valid JSON")
    }

    #[test]
    fn the_documented_example_in_the_documented_order() {
        let mut document = rendered();
        let segments = document["windows"][0].as_object_mut().and_then(|window| window.remove("segments")).expect("segments");
        let shape: Value = serde_json::from_str(SHAPE).expect("valid JSON");
        // As text, because the order of keys is part of the shape.
        assert_eq!(rounded(document).to_string(), shape.to_string());
        let keys: Vec<_> = segments[0].as_object().expect("an object").keys().collect();
        let expected =
            ["dimension", "value", "mrr", "customers", "expansion_by_motion", "contraction_by_motion", "rates", "band"];
        assert_eq!(keys, expected);
        assert_eq!(segments[0]["mrr"], shape["windows"][0]["mrr"]);
    }

    #[test]
    fn rates_keep_full_precision() {
        assert_eq!(rendered()["windows"][0]["rates"]["expansion_rate"].as_f64(), Some(25.0 / 620.0));
    }

    #[test]
    fn what_is_undefined_is_null() {
        let (mut report, mut events) = example();
        report.windows[0].comparison_opening = None;
        report.windows[0].total = Sums::default();
        events.reject(Reason::FutureUsage);
        events.reject(Reason::Decode);
        let document: Value = serde_json::from_str(&render(&report, &events)).expect("valid JSON");
        let window = &document["windows"][0];
        assert!(window["mrr"]["comparison_expansion"].is_null());
        assert!(window["band"].is_null());
        assert!(window["rates"].as_object().expect("an object").values().all(Value::is_null));
        assert_eq!(document["events"]["rejected"].to_string(), r#"{"decode":1,"future_usage":1}"#);
    }

    #[test]
    fn hostile_text_survives() {
        let (mut report, events) = example();
        let value = "a\"b\\c\n\u{0}\u{1b}[31m\u{2028}Ü😀";
        report.windows[0].dimensions[0].segments[0].value = value.into();
        let document: Value = serde_json::from_str(&render(&report, &events)).expect("valid JSON");
        assert_eq!(document["windows"][0]["segments"][0]["value"], value);
    }
}
