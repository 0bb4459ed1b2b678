//! Histories and events as people read them, in the report of a failed property.

use crate::history::{History, Step};
use crate::twin::calendar::date;
use crate::twin::facts::{Event, Item, Subscription, Usage};
use crate::twin::setup::Setup;
use jiff::Timestamp;
use std::fmt;

/// A shrunk history is read by people: one line per step.
impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setup { zone, currency, tables, windows, dimensions, max_values } = &self.setup;
        writeln!(f, "zone {zone}, {currency}, windows {windows:?}, dimensions {dimensions:?}, max_values {max_values}")?;
        for (from, rates) in tables {
            writeln!(f, "  rates from {}: {rates:?}", date(*from))?;
        }
        writeln!(f, "  as of {}", show(Some(self.start)))?;
        for step in &self.steps {
            match step {
                Step::Advance(to) => writeln!(f, "  as of {}", show(Some(*to)))?,
                Step::Event(event) => writeln!(f, "  {event}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Usage(Usage { event_id, customer_id, used_at, amount, currency, .. }) => {
                write!(f, "usage {event_id:?} of {customer_id:?} at {}: {amount:?} {currency:?}", show(*used_at))
            }
            Event::Subscription(state) => {
                let Subscription { event_id, customer_id, subscription_id, version, status, currency, .. } = state;
                let at = show(state.effective_at);
                write!(f, "state {event_id:?} of {customer_id:?} {subscription_id:?} at {at}: version {version:?} ")?;
                write!(f, "{status:?} {currency:?} {:?}", state.attributes)?;
                for item in state.items.iter().flatten() {
                    let Item { item_id, product_id, plan_id, quantity, unit_amount, interval, interval_count, discount } = item;
                    write!(f, "\n      item {item_id:?} {product_id:?} {plan_id:?} {quantity:?} x {unit_amount:?}")?;
                    write!(f, " - {discount:?} per {interval_count:?} {interval:?}")?;
                }
                Ok(())
            }
        }
    }
}

fn show(at: Option<i64>) -> String {
    let at = at.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    at.map_or_else(|| "?".to_owned(), |at| at.to_string())
}
