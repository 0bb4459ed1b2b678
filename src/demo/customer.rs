//! One customer of the synthetic company: who it is, what it has agreed to, and how its state becomes events.
//!
//! Every event carries the complete state of the subscription. A change that is known before it takes effect is written ahead;
//! if anything changes in between, the scheduled state is written again with a greater version, as a billing system has to.
//! What happens to a customer from day to day stands in `life`.

use super::catalogue::{HOMES, OUTLOOKS, Outlook, PAY_AS_YOU_GO, TIERS, VERTICALS, list_of};
use super::event::{Body, Cause, Delivery, Event, Subscription, Usage};
use super::meter::Meter;
use super::random::Random;
use super::terms::{Billing, Terms};
use crate::domain::calendar::{Day, Instant};
use crate::domain::facts::Status;
use std::sync::Arc;

/// Milliseconds of a civil day in UTC.
pub const DAY_MILLIS: i64 = 86_400_000;

/// Where a customer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not yet signed up.
    Fresh,
    Trial {
        ends: Day,
    },
    Active,
    PastDue {
        ends: Day,
    },
    Paused {
        ends: Day,
    },
    /// Cancelled; returns on a day, or never.
    Gone {
        returns: Option<Day>,
    },
}

/// What a scheduled state changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planned {
    Cancel,
    /// Prices of this year's list.
    Reprice(i32),
    /// Nothing any more: a revoked cancellation.
    Keep,
}

/// A state written ahead of the midnight at which it takes effect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scheduled {
    pub day: Day,
    pub planned: Planned,
    pub version: i64,
}

/// A day in a customer's life, the moment at which something happens on it, and what was written.
pub(super) struct Today<'a> {
    pub day: Day,
    pub moment: Instant,
    pub out: &'a mut Vec<Event>,
}

/// One customer.
#[derive(Debug)]
pub struct Customer {
    pub(super) random: Random,
    pub(super) stage: Stage,
    pub(super) terms: Terms,
    pub(super) scheduled: Option<Scheduled>,
    /// First day of the current contract: billing periods are counted from it.
    pub(super) anchor: Day,
    pub(super) subscriptions: u32,
    pub(super) outlook: &'static Outlook,
    number: u32,
    id: Arc<str>,
    home: &'static (u64, &'static str, &'static str, i64),
    vertical: &'static str,
    meter: Option<Meter>,
    events: u32,
}

impl Customer {
    /// The customer of this number under this seed, about to sign up.
    pub fn new(seed: u64, number: u32, signs_up: Day) -> Customer {
        let mut random = Random::seeded(seed, 1 + u64::from(number));
        let home = &HOMES[random.weighted(&HOMES.map(|home| home.0))];
        let vertical = VERTICALS[random.weighted(&VERTICALS.map(|vertical| vertical.0))].1;
        let outlook = &OUTLOOKS[random.weighted(&OUTLOOKS.each_ref().map(|outlook| outlook.share))];
        let terms = first_terms(&mut random, signs_up);
        let meter = random.chance(TIERS[terms.tier].metered).then(|| Meter::new(&mut random, terms.tier));
        Customer {
            random,
            stage: Stage::Fresh,
            terms,
            scheduled: None,
            anchor: signs_up,
            subscriptions: 1,
            outlook,
            number,
            id: format!("cus-{number:06}").into(),
            home,
            vertical,
            meter,
            events: 0,
        }
    }

    /// Lives through one day; `metered` is whether its use is written. Every event goes to `out`, arriving within minutes.
    pub fn live(&mut self, day: Day, metered: bool, out: &mut Vec<Event>) {
        let moment = Instant(i64::from(day.0) * DAY_MILLIS + self.random.between(7 * 3_600_000, 20 * 3_600_000));
        let mut today = Today { day, moment, out };
        self.take_effect(day);
        self.act(&mut today);
        if metered && matches!(self.stage, Stage::Active | Stage::PastDue { .. }) {
            self.consume(&mut today);
        }
    }

