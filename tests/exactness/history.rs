//! Histories: a configuration, a first instant, and steps that are events or moves of `as_of`.
//!
//! A strategy draws a [`Draft`] of small numbers, which shrinks well; [`resolve`] turns it into instants near the zone's strange
//! days. Few customers, few ids and few days, often exactly at midnights and period starts, so that things collide.

use crate::choices::{self, Pick};
use crate::twin::calendar::{Calendar, Day, period_start};
use crate::twin::facts::{Event, Item, Subscription, Usage};
use crate::twin::setup::Setup;
use proptest::collection::vec;
use proptest::prelude::*;
use std::rc::Rc;
use upswell::domain::facts::Status;

#[derive(Clone, PartialEq)]
pub enum Step {
    Event(Event),
    /// The instant the view moves to; never earlier than the one before.
    Advance(i64),
}

#[derive(Clone)]
pub struct History {
    pub setup: Setup,
    /// `as_of` before the first step.
    pub start: i64,
    pub steps: Vec<Step>,
}

impl History {
    pub fn calendar(&self) -> Rc<Calendar> {
        Calendar::of(&self.setup.zone)
    }

    pub fn events(&self) -> Vec<Event> {
        let event = |step: &Step| match step {
            Step::Event(event) => Some(event.clone()),
            Step::Advance(_) => None,
        };
        self.steps.iter().filter_map(event).collect()
    }

    /// `as_of` after the last step.
    pub fn end(&self) -> i64 {
        let moved = |step: &Step| match step {
            Step::Event(_) => None,
            Step::Advance(to) => Some(*to),
        };
        self.steps.iter().filter_map(moved).next_back().unwrap_or(self.start)
    }
}

#[derive(Clone, Debug)]
enum When {
    /// One of the history's days, and where in it.
    Day(usize, Within),
    /// Milliseconds from the present `as_of`.
    Now(i64),
}

#[derive(Clone, Debug)]
enum Within {
    Midnight,
    JustBefore,
    JustAfter,
    Later(i64),
}

#[derive(Clone, Debug)]
enum Jump {
    Millis(i64),
    /// Midnight so many days on, and milliseconds from it.
    Midnight(i32, i64),
    /// The start of the next period of so many months, and milliseconds from it.
    Period(i32, i64),
    /// The next scheduled fact, and milliseconds from it.
    Scheduled(i64),
}

#[derive(Clone, Debug)]
struct DraftState {
    customer: Pick,
    subscription: Pick,
    when: When,
    version: Option<i64>,
    status: Status,
    currency: Pick,
    items: Vec<Item>,
    attributes: Vec<(Pick, Pick)>,
    prefix: Pick,
}

