//! What histories are made of: few of everything, and the hostile ones among them.

use crate::build::UNIT;
use crate::twin::calendar::{Day, day_of, period_start};
use crate::twin::facts::Item;
use crate::twin::setup::Setup;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::collections::BTreeMap;
use upswell::domain::facts::{Interval, Status};

/// A position in one of the lists below; shrinks to the first.
pub type Pick = usize;

/// Zones, each with a day on which its clocks or dates do something strange, or on which a limit lies near.
pub const PLACES: [(&str, (i16, i8, i8)); 20] = [
    ("UTC", (2026, 3, 31)),
    ("America/Los_Angeles", (2025, 3, 9)),
    ("Pacific/Apia", (2011, 12, 30)),
    ("America/Sao_Paulo", (2018, 11, 4)),
    ("America/Sao_Paulo", (2018, 2, 18)),
    ("America/St_Johns", (2010, 11, 7)),
    ("America/St_Johns", (2011, 3, 13)),
    ("Asia/Kathmandu", (2024, 2, 29)),
    ("Australia/Lord_Howe", (2025, 4, 6)),
    ("Africa/Casablanca", (2026, 2, 15)),
    ("Asia/Beirut", (2025, 3, 30)),
    ("Africa/Cairo", (2024, 4, 26)),
    ("America/Havana", (2025, 11, 2)),
    ("Asia/Tehran", (2022, 3, 22)),
    ("Pacific/Fakaofo", (2011, 12, 30)),
    ("Pacific/Kiritimati", (2025, 1, 1)),
    ("America/Scoresbysund", (2024, 3, 31)),
    ("Asia/Pyongyang", (2018, 5, 5)),
    ("Pacific/Kiritimati", (2099, 12, 1)),
    ("America/Los_Angeles", (2000, 3, 1)),
];

pub const CUSTOMERS: [&str; 3] = ["a", "ä/\"\\\n😀", "other"];
pub const SUBSCRIPTIONS: [&str; 3] = ["s", "s'\u{7f}", "unknown"];
const ITEMS: [&str; 3] = ["i", "I\"", "ï"];
const PRODUCTS: [&str; 3] = ["p", "q/", "é"];
const PLANS: [&str; 5] = ["basic", "pro", "usage", "other", "unknown"];
pub const CURRENCIES: [&str; 4] = ["USD", "EUR", "JPY", "XXX"];
pub const ATTRIBUTES: [&str; 3] = ["vertical", "region", "Größe \"{}\""];
pub const VALUES: [&str; 8] = ["x", "y", "", "other", "unknown", "ÿ", "a\"\\\n", "😀"];
pub const PREFIXES: [&str; 4] = ["e", "d/", "\"", "ö"];
const DIMENSIONS: [&str; 5] = ["cohort", "plan", ATTRIBUTES[0], ATTRIBUTES[1], ATTRIBUTES[2]];
const WINDOWS: [&str; 14] = [
    "month_to_date",
    "last_month",
    "quarter_to_date",
    "last_quarter",
    "year_to_date",
    "last_year",
    "trailing_7d",
    "trailing_8d",
    "trailing_28d",
    "trailing_30d",
    "trailing_63d",
    "trailing_90d",
    "trailing_365d",
    "trailing_730d",
];

pub fn place(pick: Pick) -> (&'static str, Day) {
    let (zone, (year, month, day)) = PLACES[pick];
    (zone, day_of(year, month, day))
}

pub fn customer() -> impl Strategy<Value = Pick> {
    prop_oneof![3 => Just(0), 2 => Just(1), 1 => Just(2)]
}

pub fn subscription() -> impl Strategy<Value = Pick> {
    prop_oneof![3 => Just(0), 2 => 0..SUBSCRIPTIONS.len()]
}

pub fn prefix() -> impl Strategy<Value = Pick> {
    0..PREFIXES.len()
}

pub fn currency() -> impl Strategy<Value = Pick> {
    prop_oneof![12 => Just(0), 6 => Just(1), 4 => Just(2), 1 => Just(3)]
}

pub fn status() -> impl Strategy<Value = Status> {
    let rare = select(vec![Status::Trialing, Status::PastDue, Status::Paused]);
    prop_oneof![9 => Just(Status::Active), 2 => Just(Status::Canceled), 2 => rare]
}

pub fn attributes() -> impl Strategy<Value = Vec<(Pick, Pick)>> {
    vec((prop_oneof![2 => Just(0), 2 => Just(1), 1 => Just(2)], 0..VALUES.len()), 0..4)
}

pub fn usage_amount(huge: bool) -> BoxedStrategy<i64> {
    if huge {
        return select(vec![1_000_000_000_000_000_000, -1_000_000_000_000_000_000, 999_999_999_999_999_999, UNIT]).boxed();
    }
    let usual = select(vec![10 * UNIT, 28 * UNIT, UNIT, -10 * UNIT, -3 * UNIT, 5, -1]);
    prop_oneof![6 => usual, 1 => -50..50i64].boxed()
}

pub fn product() -> impl Strategy<Value = &'static str> {
    select(PRODUCTS.to_vec())
}

pub fn plan() -> impl Strategy<Value = &'static str> {
    select(PLANS.to_vec())
}

