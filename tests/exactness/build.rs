//! Short words for events, so that a test reads like its example.

use crate::twin::facts::{Event, Item, Subscription, Usage};
use crate::twin::setup::Setup;
use jiff::Timestamp;
use std::collections::BTreeMap;
use upswell::domain::facts::{Interval, Status};

/// One major unit of a currency.
pub const UNIT: i64 = 1_000_000;

/// Milliseconds of an RFC 3339 instant; a bare date is its midnight in UTC.
pub fn ms(text: &str) -> i64 {
    let text = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    text.parse::<Timestamp>().expect("an instant").as_millisecond()
}

/// A setup in UTC and USD with one window and no dimensions.
pub fn setup(window: &str) -> Setup {
    Setup {
        zone: "UTC".to_owned(),
        currency: "USD".to_owned(),
        tables: Vec::new(),
        windows: vec![window.to_owned()],
        dimensions: Vec::new(),
        max_values: 100,
    }
}

/// A monthly item of `quantity` at `price` major units each; its product and plan are named like the item.
pub fn item(id: &str, quantity: i64, price: i64) -> Item {
    Item {
        item_id: Some(id.to_owned()),
        product_id: Some(id.to_owned()),
        plan_id: Some(id.to_owned()),
        quantity: Some(quantity),
        unit_amount: Some(price * UNIT),
        interval: Some(Interval::Month),
        interval_count: None,
        discount: None,
    }
}

impl Item {
    pub fn plan(self, plan: &str) -> Item {
        Item { plan_id: Some(plan.to_owned()), ..self }
    }

    pub fn product(self, product: &str) -> Item {
        Item { product_id: Some(product.to_owned()), ..self }
    }

    pub fn every(self, count: i64, interval: Interval) -> Item {
        Item { interval: Some(interval), interval_count: Some(count), ..self }
    }

    /// A recurring discount in major units.
    pub fn discount(self, amount: i64) -> Item {
        Item { discount: Some(amount * UNIT), ..self }
    }
}

/// The one subscription of a customer, active in USD from an instant on.
pub fn active(customer: &str, at: &str, items: Vec<Item>) -> Event {
    state(customer, at, Status::Active, items)
}

/// The one subscription of a customer, cancelled.
pub fn canceled(customer: &str, at: &str) -> Event {
    state(customer, at, Status::Canceled, Vec::new())
}

/// The one subscription of a customer, worth so many major units a month.
pub fn worth(customer: &str, at: &str, price: i64) -> Event {
    active(customer, at, vec![item("base", 1, price)])
}

fn state(customer: &str, at: &str, status: Status, items: Vec<Item>) -> Event {
    Event::Subscription(Subscription {
        event_id: Some(format!("{customer} {at}")),
        customer_id: Some(customer.to_owned()),
        subscription_id: Some(format!("subscription of {customer}")),
        effective_at: Some(ms(at)),
        version: None,
        status: Some(status),
        currency: Some("USD".to_owned()),
        items: Some(items),
        attributes: BTreeMap::new(),
    })
}

/// Usage worth so many major units of USD.
pub fn usage(customer: &str, at: &str, amount: i64) -> Event {
    Event::Usage(Usage {
        event_id: Some(format!("{customer} {at} {amount}")),
        customer_id: Some(customer.to_owned()),
        used_at: Some(ms(at)),
        meter: Some("calls".to_owned()),
        amount: Some(amount * UNIT),
        currency: Some("USD".to_owned()),
    })
}
