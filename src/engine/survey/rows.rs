//! Rows of a listing: as many as are kept, in order, and what all of them come to.

use super::listing::Movement;
use crate::domain::calendar::Instant;
use crate::domain::money::Micros;
use std::cmp::{Ordering, Reverse};

/// In which order customers are listed; ties are broken by customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The largest amounts first, whatever their sign.
    Amount,
    CustomerId,
}

impl Order {
    pub const ALL: [(&'static str, Order); 2] = [("amount", Order::Amount), ("customer_id", Order::CustomerId)];
}

/// One customer of a listing. Amounts are in micro-units of the reporting currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub customer_id: Box<str>,
    pub amount: Micros,
    pub why: Why,
}

/// Where a row's amount comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// How the customer moved, and recurring revenue at both edges.
    Moved { movement: Movement, opening: Micros, closing: Micros },
    /// What grows.
    Likely {
        /// Run rate now.
        run_rate: Micros,
        /// That of 28 days before; `None` while the usage days are not kept.
        run_rate_before: Option<Micros>,
        /// Committed MRR now, and once every state ahead has begun.
        committed: Micros,
        scheduled: Micros,
        /// When the next state ahead begins.
        scheduled_at: Option<Instant>,
    },
}

/// How many customers, and what they come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub customers: i64,
    pub amount: Micros,
}

impl Tally {
    pub fn add(&mut self, other: Tally) {
        self.customers += other.customers;
        self.amount += other.amount;
    }

    pub fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Tally {
        let mut tally = Tally::default();
        rows.into_iter().for_each(|row| tally.add(Tally { customers: 1, amount: row.amount }));
        tally
    }
}

/// The first rows in an order, and the tally of all there were.
#[derive(Clone, Debug)]
pub struct Rows {
    order: Order,
    most: usize,
    rows: Vec<Row>,
    all: Tally,
}

impl Rows {
    /// Rows that are kept of one listing: some 20 MB.
    pub const MOST: usize = 100_000;

    /// Keeps the first `most`, at least one.
    pub fn new(order: Order, most: usize) -> Rows {
        Rows { order, most: most.max(1), rows: Vec::new(), all: Tally::default() }
    }

    pub fn push(&mut self, row: Row) {
        self.all.add(Tally { customers: 1, amount: row.amount });
        self.keep(row);
    }

    pub fn merge(&mut self, other: Rows) {
        self.all.add(other.all);
        other.rows.into_iter().for_each(|row| self.keep(row));
    }

    /// The rows that are kept, in order, and the tally of all.
    pub fn done(mut self) -> (Vec<Row>, Tally) {
        self.cut();
        let order = self.order;
        self.rows.sort_unstable_by(|one, other| compare(order, one, other));
        (self.rows, self.all)
    }

    /// Twice as many as are kept are collected before the last half goes, so that a row costs little.
    fn keep(&mut self, row: Row) {
        self.rows.push(row);
        if self.rows.len() >= self.most.saturating_mul(2) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.rows.len() > self.most {
            let order = self.order;
            self.rows.select_nth_unstable_by(self.most, |one, other| compare(order, one, other));
            self.rows.truncate(self.most);
        }
    }
}

fn compare(order: Order, one: &Row, other: &Row) -> Ordering {
    let by_id = one.customer_id.cmp(&other.customer_id);
    match order {
        Order::Amount => Reverse(one.amount.abs()).cmp(&Reverse(other.amount.abs())).then(by_id),
        Order::CustomerId => by_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(customer_id: &str, amount: Micros) -> Row {
        let why = Why::Moved { movement: Movement::Expansion, opening: 1, closing: 1 + amount };
        Row { customer_id: customer_id.into(), amount, why }
    }

    fn ids(rows: &[Row]) -> Vec<&str> {
        rows.iter().map(|row| &*row.customer_id).collect()
    }

    #[test]
    fn the_first_in_order_are_kept_and_all_are_counted() {
        let amounts = [3, -9, 9, 1, 4, -5, 0, 2];
        for (order, expected) in [(Order::Amount, ["c1", "c2", "c5"]), (Order::CustomerId, ["c0", "c1", "c2"])] {
            let (mut one, mut other) = (Rows::new(order, 3), Rows::new(order, 3));
            for (number, amount) in amounts.into_iter().enumerate() {
                let rows = if number % 3 == 0 { &mut one } else { &mut other };
                rows.push(row(&format!("c{number}"), amount));
            }
            one.merge(other);
            let (rows, all) = one.done();
            assert_eq!(ids(&rows), expected, "{order:?}");
            assert_eq!(all, Tally { customers: 8, amount: 5 });
        }
    }

    #[test]
    fn few_are_all_kept() {
        let mut rows = Rows::new(Order::Amount, 5);
        ["b", "a"].into_iter().for_each(|id| rows.push(row(id, 7)));
        let (rows, all) = rows.done();
        assert_eq!((ids(&rows), all), (vec!["a", "b"], Tally::of(&rows)));
    }
}