pub fn item(huge: bool) -> BoxedStrategy<Item> {
    let names = (select(ITEMS.to_vec()), product(), plan());
    let count = select(vec![None, None, None, Some(1), Some(2), Some(3), Some(30), Some(10_000)]);
    let usual =
        (select(vec![1i64, 2, 3, 10, 11, 12, 0]), select(vec![20 * UNIT, 10 * UNIT, 100 * UNIT, 30 * UNIT, 333_333, 1, 0]));
    let month = prop_oneof![4 => Just(Interval::Month), 1 => select(Interval::SYMBOLS.map(|(_, interval)| interval).to_vec())];
    let discount = select(vec![None, None, None, Some(0), Some(UNIT), Some(36 * UNIT), Some(5)]);
    let usual = (usual, month, count, discount);
    let numbers = if huge { prop_oneof![3 => huge_numbers(), 1 => usual].boxed() } else { usual.boxed() };
    (names, numbers)
        .prop_map(|((item, product, plan), (amount, interval, count, discount))| Item {
            item_id: Some(item.to_owned()),
            product_id: Some(product.to_owned()),
            plan_id: Some(plan.to_owned()),
            quantity: Some(amount.0),
            unit_amount: Some(amount.1),
            interval: Some(interval),
            interval_count: count,
            discount,
        })
        .boxed()
}

type Numbers = ((i64, i64), Interval, Option<i64>, Option<i64>);

/// Quantities, amounts and counts near their limits whose MRR is near its own, on both sides.
fn huge_numbers() -> impl Strategy<Value = Numbers> {
    const LIMIT: i64 = 1_000_000_000_000_000_000;
    let (year, day) = ((Interval::Year, Some(10_000)), (Interval::Day, Some(10_000)));
    select(vec![
        ((1, LIMIT), Interval::Month, Some(1), None),
        ((1_000_000_000_000, 999_999), Interval::Month, None, None),
        ((1_000_000_000_000, 1_000_000), Interval::Month, None, Some(LIMIT)),
        ((1_000_000_000_000, 1_999_999), Interval::Month, None, Some(LIMIT)),
        ((1_000_000_000_000, 1_000_001), Interval::Month, None, None),
        ((120_000, LIMIT), year.0, year.1, None),
        ((119_999, LIMIT), year.0, year.1, Some(7)),
        ((999_999_999_999, 120_000_000_000), year.0, year.1, Some(LIMIT - 1)),
        ((328, LIMIT), day.0, day.1, Some(3)),
        ((999_999_999_999, 0), Interval::Week, Some(7), None),
        ((1, LIMIT - 1), Interval::Quarter, None, None),
        ((1_000_000_000_000, 1), Interval::Month, Some(9_999), None),
    ])
}

/// A configuration by picks; [`DraftSetup::resolve`] places its tables around a day.
#[derive(Clone, Debug)]
pub struct DraftSetup {
    currency: Pick,
    /// Days before the first month's start (or after, negative), currency, rate.
    tables: Vec<(i32, Vec<(Pick, i64)>)>,
    windows: Vec<&'static str>,
    dimensions: Vec<&'static str>,
    max_values: usize,
}

pub fn setup(huge: bool) -> impl Strategy<Value = DraftSetup> {
    let usual = vec![1_080_000, 500_000, 333_333, 1, 1_500_000, 7_000];
    let rate = if huge { select(vec![1_000_000_000_000, 999_999_999_999, 1]) } else { select(usual) };
    let day = prop_oneof![Just(0), Just(-1), Just(1), -40..80i32];
    let table = (day, vec((0..3usize, rate), 1..6));
    let windows = subsequence(WINDOWS.to_vec(), 1..=10).prop_shuffle();
    let dimensions = subsequence(DIMENSIONS.to_vec(), 0..=4).prop_shuffle();
    let max_values = prop_oneof![2 => Just(1usize), 2 => Just(2), 1 => Just(3), 2 => Just(100)];
    let tables = prop_oneof![4 => vec(table.clone(), 1..5), 1 => vec(table, 0..2)];
    (0..2usize, tables, windows, dimensions, max_values).prop_map(|(currency, tables, windows, dimensions, max_values)| {
        DraftSetup { currency, tables, windows, dimensions, max_values }
    })
}

impl DraftSetup {
    pub fn resolve(&self, zone: &str, today: Day) -> Setup {
        let reporting = CURRENCIES[self.currency];
        let month = period_start(today, 1, 0);
        let mut tables = BTreeMap::new();
        for (back, rates) in &self.tables {
            let named = rates.iter().map(|(currency, rate)| (CURRENCIES[*currency].to_owned(), *rate));
            let rates: BTreeMap<String, i64> = named.filter(|(currency, _)| currency != reporting).collect();
            tables.insert(month - back, rates);
        }
        // Where there are tables at all, all but the last currency are known.
        if let Some(mut latest) = tables.last_entry() {
            for currency in CURRENCIES[..3].iter().filter(|currency| **currency != reporting) {
                latest.get_mut().entry((*currency).to_owned()).or_insert(1_080_000);
            }
        }
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Setup {
            zone: zone.to_owned(),
            currency: reporting.to_owned(),
            tables: tables.into_iter().collect(),
            windows: owned(&self.windows),
            dimensions: owned(&self.dimensions),
            max_values: self.max_values,
        }
    }
}
