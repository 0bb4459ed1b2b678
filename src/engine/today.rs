//! Usage of the civil day in progress, which no rate counts yet: for one gauge.
//!
//! Each customer's sum in each currency is converted on its own, as run rates are, so the figures of several shards add up. An
//! account's days hold no times, so usage that lies after the view's instant waits here until the instant has passed it.
//!
//! A view of a restored shard may be earlier than those before its image, where a clock was ahead. What lies between the two is not
//! kept apart any more, so the figure is not known until the view's instant has passed all usage that had passed then.

use super::image::Ahead;
use crate::domain::calendar::{Day, Instant, Zone};
use crate::domain::currency::{Currency, Valuation};
use crate::domain::frame::Frame;
use crate::domain::money::Micros;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// An amount used at an instant on a civil day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Used<'a> {
    pub at: Instant,
    pub day: Day,
    pub customer_id: &'a str,
    pub currency: Currency,
    pub amount: Micros,
}

/// The usage of one civil day up to an instant.
#[derive(Debug)]
pub struct Today {
    view: Option<View>,
    /// A view whose accounts are still being counted, one after the other.
    beginning: Option<View>,
    /// What lies at or after this instant is ahead.
    as_of: Instant,
    ahead: BinaryHeap<Reverse<Ahead>>,
    /// Usage from this instant on is all ahead: the millisecond after the latest that has passed.
    passed: Instant,
}

/// The day, and what was used on it so far.
#[derive(Debug)]
struct View {
    day: Day,
    valuation: Valuation,
    /// In the reporting currency.
    worth: Micros,
    /// Sums that are converted, by customer and currency; sums in the reporting currency need no memory.
    foreign: HashMap<(Box<str>, Currency), Micros>,
}

impl Today {
    /// Without a view, only what lies ahead is kept.
    pub fn new() -> Today {
        Today::restored(&[], Zone::EARLIEST_VIEW)
    }

    /// Without a view, and with what lay ahead when an image was taken, from `passed` on; what has passed since counts when a
    /// view begins.
    pub fn restored(ahead: &[Ahead], passed: Instant) -> Today {
        Today {
            view: None,
            beginning: None,
            as_of: Instant(i64::MIN),
            ahead: ahead.iter().cloned().map(Reverse).collect(),
            passed,
        }
    }

    /// What lies ahead, in order.
    pub fn ahead(&self) -> Vec<Ahead> {
        let mut ahead: Vec<Ahead> = self.ahead.iter().map(|Reverse(ahead)| ahead.clone()).collect();
        ahead.sort();
        ahead
    }

    /// `counted` says whether the customer's account was counted already by a view that begins.
    pub fn add(&mut self, used: &Used, counted: bool) {
        if let Some(view) = self.beginning.as_mut().filter(|view| counted && view.day == used.day) {
            view.add(used.customer_id, used.currency, used.amount);
        }
        self.pass(used);
    }

    fn pass(&mut self, used: &Used) {
        if used.at >= self.as_of {
            let Used { at, day, customer_id, currency, amount } = *used;
            self.ahead.push(Reverse(Ahead { at, day, customer_id: customer_id.into(), currency, amount }));
            return;
        }
        self.passed = self.passed.max(Instant(used.at.0 + 1));
        if let Some(view) = self.view.as_mut().filter(|view| view.day == used.day) {
            view.add(used.customer_id, used.currency, used.amount);
        }
    }

    /// Before there is a view: no view will be earlier than this instant.
    pub fn expect_view_from(&mut self, clock: Instant) {
        if self.view.is_none() && self.beginning.is_none() {
            self.move_to(clock);
        }
    }

    /// What lies before this instant has passed: before the first view, the latest clock.
    pub fn as_of(&self) -> Instant {
        self.as_of
    }

    /// Usage from this instant on is all ahead.
    pub fn passed(&self) -> Instant {
        self.passed
    }

    /// Begins a view of a day with all usage known for it: [`Today::count`] is to be told of every account's once.
    pub fn begin(&mut self, frame: &Frame) {
        self.view = None;
        self.move_to(frame.as_of);
        self.beginning = Some(View::new(frame));
    }

