//! The shelf: listings that are kept for paging, and histories that are good for a while. Its size and the age of what is on it are
//! bounded.

use crate::domain::calendar::Day;
use crate::domain::window::Period;
use crate::wire::customers::Listing;
use crate::wire::history::History;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

/// Listings at once, each of `Rows::MOST` rows at most.
const LISTINGS: usize = 4;
/// How long a listing is kept that nobody turns a page of.
const LISTING_AGE: Duration = Duration::from_secs(300);
/// How long a history is good: closed periods change only by late facts.
const HISTORY_AGE: Duration = Duration::from_secs(600);

/// What is kept.
#[derive(Default)]
pub struct Shelf {
    /// The one that was looked at last is last.
    listings: VecDeque<(Moment, Arc<Listing>)>,
    histories: Vec<Kept>,
}

struct Kept {
    history: Arc<History>,
    /// So many periods were asked for.
    most: usize,
    since: Moment,
    footing: Footing,
}

/// What a history depends on besides facts: another one makes it useless at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footing {
    pub partitions: usize,
    pub owns_all: bool,
    /// The civil day of the view: periods close at its midnight.
    pub today: Day,
    /// How often a configuration was taken over.
    pub plans: u64,
}

impl Shelf {
    pub fn keep_listing(&mut self, listing: Arc<Listing>, now: Moment) {
        self.listings.push_back((now, listing));
        if self.listings.len() > LISTINGS {
            self.listings.pop_front();
        }
    }

    /// A listing by its id, which is kept on from now.
    pub fn listing(&mut self, id: u64, now: Moment) -> Option<Arc<Listing>> {
        let found = self.listings.iter().position(|(_, listing)| listing.id == id)?;
        let (_, listing) = self.listings.remove(found)?;
        self.listings.push_back((now, listing.clone()));
        Some(listing)
    }

    pub fn keep_history(&mut self, history: Arc<History>, most: usize, footing: Footing, now: Moment) {
        self.histories.retain(|kept| kept.history.every != history.every);
        self.histories.push(Kept { history, most, since: now, footing });
    }

    /// The newest so many periods, if they are known and good.
    pub fn history(&self, every: Period, most: usize, footing: Footing, now: Moment) -> Option<Arc<History>> {
        let is_good = |kept: &&Kept| {
            let fresh = now.saturating_duration_since(kept.since) < HISTORY_AGE && kept.footing == footing;
            fresh && kept.history.every == every && kept.most >= most
        };
        let kept = self.histories.iter().find(is_good)?;
        Some(if kept.most == most { kept.history.clone() } else { Arc::new(kept.history.newest(most)) })
    }

    /// Lets go of what is too old.
    pub fn tidy(&mut self, now: Moment) {
        self.listings.retain(|(touched, _)| now.saturating_duration_since(*touched) < LISTING_AGE);
        self.histories.retain(|kept| now.saturating_duration_since(kept.since) < HISTORY_AGE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Instant;
    use crate::engine::survey::Question;
    use crate::engine::survey::rows::Order;
    use crate::wire::customers::Version;
    use std::collections::BTreeMap;

    fn listing(id: u64) -> Arc<Listing> {
        let version = Version { as_of: Instant(0), currency: "USD".to_owned(), offsets: BTreeMap::new(), owns_all: true };
        let question = Question::Likely(Order::Amount);
        Arc::new(Listing { id, version, question, edges: None, total: Default::default(), rows: vec![] })
    }

    #[test]
    fn listings_are_kept_while_pages_are_turned_and_there_is_room() {
        let (mut shelf, start) = (Shelf::default(), Moment::now());
        (1..=4).for_each(|id| shelf.keep_listing(listing(id), start));
        let later = start + LISTING_AGE / 2;
        assert!(shelf.listing(1, later).is_some() && shelf.listing(9, later).is_none());
        shelf.keep_listing(listing(5), later);
        let kept = |shelf: &mut Shelf, now| (1..=5).filter(|id| shelf.listing(*id, now).is_some()).collect::<Vec<u64>>();
        assert_eq!(kept(&mut shelf, start), [1, 3, 4, 5], "the one that nobody looked at for longest is gone");
        shelf.listing(1, later);
        shelf.listing(5, later);
        shelf.tidy(start + LISTING_AGE);
        assert_eq!(kept(&mut shelf, later), [1, 5]);
    }

    #[test]
    fn histories_are_good_for_a_while_and_a_footing() {
        let footing = Footing { partitions: 2, owns_all: true, today: Day(20_000), plans: 0 };
        let history = Arc::new(crate::wire::history::History {
            as_of: Instant(0),
            currency: "USD".to_owned(),
            time_zone: "UTC".to_owned(),
            every: Period::Month,
            complete_since: None,
            owns_all: true,
            periods: vec![],
        });
        let (mut shelf, start) = (Shelf::default(), Moment::now());
        shelf.keep_history(history, 12, footing, start);
        let found = |shelf: &Shelf, every, most, footing, now| shelf.history(every, most, footing, now).is_some();
        assert!(found(&shelf, Period::Month, 12, footing, start) && found(&shelf, Period::Month, 3, footing, start));
        assert!(!found(&shelf, Period::Month, 13, footing, start) && !found(&shelf, Period::Year, 3, footing, start));
        for other in [
            Footing { partitions: 1, ..footing },
            Footing { owns_all: false, ..footing },
            Footing { today: Day(20_001), ..footing },
            Footing { plans: 1, ..footing },
        ] {
            assert!(!found(&shelf, Period::Month, 12, other, start), "{other:?}");
        }
        assert!(!found(&shelf, Period::Month, 12, footing, start + HISTORY_AGE));
        shelf.tidy(start + HISTORY_AGE);
        assert!(!found(&shelf, Period::Month, 12, footing, start));
    }
}
