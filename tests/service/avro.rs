//! Billing events as a producer would write them with the canonical schemas, encoded by hand.

use upswell::domain::facts::{Interval, RawItem, RawSubscription, RawUsage, Status};

/// Ids of the canonical schemas in the test's registry.
pub const SUBSCRIPTION_ID: u32 = 1;
pub const USAGE_ID: u32 = 2;
/// The subscription schema under another id.
pub const ALIAS_ID: u32 = 3;

/// A subscription with one monthly item, worth `mrr` whole units.
#[derive(Clone, Debug)]
pub struct Subscription<'a> {
    pub event: &'a str,
    pub customer: &'a str,
    /// Milliseconds.
    pub at: i64,
    pub mrr: i64,
    pub vertical: &'a str,
}

impl<'a> Subscription<'a> {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        [self.event, self.customer, "sub"].iter().for_each(|id| text(&mut out, id));
        [self.at, 0, 1].iter().for_each(|number| long(&mut out, *number));
        text(&mut out, "USD");
        long(&mut out, 1);
        ["item", "product", "plan"].iter().for_each(|id| text(&mut out, id));
        [1, self.mrr * 1_000_000, 2, 1, 0].iter().for_each(|number| long(&mut out, *number));
        [0, 1].iter().for_each(|number| long(&mut out, *number));
        ["vertical", self.vertical].iter().for_each(|part| text(&mut out, part));
        long(&mut out, 0);
        out
    }

    pub fn raw(&self) -> RawSubscription<'a> {
        let item = RawItem {
            item_id: Some("item"),
            product_id: Some("product"),
            plan_id: Some("plan"),
            quantity: Some(1),
            unit_amount_micros: Some(self.mrr * 1_000_000),
            interval: Some(Interval::Month),
            ..RawItem::default()
        };
        RawSubscription {
            event_id: Some(self.event),
            customer_id: Some(self.customer),
            subscription_id: Some("sub"),
            effective_at: Some(self.at),
            version: None,
            status: Some(Status::Active),
            currency: Some("USD"),
            items: Some(vec![item]),
            attributes: vec![("vertical", Some(self.vertical))],
        }
    }
}

/// Usage worth `amount` micro-units.
#[derive(Clone, Debug)]
pub struct Usage<'a> {
    pub event: &'a str,
    pub customer: &'a str,
    /// Milliseconds.
    pub at: i64,
    pub amount: i64,
    pub currency: &'a str,
}

impl<'a> Usage<'a> {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        [self.event, self.customer].iter().for_each(|id| text(&mut out, id));
        long(&mut out, self.at);
        text(&mut out, "calls");
        out.extend(0_f64.to_le_bytes());
        long(&mut out, self.amount);
        text(&mut out, self.currency);
        out
    }

    pub fn raw(&self) -> RawUsage<'a> {
        RawUsage {
            event_id: Some(self.event),
            customer_id: Some(self.customer),
            used_at: Some(self.at),
            meter: Some("calls"),
            amount_micros: Some(self.amount),
            currency: Some(self.currency),
        }
    }
}

/// A datum in Confluent framing.
pub fn confluent(schema_id: u32, datum: &[u8]) -> Vec<u8> {
    [&[0], schema_id.to_be_bytes().as_slice(), datum].concat()
}

fn long(out: &mut Vec<u8>, value: i64) {
    let mut bits = (value << 1 ^ value >> 63) as u64;
    while bits >= 0x80 {
        out.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    out.push(bits as u8);
}

fn text(out: &mut Vec<u8>, value: &str) {
    long(out, value.len() as i64);
    out.extend(value.as_bytes());
}
