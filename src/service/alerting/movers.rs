//! Who moved most, in words, for alerts whose texts ask for it: searched for once when an alert begins to fire, and every hour.
//!
//! A notice does not wait for it: the first one may lack it, and receivers that are told again and again get it with the next.

use super::book::{Book, Key};
use super::notices::Movers;
use crate::domain::alert::{Metric, Place, Rule, Side, State};
use crate::domain::money::{MICROS_PER_UNIT, Micros};
use crate::engine::shard::movers::{Direction, Mover, Query, merged};
use crate::service::Control;
use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};
use std::collections::HashMap;
use std::time::{Duration, Instant as Moment};

/// Customers that are named.
const MOST: usize = 3;
/// Searches under way: each looks at every account.
const AT_ONCE: usize = 2;
/// How long what was found is good enough.
const GOOD: Duration = Duration::from_secs(3_600);

/// What is known, and what is being searched for.
pub struct Explanations {
    control: Sender<Control>,
    texts: Movers,
    searches: HashMap<Key, Search>,
}

struct Search {
    began: Moment,
    query: Query,
    answers: Receiver<Vec<Mover>>,
    found: Vec<Mover>,
    /// Whether every worker has answered, or will not.
    over: bool,
}

impl Search {
    /// Takes what was found since.
    fn look(&mut self) {
        loop {
            match self.answers.try_recv() {
                Ok(found) => self.found.extend(found),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.over = true;
                    break;
                }
            }
        }
        self.found = merged(&self.query, std::mem::take(&mut self.found));
    }
}

impl Explanations {
    pub fn new(control: Sender<Control>) -> Explanations {
        Explanations { control, texts: Movers::new(), searches: HashMap::new() }
    }

    /// What is known.
    pub fn texts(&self) -> &Movers {
        &self.texts
    }

    /// Takes what was found, and searches for what is asked for and not known.
    pub fn look(&mut self, book: &Book, rules: &[Rule]) {
        for (key, search) in &mut self.searches {
            search.look();
            if !search.found.is_empty() {
                self.texts.insert(key.clone(), in_words(&search.found));
            }
        }
        let asked = |key: &Key| rules.iter().find(|rule| rule.name == key.rule).filter(|rule| asks(rule));
        let fires = |key: &Key| book.entries.get(key).is_some_and(|entry| matches!(entry.progress.state, State::Firing { .. }));
        self.searches.retain(|key, search| fires(key) && search.began.elapsed() < GOOD);
        self.texts.retain(|key, _| fires(key));
        let due = book.entries.keys().filter(|key| fires(key) && !self.searches.contains_key(key));
        let under_way = self.searches.values().filter(|search| !search.over).count();
        let due = due.filter_map(|key| Some((key.clone(), query(asked(key)?, key))));
        let due: Vec<(Key, Query)> = due.take(AT_ONCE.saturating_sub(under_way)).collect();
        for (key, query) in due {
            let (answer, answers) = unbounded();
            // Nobody searches only when the service is ending.
            let _ = self.control.send(Control::Search { query: query.clone(), answer });
            self.searches.insert(key, Search { began: Moment::now(), query, answers, found: Vec::new(), over: false });
        }
    }
}

fn asks(rule: &Rule) -> bool {
    rule.annotations.values().any(|text| text.has(Place::TopMovers))
}

fn query(rule: &Rule, key: &Key) -> Query {
    let segment = rule.scope.as_ref().zip(key.segment.as_ref());
    Query {
        window: rule.window,
        segment: segment.map(|(scope, value)| (scope.dimension.clone(), value.clone())),
        direction: direction(rule.metric, rule.test.side),
        most: MOST,
    }
}

/// Where the trouble comes from: customers that fell where a figure is too low, or where one of loss is too high.
fn direction(metric: Metric, side: Side) -> Direction {
    let of_loss = matches!(metric, Metric::Contraction(_) | Metric::Churn | Metric::CustomerChurnRate);
    match (side, of_loss) {
        (Side::Below, false) | (Side::Above, true) => Direction::Down,
        (Side::Above, false) | (Side::Below, true) => Direction::Up,
    }
}

/// `Largest changes: acme -1200, globex -30.`
fn in_words(found: &[Mover]) -> String {
    let one = |mover: &Mover| format!("{} {}", mover.customer_id, rounded(mover.change));
    format!("Largest changes: {}.", found.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// Major units with sign and two decimals.
fn rounded(micros: Micros) -> String {
    let cents = (micros.abs() + MICROS_PER_UNIT / 200) / (MICROS_PER_UNIT / 100);
    format!("{}{}.{:02}", if micros < 0 { '-' } else { '+' }, cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::{Record, shipped};
    use crate::domain::calendar::Instant;
    use std::collections::BTreeMap;

    fn firing(rule: &str) -> Book {
        let state = State::Firing { since: Instant(0), clear: None };
        let rule = rule.to_owned();
        let (segment, suppressed, value, resolved, labels) = (None, None, None, None, BTreeMap::new());
        Book::of(vec![Record { rule, segment, definition: 0, state, suppressed, value, resolved, labels, told: vec![] }])
    }

    fn mover(customer_id: &str, change: Micros) -> Mover {
        Mover { customer_id: customer_id.to_owned(), change }
    }

    #[test]
    fn a_firing_alert_is_explained_once_and_forgotten_when_it_ends() {
        let (control, told) = unbounded();
        let rules = [shipped::shipped().remove(0).rule];
        let mut explanations = Explanations::new(control);
        let book = firing(&rules[0].name);
        explanations.look(&book, &rules);
        let Ok(Control::Search { query, answer }) = told.try_recv() else { panic!("nothing is searched for") };
        assert_eq!((query.direction, query.most, &query.segment), (Direction::Down, MOST, &None));
        let answers = [vec![mover("acme", -1_200_000_000)], vec![mover("globex", -30_004_999), mover("initech", -40_000_000)]];
        answers.into_iter().for_each(|found| answer.send(found).expect("somebody listens"));
        explanations.look(&book, &rules);
        assert!(told.try_recv().is_err(), "one search is enough");
        let texts: Vec<&String> = explanations.texts().values().collect();
        assert_eq!(texts, ["Largest changes: acme -1200.00, initech -40.00, globex -30.00."]);
        explanations.look(&Book::default(), &rules);
        assert!(explanations.texts().is_empty());
    }

    #[test]
    fn the_way_is_the_troubles() {
        for (metric, side, expected) in [
            (Metric::ExpansionRate, Side::Below, Direction::Down),
            (Metric::CustomerChurnRate, Side::Above, Direction::Down),
            (Metric::Expansion(None), Side::Above, Direction::Up),
            (Metric::Churn, Side::Below, Direction::Up),
        ] {
            assert_eq!(direction(metric, side), expected, "{metric:?} {side:?}");
        }
        assert_eq!([rounded(5_000), rounded(-4_999), rounded(1_999_995_000)], ["+0.01", "-0.00", "+2000.00"]);
    }
}
