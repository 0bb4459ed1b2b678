//! Listings that took longer than whoever asked could wait: there for a while for those who ask again.
//!
//! A listing that comes in time is not kept here: who asks once more wants the present.

use super::shelf::Footing;
use crate::engine::survey::Question;
use crate::wire::customers::Listing;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

/// How long one is there.
const AGE: Duration = Duration::from_secs(120);
/// So many at once, each of `Rows::MOST` rows at most.
const MOST: usize = 4;

/// What is there, the oldest first.
#[derive(Default)]
pub struct Overdue(Vec<(Moment, Footing, Arc<Listing>)>);

impl Overdue {
    /// Keeps a listing, in place of an older one of the same question.
    pub fn keep(&mut self, listing: Arc<Listing>, footing: Footing, now: Moment) {
        self.0.retain(|(.., kept)| kept.question != listing.question);
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push((now, footing, listing));
    }

    /// The listing of a question, unless what it depended on beside facts has changed.
    pub fn listing(&self, question: &Question, footing: Footing, now: Moment) -> Option<Arc<Listing>> {
        let is_good = |(since, on, listing): &&(Moment, Footing, Arc<Listing>)| {
            *on == footing && listing.question == *question && now.saturating_duration_since(*since) < AGE
        };
        self.0.iter().find(is_good).map(|(.., listing)| listing.clone())
    }

    /// Lets go of what is too old.
    pub fn tidy(&mut self, now: Moment) {
        self.0.retain(|(since, ..)| now.saturating_duration_since(*since) < AGE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::{Day, Instant};
    use crate::engine::survey::rows::Order;
    use crate::wire::customers::Version;
    use std::collections::BTreeMap;

    const FOOTING: Footing = Footing { partitions: 2, owns_all: true, today: Day(20_000), plans: 0 };

    fn listing(id: u64, question: Question) -> Arc<Listing> {
        let version = Version { as_of: Instant(0), currency: "USD".to_owned(), offsets: BTreeMap::new(), owns_all: true };
        Arc::new(Listing { id, version, question, edges: None, total: Default::default(), rows: vec![] })
    }

    fn closed(most: usize) -> Question {
        Question::Closed { every: crate::domain::window::Period::Month, most }
    }

    #[test]
    fn the_newest_of_a_question_is_there_for_a_while_and_a_footing() {
        let (mut overdue, start, question) = (Overdue::default(), Moment::now(), Question::Likely(Order::Amount));
        overdue.keep(listing(1, question.clone()), FOOTING, start);
        overdue.keep(listing(2, question.clone()), FOOTING, start);
        let found = |overdue: &Overdue, footing, now| overdue.listing(&question, footing, now).map(|listing| listing.id);
        assert_eq!(found(&overdue, FOOTING, start), Some(2));
        assert_eq!(found(&overdue, Footing { plans: 1, ..FOOTING }, start), None);
        assert_eq!(found(&overdue, FOOTING, start + AGE), None);
        assert!(overdue.listing(&Question::Likely(Order::CustomerId), FOOTING, start).is_none());
        overdue.tidy(start + AGE);
        assert_eq!(found(&overdue, FOOTING, start), None);
    }

    #[test]
    fn there_is_room_for_a_few() {
        let (mut overdue, start) = (Overdue::default(), Moment::now());
        (0..=MOST).for_each(|number| overdue.keep(listing(number as u64, closed(number)), FOOTING, start));
        let there = |number| overdue.listing(&closed(number), FOOTING, start).is_some();
        assert!(!there(0) && (1..=MOST).all(there));
    }
}
