//! The events of a measurement: billing as a stream processor meets it, the same for the same seed and present.
//!
//! First each customer's first subscription, dated 200 to 400 days ago; then usage and changes of subscriptions in a random mix,
//! over the last 100 days in roughly increasing order. One event in twenty is of a subscription.

use upswell::demo::random::Random;
use upswell::domain::facts::{FactKind, Interval, RawItem, RawSubscription, RawUsage, Status};
use upswell::wire::encode;

pub const DAY: i64 = 86_400_000;
/// Days over which usage and changes are spread.
const SPAN: i64 = 100 * DAY;
const METERS: [&str; 4] = ["api_calls", "storage_gb", "compute_minutes", "seats_overage"];
/// Plans and their price of a seat a month.
const PLANS: [(&str, i64); 4] = [("starter-v3", 29), ("team-v3", 49), ("business-v3", 99), ("enterprise-v3", 249)];
const REGIONS: [&str; 4] = ["eu-west", "us-east", "us-west", "ap-south"];
const VERTICALS: [&str; 5] = ["fintech", "health", "retail", "media", "public"];

/// How much of it there is.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    pub customers: usize,
    pub events: usize,
    /// Milliseconds since 1970 at which event times end.
    pub now: i64,
}

/// What a customer has.
#[derive(Clone, Copy, Debug)]
struct Contract {
    plan: usize,
    seats: i64,
    add_on: bool,
    status: Status,
}

/// The stream of events.
pub struct Events {
    scale: Scale,
    ids: [u32; 2],
    random: Random,
    contracts: Vec<Contract>,
    made: usize,
}

/// One event, ready for its topic.
pub struct Event<'e> {
    pub kind: FactKind,
    /// The record's key.
    pub customer: String,
    pub value: &'e [u8],
}

/// Name of a customer.
pub fn customer(number: usize) -> String {
    format!("cus_{number:08}")
}

impl Events {
    /// `ids` name the canonical schemas in the registry: subscriptions, usage.
    pub fn new(scale: Scale, ids: [u32; 2]) -> Events {
        Events { scale, ids, random: Random::seeded(1, 0), contracts: Vec::with_capacity(scale.customers), made: 0 }
    }

    /// The next event, whose bytes go into `out`; `None` after the last one.
    pub fn next<'e>(&mut self, out: &'e mut Vec<u8>) -> Option<Event<'e>> {
        let Scale { customers, events, now } = self.scale;
        if self.made == events {
            return None;
        }
        let number = self.made;
        self.made += 1;
        if number < customers {
            let contract = self.first();
            self.contracts.push(contract);
            let at = now - self.random.between(200 * DAY, 400 * DAY);
            return Some(self.subscription(number, at, out));
        }
        let (rest, customer) = ((events - customers) as i64, self.random.below(customers as u64) as usize);
        let even = now - SPAN + SPAN / rest * (number - customers) as i64;
        let at = (even + self.random.between(-DAY / 2, DAY / 2)).clamp(now - SPAN, now - 1_000);
        let changes = (events / 20).saturating_sub(customers) as u64;
        if self.random.below(rest as u64) < changes {
            self.change(customer);
            return Some(self.subscription(customer, at, out));
        }
        Some(self.usage(customer, at, out))
    }

    fn first(&mut self) -> Contract {
        let (plan, seats, add_on) = (self.random.below(4) as usize, self.random.between(1, 40), self.random.chance(300_000));
        Contract { plan, seats, add_on, status: Status::Active }
    }

    fn change(&mut self, customer: usize) {
        let contract = &mut self.contracts[customer];
        match self.random.below(100) {
            _ if contract.status == Status::Canceled => contract.status = Status::Active,
            0..45 => contract.seats = (contract.seats + self.random.between(-3, 6)).max(1),
            45..65 => contract.plan = (contract.plan + 1).min(3),
            65..72 => contract.plan = contract.plan.saturating_sub(1),
            72..85 => contract.add_on = !contract.add_on,
            85..90 if contract.status == Status::Active => contract.status = Status::PastDue,
            85..90 => contract.status = Status::Active,
            _ => contract.status = Status::Canceled,
        }
    }

    fn subscription<'e>(&self, number: usize, at: i64, out: &'e mut Vec<u8>) -> Event<'e> {
        let (Contract { plan, seats, add_on, status }, key) = (self.contracts[number], customer(number));
        let (plan_id, price) = PLANS[plan];
        let seats = item("it_base", "platform", plan_id, seats, price, Interval::Month);
        let extra = item("it_addon", "analytics", "analytics-y", 1, 1_200, Interval::Year);
        let raw = RawSubscription {
            event_id: Some(&format!("evt_s{:015x}", self.made)),
            customer_id: Some(&key),
            subscription_id: Some(&format!("sub_{number:08}_1")),
            effective_at: Some(at),
            version: Some(0),
            status: Some(status),
            currency: Some("USD"),
            items: Some(if add_on { vec![seats, extra] } else { vec![seats] }),
            attributes: vec![("vertical", Some(VERTICALS[number % 5])), ("region", Some(REGIONS[number % 4]))],
        };
        out.clear();
        encode::confluent_header(self.ids[0], out);
        encode::subscription(&raw, out);
        Event { kind: FactKind::Subscription, customer: key, value: out }
    }

    fn usage<'e>(&mut self, number: usize, at: i64, out: &'e mut Vec<u8>) -> Event<'e> {
        let (key, cents) = (customer(number), self.random.between(1, 2_000));
        let amount = cents * 10_000 + self.random.between(0, 9_999);
        let raw = RawUsage {
            event_id: Some(&format!("evt_u{:015x}", self.made)),
            customer_id: Some(&key),
            used_at: Some(at),
            meter: Some(METERS[number % 4]),
            amount_micros: Some(if self.random.chance(10_000) { -amount / 4 } else { amount }),
            currency: Some("USD"),
        };
        out.clear();
        encode::confluent_header(self.ids[1], out);
        encode::usage(&raw, cents as f64 * 1.5, out);
        Event { kind: FactKind::Usage, customer: key, value: out }
    }
}

fn item<'a>(id: &'a str, product: &'a str, plan: &'a str, quantity: i64, price: i64, interval: Interval) -> RawItem<'a> {
    RawItem {
        item_id: Some(id),
        product_id: Some(product),
        plan_id: Some(plan),
        quantity: Some(quantity),
        unit_amount_micros: Some(price * 1_000_000),
        interval: Some(interval),
        interval_count: Some(1),
        discount_micros: Some(0),
    }
}
