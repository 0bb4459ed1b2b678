//! Single parts against the twin's: midnights, acceptance, rates.

use crate::choices::{PLACES, place};
use crate::faults::fault;
use crate::harness::{Live, Twin, equal, property, zone};
use crate::history::history;
use crate::twin::calendar::{Calendar, day_of};
use crate::twin::rates::{band, motion_rates, rates};
use proptest::collection::vec;
use proptest::prelude::*;
use upswell::domain::calendar::{Day, Instant};
use upswell::domain::rates::{Customers, Money, Sums};

#[test]
fn midnights_and_days_of_every_zone() {
    let around = prop_oneof![3 => -3..3i32, 1 => -4000..4000i32];
    property(600, (0..PLACES.len(), around, 0..90_000_000i64), |(pick, offset, millis)| {
        let (name, strange) = place(pick);
        // Midnights are known for long enough before the first fact and after the last view.
        let (calendar, zone, day) =
            (Calendar::of(name), zone(name), (strange + offset).clamp(day_of(1990, 2, 1), day_of(2102, 11, 1)));
        let at = calendar.midnight(day);
        equal(&format!("{name}, midnight of {day}"), &at, &zone.midnight(Day(day)).0)?;
        [at - 1, at, at + 1, at + millis].into_iter().try_for_each(|instant| {
            equal(&format!("{name}, day of {instant}"), &calendar.day(instant), &zone.day(Instant(instant)).0)
        })
    });
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
