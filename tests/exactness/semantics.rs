//! The worked examples of the revenue semantics, each through the twin and through the engine.

use crate::build::{UNIT, active, canceled, item, ms, setup, usage, worth};
use crate::harness::view;
use crate::twin::facts::Event;
use upswell::domain::facts::Interval;
use upswell::domain::rates::{Band, Money, Sums};
use upswell::engine::report::Report;

/// The quarter the examples speak of is the one before this instant.
const AS_OF: &str = "2026-04-15T12:00:00Z";
const BEFORE: &str = "2025-11-05T00:00:00Z";
const INSIDE: &str = "2026-02-10T00:00:00Z";

const UPSELL: usize = 0;
const SEATS: usize = 2;

fn last_quarter(events: &[Event]) -> Sums {
    view(&setup("last_quarter"), events, ms(AS_OF)).windows[0].total
}

fn units(amount: i64) -> i128 {
    i128::from(amount * UNIT)
}

fn money_of(sums: &Sums) -> [i128; 7] {
    let money = &sums.money;
    let movements = [money.new, money.reactivation, money.expansion(), money.contraction(), money.churn];
    let [new, reactivation, expansion, contraction, churn] = movements;
    [money.opening, new, reactivation, expansion, contraction, churn, money.closing()]
}

#[test]
fn example_1_every_movement_at_once() {
    let events = [
        active("A", BEFORE, vec![item("core", 1, 500).plan("basic"), item("seats", 5, 100)]),
        active("A", INSIDE, vec![item("core", 1, 700).plan("pro"), item("seats", 6, 100)]),
        worth("B", BEFORE, 500),
        worth("B", INSIDE, 400),
        worth("C", BEFORE, 200),
        canceled("C", INSIDE),
        worth("D", INSIDE, 600),
        worth("E", "2025-03-01", 150),
        canceled("E", "2025-06-01"),
        worth("E", INSIDE, 150),
        worth("F", BEFORE, 300),
    ];
    let sums = last_quarter(&events);
    assert_eq!(money_of(&sums), [2000, 600, 150, 300, 100, 200, 2750].map(units));
    assert_eq!((sums.money.expansion[UPSELL], sums.money.expansion[SEATS]), (units(200), units(100)));
    let rates = sums.rates(true);
    assert_eq!(rates.expansion_rate, Some(0.15));
    assert_eq!(rates.gross_revenue_retention, Some(0.85));
    assert_eq!(rates.net_revenue_retention, Some(1.0));
}

#[test]
fn example_2_there_and_back_inside_a_window_is_retained() {
    let sums = last_quarter(&[worth("A", BEFORE, 100), worth("A", INSIDE, 150), worth("A", "2026-03-01", 100)]);
    assert_eq!(money_of(&sums), [100, 0, 0, 0, 0, 0, 100].map(units));
    assert_eq!(sums.customers.expansion, 0);
}

#[test]
fn example_3_growth_of_a_new_customer_is_new() {
    let sums = last_quarter(&[worth("A", INSIDE, 50), worth("A", "2026-03-01", 80)]);
    assert_eq!(money_of(&sums), [0, 80, 0, 0, 0, 0, 80].map(units));
}

#[test]
fn example_4_joining_and_leaving_inside_a_window_is_nothing() {
    let sums = last_quarter(&[worth("A", INSIDE, 40), canceled("A", "2026-03-01")]);
    assert_eq!(sums, Sums::default());
}

#[test]
fn example_5_expansion_beside_churn() {
    let sums = last_quarter(&[worth("A", BEFORE, 100), canceled("A", INSIDE), worth("B", BEFORE, 100), worth("B", INSIDE, 250)]);
    let rates = sums.rates(true);
    assert_eq!(rates.gross_revenue_retention, Some(0.5));
    assert_eq!(rates.net_revenue_retention, Some(1.25));
    assert_eq!(rates.expansion_rate, Some(0.75));
}

#[test]
fn example_6_every_interval_comes_to_a_month() {
    for (price, count, interval, expected) in [
        (1200, 1, Interval::Year, 100_000_000),
        (10, 1, Interval::Week, 43_333_333),
        (3600, 3, Interval::Year, 100_000_000),
        (10, 30, Interval::Day, 10_138_889),
    ] {
        let events = [active("A", BEFORE, vec![item("base", 1, price).every(count, interval)])];
        assert_eq!(last_quarter(&events).money.opening, expected, "{price} every {count} {interval:?}");
    }
}

