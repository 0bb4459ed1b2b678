//! Events of the workload, and what their bytes deserve: an event that is at fault knows for what it has to be rejected.

use crate::dice::Dice;
use crate::twin::facts::{Event as Told, Item, Subscription, Usage};
use upswell::domain::facts::{Interval, Reason, Status};
use upswell::wire::encode;

pub const DAY: i64 = 86_400_000;
pub const SUBSCRIPTION_ID: u32 = 2;
pub const USAGE_ID: u32 = 3;
/// No registry ever knows this one.
pub const NEVER_ID: u32 = 7;
/// The registry learns of these late.
pub const LATE_ID: u32 = 8;

/// What an event says.
#[derive(Clone, Debug)]
pub struct Event {
    /// 0: a subscription, 1: usage.
    pub kind: usize,
    pub id: String,
    pub customer: String,
    pub at: i64,
    pub version: i64,
    pub amount: i64,
    pub currency: &'static str,
    pub plan: &'static str,
    pub status: Status,
    pub schema: u32,
    /// Made wrong on purpose.
    pub fault: Option<Reason>,
}

impl Event {
    pub fn drawn(dice: &mut Dice, kind: usize, number: u64, customer: String, now: i64) -> Event {
        let at = match dice.below(8) {
            0 => now - dice.between(0, 200 * DAY),
            1 | 2 => now - dice.between(0, 40 * DAY),
            3 if kind == 0 => now + dice.between(0, 3 * DAY),
            3 | 4 => now + dice.between(0, DAY - 3_600_000),
            _ => now - dice.between(0, DAY),
        };
        let currencies = if dice.one_in(6) { 5 } else { 4 };
        let currency = ["USD", "USD", "USD", "EUR", "XXX"][dice.index(currencies)];
        let status = [Status::Active, Status::Active, Status::PastDue, Status::Canceled, Status::Paused][dice.index(5)];
        let faults = [
            Reason::Framing,
            Reason::Decode,
            Reason::TrailingBytes,
            Reason::MissingId,
            Reason::InvalidTimestamp,
            Reason::UnknownSchema,
            if kind == 0 { Reason::InvalidQuantity } else { Reason::FutureUsage },
        ];
        let fault = dice.one_in(9).then(|| faults[dice.index(faults.len())]);
        let schema = match (fault, kind) {
            (Some(Reason::UnknownSchema), _) => NEVER_ID,
            (None, 1) if dice.one_in(25) => LATE_ID,
            (_, 0) => SUBSCRIPTION_ID,
            _ => USAGE_ID,
        };
        let (at, currency) = match fault {
            Some(Reason::FutureUsage) => (now + 3 * DAY, "USD"),
            _ => (at, currency),
        };
        let plan = ["free", "team", "scale"][dice.index(3)];
        let (version, amount) = (dice.between(0, 3), dice.between(1, 90) * 1_000_000);
        Event { kind, id: format!("e{number}"), customer, at, version, amount, currency, plan, status, schema, fault }
    }

    /// Another event about the same state: which one holds is a question of versions.
    pub fn corrected(&self, dice: &mut Dice, number: u64) -> Event {
        let Event { plan, amount, status, .. } = Event::drawn(dice, 0, number, self.customer.clone(), self.at);
        let version = self.version + dice.between(-1, 2);
        Event { id: format!("e{number}"), version, amount, plan, status, ..self.clone() }
    }

    /// The event in the twin's words.
    pub fn told(&self) -> Told {
        let text = |text: &str| Some(text.to_owned());
        if self.kind == 1 {
            return Told::Usage(Usage {
                event_id: text(self.id()),
                customer_id: text(&self.customer),
                used_at: Some(self.at()),
                meter: text("calls"),
                amount: Some(self.amount),
                currency: text(self.currency),
            });
        }
        let item = Item {
            item_id: text("i"),
            product_id: text("p"),
            plan_id: text(self.plan),
            quantity: Some(if self.fault == Some(Reason::InvalidQuantity) { -1 } else { 1 }),
            unit_amount: Some(self.amount),
            interval: Some(Interval::Month),
            interval_count: Some(1),
            discount: Some(0),
        };
        Told::Subscription(Subscription {
            event_id: text(self.id()),
            customer_id: text(&self.customer),
            subscription_id: text("s"),
            effective_at: Some(self.at()),
            version: Some(self.version),
            status: Some(self.status),
            currency: text(self.currency),
            items: Some(vec![item]),
            attributes: [("vertical".to_owned(), self.plan.to_owned())].into(),
        })
    }

    fn id(&self) -> &str {
        if self.fault == Some(Reason::MissingId) { "" } else { &self.id }
    }

    fn at(&self) -> i64 {
        if self.fault == Some(Reason::InvalidTimestamp) { 7 } else { self.at }
    }

    /// The record's value.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode::confluent_header(self.schema, &mut bytes);
        match &self.told() {
            Told::Subscription(event) => encode::subscription(&event.raw(), &mut bytes),
            Told::Usage(event) => encode::usage(&event.raw(), 1.0, &mut bytes),
        }
        match self.fault {
            Some(Reason::Framing) => bytes[0] = 9,
            Some(Reason::Decode) => bytes.truncate(12),
            Some(Reason::TrailingBytes) => bytes.push(1),
            _ => {}
        }
        bytes
    }
}
