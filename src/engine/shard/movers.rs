//! Who moved most: the customers whose revenue changed most in one window, one way, of all or of one segment.
//!
//! Every account has to be assessed, so a search is made in slices between which facts go on arriving: what it finds is what was so
//! when it looked. It explains figures, it is none.

use super::Shard;
use crate::domain::assess::Placed;
use crate::domain::frame::Role;
use crate::domain::money::Micros;
use crate::domain::window::Window;
use crate::engine::accounts::Pass;
use std::cmp::Reverse;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// New revenue, reactivation, expansion.
    Up,
    /// Contraction, churn.
    Down,
}

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub window: Window,
    /// Dimension and value; `None` for all.
    pub segment: Option<(String, String)>,
    pub direction: Direction,
    /// How many customers.
    pub most: usize,
}

/// A customer and the change of their recurring revenue, in micro-units of the reporting currency: negative for one that fell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mover {
    pub customer_id: String,
    pub change: Micros,
}

/// A search on its way.
#[derive(Clone, Debug)]
pub struct Search {
    pub query: Query,
    pass: Pass,
    found: Vec<Mover>,
}

impl Search {
    pub fn new(query: Query) -> Search {
        Search { query, pass: Pass::default(), found: Vec::new() }
    }

    /// The largest changes first; ties by customer.
    pub fn found(self) -> Vec<Mover> {
        self.found
    }

    fn take(&mut self, customer_id: &str, change: Micros) {
        let is_wanted = match self.query.direction {
            Direction::Up => change > 0,
            Direction::Down => change < 0,
        };
        if !is_wanted {
            return;
        }
        let rank = |mover: &Mover| (Reverse(mover.change.abs()), mover.customer_id.clone());
        let mover = Mover { customer_id: customer_id.to_owned(), change };
        let place = self.found.partition_point(|known| rank(known) < rank(&mover));
        if place < self.query.most {
            self.found.insert(place, mover);
            self.found.truncate(self.query.most);
        }
    }
}

/// The largest changes of several searches for the same.
pub fn merged(query: &Query, found: impl IntoIterator<Item = Mover>) -> Vec<Mover> {
    let mut search = Search::new(query.clone());
    found.into_iter().for_each(|mover| search.take(&mover.customer_id, mover.change));
    search.found()
}

impl Shard {
    /// Looks at the next accounts, about `most` of them. Whether there are more: none in a shard that is not live, or whose plan lacks
    /// the window or the dimension.
    pub fn search_step(&self, search: &mut Search, most: usize) -> bool {
        let number = self.plan.windows.iter().position(|window| *window == search.query.window);
        let dimension =
            search.query.segment.as_ref().map(|(name, _)| self.plan.dimensions.iter().position(|known| known == name));
        let (Some(view), Some(number), false) = (&self.view, number, dimension == Some(None)) else { return false };
        let mut pass = search.pass;
        if pass.is_over(&self.accounts) {
            return false;
        }
        let (spans, lens) = (view.frame.only(Role::Window(number)), self.lens(&view.frame));
        pass.next(&self.accounts, most, |customer_id, account| {
            lens.assess(account, spans, |_, placed| {
                if self.is_of(&placed, search, dimension.flatten()) {
                    search.take(customer_id, placed.contribution.closing - placed.contribution.opening);
                }
            });
        });
        search.pass = pass;
        !pass.is_over(&self.accounts)
    }

    fn is_of(&self, placed: &Placed, search: &Search, dimension: Option<usize>) -> bool {
        let Some((dimension, (_, value))) = dimension.zip(search.query.segment.as_ref()) else { return true };
        *self.dimensions[dimension].text(placed.segments[dimension], &self.symbols) == **value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::{Instant, Zone};
    use crate::domain::currency::{Currency, ExchangeRates};
    use crate::domain::facts::{ItemFact, Status, SubscriptionFact};
    use crate::engine::dedup::Memory;
    use crate::engine::plan::Plan;
    use std::sync::Arc;

    const DAY: i64 = 86_400_000;
    const AS_OF: Instant = Instant(20_345 * DAY);

    /// So many customers; the odd ones lose what their number says, the even ones gain it.
    fn shard(customers: i64) -> Shard {
        let usd = Currency::parse("USD").expect("a code");
        let plan = Plan {
            zone: Zone::named("UTC").expect("a zone"),
            rates: ExchangeRates::new(usd, vec![]),
            windows: vec![Window::Trailing(90), Window::Trailing(30)],
            dimensions: vec!["vertical".to_owned()],
            max_values: 10,
            history: 0,
        };
        let mut shard = Shard::new(Arc::new(plan), Memory::All, (1, 2));
        for number in 0..customers {
            let change = if number % 2 == 0 { number } else { -number };
            for (days, mrr) in [(60, 1_000), (10, 1_000 + change)] {
                let item = ItemFact { item_id: "i", product_id: "p", plan_id: "l", quantity: 1, mrr };
                shard.apply_subscription(&SubscriptionFact {
                    event_id: "e",
                    customer_id: &format!("c{number:03}"),
                    subscription_id: "s",
                    effective_at: Instant(AS_OF.0 - days * DAY),
                    version: 0,
                    status: Status::Active,
                    currency: Some(usd),
                    items: vec![item],
                    attributes: vec![("vertical", if number % 3 == 0 { "retail" } else { "media" })],
                });
            }
        }
        shard.go_live(AS_OF);
        shard
    }

    fn search(shard: &Shard, query: Query) -> Vec<(String, Micros)> {
        let mut search = Search::new(query);
        while shard.search_step(&mut search, 7) {}
        search.found().into_iter().map(|mover| (mover.customer_id, mover.change)).collect()
    }

    fn query(direction: Direction, segment: Option<&str>) -> Query {
        let segment = segment.map(|value| ("vertical".to_owned(), value.to_owned()));
        Query { window: Window::Trailing(30), segment, direction, most: 3 }
    }

    #[test]
    fn the_largest_changes_are_found_one_way_and_by_segment() {
        let shard = shard(200);
        let named = |found: &[(&str, Micros)]| found.iter().map(|(id, change)| ((*id).to_owned(), *change)).collect::<Vec<_>>();
        let down = search(&shard, query(Direction::Down, None));
        assert_eq!(down, named(&[("c199", -199), ("c197", -197), ("c195", -195)]));
        let up = search(&shard, query(Direction::Up, Some("retail")));
        assert_eq!(up, named(&[("c198", 198), ("c192", 192), ("c186", 186)]));
        assert_eq!(search(&shard, query(Direction::Down, Some("nobody"))), []);
        let elsewhere = Query { window: Window::Trailing(7), ..query(Direction::Down, None) };
        assert_eq!(search(&shard, elsewhere), []);
    }

    #[test]
    fn ties_go_by_customer_and_parts_add_up() {
        let query = query(Direction::Down, None);
        let mover = |id: &str, change| Mover { customer_id: id.to_owned(), change };
        let found = merged(&query, [mover("b", -5), mover("d", 9), mover("a", -5), mover("c", -7), mover("e", -1)]);
        let ids: Vec<&str> = found.iter().map(|mover| mover.customer_id.as_str()).collect();
        assert_eq!(ids, ["c", "a", "b"]);
    }
}
