//! What the shipped rules make of a company: its events go into a shard day by day, and every rule is judged twice a day.

use crate::company::{Company, Customer, SEAT};
use std::collections::BTreeMap;
use std::sync::Arc;
use upswell::domain::accept;
use upswell::domain::alert::{Observation, Progress, Reason, Rule, Suppression, Timing, step};
use upswell::domain::calendar::{Day, Instant, Zone};
use upswell::domain::currency::{Currency, ExchangeRates};
use upswell::domain::facts::{Interval, RawItem, RawSubscription, Status};
use upswell::domain::window::Window;
use upswell::engine::dedup::Memory;
use upswell::engine::judgement::{Footing, Judgement, judge};
use upswell::engine::plan::Plan;
use upswell::engine::report::Report;
use upswell::engine::shard::Shard;

const HOUR: i64 = 3_600_000;

/// One time that an alert fired.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    pub fired: Day,
    /// `None` if it fires at the end.
    pub resolved: Option<Day>,
}

/// What became of one rule.
#[derive(Debug, Default)]
pub struct Outcome {
    pub episodes: Vec<Episode>,
    /// Judgements that could not be made, by reason, and those that were.
    pub suppressed: BTreeMap<Suppression, usize>,
    pub judged: usize,
    /// The least and the greatest value that was judged.
    pub range: Option<(f64, f64)>,
}

fn plan() -> Arc<Plan> {
    let usd = Currency::parse("USD").expect("a currency");
    Arc::new(Plan {
        zone: Zone::named("UTC").expect("a zone"),
        rates: ExchangeRates::new(usd, vec![]),
        windows: [30, 90, 365].map(Window::Trailing).to_vec(),
        dimensions: vec![],
        max_values: 100,
        history: 0,
    })
}

/// Judges the rules from one day to before another, by name of the rule.
pub fn judged(company: &Company, customers: &[Customer], rules: &[Rule], from: Day, until: Day) -> BTreeMap<String, Outcome> {
    let plan = plan();
    let zone = &plan.zone;
    let recorded_since = Day::parse(company.recorded_since).expect("a date");
    let mut shard = Shard::new(plan.clone(), Memory::All, (1, 2));
    let mut events = events(customers, recorded_since);
    let footing = Footing { complete_since: Some(zone.midnight(recorded_since)), ..Footing::default() };
    let mut progress: BTreeMap<&str, Progress> = BTreeMap::new();
    let mut outcomes: BTreeMap<String, Outcome> = BTreeMap::new();
    for day in (from.max(recorded_since).0..until.0).map(Day) {
        let coming = events.split_off(&day.plus(1));
        for event in std::mem::replace(&mut events, coming).into_values().flatten() {
            apply(&mut shard, &plan, &event);
        }
        for hour in [6, 18] {
            let now = Instant(zone.midnight(day).0 + hour * HOUR);
            if shard.is_live() {
                shard.advance(now)
            } else {
                shard.go_live(now)
            }
            let report = Report::of(&plan, now, &[shard.totals().expect("it is live")]);
            for rule in rules {
                let outcome = outcomes.entry(rule.name.clone()).or_default();
                let judged = judge(rule, &report, &footing).map(|mut judged| judged.remove(0));
                outcome.step(rule, progress.entry(&rule.name).or_default(), judged, now, day);
            }
        }
    }
    outcomes
}

impl Outcome {
    fn step(&mut self, rule: &Rule, progress: &mut Progress, judged: Result<Judgement, Suppression>, now: Instant, day: Day) {
        let observed = judged.as_ref().map_or_else(|reason| Observation::Suppressed(*reason), |judged| judged.observation);
        match (observed, judged.ok().and_then(|judged| judged.value)) {
            (Observation::Value { .. }, Some(value)) => {
                let (value, (least, greatest)) = (value.to_f64(), self.range.unwrap_or((f64::MAX, f64::MIN)));
                self.range = Some((least.min(value), greatest.max(value)));
                self.judged += 1;
            }
            (Observation::Suppressed(reason), _) => *self.suppressed.entry(reason).or_default() += 1,
            (Observation::Value { .. }, None) => panic!("{} was judged without a value", rule.name),
        }
        // Half a day lies between two judgements, in which a running service would have judged thousands of times.
        let timing = Timing { pending: rule.pending, keep: rule.keep, longest: 12 * HOUR };
        let (next, reason) = step(&timing, observed, progress, now);
        *progress = next;
        match reason {
            Reason::Fired => self.episodes.push(Episode { fired: day, resolved: None }),
            Reason::Resolved => self.episodes.last_mut().expect("it fired").resolved = Some(day),
            _ => {}
        }
    }
}

/// A subscription that has so many seats from an instant on.
struct Event<'a> {
    customer: &'a str,
    id: String,
    at: Day,
    seats: i64,
}

/// Events by the day on which they are written. Before the first deployment nobody wrote any; on that day every subscription is
/// written as it stands, effective since it came to stand so.
fn events(customers: &[Customer], recorded_since: Day) -> BTreeMap<Day, Vec<Event<'_>>> {
    let mut events: BTreeMap<Day, Vec<Event>> = BTreeMap::new();
    for customer in customers {
        let before = customer.course.iter().filter(|(at, _)| *at < recorded_since).count();
        for (number, (at, seats)) in customer.course.iter().enumerate().skip(before.saturating_sub(1)) {
            let event = Event { customer: &customer.id, id: format!("{}-{number}", customer.id), at: *at, seats: *seats };
            events.entry((*at).max(recorded_since)).or_default().push(event);
        }
    }
    events
}

fn apply(shard: &mut Shard, plan: &Plan, event: &Event) {
    let item = RawItem {
        item_id: Some("item"),
        product_id: Some("product"),
        plan_id: Some("plan"),
        quantity: Some(event.seats.max(1)),
        unit_amount_micros: Some(SEAT * 1_000_000),
        interval: Some(Interval::Month),
        ..RawItem::default()
    };
    let raw = RawSubscription {
        event_id: Some(&event.id),
        customer_id: Some(event.customer),
        subscription_id: Some("sub"),
        effective_at: Some(plan.zone.midnight(event.at).0 + 3 * HOUR),
        version: None,
        status: Some(if event.seats > 0 { Status::Active } else { Status::Canceled }),
        currency: Some("USD"),
        items: Some(vec![item]),
        attributes: vec![],
    };
    shard.apply_subscription(&accept::subscription(&raw, &plan.rates).expect("a good event"));
}
