//! What a deployment configures: zone, currency, tables of rates, windows and dimensions.

use super::calendar::{Calendar, Day, period_start};
use super::number::{fraction, half_even};
use num_bigint::BigInt;
use std::collections::{BTreeMap, BTreeSet};

/// A configuration of the revenue part.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    pub zone: String,
    pub currency: String,
    /// From a civil date on: millionths of the reporting currency for one unit of each.
    pub tables: Vec<(Day, BTreeMap<String, i64>)>,
    pub windows: Vec<String>,
    pub dimensions: Vec<String>,
    pub max_values: usize,
}

impl Setup {
    /// The reporting currency and every currency of a table.
    pub fn currencies(&self) -> BTreeSet<String> {
        let listed = self.tables.iter().flat_map(|(_, rates)| rates.keys().cloned());
        listed.chain([self.currency.clone()]).collect()
    }

    /// Millionths for one unit of `currency` on a civil date: the latest table from then or before that lists it, or else the
    /// earliest that lists it.
    fn rate(&self, currency: &str, on: Day) -> i64 {
        if currency == self.currency {
            return 1_000_000;
        }
        let listing = |(from, rates): &(Day, BTreeMap<String, i64>)| rates.get(currency).map(|rate| (*from, *rate));
        let listed: BTreeMap<Day, i64> = self.tables.iter().filter_map(listing).collect();
        let in_force = listed.range(..=on).next_back().or(listed.first_key_value());
        *in_force.expect("an accepted currency is in some table").1
    }
}

/// A view's conversion: the rates in force at the start of the month that holds its instant.
pub struct Valuation<'a> {
    setup: &'a Setup,
    date: Day,
}

impl<'a> Valuation<'a> {
    pub fn at(setup: &'a Setup, calendar: &Calendar, as_of: i64) -> Valuation<'a> {
        Valuation { setup, date: period_start(calendar.day(as_of), 1, 0) }
    }

    pub fn convert(&self, amount: &BigInt, currency: &str) -> BigInt {
        let rate = BigInt::from(self.setup.rate(currency, self.date));
        half_even(&fraction(amount * rate, BigInt::from(1_000_000)))
    }
}

/// Opening and closing edge of a window, and of its comparison window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edges {
    pub opening: i64,
    pub closing: i64,
    pub comparison: Option<(i64, i64)>,
}

/// The edges of a window by its configured name.
pub fn edges(window: &str, calendar: &Calendar, as_of: i64) -> Edges {
    let today = calendar.day(as_of);
    let months = |period: &str| match period {
        "month" => 1,
        "quarter" => 3,
        "year" => 12,
        other => panic!("no period {other}"),
    };
    let start = |period: &str, back: i32| calendar.midnight(period_start(today, months(period), back));
    if let Some(period) = window.strip_suffix("_to_date") {
        return Edges { opening: start(period, 0), closing: as_of, comparison: None };
    }
    if let Some(period) = window.strip_prefix("last_") {
        let (opening, closing) = (start(period, 1), start(period, 0));
        return Edges { opening, closing, comparison: Some((start(period, 2), opening)) };
    }
    let days = window.strip_prefix("trailing_").and_then(|rest| rest.strip_suffix('d')).expect("a window");
    let days: Day = days.parse().expect("a number of days");
    let opening = calendar.midnight(today - days);
    Edges { opening, closing: as_of, comparison: Some((calendar.midnight(today - 2 * days), opening)) }
}
