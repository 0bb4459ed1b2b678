//! Failing histories that properties found, as plain tests.

use crate::build::{ms, setup, usage};
use crate::harness::view;
use crate::twin::facts::Event;
use std::collections::BTreeMap;

/// Every published total is a sum over customers, so that instances add up: the usage of today is converted customer by customer.
#[test]
fn usage_of_today_is_converted_for_each_customer() {
    let mut setup = setup("month_to_date");
    setup.tables = vec![(0, BTreeMap::from([("EUR".to_owned(), 1_080_000)]))];
    let five_micros_of_euro = |customer: &str| {
        let Event::Usage(mut event) = usage(customer, "2026-03-31", 0) else { unreachable!("usage makes usage") };
        (event.amount, event.currency) = (Some(5), Some("EUR".to_owned()));
        Event::Usage(event)
    };
    let report = view(&setup, &[five_micros_of_euro("a"), five_micros_of_euro("b")], ms("2026-03-31T12:00:00Z"));
    assert_eq!(report.usage_today, Some(10), "5.4 rounds to 5 for each");
}