    /// The day whose usage is to be counted.
    pub fn beginning(&self) -> Option<Day> {
        self.beginning.as_ref().map(|view| view.day)
    }

    /// Takes up usage of the day, whether it has passed or lies ahead.
    pub fn count(&mut self, customer_id: &str, currency: Currency, amount: Micros) {
        if let Some(view) = &mut self.beginning {
            view.add(customer_id, currency, amount);
        }
    }

    /// Every account's usage has been counted.
    pub fn finish(&mut self) {
        let Some(mut view) = self.beginning.take() else { return };
        let day = view.day;
        for Reverse(ahead) in self.ahead.iter().filter(|Reverse(ahead)| ahead.day == day) {
            view.add(&ahead.customer_id, ahead.currency, -ahead.amount);
        }
        self.view = Some(view);
    }

    /// Whether the view can only be moved there by beginning anew: usage of another day has passed before the view's instant.
    pub fn has_to_begin(&self, frame: &Frame) -> bool {
        !self.is_known() && self.view.as_ref().is_none_or(|view| view.day != frame.today)
    }

    /// Moves the view's instant on, unless it [`Today::has_to_begin`].
    pub fn advance(&mut self, frame: &Frame) {
        if self.view.as_ref().is_none_or(|view| view.day != frame.today) {
            self.view = Some(View::new(frame));
        }
        self.move_to(frame.as_of);
    }

    /// The day's usage so far in the reporting currency; `None` while it is not known.
    pub fn worth(&self) -> Option<Micros> {
        self.view.as_ref().filter(|_| self.is_known()).map(|view| view.worth)
    }

    fn is_known(&self) -> bool {
        self.as_of >= self.passed
    }

    fn move_to(&mut self, as_of: Instant) {
        self.as_of = self.as_of.max(as_of);
        while self.ahead.peek().is_some_and(|Reverse(ahead)| ahead.at < self.as_of) {
            if let Some(Reverse(Ahead { at, day, customer_id, currency, amount })) = self.ahead.pop() {
                self.pass(&Used { at, day, customer_id: &customer_id, currency, amount });
            }
        }
    }
}

impl View {
    fn new(frame: &Frame) -> View {
        View { day: frame.today, valuation: frame.valuation.clone(), worth: 0, foreign: HashMap::new() }
    }

