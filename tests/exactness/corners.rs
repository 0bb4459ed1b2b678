//! Corners that random histories reach too rarely, each walked day by day: the engine's view is the twin's on every one.

use crate::build::{canceled, ms, setup, usage, worth};
use crate::harness::{follow, view};
use crate::history::{History, Step};
use crate::twin::facts::{Event, Subscription, Usage};
use crate::twin::setup::Setup;
use std::collections::BTreeMap;

const DAY: i64 = 86_400_000;

/// All events first, then one civil day after the other, looked at a little after its midnight.
fn walk(setup: Setup, events: &[Event], start: &str, days: i64) {
    let start = ms(start);
    let mut steps: Vec<Step> = events.iter().cloned().map(Step::Event).collect();
    steps.extend((1..=days).map(|day| Step::Advance(start + day * DAY + 1000)));
    follow(&History { setup, start, steps }).expect("engine and twin agree on every day");
}

fn windows(names: &[&str], dimensions: &[&str]) -> Setup {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Setup { windows: owned(names), dimensions: owned(dimensions), ..setup("month_to_date") }
}

/// A day whose sum is 0 is no usage day, but its positive part was the first revenue: windows that open later see a return.
#[test]
fn usage_that_was_taken_back_stays_the_first_revenue() {
    let events =
        [usage("A", "2026-01-10T10:00:00Z", 5), usage("A", "2026-01-10T10:00:00Z", -5), worth("A", "2026-03-01T00:00:00Z", 100)];
    walk(windows(&["trailing_30d", "trailing_90d", "quarter_to_date", "last_month"], &["cohort"]), &events, "2026-02-20", 120);
}

#[test]
fn usage_ahead_of_its_day_counts_from_the_day_after_it() {
    let events = [usage("A", "2026-03-05", 28), usage("A", "2026-03-06T12:00:00Z", 28), usage("B", "2026-03-06", -28)];
    walk(windows(&["month_to_date", "trailing_7d"], &["plan"]), &events, "2026-03-01", 75);
}

/// Usage after 35 days without any begins anew; after 34 it goes on.
#[test]
fn usage_that_resumes() {
    for gap in 33..38 {
        let second = jiff::Timestamp::from_millisecond(ms("2026-01-10") + gap * DAY).expect("an instant").to_string();
        let events = [usage("A", "2026-01-10", 28), usage("A", &second, 28)];
        walk(windows(&["last_month", "trailing_8d"], &[]), &events, "2026-01-05", 90);
    }
}

/// Cancelled, returned, cancelled again, with usage all the while.
#[test]
fn usage_around_the_end_of_service() {
    let mut events: Vec<Event> = (0..60)
        .map(|day| {
            usage(
                "A",
                &jiff::Timestamp::from_millisecond(ms("2026-01-03T18:00:00Z") + day * DAY).expect("an instant").to_string(),
                7,
            )
        })
        .collect();
    events.extend([
        worth("A", "2026-01-01", 50),
        canceled("A", "2026-01-20"),
        worth("A", "2026-02-10T18:00:00Z", 50),
        canceled("A", "2026-02-20T23:59:59.999Z"),
    ]);
    walk(windows(&["month_to_date", "last_month", "trailing_7d", "trailing_30d"], &["plan"]), &events, "2026-01-01", 110);
}

/// Constant currency: when a month begins, both edges of every window are valued anew, also of customers to whom nothing happens.
#[test]
fn a_new_month_values_everything_with_its_own_rates() {
    let mut setup = windows(&["month_to_date", "last_month", "trailing_30d"], &["plan"]);
    let rates = |rate: i64| BTreeMap::from([("EUR".to_owned(), rate)]);
    setup.tables = vec![(20_485, rates(1_000_000)), (20_513, rates(1_250_000)), (20_544, rates(333_333))];
    let in_euro = |event: Event| match event {
        Event::Subscription(state) => Event::Subscription(Subscription { currency: Some("EUR".to_owned()), ..state }),
        Event::Usage(usage) => Event::Usage(Usage { currency: Some("EUR".to_owned()), ..usage }),
    };
    let events = [worth("A", "2025-06-01", 100), worth("A", "2026-02-20", 150), usage("B", "2026-03-20", 31)].map(in_euro);
    walk(setup, &events, "2026-01-30", 100);
}

/// Ids that would be one text if they were put together.
#[test]
fn usage_ids_of_two_customers_do_not_run_together() {
    let mut events = vec![usage("a", "2026-03-01", 28), usage("ab", "2026-03-01", 28)];
    for (event, id) in events.iter_mut().zip(["bc", "c"]) {
        let Event::Usage(usage) = event else { unreachable!("both are usage") };
        usage.event_id = Some(id.to_owned());
    }
    let both = view(&setup("month_to_date"), &events, ms("2026-03-20"));
    let one = view(&setup("month_to_date"), &events[..1], ms("2026-03-20"));
    assert_eq!(both.mrr, 2 * one.mrr);
    assert!(one.mrr > 0);
}

/// Two subscriptions name the attribute at one instant: before the edge the greatest of version, then event, decides, after it
/// the least.
#[test]
fn attributes_of_one_instant() {
    let state = |subscription: &str, version: i64, event: &str, value: &str| {
        let Event::Subscription(state) = worth("A", "2026-03-10", 100) else { unreachable!("a state") };
        Event::Subscription(Subscription {
            subscription_id: Some(subscription.to_owned()),
            version: Some(version),
            event_id: Some(event.to_owned()),
            attributes: BTreeMap::from([("vertical".to_owned(), value.to_owned())]),
            ..state
        })
    };
    for (one, other, greatest, least) in [
        ((2, "a"), (1, "b"), "x", "y"),
        ((1, "a"), (2, "b"), "y", "x"),
        ((1, "b"), (1, "a"), "x", "y"),
        ((-1, "b"), (0, "a"), "y", "x"),
    ] {
        let events = [worth("A", "2026-01-01", 50), state("s", one.0, one.1, "x"), state("t", other.0, other.1, "y")];
        let view = view(&windows(&["month_to_date", "trailing_7d"], &["vertical"]), &events, ms("2026-03-20"));
        let value = |window: usize| view.windows[window].dimensions[0].segments[0].value.as_str();
        assert_eq!((value(0), value(1)), (least, greatest), "{one:?} {other:?}");
    }
}

/// A state that names an attribute for the first time takes effect between two views: spans of which no edge has moved have the
/// customer in another segment from then on.
#[test]
fn an_attribute_that_takes_effect_between_two_views() {
    let Event::Subscription(state) = worth("A", "2026-03-10T12:00:00Z", 100) else { unreachable!("a state") };
    let named =
        Event::Subscription(Subscription { attributes: BTreeMap::from([("vertical".to_owned(), "x".to_owned())]), ..state });
    let setup = windows(&["last_month", "last_quarter", "trailing_90d"], &["vertical", "cohort"]);
    let start = ms("2026-03-10T11:00:00Z");
    for steps in [[1, 2, 30], [14, 15, 40], [12, 36, 37]] {
        let views = steps.map(|hours| Step::Advance(start + hours * DAY / 24));
        let steps = [worth("A", "2025-06-01", 50), named.clone()].map(Step::Event).into_iter().chain(views).collect();
        follow(&History { setup: setup.clone(), start, steps }).expect("engine and twin agree on every view");
    }
}
