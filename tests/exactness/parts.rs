//! Single parts against the twin's: midnights, acceptance, rates.

use crate::choices::{PLACES, place};
use crate::harness::{Live, Twin, equal, property, zone};
use crate::history::history;
use crate::twin::calendar::{Calendar, day_of};
use crate::twin::facts::{Event, Item};
use crate::twin::rates::{band, motion_rates, rates};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use upswell::domain::calendar::{Day, Instant};
use upswell::domain::facts::Interval;
use upswell::domain::rates::{Customers, Money, Sums};

#[test]
fn midnights_and_days_of_every_zone() {
    let around = prop_oneof![3 => -3..3i32, 1 => -4000..4000i32];
    property(600, (0..PLACES.len(), around, 0..90_000_000i64), |(pick, offset, millis)| {
        let (name, strange) = place(pick);
        // Views end with 2100, and midnights are known two years longer.
        let (calendar, zone, day) = (Calendar::of(name), zone(name), (strange + offset).min(day_of(2102, 11, 1)));
        let at = calendar.midnight(day);
        equal(&format!("{name}, midnight of {day}"), &at, &zone.midnight(Day(day)).0)?;
        [at - 1, at, at + 1, at + millis].into_iter().try_for_each(|instant| {
            equal(&format!("{name}, day of {instant}"), &calendar.day(instant), &zone.day(Instant(instant)).0)
        })
    });
}

/// What can be wrong with an event; numbers choose the field.
#[derive(Clone, Debug)]
enum Fault {
    Text(usize, Option<&'static str>),
    Number(usize, Option<i64>),
    Interval(Option<Interval>),
    NoStatus,
    NoItems,
    /// The first item so many times.
    Items(usize),
}

fn fault() -> impl Strategy<Value = Fault> {
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
    fn spoil(&self, event: &mut Event) {
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

#[test]
fn acceptance_and_the_order_of_reasons() {
    property(400, (history(20, None), vec(fault(), 1..5)), |(history, faults)| {
        let mut live = Live::new(&history.setup);
        let mut twin = Twin::new(&history.setup);
        for (number, mut event) in history.events().into_iter().enumerate() {
            faults.iter().skip(number % faults.len()).for_each(|fault| fault.spoil(&mut event));
            equal(&format!("verdict on {event}"), &twin.apply(&event), &live.apply(&event))?;
        }
        Ok(())
    });
}

/// Sums that fit together, of any size up to what many customers near the limits come to.
fn sums() -> impl Strategy<Value = Sums> {
    let amount =
        || prop_oneof![3 => Just(0i128), 3 => 0..2_000_000_000i128, 1 => 0..10i128.pow(28), 1 => Just((1i128 << 53) + 1)];
    let five = || [amount(), amount(), amount(), amount(), amount()];
    let count = || prop_oneof![Just(0i64), 0..5i64, 0..1_000_000_000i64];
    (five(), five(), five(), [count(), count(), count(), count(), count(), count()]).prop_map(
        |([opening, new, reactivation, churn, comparison_expansion], expansion, contraction, counts)| {
            let [opening_count, new_count, reactivated, expanded, contracted, churned] = counts;
            let money = Money { opening, new, reactivation, expansion, contraction, churn, comparison_expansion };
            let customers = Customers {
                opening: opening_count,
                new: new_count,
                reactivation: reactivated,
                expansion: expanded,
                contraction: contracted,
                churn: churned,
            };
            Sums { money, customers }
        },
    )
}

#[test]
fn published_ratios_are_the_nearest_doubles() {
    property(2000, (sums(), any::<bool>()), |(sums, has_comparison)| {
        equal("rates", &rates(&sums, has_comparison), &sums.rates(has_comparison))?;
        equal("motions", &motion_rates(&sums), &sums.motion_rates())?;
        equal("band", &band(&sums), &sums.band())
    });
}
