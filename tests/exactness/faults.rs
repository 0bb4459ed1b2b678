//! Invalid events: what a producer can get wrong, one field at a time or several.

use crate::twin::facts::{Event, Item};
use proptest::prelude::*;
use proptest::sample::select;
use upswell::domain::facts::Interval;

/// What can be wrong with an event; numbers choose the field.
#[derive(Clone, Debug)]
pub enum Fault {
    Text(usize, Option<&'static str>),
    Number(usize, Option<i64>),
    Interval(Option<Interval>),
    NoStatus,
    NoItems,
    /// The first item so many times.
    Items(usize),
}

pub fn fault() -> impl Strategy<Value = Fault> {
    const LIMIT: i64 = 1_000_000_000_000_000_000;
    let texts = vec![None, Some(""), Some(" "), Some("\"/é"), Some("usd"), Some("USDX"), Some("XXX"), Some("EUR")];
    let bounds = [0, 1, 10_000, 1_000_000_000_000, LIMIT, 946_684_800_000, 4_102_444_800_000];
    let number = prop_oneof![
        1 => Just(None),
        4 => (select(bounds.to_vec()), -1..=1i64).prop_map(|(bound, beside)| Some(bound + beside)),
        1 => any::<i64>().prop_map(Some)
    ];
    prop_oneof![
        4 => (0..7usize, select(texts)).prop_map(|(field, text)| Fault::Text(field, text)),
        8 => (0..7usize, number).prop_map(|(field, number)| Fault::Number(field, number)),
        1 => select(vec![None, Some(Interval::Day), Some(Interval::Year)]).prop_map(Fault::Interval),
        1 => Just(Fault::NoStatus),
        1 => Just(Fault::NoItems),
        1 => select(vec![2, 1000, 1001]).prop_map(Fault::Items),
    ]
}

impl Fault {
    pub fn spoil(&self, event: &mut Event) {
        match event {
            Event::Usage(usage) => match self {
                Fault::Text(field, text) => {
                    let fields = [&mut usage.event_id, &mut usage.customer_id, &mut usage.meter, &mut usage.currency];
                    *fields.into_iter().nth(field % 4).expect("one of four") = text.map(str::to_owned);
                }
                Fault::Number(field, number) if field % 2 == 0 => usage.used_at = *number,
                Fault::Number(_, number) => usage.amount = *number,
                _ => {}
            },
            Event::Subscription(state) => {
                let items = state.items.as_deref_mut().unwrap_or(&mut []);
                match self {
                    Fault::Text(0, text) => state.event_id = text.map(str::to_owned),
                    Fault::Text(1, text) => state.customer_id = text.map(str::to_owned),
                    Fault::Text(2, text) => state.subscription_id = text.map(str::to_owned),
                    Fault::Text(3, text) => state.currency = text.map(str::to_owned),
                    Fault::Number(0, number) => state.effective_at = *number,
                    Fault::Number(1, number) => state.version = *number,
                    Fault::NoStatus => state.status = None,
                    Fault::NoItems => state.items = None,
                    Fault::Items(count) => {
                        let copies = items.first().map(|item| {
                            let numbered = |number| Item { item_id: Some(format!("{}", number / 2)), ..item.clone() };
                            (0..*count).map(numbered).collect()
                        });
                        state.items = copies.or(state.items.take());
                    }
                    item_fault => items.last_mut().into_iter().for_each(|item| item_fault.spoil_item(item)),
                }
            }
        }
    }

    fn spoil_item(&self, item: &mut Item) {
        match self {
            Fault::Text(4, text) => item.item_id = text.map(str::to_owned),
            Fault::Text(5, text) => item.product_id = text.map(str::to_owned),
            Fault::Text(_, text) => item.plan_id = text.map(str::to_owned),
            Fault::Number(2 | 3, number) => item.quantity = *number,
            Fault::Number(4, number) => item.unit_amount = *number,
            Fault::Number(5, number) => item.interval_count = *number,
            Fault::Number(_, number) => item.discount = *number,
            Fault::Interval(interval) => item.interval = *interval,
            Fault::NoStatus | Fault::NoItems | Fault::Items(_) => {}
        }
    }
}