/// What a customer orders differently; the status is active afterwards.
#[derive(Clone, Debug)]
enum Change {
    Quantity(i64),
    Price(i64),
    Plan(&'static str),
    Product(&'static str),
    /// The item and all others leave.
    Empty,
}

#[derive(Clone, Debug)]
enum DraftStep {
    State(DraftState),
    Usage(Pick, When, i64, Pick),
    /// Usage on so many days from then on.
    Burst(Pick, When, i64, Pick, i64),
    /// A state like an earlier one, one thing about its first item changed.
    Change(usize, When, Change),
    /// An earlier event once more.
    Repeat(usize),
    /// The exact reversal of an earlier usage event.
    Reverse(usize),
    Advance(Jump),
}

#[derive(Clone, Debug)]
struct Draft {
    place: Pick,
    /// Days from the place's strange day to the first `as_of`.
    lead: i32,
    days: Vec<i32>,
    setup: choices::DraftSetup,
    steps: Vec<DraftStep>,
}

fn when() -> impl Strategy<Value = When> {
    let within = prop_oneof![
        4 => Just(Within::Midnight),
        1 => Just(Within::JustBefore),
        1 => Just(Within::JustAfter),
        2 => (0..90_000_000i64).prop_map(Within::Later),
    ];
    let now = prop_oneof![Just(0), Just(-1), Just(1), -7_200_000..7_200_000i64, Just(86_400_000), -864_000_000..864_000_000i64];
    prop_oneof![5 => (0..14usize, within).prop_map(|(day, within)| When::Day(day, within)), 2 => now.prop_map(When::Now)]
}

fn jump() -> impl Strategy<Value = Jump> {
    let beside = || prop_oneof![4 => Just(0), 1 => Just(-1), 1 => Just(1), 1 => 0..86_400_000i64];
    prop_oneof![
        2 => prop_oneof![Just(0), Just(1), 0..7_200_000i64].prop_map(Jump::Millis),
        4 => (1..3i32, beside()).prop_map(|(days, millis)| Jump::Midnight(days, millis)),
        3 => (1..=40i32, beside()).prop_map(|(days, millis)| Jump::Midnight(days, millis)),
        1 => (1..=40i64, 0..86_400_000i64).prop_map(|(days, millis)| Jump::Millis(days * 86_400_000 + millis)),
        2 => (prop_oneof![5 => Just(1), 2 => Just(3), 1 => Just(12)], beside()).prop_map(|(months, millis)| Jump::Period(months, millis)),
        2 => prop_oneof![Just(0), Just(1), Just(-1)].prop_map(Jump::Scheduled),
    ]
}

fn state(huge: bool) -> impl Strategy<Value = DraftState> {
    let who = (choices::customer(), choices::subscription(), when(), proptest::option::of(-1..=2i64), choices::status());
    let what = (choices::currency(), vec(choices::item(huge), 0..4), choices::attributes(), choices::prefix());
    (who, what).prop_map(|((customer, subscription, when, version, status), (currency, items, attributes, prefix))| DraftState {
        customer,
        subscription,
        when,
        version,
        status,
        currency,
        items,
        attributes,
        prefix,
    })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (0..15i64).prop_map(Change::Quantity),
        3 => (0..200i64).prop_map(|units| Change::Price(units * 1_000_000)),
        3 => choices::plan().prop_map(Change::Plan),
        2 => choices::product().prop_map(Change::Product),
        1 => Just(Change::Empty),
    ]
}

fn step(huge: bool) -> impl Strategy<Value = DraftStep> {
    let usage = || (choices::customer(), when(), choices::usage_amount(huge), choices::currency());
    prop_oneof![
        5 => state(huge).prop_map(DraftStep::State),
        4 => (any::<usize>(), when(), change()).prop_map(|(of, when, change)| DraftStep::Change(of, when, change)),
        1 => (usage(), 2..12i64).prop_map(|((who, when, amount, currency), days)| DraftStep::Burst(who, when, amount, currency, days)),
        4 => usage().prop_map(|(customer, when, amount, currency)| DraftStep::Usage(customer, when, amount, currency)),
        1 => any::<usize>().prop_map(DraftStep::Repeat),
        1 => any::<usize>().prop_map(DraftStep::Reverse),
        4 => jump().prop_map(DraftStep::Advance),
    ]
}

/// Random histories with these windows.
pub fn with(histories: impl Strategy<Value = History>, windows: &[&str]) -> impl Strategy<Value = History> {
    let windows: Vec<String> = windows.iter().map(|name| (*name).to_owned()).collect();
    histories.prop_map(move |mut history| {
        history.setup.windows = windows.clone();
        history
    })
}

/// Random histories of up to `steps` draws, with amounts near their limits or not, or sometimes.
pub fn history(steps: usize, huge: Option<bool>) -> impl Strategy<Value = History> {
    let day = prop_oneof![4 => -70..5i32, 2 => -3..3i32, 1 => -130..40i32, 1 => -900..60i32];
    prop_oneof![5 => Just(false), 1 => Just(true)]
        .prop_map(move |sometimes| huge.unwrap_or(sometimes))
        .prop_flat_map(move |huge| {
            (0..choices::PLACES.len(), -3..4i32, vec(day.clone(), 6), choices::setup(huge), vec(step(huge), 1..=steps))
        })
        .prop_map(|(place, lead, days, setup, steps)| resolve(&Draft { place, lead, days, setup, steps }))
}

/// Turns picks and offsets into instants, ids and events.
struct Resolver {
    calendar: Rc<Calendar>,
    days: Vec<Day>,
    as_of: i64,
    events: Vec<Event>,
}

fn resolve(draft: &Draft) -> History {
    let (zone, strange) = choices::place(draft.place);
    let calendar = Calendar::of(zone);
    let today = strange + draft.lead;
    let start = calendar.midnight(today) + [0, 0, 1, 36_000_000][(draft.lead.rem_euclid(4)) as usize];
    let mut days: Vec<Day> = draft.days.iter().map(|offset| today + offset).collect();
    days.extend([today, today - 1, strange, today - 7, today - 28, today - 35]);
    days.extend([period_start(today, 1, 0), period_start(today, 1, -1)]);
    let mut resolver = Resolver { calendar, days, as_of: start, events: Vec::new() };
    let steps = draft.steps.iter().flat_map(|step| resolver.step(step)).collect();
    History { setup: draft.setup.resolve(zone, today), start, steps }
}

impl Resolver {
    fn step(&mut self, step: &DraftStep) -> Vec<Step> {
        let events = match step {
            DraftStep::Advance(jump) => {
                self.as_of = self.target(jump).max(self.as_of);
                return vec![Step::Advance(self.as_of)];
            }
            DraftStep::State(state) => vec![self.state(state)],
            DraftStep::Usage(customer, when, amount, currency) => {
                vec![self.usage(*customer, self.instant(when), *amount, *currency, 0)]
            }
            DraftStep::Burst(customer, when, amount, currency, days) => {
                let from = self.instant(when);
                let day = |day: i64| self.usage(*customer, from + day * 86_400_000, *amount, *currency, day as usize);
                (0..*days).map(day).collect()
            }
            DraftStep::Change(of, when, change) => self.change(*of, when, change).into_iter().collect(),
            DraftStep::Repeat(at) => self.events.get(at % self.events.len().max(1)).cloned().into_iter().collect(),
            DraftStep::Reverse(at) => self.reverse(*at).into_iter().collect(),
        };
        self.events.extend(events.iter().cloned());
        events.into_iter().map(Step::Event).collect()
    }

