//! What the synthetic company sells, to whom, and how often its customers change their minds.
//!
//! All money is in whole major units, all chances are per million and day: integers only, so that a history never depends on
//! a processor's arithmetic. The chances are chosen so that the rates of a year look like those of a healthy SaaS company.

use crate::domain::calendar::Day;

/// One tier of the price list.
#[derive(Debug)]
pub struct Tier {
    /// The stem of its plan ids.
    pub name: &'static str,
    /// Value of the attribute `plan_family`.
    pub family: &'static str,
    /// Weight among sign-ups.
    pub share: u64,
    /// US dollars per seat and month on the list of 2026.
    pub price: i64,
    /// US dollars by which that price rises a year.
    pub rise: i64,
    /// Seats at sign-up, from and to.
    pub seats: (i64, i64),
    /// US dollars per month of the flat add-on.
    pub support: i64,
    /// Cents of usage a day of a metered customer at first, from and to.
    pub usage: (i64, i64),
    /// Chances per million: starts with a trial, pays yearly, is metered, gets a discount.
    pub trial: u64,
    pub annual: u64,
    pub metered: u64,
    pub discounted: u64,
    /// Chances per million and day: leaves, moves one tier up.
    pub churn: u64,
    pub upgrade: u64,
}

/// The tier without seats: usage is all there is.
pub const PAY_AS_YOU_GO: usize = 0;
/// The tiers in ascending order.
pub const TIERS: [Tier; 5] = [
    Tier {
        name: "payg",
        family: "usage",
        share: 5,
        price: 0,
        rise: 0,
        seats: (0, 0),
        support: 0,
        usage: (300, 2_500),
        trial: 0,
        annual: 0,
        metered: 1_000_000,
        discounted: 0,
        churn: 450,
        upgrade: 300,
    },
    Tier {
        name: "starter",
        family: "self_serve",
        share: 46,
        price: 19,
        rise: 1,
        seats: (1, 6),
        support: 15,
        usage: (30, 200),
        trial: 700_000,
        annual: 200_000,
        metered: 90_000,
        discounted: 100_000,
        churn: 650,
        upgrade: 450,
    },
    Tier {
        name: "team",
        family: "self_serve",
        share: 31,
        price: 39,
        rise: 2,
        seats: (5, 30),
        support: 60,
        usage: (100, 800),
        trial: 600_000,
        annual: 350_000,
        metered: 170_000,
        discounted: 150_000,
        churn: 400,
        upgrade: 220,
    },
    Tier {
        name: "business",
        family: "contract",
        share: 15,
        price: 69,
        rise: 3,
        seats: (25, 110),
        support: 400,
        usage: (500, 5_000),
        trial: 300_000,
        annual: 550_000,
        metered: 250_000,
        discounted: 300_000,
        churn: 220,
        upgrade: 60,
    },
    Tier {
        name: "enterprise",
        family: "contract",
        share: 3,
        price: 99,
        rise: 4,
        seats: (100, 450),
        support: 1_500,
        usage: (4_000, 25_000),
        trial: 100_000,
        annual: 800_000,
        metered: 400_000,
        discounted: 900_000,
        churn: 130,
        upgrade: 0,
    },
];

/// Something sold on top of the seats.
#[derive(Debug)]
pub struct AddOn {
    pub item_id: &'static str,
    pub product_id: &'static str,
    /// US dollars per seat and month; `None` is the flat price of the tier, once.
    pub per_seat: Option<i64>,
}

pub const ADD_ONS: [AddOn; 3] = [
    AddOn { item_id: "analytics", product_id: "analytics", per_seat: Some(5) },
    AddOn { item_id: "security", product_id: "security", per_seat: Some(3) },
    AddOn { item_id: "support", product_id: "premium-support", per_seat: None },
];

/// Something that is metered, with its rate in micro-units for one unit.
pub const METERS: [(&str, i64); 3] = [("api_calls", 1_500), ("messages", 8_000), ("compute_minutes", 20_000)];

/// Where a customer is, and what it pays with: the weight among sign-ups, region, currency, price in percent of the dollar's.
pub const HOMES: [(u64, &str, &str, i64); 5] = [
    (46, "north-america", "USD", 100),
    (26, "emea", "EUR", 95),
    (14, "emea", "GBP", 80),
    (9, "apac", "USD", 90),
    (5, "latam", "USD", 80),
];

/// Verticals with their weights; an empty name is a customer nobody has classified.
pub const VERTICALS: [(u64, &str); 8] = [
    (22, "software"),
    (18, "fintech"),
    (14, "healthcare"),
    (14, "retail"),
    (12, "media"),
    (9, "education"),
    (7, "logistics"),
    (4, ""),
];

/// How a customer's number of seats moves: the weight among sign-ups, chances per million and day to add and to remove seats,
/// and a percentage applied to its chance of leaving.
#[derive(Debug)]
pub struct Outlook {
    pub share: u64,
    pub grow: u64,
    pub shrink: u64,
    pub churn_percent: u64,
}

pub const OUTLOOKS: [Outlook; 3] = [
    Outlook { share: 35, grow: 5_200, shrink: 300, churn_percent: 60 },
    Outlook { share: 50, grow: 1_300, shrink: 500, churn_percent: 100 },
    Outlook { share: 15, grow: 300, shrink: 3_200, churn_percent: 220 },
];

/// Exchange rates from a date on: millionths of a US dollar for one euro and for one pound.
pub const EXCHANGE_RATES: [(&str, i64, i64); 4] = [
    ("2023-01-01", 1_070_000, 1_210_000),
    ("2024-01-01", 1_100_000, 1_270_000),
    ("2025-01-01", 1_040_000, 1_250_000),
    ("2026-01-01", 1_170_000, 1_350_000),
];

/// The year of the prices in [`TIERS`].
const LIST_YEAR: i32 = 2026;

/// The price list in force on a day: lists change every 1 February and are named after their year.
pub fn list_of(day: Day) -> i32 {
    let date = day.date();
    i32::from(date.year()) - i32::from(date.month() < 2)
}

/// The first day of a year's price list.
pub fn list_begins(year: i32) -> Day {
    Day::parse(&format!("{year:04}-02-01")).unwrap_or(Day(0))
}

/// Price of one seat a month on a year's list, in micro-units of a currency that stands at `percent` of the dollar price.
pub fn seat_price(tier: usize, list: i32, percent: i64) -> i64 {
    let terms = &TIERS[tier];
    let dollars = (terms.price + terms.rise * i64::from(list - LIST_YEAR)).max(terms.price / 2);
    in_currency(dollars, percent)
}

/// A dollar amount in micro-units of a currency that stands at `percent` of it.
pub fn in_currency(dollars: i64, percent: i64) -> i64 {
    dollars * percent * 10_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn price_lists_change_every_february() {
        for (day, list) in [("2026-01-31", 2025), ("2026-02-01", 2026), ("2026-12-31", 2026), ("2027-01-01", 2026)] {
            assert_eq!(list_of(Day::parse(day).expect("a date")), list, "{day}");
        }
        assert_eq!(list_begins(2027), Day::parse("2027-02-01").expect("a date"));
    }

    #[test]
    fn prices_follow_the_list_and_never_fall_below_half() {
        assert_eq!(seat_price(2, 2026, 100), 39_000_000);
        assert_eq!(seat_price(2, 2027, 100), 41_000_000);
        assert_eq!(seat_price(2, 2026, 80), 31_200_000);
        assert_eq!(seat_price(2, 1990, 100), 19_000_000);
        assert_eq!(seat_price(PAY_AS_YOU_GO, 2030, 100), 0);
    }
}