    fn add(&mut self, customer_id: &str, currency: Currency, amount: Micros) {
        if currency == self.valuation.reporting() {
            self.worth += amount;
            return;
        }
        let sum = self.foreign.entry((customer_id.into(), currency)).or_default();
        self.worth -= self.valuation.convert(*sum, currency);
        *sum += amount;
        self.worth += self.valuation.convert(*sum, currency);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Zone;
    use crate::domain::currency::{ExchangeRates, RateTable};

    const DAY: i64 = 86_400_000;
    const NOON: i64 = 20_000 * DAY + DAY / 2;

    fn code(text: &str) -> Currency {
        Currency::parse(text).expect("a code")
    }

    fn frame(at: i64) -> Frame {
        let tables = vec![RateTable { from: Day(0), rates: [(code("JPY"), 500_000)].into() }];
        let rates = ExchangeRates::new(code("USD"), tables);
        Frame::new(&[], &Zone::named("UTC").expect("a zone"), &rates, Instant(at))
    }

    fn used(at: i64, customer_id: &str, currency: &str, amount: Micros) -> (i64, Day, String, Currency, Micros) {
        (at, Day((at / DAY) as i32), customer_id.into(), code(currency), amount)
    }

    fn add(today: &mut Today, (at, day, customer_id, currency, amount): (i64, Day, String, Currency, Micros)) {
        today.add(&Used { at: Instant(at), day, customer_id: &customer_id, currency, amount }, true);
    }

    /// A view of which all usage was counted at once.
    fn begin<const N: usize>(today: &mut Today, frame: &Frame, all_of_day: [(Box<str>, Currency, Micros); N]) {
        today.begin(frame);
        all_of_day.iter().for_each(|(customer_id, currency, amount)| today.count(customer_id, *currency, *amount));
        today.finish();
    }

    #[test]
    fn usage_counts_on_its_day_once_it_has_passed() {
        let mut today = Today::new();
        begin(&mut today, &frame(NOON), []);
        for (at, amount, expected) in
            [(NOON - 1, 5, 5), (NOON - DAY, 7, 5), (NOON, 11, 5), (NOON + 50, 13, 5), (NOON + DAY, 17, 5)]
        {
            add(&mut today, used(at, "a", "USD", amount));
            assert_eq!(today.worth(), Some(expected), "used at {at}");
        }
        for (as_of, expected) in [(NOON, 5), (NOON + 1, 16), (NOON + 51, 29), (NOON + DAY, 0), (NOON + DAY + 1, 17)] {
            today.advance(&frame(as_of));
            assert_eq!(today.worth(), Some(expected), "at {as_of}");
        }
    }

    #[test]
    fn each_customer_is_converted_alone() {
        let mut today = Today::new();
        begin(&mut today, &frame(NOON), []);
        // 0.5 rounds to 0, 1.5 to 2, half to even, for each customer.
        for (customer_id, amount, expected) in [("a", 1, 0), ("b", 1, 0), ("a", 2, 2), ("b", 2, 4), ("b", -3, 2)] {
            add(&mut today, used(NOON - 1, customer_id, "JPY", amount));
            assert_eq!(today.worth(), Some(expected), "{customer_id} {amount}");
        }
    }

    #[test]
    fn a_view_begins_without_what_lies_ahead() {
        for clock in [None, Some(Instant(NOON - 40))] {
            let mut today = Today::new();
            for (at, amount) in [(NOON - 50, 1), (NOON - 30, 2), (NOON, 4), (NOON + 20, 8)] {
                if let Some(clock) = clock {
                    today.expect_view_from(clock);
                }
                add(&mut today, used(at, "a", "USD", amount));
            }
            begin(&mut today, &frame(NOON), [("a".into(), code("USD"), 15)]);
            assert_eq!(today.worth(), Some(3));
            today.advance(&frame(NOON + 100));
            assert_eq!(today.worth(), Some(15));
        }
    }

    #[test]
    fn a_view_before_an_images_does_not_know_until_it_has_passed_it() {
        let mut first = Today::new();
        for (at, amount) in [(NOON, 1), (NOON + 50, 2), (NOON + DAY, 4), (NOON + DAY + 70, 8)] {
            add(&mut first, used(at, "a", "USD", amount));
        }
        for (ahead_of, passed, steps) in [
            (NOON + 10, NOON + 1, vec![(NOON - 5, None), (NOON, None), (NOON + 1, Some(1)), (NOON + 51, Some(3))]),
            (NOON + 60, NOON + 51, vec![(NOON - 5, None), (NOON + 50, None), (NOON + 51, Some(3)), (NOON + DAY + 1, Some(4))]),
            (NOON + DAY + 9, NOON + DAY + 1, vec![(NOON, None), (NOON + DAY, None), (NOON + DAY + 1, Some(4))]),
            (NOON + DAY + 99, NOON + DAY + 71, vec![(NOON, None), (NOON + DAY, None), (NOON + DAY + 71, Some(12))]),
        ] {
            begin(&mut first, &frame(ahead_of), []);
            assert_eq!(first.passed(), Instant(passed));
            let mut again = Today::restored(&first.ahead(), first.passed());
            let all = |at: i64| [("a".into(), code("USD"), if at < NOON + DAY / 2 { 3 } else { 12 })];
            for (number, (at, expected)) in steps.into_iter().enumerate() {
                match number == 0 || again.has_to_begin(&frame(at)) {
                    true => begin(&mut again, &frame(at), all(at)),
                    false => again.advance(&frame(at)),
                }
                assert_eq!(again.worth(), expected, "{at} after {ahead_of}");
                assert!(again.passed() >= Instant(passed), "an image of it does not know more");
            }
        }
    }
}
