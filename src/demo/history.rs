//! The history of a synthetic company, day after day, without end: the same events for the same scale and seed.
//!
//! Customers live independently of each other, each from a stream of chance of its own. The topics begin on the first day with
//! an import: what happened to the customers of the three years before arrives within its first two hours, effective when it
//! happened. Events leave in the order in which they arrive at the topic.

use super::customer::{Customer, DAY_MILLIS};
use super::delivery::deliver;
use super::event::{Delivery, Event};
use super::random::Random;
use crate::domain::calendar::{Day, Instant};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Days of life before the topics begin.
const BEFORE: i64 = 1_095;
/// An event is late that arrives this long after it took effect.
const LATE_MILLIS: i64 = DAY_MILLIS / 2;

/// How much history, of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Customers that have signed up by `until`, 1 to 10,000,000. Each year brings 35 for every 100 from before the history.
    pub customers: u32,
    /// Civil months of history, 1 to 120.
    pub months: u32,
    /// The first day that is not part of it (UTC).
    pub until: Day,
    pub seed: u64,
}

impl Scale {
    /// The first day of the history.
    pub fn start(&self) -> Day {
        Day::from_date(self.until.date().saturating_sub(jiff::Span::new().months(i64::from(self.months))))
    }

    /// Customers from before the history.
    fn imported(&self) -> u32 {
        (u64::from(self.customers) * 1_200 / (1_200 + 35 * u64::from(self.months))) as u32
    }

    /// The day on which a customer signs up; numbers go on after the history.
    fn sign_up(&self, number: u32) -> Day {
        if number < self.imported() {
            let mut random = Random::seeded(self.seed ^ 0x5167, u64::from(number));
            let ago = random.between(1, BEFORE).min(random.between(1, BEFORE));
            return self.start().plus(-ago as i32);
        }
        let (start, days) = (self.start(), i64::from(self.until.0 - self.start().0));
        let joining = i64::from((self.customers - self.imported()).max(1));
        start.plus((i64::from(number - self.imported()) * days / joining) as i32)
    }
}

/// A history in the making.
pub struct History {
    scale: Scale,
    today: Day,
    customers: Vec<Customer>,
    /// The number of the next customer to sign up.
    next: u32,
    /// Events on their way, the first to arrive on top.
    queue: BinaryHeap<Reverse<Queued>>,
    queued: u64,
}

/// An event on its way; of two that arrive at once the one written first comes first.
struct Queued {
    order: (Instant, u64),
    event: Event,
}

impl History {
    /// The history of this scale, before its first day.
    pub fn new(scale: Scale) -> History {
        let mut history = History {
            scale,
            today: scale.start(),
            customers: Vec::new(),
            next: scale.imported(),
            queue: BinaryHeap::new(),
            queued: 0,
        };
        history.import();
        history
    }

    /// The instant before which every event has been told.
    pub fn begins(&self) -> Instant {
        Instant(i64::from(self.today.0) * DAY_MILLIS)
    }

    /// The day whose events come next.
    pub fn today(&self) -> Day {
        self.today
    }

    /// The events that arrive on the next day, in order of arrival.
    pub fn next_day(&mut self) -> Vec<Event> {
        while self.scale.sign_up(self.next) <= self.today {
            self.customers.push(Customer::new(self.scale.seed, self.next, self.today));
            self.next += 1;
        }
        let mut customers = std::mem::take(&mut self.customers);
        for customer in &mut customers {
            self.live(customer, self.today, true);
        }
        customers.retain(|customer| !customer.is_over());
        self.customers = customers;
        self.today = self.today.plus(1);
        self.arrived_before(self.begins())
    }

    fn import(&mut self) {
        for number in 0..self.scale.imported() {
            let first = self.scale.sign_up(number);
            let mut customer = Customer::new(self.scale.seed, number, first);
            for day in first.0..self.today.0 {
                self.live(&mut customer, Day(day), false);
            }
            if !customer.is_over() {
                self.customers.push(customer);
            }
        }
    }

    fn live(&mut self, customer: &mut Customer, day: Day, metered: bool) {
        let (mut written, mut sent) = (Vec::new(), Vec::new());
        customer.live(day, metered, &mut written);
        for event in written {
            deliver(event, &mut customer.random, &mut sent);
        }
        for event in sent {
            self.queue(event);
        }
    }

    fn queue(&mut self, mut event: Event) {
        let start = i64::from(self.scale.start().0) * DAY_MILLIS;
        if event.arrival.0 < start {
            event.arrival.0 = start + (self.queued % 7_200_000) as i64;
        }
        if event.delivery == Delivery::OnTime {
            event.delivery = match event.arrival.0 - event.due() {
                ahead if ahead < 0 => Delivery::Ahead,
                late if late > LATE_MILLIS => Delivery::Late,
                _ => Delivery::OnTime,
            };
        }
        self.queued += 1;
        self.queue.push(Reverse(Queued { order: (event.arrival, self.queued), event }));
    }