    /// Whether nothing will ever happen to this customer again.
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Gone { returns: None } && self.scheduled.is_none()
    }

    /// Writes the present state, effective now, and renews what was scheduled.
    pub(super) fn write(&mut self, cause: Cause, today: &mut Today) {
        self.push(cause, today.moment, 0, self.status(), self.terms.clone(), today);
        if let Some(scheduled) = self.scheduled.as_mut() {
            scheduled.version += 1;
            let scheduled = *scheduled;
            self.write_scheduled(Cause::Rescheduled, scheduled, today);
        }
    }

    /// Writes a state ahead, replacing what was scheduled for the same day.
    pub(super) fn schedule(&mut self, cause: Cause, day: Day, planned: Planned, today: &mut Today) {
        let version = self.scheduled.map_or(0, |old| old.version + 1);
        let scheduled = Scheduled { day, planned, version };
        self.scheduled = Some(scheduled);
        self.write_scheduled(cause, scheduled, today);
    }

    fn write_scheduled(&mut self, cause: Cause, scheduled: Scheduled, today: &mut Today) {
        let (mut status, mut terms) = (self.status(), self.terms.clone());
        match scheduled.planned {
            Planned::Cancel => status = Status::Canceled,
            Planned::Reprice(list) => terms.list = list,
            Planned::Keep => {}
        }
        let midnight = Instant(i64::from(scheduled.day.0) * DAY_MILLIS);
        self.push(cause, midnight, scheduled.version, status, terms, today);
    }

    /// A scheduled state whose day has come becomes the present one.
    fn take_effect(&mut self, day: Day) {
        let Some(scheduled) = self.scheduled.filter(|scheduled| scheduled.day <= day) else { return };
        self.scheduled = None;
        match scheduled.planned {
            Planned::Cancel if !matches!(self.stage, Stage::Gone { .. }) => self.leave(day),
            Planned::Reprice(list) => self.terms.list = list,
            Planned::Cancel | Planned::Keep => {}
        }
    }

    fn status(&self) -> Status {
        match self.stage {
            Stage::Fresh | Stage::Trial { .. } => Status::Trialing,
            Stage::Active => Status::Active,
            Stage::PastDue { .. } => Status::PastDue,
            Stage::Paused { .. } => Status::Paused,
            Stage::Gone { .. } => Status::Canceled,
        }
    }

    fn push(&mut self, cause: Cause, effective_at: Instant, version: i64, status: Status, terms: Terms, today: &mut Today) {
        let mut attributes = vec![("region", self.home.1), ("plan_family", TIERS[terms.tier].family)];
        if !self.vertical.is_empty() {
            attributes.push(("vertical", self.vertical));
        }
        let body = Body::Subscription(Subscription {
            event_id: self.next_id("evt"),
            customer_id: self.id.clone(),
            subscription_id: format!("sub-{:06}-{}", self.number, self.subscriptions),
            effective_at: effective_at.0,
            version,
            status,
            currency: self.home.2,
            items: terms.items(self.home.3),
            attributes,
        });
        let arrival = Instant(today.moment.0 + self.random.between(500, 60_000));
        let delivery = Delivery::OnTime;
        today.out.push(Event { arrival, customer: self.id.clone(), body, cause, delivery });
    }

    fn consume(&mut self, today: &mut Today) {
        let Some(meter) = self.meter.as_mut() else { return };
        let Some((quantity, amount_micros)) = meter.read(&mut self.random, today.day) else { return };
        let meter = meter.name;
        let used_at = i64::from(today.day.0) * DAY_MILLIS + self.random.between(6 * 3_600_000, 22 * 3_600_000);
        let body = Body::Usage(Usage {
            event_id: self.next_id("use"),
            customer_id: self.id.clone(),
            used_at,
            meter,
            quantity,
            amount_micros,
            currency: self.home.2,
        });
        let arrival = Instant(used_at + self.random.between(1_000, 300_000));
        let delivery = Delivery::OnTime;
        today.out.push(Event { arrival, customer: self.id.clone(), body, cause: Cause::Used, delivery });
    }

    fn next_id(&mut self, kind: &str) -> String {
        self.events += 1;
        format!("{kind}-{:06}-{:05}", self.number, self.events)
    }
}

/// What a customer signs up for.
fn first_terms(random: &mut Random, day: Day) -> Terms {
    let tier = random.weighted(&TIERS.each_ref().map(|tier| tier.share));
    let terms = &TIERS[tier];
    let billing = match () {
        _ if tier == PAY_AS_YOU_GO => Billing::Monthly,
        _ if random.chance(terms.annual) => Billing::Annual,
        _ if random.chance(80_000) => Billing::Quarterly,
        _ => Billing::Monthly,
    };
    let seats = random.between(terms.seats.0, terms.seats.1);
    let mut first = Terms {
        tier,
        seats,
        billing,
        list: list_of(day),
        discount: 0,
        discount_ends: None,
        add_ons: [random.chance(90_000), random.chance(60_000), random.chance(50_000)],
        contract: 0,
    };
    first.negotiate(random, day);
    first
}

impl Terms {
    /// Draws the discount of a new contract: for good for the greatest customers, for a year for the others.
    pub(super) fn negotiate(&mut self, random: &mut Random, day: Day) {
        let won = random.chance(TIERS[self.tier].discounted);
        self.discount = if won { 5 * random.between(2, 5) } else { 0 };
        self.discount_ends = (won && self.tier + 1 < TIERS.len()).then_some(day.plus(365));
    }
}
