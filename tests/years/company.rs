//! Five made-up companies: each customer's course from day to day, decided by a hash, so that it is the same everywhere.

use upswell::domain::calendar::Day;

/// What one seat costs in a month, in whole units of USD.
pub const SEAT: i64 = 20;
/// Every so many days a customer decides whether to grow, shrink or leave.
const DECISION_DAYS: i32 = 30;

/// What makes a company what it is. Chances are per mille of each decision.
pub struct Company {
    pub name: &'static str,
    /// Customers on the first day.
    customers: u32,
    /// Customers that come within a year.
    arrivals: u32,
    /// That a customer takes a tenth to three tenths more seats, on this day.
    grows: fn(Day) -> u64,
    /// That a customer gives a tenth of its seats back.
    shrinks: fn(Day) -> u64,
    /// That a customer leaves.
    leaves: fn(Day) -> u64,
    /// The day from which on the topics hold events: the day of the first deployment, or the company's own first.
    pub recorded_since: &'static str,
}

/// The first day of every company.
pub const FIRST: &str = "2021-01-01";

/// All five, in the order of the table.
pub const COMPANIES: [Company; 5] = [
    Company {
        name: "steady",
        customers: 400,
        arrivals: 60,
        grows: |_| 80,
        shrinks: |_| 15,
        leaves: |_| 6,
        recorded_since: FIRST,
    },
    Company {
        name: "seasonal",
        customers: 400,
        arrivals: 60,
        grows: |day| if day.date().month() >= 10 { 240 } else { 30 },
        shrinks: |day| if day.date().month() == 1 { 60 } else { 10 },
        leaves: |_| 6,
        recorded_since: FIRST,
    },
    Company {
        name: "shrinking",
        customers: 400,
        arrivals: 60,
        grows: |day| if day < slowdown() { 80 } else { 20 },
        shrinks: |_| 15,
        leaves: |day| if day < slowdown() { 6 } else { 15 },
        recorded_since: FIRST,
    },
    Company {
        name: "tiny customer base",
        customers: 14,
        arrivals: 1,
        grows: |_| 60,
        shrinks: |_| 30,
        leaves: |_| 6,
        recorded_since: FIRST,
    },
    Company {
        name: "first deployment",
        customers: 400,
        arrivals: 60,
        grows: |_| 80,
        shrinks: |_| 15,
        leaves: |_| 6,
        recorded_since: "2023-03-15",
    },
];

/// From when on the customers of the shrinking company hardly grow any more.
pub fn slowdown() -> Day {
    day("2024-03-01")
}

pub fn day(text: &str) -> Day {
    Day::parse(text).expect("a date")
}

/// One customer: its seats from a day on, in the order of days; 0 once it has left.
pub struct Customer {
    pub id: String,
    pub course: Vec<(Day, i64)>,
}

impl Customer {
    /// Recurring revenue at the beginning of a day, in whole units.
    pub fn mrr(&self, at: Day) -> i64 {
        self.course.iter().take_while(|(since, _)| *since < at).last().map_or(0, |(_, seats)| seats * SEAT)
    }
}

impl Company {
    /// Everybody who was ever a customer before `until`.
    pub fn customers(&self, until: Day) -> Vec<Customer> {
        let first = day(FIRST);
        let days = (until.0 - first.0) as u32;
        let coming = days * self.arrivals / 365;
        let customer = |number: u32| {
            let arrival = number.checked_sub(self.customers).map_or(0, |place| place * 365 / self.arrivals + 1);
            self.customer(number, first.plus(arrival as i32), until)
        };
        (0..self.customers + coming).map(customer).collect()
    }

    fn customer(&self, number: u32, since: Day, until: Day) -> Customer {
        let chance = |at: Day, what: u64, sides: u64| hash(number.into(), at.0 as u64, what) % sides;
        let mut seats = 5 + (chance(since, 0, 60) * chance(since, 1, 60) / 40) as i64;
        let mut course = vec![(since, seats)];
        let mut at = since.plus(1 + chance(since, 2, DECISION_DAYS as u64) as i32);
        while at < until && seats > 0 {
            let (roll, more) = (chance(at, 3, 1000), 10 + chance(at, 4, 21) as i64);
            let (leaves, shrinks, grows) = ((self.leaves)(at), (self.shrinks)(at), (self.grows)(at));
            let now = match roll {
                _ if roll < leaves => 0,
                _ if roll < leaves + shrinks => (seats * 9 / 10).max(1),
                _ if roll < leaves + shrinks + grows => seats + (seats * more / 100).max(1),
                _ => seats,
            };
            if now != seats {
                course.push((at, now));
                seats = now;
            }
            at = at.plus(DECISION_DAYS);
        }
        Customer { id: format!("c-{number}"), course }
    }
}

/// Chance that is no chance: SplitMix64 over three numbers.
fn hash(a: u64, b: u64, c: u64) -> u64 {
    [a, b, c].into_iter().fold(0, |state: u64, part| {
        let mut z = (state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}
