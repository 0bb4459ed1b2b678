//! The shelf: listings that are kept for paging, and first rows and histories that are good for whoever asks in the next while. Its
//! size and the age of what is on it are bounded.
//!
//! What many look at again and again must not keep workers busy: it is good for twenty times as long as it took to make.

use crate::domain::calendar::Day;
use crate::domain::window::Period;
use crate::engine::survey::Question;
use crate::wire::customers::{Listing, Page};
use crate::wire::history::History;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

/// Listings at once, each of `Rows::MOST` rows at most.
const LISTINGS: usize = 4;
/// How long a listing is kept that nobody turns a page of.
const LISTING_AGE: Duration = Duration::from_secs(300);
/// How long a history is good at least: closed periods change only by late facts.
const HISTORY_AGE: Duration = Duration::from_secs(600);
/// How long first rows are good at least ...
const TOP_AGE: Duration = Duration::from_secs(30);
/// ... and of how many questions they are kept.
const TOPS: usize = 64;
/// What is good is good for so many times as long as all of its kind took to make, so that making them anew, however many look,
/// takes at most one part in so many of the workers' time.
const REST: u32 = 20;

/// What is kept.
#[derive(Default)]
pub struct Shelf {
    /// The one that was looked at last is last.
    listings: VecDeque<(Moment, Arc<Listing>)>,
    /// One of each question; the oldest is first.
    tops: VecDeque<(Arc<Listing>, Made)>,
    /// Each with how many periods were asked for.
    histories: Vec<(Arc<History>, usize, Made)>,
}

/// How something was made that others may use.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    pub begun: Moment,
    pub done: Moment,
    pub footing: Footing,
}

impl Made {
    /// Whether it still is what would be made now, or near enough.
    fn is_good(&self, age: Duration, footing: Footing, now: Moment) -> bool {
        self.is_young(age, now) && self.footing == footing
    }

    fn is_young(&self, age: Duration, now: Moment) -> bool {
        now.saturating_duration_since(self.done) < age
    }
}

/// How long what was made is good: so long at least.
fn age<'a>(least: Duration, made: impl Iterator<Item = &'a Made>) -> Duration {
    let cost: Duration = made.map(|made| made.done.saturating_duration_since(made.begun)).sum();
    least.max(cost.saturating_mul(REST))
}

/// What is kept depends on besides facts: another one makes it useless at once.
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

    pub fn keep_top(&mut self, top: Arc<Listing>, made: Made) {
        self.tops.retain(|(kept, _)| kept.question != top.question);
        self.tops.push_back((top, made));
        if self.tops.len() > TOPS {
            self.tops.pop_front();
        }
    }

    /// The first so many rows that answer a question, if they are known and good.
    pub fn top(&self, question: &Question, limit: usize, footing: Footing, now: Moment) -> Option<Page> {
        let (top, made) = self.tops.iter().find(|(top, _)| top.question == *question)?;
        made.is_good(self.top_age(), footing, now).then(|| Page::all(top, limit))
    }

    fn top_age(&self) -> Duration {
        age(TOP_AGE, self.tops.iter().map(|(_, made)| made))
    }

    pub fn keep_history(&mut self, history: Arc<History>, most: usize, made: Made) {
        self.histories.retain(|(kept, ..)| kept.every != history.every);
        self.histories.push((history, most, made));
    }

    /// The newest so many periods, if they are known and good.
    pub fn history(&self, every: Period, most: usize, footing: Footing, now: Moment) -> Option<Arc<History>> {
        let (history, asked, made) = self.histories.iter().find(|(history, ..)| history.every == every)?;
        let is_good = *asked >= most && made.is_good(self.history_age(), footing, now);
        is_good.then(|| if *asked == most { history.clone() } else { Arc::new(history.newest(most)) })
    }

    fn history_age(&self) -> Duration {
        age(HISTORY_AGE, self.histories.iter().map(|(.., made)| made))
    }

    /// Lets go of what is too old.
    pub fn tidy(&mut self, now: Moment) {
        self.listings.retain(|(touched, _)| now.saturating_duration_since(*touched) < LISTING_AGE);
        let (top_age, history_age) = (self.top_age(), self.history_age());
        self.tops.retain(|(_, made)| made.is_young(top_age, now));
        self.histories.retain(|(.., made)| made.is_young(history_age, now));
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
        shelf.keep_history(history.clone(), 12, Made { begun: start, done: start, footing });
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
        // One that took a minute is good for twenty.
        let done = start + Duration::from_secs(60);
        shelf.keep_history(history, 12, Made { begun: start, done, footing });
        assert!(found(&shelf, Period::Month, 12, footing, done + Duration::from_secs(1_199)));
        assert!(!found(&shelf, Period::Month, 12, footing, done + Duration::from_secs(1_200)));
    }

    #[test]
    fn first_rows_are_good_for_twenty_times_what_all_of_them_cost() {
        let footing = Footing { partitions: 2, owns_all: true, today: Day(20_000), plans: 0 };
        let of = |order| Arc::new(Listing { question: Question::Likely(order), ..(*listing(1)).clone() });
        let (one, other) = (Question::Likely(Order::Amount), Question::Likely(Order::CustomerId));
        let (mut shelf, start) = (Shelf::default(), Moment::now());
        let seconds = Duration::from_secs;
        let made = |cost| Made { begun: start, done: start + seconds(cost), footing };
        let good = |shelf: &Shelf, question, footing, at| shelf.top(question, 10, footing, start + seconds(at)).is_some();
        shelf.keep_top(of(Order::Amount), made(0));
        assert!(good(&shelf, &one, footing, 29) && !good(&shelf, &one, footing, 30) && !good(&shelf, &other, footing, 0));
        assert!(!good(&shelf, &one, Footing { plans: 1, ..footing }, 0));
        // Of two that are looked at, each took 5 s: both anew each 200 s are a twentieth of the time.
        shelf.keep_top(of(Order::Amount), made(5));
        shelf.keep_top(of(Order::CustomerId), made(5));
        for question in [&one, &other] {
            assert!(good(&shelf, question, footing, 204) && !good(&shelf, question, footing, 205));
        }
        shelf.tidy(start + seconds(204));
        assert_eq!(shelf.tops.len(), 2, "one of each question");
        shelf.tidy(start + seconds(205));
        assert_eq!(shelf.tops.len(), 0);
        (1..=4).for_each(|id| shelf.keep_listing(listing(id), start));
        (0..=TOPS).for_each(|_| shelf.keep_top(of(Order::Amount), made(0)));
        assert!((1..=4).all(|id| shelf.listing(id, start).is_some()), "first rows take nobody's pages away");
    }
}