    fn arrived_before(&mut self, end: Instant) -> Vec<Event> {
        let mut arrived = Vec::new();
        while self.queue.peek().is_some_and(|Reverse(first)| first.order.0 < end) {
            arrived.extend(self.queue.pop().map(|Reverse(first)| first.event));
        }
        arrived
    }
}

/// Days of a scale, each with its events; ends with the day before `until`.
pub fn days(scale: Scale) -> impl Iterator<Item = Vec<Event>> {
    let mut history = History::new(scale);
    std::iter::from_fn(move || (history.today() < scale.until).then(|| history.next_day()))
}

impl Ord for Queued {
    fn cmp(&self, other: &Queued) -> std::cmp::Ordering {
        self.order.cmp(&other.order)
    }
}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Queued) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Queued {
    fn eq(&self, other: &Queued) -> bool {
        self.order == other.order
    }
}

impl Eq for Queued {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::event::{Body, Cause, Flaw};
    use std::collections::{BTreeMap, BTreeSet};

    fn scale(customers: u32, months: u32, seed: u64) -> Scale {
        Scale { customers, months, until: Day::parse("2026-07-01").expect("a date"), seed }
    }

    fn all(scale: Scale) -> Vec<Event> {
        days(scale).flatten().collect()
    }

    #[test]
    fn the_seed_decides_and_nothing_else() {
        let first = all(scale(60, 5, 1));
        assert_eq!(first, all(scale(60, 5, 1)));
        assert_ne!(first, all(scale(60, 5, 2)));
    }

    #[test]
    fn events_arrive_in_order_within_the_history() {
        let scale = scale(80, 6, 3);
        let arrivals: Vec<i64> = all(scale).iter().map(|event| event.arrival.0).collect();
        assert!(arrivals.is_sorted());
        let midnight = |day: Day| i64::from(day.0) * DAY_MILLIS;
        assert!(arrivals.first().is_some_and(|first| *first >= midnight(scale.start())));
        assert!(arrivals.last().is_some_and(|last| *last < midnight(scale.until)));
    }

    #[test]
    fn a_history_goes_on_past_its_end() {
        let mut history = History::new(scale(100, 2, 4));
        let count = (0..200).map(|_| history.next_day()).filter(|events| !events.is_empty()).count();
        assert!(count > 190, "{count} days of 200 have events");
        assert!(history.next > 105, "customers go on signing up: {}", history.next);
    }

    #[test]
    fn ids_are_unique_except_in_repetitions() {
        let mut seen = BTreeSet::new();
        for event in all(scale(150, 12, 5)) {
            if matches!(event.delivery, Delivery::Repeated | Delivery::Broken(_)) {
                continue;
            }
            let id = match &event.body {
                Body::Subscription(state) => state.event_id.clone(),
                Body::Usage(usage) => usage.event_id.clone(),
            };
            assert!(seen.insert(id.clone()), "{id} occurs twice");
        }
    }

    #[test]
    fn one_instant_of_a_subscription_has_one_greatest_version() {
        let mut versions: BTreeMap<(String, i64), BTreeSet<i64>> = BTreeMap::new();
        for event in all(scale(400, 12, 6)) {
            if let (Body::Subscription(state), Delivery::OnTime | Delivery::Late | Delivery::Ahead) =
                (&event.body, event.delivery)
            {
                let key = (state.subscription_id.clone(), state.effective_at);
                assert!(versions.entry(key).or_default().insert(state.version), "a version is not new: {state:?}");
            }
        }
    }

    #[test]
    fn the_default_history_has_everything_that_is_advertised() {
        let (mut causes, mut flaws, mut deliveries) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (mut currencies, mut attributes) = (BTreeSet::new(), BTreeSet::new());
        for event in all(scale(1_000, 24, 1)) {
            *causes.entry(event.cause).or_insert(0) += 1;
            match event.delivery {
                Delivery::Broken(flaw) => *flaws.entry(flaw).or_insert(0) += 1,
                other => *deliveries.entry(format!("{other:?}")).or_insert(0) += 1,
            }
            if let Body::Subscription(state) = event.body {
                currencies.insert(state.currency);
                attributes.extend(state.attributes);
            }
        }
        println!("{causes:#?} {flaws:#?} {deliveries:#?} {attributes:?}");
        for (cause, words) in Cause::ALL {
            assert!(causes.contains_key(&cause), "no {words}");
        }
        for (flaw, reason) in Flaw::ALL {
            assert!(flaws.contains_key(&flaw), "no {flaw:?} ({reason})");
        }
        assert_eq!(deliveries.len(), 4, "{deliveries:?}");
        assert!(["EUR", "GBP", "USD"].iter().all(|currency| currencies.contains(currency)));
        assert!(
            ["vertical", "region", "plan_family"].iter().all(|name| attributes.iter().filter(|(key, _)| key == name).count() > 2)
        );
    }
}