#[test]
fn example_7_growth_against_the_comparison_window() {
    let events = [worth("A", "2025-01-01", 10_000), worth("A", BEFORE, 11_500), worth("A", INSIDE, 13_500)];
    let sums = last_quarter(&events);
    assert_eq!(sums.money.comparison_expansion, units(1500));
    assert_eq!(sums.money.expansion(), units(2000));
    assert_eq!(sums.rates(true).expansion_growth, Some(1.0 / 3.0));
}

#[test]
fn example_8_seats_on_a_higher_plan_with_a_discount() {
    let events = [
        active("A", BEFORE, vec![item("base", 10, 20).plan("basic")]),
        active("A", INSIDE, vec![item("base", 12, 30).plan("pro").discount(36)]),
    ];
    let sums = last_quarter(&events);
    assert_eq!(money_of(&sums), [200, 0, 0, 124, 0, 0, 324].map(units));
    assert_eq!((sums.money.expansion[UPSELL], sums.money.expansion[SEATS]), (units(84), units(40)));
}

#[test]
fn example_9_a_moderate_quarter() {
    let events = [
        worth("A", BEFORE, 150_000),
        worth("A", INSIDE, 170_000),
        worth("B", BEFORE, 44_000),
        worth("B", INSIDE, 40_000),
        worth("C", BEFORE, 6_000),
        canceled("C", INSIDE),
    ];
    let sums = last_quarter(&events);
    let rates = sums.rates(true);
    assert_eq!(sums.money.opening, units(200_000));
    assert_eq!(rates.net_revenue_retention, Some(1.05));
    assert_eq!(rates.gross_revenue_retention, Some(0.95));
    assert_eq!(rates.expansion_rate, Some(0.1));
    assert_eq!(sums.band(), Some(Band::Moderate));
}

#[test]
fn example_10_the_reporting_zone_decides_the_month() {
    let mut setup = setup("last_month");
    setup.zone = "America/Los_Angeles".to_owned();
    setup.windows.push("month_to_date".to_owned());
    let events = [
        worth("A", "2025-01-01", 100),
        worth("A", "2025-04-01T06:59:59Z", 110),
        worth("B", "2025-01-01", 100),
        worth("B", "2025-04-01T07:00:00Z", 120),
    ];
    let report = view(&setup, &events, ms("2025-04-15"));
    let expansion = |window: usize| report.windows[window].total.money.expansion();
    assert_eq!((expansion(0), expansion(1)), (units(10), units(20)), "March; April");
}

/// Ten a day from 22 March on, seen at the start of a day.
fn ten_a_day(as_of: &str) -> Report {
    let first = ms("2026-03-22T10:00:00Z");
    let day = |count: i64| jiff::Timestamp::from_millisecond(first + count * 86_400_000).expect("an instant").to_string();
    let events: Vec<Event> = (0..60).map(|count| usage("A", &day(count), 10)).collect();
    view(&setup("month_to_date"), &events, ms(as_of))
}

#[test]
fn usage_is_a_rate_from_its_seventh_day_on() {
    for (as_of, expected) in [
        ("2026-03-25", 130_357_143),
        ("2026-03-25T23:59:59Z", 130_357_143),
        ("2026-04-01", 304_166_667),
        ("2026-05-01", 304_166_667),
    ] {
        assert_eq!(ten_a_day(as_of).mrr, expected, "{as_of}");
    }
    assert_eq!(ten_a_day("2026-03-25T11:00:00Z").usage_today, Some(units(10)));
}

#[test]
fn usage_of_a_cancelled_customer_does_not_linger() {
    let events = [
        worth("A", "2026-01-01", 100),
        usage("A", "2026-03-20", 28),
        canceled("A", "2026-03-21T08:00:00Z"),
        usage("A", "2026-03-21T20:00:00Z", 28),
    ];
    let sums = view(&setup("last_month"), &events, ms("2026-04-02")).windows[0].total;
    assert_eq!(sums.money.closing(), 0);
    assert_eq!(sums.money.churn, units(100));
    let after = usage("A", "2026-03-22", 28);
    let sums = view(&setup("last_month"), &[&events[..], &[after]].concat(), ms("2026-04-02")).windows[0].total;
    assert_eq!(sums.money.closing(), 85_166_667, "28 * 365 / (12 * 10): use began on the day after");
}

#[test]
fn undefined_figures_are_absent() {
    let report = view(&setup("last_month"), &[], ms("2026-04-02"));
    assert_eq!(report.windows[0].total.money, Money::default());
    assert_eq!(report.windows[0].total.band(), None);
}