    fn usage(&self, customer: Pick, at: i64, amount: i64, currency: Pick, number: usize) -> Event {
        Event::Usage(Usage {
            event_id: Some(format!("use/{}", self.events.len() + number)),
            customer_id: Some(choices::CUSTOMERS[customer].to_owned()),
            used_at: Some(at),
            meter: Some("calls".to_owned()),
            amount: Some(amount),
            currency: Some(choices::CURRENCIES[currency].to_owned()),
        })
    }

    fn reverse(&self, at: usize) -> Option<Event> {
        let uses: Vec<&Usage> = self.events.iter().filter_map(Event::as_usage).collect();
        let used = *uses.get(at % uses.len().max(1))?;
        let event_id = Some(format!("use/{}", self.events.len()));
        Some(Event::Usage(Usage { event_id, amount: used.amount.map(|amount| -amount), ..used.clone() }))
    }

    fn change(&self, of: usize, when: &When, change: &Change) -> Option<Event> {
        let states: Vec<&Subscription> = self.events.iter().filter_map(Event::as_state).collect();
        let mut state = (*states.get(of % states.len().max(1))?).clone();
        let mut items = state.items.take()?;
        match (items.first_mut(), change) {
            (_, Change::Empty) => items.clear(),
            (None, _) => return None,
            (Some(item), Change::Quantity(quantity)) => item.quantity = Some(*quantity),
            (Some(item), Change::Price(price)) => item.unit_amount = Some(*price),
            (Some(item), Change::Plan(plan)) => item.plan_id = Some((*plan).to_owned()),
            (Some(item), Change::Product(product)) => item.product_id = Some((*product).to_owned()),
        }
        let (event_id, effective_at) = (Some(format!("e{}", self.events.len())), Some(self.instant(when)));
        Some(Event::Subscription(Subscription {
            event_id,
            effective_at,
            items: Some(items),
            status: Some(Status::Active),
            ..state
        }))
    }

    fn state(&self, draft: &DraftState) -> Event {
        let mut items = draft.items.clone();
        items.sort_by(|one, other| one.item_id.cmp(&other.item_id));
        items.dedup_by(|one, other| one.item_id == other.item_id);
        let attribute = |(key, value): &(Pick, Pick)| (choices::ATTRIBUTES[*key].to_owned(), choices::VALUES[*value].to_owned());
        Event::Subscription(Subscription {
            event_id: Some(format!("{}{}", choices::PREFIXES[draft.prefix], self.events.len())),
            customer_id: Some(choices::CUSTOMERS[draft.customer].to_owned()),
            subscription_id: Some(choices::SUBSCRIPTIONS[draft.subscription].to_owned()),
            effective_at: Some(self.instant(&draft.when)),
            version: draft.version,
            status: Some(draft.status),
            currency: Some(choices::CURRENCIES[draft.currency].to_owned()),
            items: Some(items),
            attributes: draft.attributes.iter().map(attribute).collect(),
        })
    }

    fn instant(&self, when: &When) -> i64 {
        match when {
            When::Now(millis) => self.as_of + millis,
            When::Day(day, within) => {
                let midnight = self.calendar.midnight(self.days[*day]);
                midnight
                    + match within {
                        Within::Midnight => 0,
                        Within::JustBefore => -1,
                        Within::JustAfter => 1,
                        Within::Later(millis) => *millis,
                    }
            }
        }
    }

    fn target(&self, jump: &Jump) -> i64 {
        let today = self.calendar.day(self.as_of);
        match jump {
            Jump::Millis(millis) => self.as_of + millis,
            Jump::Midnight(days, millis) => self.calendar.midnight(today + days) + millis,
            Jump::Period(months, millis) => self.calendar.midnight(period_start(today, *months, -1)) + millis,
            Jump::Scheduled(millis) => {
                let later = self.events.iter().filter_map(Event::at).filter(|at| *at >= self.as_of);
                later.min().unwrap_or(self.as_of) + millis
            }
        }
    }
}

impl Event {
    pub fn as_usage(&self) -> Option<&Usage> {
        match self {
            Event::Usage(usage) => Some(usage),
            Event::Subscription(_) => None,
        }
    }

    fn as_state(&self) -> Option<&Subscription> {
        match self {
            Event::Subscription(state) => Some(state),
            Event::Usage(_) => None,
        }
    }

    fn at(&self) -> Option<i64> {
        match self {
            Event::Subscription(state) => state.effective_at,
            Event::Usage(usage) => usage.used_at,
        }
    }
}
