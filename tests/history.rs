//! The synthetic history, judged by the engine: are the numbers of the default history those of a believable SaaS company?

use std::sync::Arc;
use upswell::demo::event::{Body, Delivery, Event};
use upswell::demo::exchange;
use upswell::demo::history::{Scale, days};
use upswell::domain::accept;
use upswell::domain::calendar::{Day, Instant, Zone};
use upswell::domain::facts::{RawSubscription, RawUsage};
use upswell::domain::money::ratio;
use upswell::domain::motion::MOTIONS;
use upswell::domain::window::Window;
use upswell::engine::dedup::Memory;
use upswell::engine::plan::Plan;
use upswell::engine::report::{Report, WindowReport};
use upswell::engine::shard::Shard;

const WINDOWS: [&str; 4] = ["trailing_365d", "last_quarter", "last_month", "trailing_30d"];

fn scale(customers: u32, months: u32) -> Scale {
    Scale { customers, months, until: Day::parse("2026-07-01").expect("a date"), seed: 1 }
}

fn plan() -> Arc<Plan> {
    let windows = WINDOWS.iter().map(|name| Window::parse(name).expect("a window")).collect();
    let dimensions = ["plan", "vertical"].map(String::from).to_vec();
    let zone = Zone::named("UTC").expect("a zone");
    Arc::new(Plan { zone, rates: exchange::rates(), windows, dimensions, max_values: 100, history: 0 })
}

/// Applies an event as a replay does; `false` if it is rejected.
fn apply(shard: &mut Shard, plan: &Plan, event: &Event) -> bool {
    match &event.body {
        Body::Subscription(state) => {
            let raw: RawSubscription = state.raw();
            accept::subscription(&raw, &plan.rates).map(|fact| shard.apply_subscription(&fact)).is_ok()
        }
        Body::Usage(usage) => {
            let raw: RawUsage = usage.raw();
            let fact = accept::usage(&raw, &plan.rates, Some(event.arrival));
            fact.map(|fact| shard.apply_usage(&fact, Some(event.arrival))).is_ok()
        }
    }
}

fn report(scale: Scale, whole: impl Fn(&Event) -> bool) -> Report {
    let plan = plan();
    let mut shard = Shard::new(plan.clone(), Memory::All, (1, 2));
    for event in days(scale).flatten().filter(whole) {
        apply(&mut shard, &plan, &event);
    }
    let as_of = plan.zone.midnight(scale.until);
    shard.go_live(as_of);
    let totals = shard.totals().expect("a live shard has totals");
    Report::of(&plan, as_of, &[totals])
}

fn window<'a>(report: &'a Report, name: &str) -> &'a WindowReport {
    report.windows.iter().find(|window| window.window == name).expect("a window of the plan")
}

#[test]
fn the_numbers_are_those_of_a_believable_company() {
    for scale in [scale(1_000, 24), scale(2_000, 14)] {
        let report = report(scale, |_| true);
        for window in &report.windows {
            println!("{} {:?} {:?}", window.window, window.total.rates(true), window.total.money);
        }
        let year = window(&report, "trailing_365d").total;
        let rates = year.rates(true);
        let within = |value: Option<f64>, low: f64, high: f64| {
            assert!(value.is_some_and(|value| (low..=high).contains(&value)), "{value:?} is not in {low}..={high}");
        };
        within(rates.expansion_rate, 0.05, 0.40);
        within(rates.gross_revenue_retention, 0.75, 0.98);
        within(rates.net_revenue_retention, 0.90, 1.30);
        within(rates.customer_churn_rate, 0.03, 0.30);
        within(rates.arpa, 200.0, 5_000.0);
        within(ratio(year.money.new, year.money.opening), 0.05, 1.0);
        assert!(year.money.reactivation > 0);
        assert!((0..MOTIONS).all(|motion| year.money.expansion[motion] > 0), "{:?}", year.money.expansion);
        assert!(year.money.contraction() > 0 && year.customers.churn > 0);
        assert!(window(&report, "last_month").total.money.expansion() > 0);
    }
}

#[test]
fn disturbances_on_the_way_change_no_number() {
    let clean = |event: &Event| !matches!(event.delivery, Delivery::Repeated | Delivery::Broken(_));
    assert_eq!(report(scale(300, 6), |_| true), report(scale(300, 6), clean));
}

#[test]
fn every_broken_event_is_rejected_and_no_other() {
    let plan = plan();
    let mut shard = Shard::new(plan.clone(), Memory::All, (1, 2));
    let mut broken = 0;
    for event in days(scale(600, 12)).flatten() {
        let accepted = apply(&mut shard, &plan, &event);
        let sound = match event.delivery {
            // Flaws of the bytes leave the event itself as it was.
            Delivery::Broken(upswell::demo::event::Flaw::FromTheFuture) => false,
            Delivery::Broken(flaw) => flaw.needs_kafka(),
            _ => true,
        };
        broken += usize::from(!sound);
        assert_eq!(accepted, sound, "{event:?}");
    }
    assert!(broken > 10, "{broken}");
    shard.go_live(Instant(plan.zone.midnight(scale(1, 1).until).0));
    shard.audit().expect("totals are those of the accounts");
}
