//! What becomes of retries, and of the positions of records that wait.

use super::*;
use crate::adapter::kafka::letters::{ORIGIN_HEADER, Postbag};
use crate::adapter::registry::{Questions, Registry, Settings};
use crate::domain::calendar::Zone;
use crate::domain::currency::{Currency, ExchangeRates, RateTable};
use crate::domain::facts::{RawUsage, Reason};
use crate::engine::dedup::Memory;
use crate::service::feed::Fetched;
use crate::wire::avro::{SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};
use crate::wire::encode;
use crate::wire::telemetry::Counter;
use TopicKind::{Retries, Subscriptions, Usage};
use rdkafka::Timestamp;
use rdkafka::message::{Header, OwnedHeaders, OwnedMessage};
use std::collections::BTreeMap;

const AT: i64 = 1_789_027_200_000;

/// A ledger with everything around it in memory.
pub struct World {
    pub ledger: Ledger,
    pub around: Surroundings,
    postbag: Postbag,
    questions: Questions,
}

fn plan(currencies: &[&str]) -> Arc<Plan> {
    let code = |text: &str| Currency::parse(text).expect("a code");
    let rates: BTreeMap<Currency, i64> = currencies.iter().map(|currency| (code(currency), 1_000_000)).collect();
    let tables = vec![RateTable { from: crate::domain::calendar::Day(0), rates }];
    let (zone, rates) = (Zone::named("UTC").expect("a zone"), ExchangeRates::new(code("USD"), tables));
    Arc::new(Plan { zone, rates, windows: vec![], dimensions: vec![], max_values: 100, history: 0 })
}

pub fn world() -> World {
    let telemetry = Arc::new(Telemetry::new("s", "u", "r"));
    let (letters, postbag) = Letters::unattended(|_| {});
    let settings = Settings { url: Some("http://registry".to_owned()), ..Settings::default() };
    let now = std::time::Instant::now();
    let (registry, questions) = Registry::unattended(&settings, move || now);
    let plan = plan(&[]);
    let name = |name: &str, id: &str| TopicName { name: name.into(), id: Some(id.into()) };
    let placement = Arc::new(Placement::new(4));
    let evidence: Arc<Evidence> = Arc::default();
    assert_eq!(placement.enter(3, Box::new(|_| false), evidence.clone(), |_| None), Ok(()));
    let ledger = Ledger {
        partition: 3,
        shard: Shard::new(plan.clone(), Memory::Window { millis: 86_400_000 }, (1, 2)),
        positions: [Some(Position::default()); TOPICS],
        rejected: Default::default(),
        evidence,
        topics: [name("s", "id-s"), name("u", "id-u"), name("r", "id-r")].into(),
        letters: Arc::new(letters),
    };
    World {
        ledger,
        around: Surroundings { plan, schemas: Schemas::new(registry), telemetry, placement, tally: Tally::default() },
        postbag,
        questions,
    }
}

/// A usage event of 5 units.
pub fn usage(event: &str, currency: &str) -> Vec<u8> {
    let mut value = Vec::new();
    encode::confluent_header(2, &mut value);
    let raw = RawUsage {
        event_id: Some(event),
        customer_id: Some("c"),
        used_at: Some(AT - 1),
        meter: Some("calls"),
        amount_micros: Some(5_000_000),
        currency: Some(currency),
    };
    encode::usage(&raw, 1.0, &mut value);
    value
}

pub fn message(offset: i64, value: &[u8], origin: Option<&str>) -> OwnedMessage {
    let add = |headers: OwnedHeaders, value: &str| headers.insert(Header { key: ORIGIN_HEADER, value: Some(value) });
    let headers = origin.map(|origin| add(OwnedHeaders::new(), origin));
    OwnedMessage::new(Some(value.to_vec()), Some(b"c".to_vec()), String::new(), Timestamp::CreateTime(AT), 3, offset, headers)
}

impl World {
    /// Takes a record, answering the registry's questions; `end` is that of all logs.
    fn take(&mut self, topic: TopicKind, message: &OwnedMessage, end: Option<i64>) -> Result<(), Halt> {
        loop {
            let reading = self.ledger.read(topic, message.record(), &mut self.around);
            let taken = self.ledger.take(topic, (message.record(), reading), |_| end, &mut self.around);
            self.around.count(topic);
            if !matches!(taken, Err(Halt::Stall(Stall::Registry(_)))) || !self.answer() {
                return taken;
            }
        }
    }

    /// Answers a question of the registry, if there is one.
    pub fn answer(&mut self) -> bool {
        let Ok(id) = self.questions.next() else { return false };
        let schema = if id == 2 { USAGE_SCHEMA } else { SUBSCRIPTION_SCHEMA };
        self.questions.answer(id, 200, serde_json::json!({ "schema": schema }).to_string().as_bytes());
        true
    }

    fn take_well(&mut self, topic: TopicKind, message: &OwnedMessage) {
        assert!(self.take(topic, message, None).is_ok());
    }

    /// Retries applied, duplicate, rejected, not rejected, of unknown origin.
    fn retries(&self) -> [u64; 5] {
        let topic = self.around.telemetry.topic(Retries);
        let rejected = Reason::ALL.into_iter().map(|reason| topic.rejected.get(reason)).sum();
        let ignored = [&topic.not_rejected, &topic.unknown_origin].map(Counter::get);
        [topic.applied.get(), topic.duplicates.get(), rejected, ignored[0], ignored[1]]
    }
}

#[test]
fn a_rejected_event_counts_once_when_it_comes_back_and_no_more() {
    let mut world = world();
    world.take_well(Usage, &message(7, &usage("e", "EUR"), None));
    assert_eq!(world.ledger.rejected[1].get(7), Some(Reason::UnknownCurrency));
    assert_eq!((world.ledger.next(Usage), world.ledger.safe(Usage)), (8, 7), "its letter is on its way");
    assert!(world.postbag.deliver(0).is_some());
    assert_eq!(world.ledger.safe(Usage), 8);

    // Without the rate the verdict stays, and the letter says so again.
    let retry = |offset| message(offset, &usage("e", "EUR"), Some("u/id-u/3/7"));
    world.take_well(Retries, &retry(0));
    assert_eq!((world.retries(), world.ledger.shard.accounts()), ([0, 0, 1, 0, 0], 0));
    let letter = world.postbag.deliver(0).expect("another letter");
    assert_eq!((&*letter.origin.topic, letter.origin.offset), ("u", 7));

    world.around.plan = plan(&["EUR"]);
    world.take_well(Retries, &retry(1));
    assert_eq!((world.retries(), world.ledger.shard.accounts()), ([1, 0, 1, 0, 0], 1));
    assert!(world.ledger.rejected[1].is_empty());
    world.take_well(Retries, &retry(2));
    assert_eq!(world.retries(), [1, 0, 1, 1, 0]);
    assert_eq!(world.ledger.next(Retries), 3);
}

#[test]
fn a_retry_whose_event_came_in_otherwise_is_a_duplicate() {
    let mut world = world();
    world.take_well(Usage, &message(0, &usage("e", "EUR"), None));
    world.around.plan = plan(&["EUR"]);
    world.take_well(Usage, &message(1, &usage("e", "EUR"), None));
    world.take_well(Retries, &message(0, &usage("e", "EUR"), Some("u/id-u/3/0")));
    assert_eq!((world.retries(), world.ledger.rejected[1].len()), ([0, 1, 0, 0, 0], 0));
}

#[test]
fn a_retry_waits_until_its_origin_was_passed() {
    let mut world = world();
    let retry = message(0, &usage("e", "USD"), Some("u/id-u/3/5"));
    assert!(matches!(world.take(Retries, &retry, None), Err(Halt::Wait)));
    assert!(matches!(world.take(Retries, &retry, Some(9)), Err(Halt::Wait)), "the log holds it");
    assert_eq!(world.ledger.next(Retries), 0);
    world.ledger.pass(Usage, 4);
    assert!(matches!(world.take(Retries, &retry, Some(5)), Err(Halt::Wait)), "the log was not read to its end");
    world.ledger.pass(Usage, 9);
    world.take_well(Retries, &retry);
    assert_eq!((world.retries(), world.ledger.next(Retries)), ([0, 0, 0, 1, 0], 1));
}

#[test]
fn a_retry_that_is_none_of_ours_is_ignored() {
    for origin in [None, Some("nonsense"), Some("u/id-x/3/0"), Some("x/id-u/3/0"), Some("u/id-u/2/0"), Some("r/id-r/3/0")] {
        let mut world = world();
        world.ledger.pass(Usage, 1);
        world.take_well(Retries, &message(4, &usage("e", "USD"), origin));
        assert_eq!((world.retries(), world.ledger.next(Retries)), ([0, 0, 0, 0, 1], 5), "{origin:?}");
    }
    // Of an offset that was never in the log, once its end is known.
    let mut world = world();
    world.ledger.pass(Usage, 9);
    assert!(world.take(Retries, &message(0, &usage("e", "USD"), Some("u/id-u/3/9")), Some(9)).is_ok());
    assert_eq!(world.retries(), [0, 0, 0, 0, 1]);
}

#[test]
fn a_position_knows_the_oldest_and_newest_record() {
    let mut world = world();
    world.take_well(Usage, &message(0, &usage("e", "USD"), None));
    let position = world.ledger.positions[Usage as usize].expect("a position");
    assert_eq!((position.oldest_record, position.newest_record), (Some(Instant(AT)), Some(Instant(AT))));
    assert_eq!(world.ledger.positions[Subscriptions as usize], Some(Position::default()));
    let undated = message(1, &usage("f", "USD"), None).set_timestamp(Timestamp::CreateTime(0));
    world.take_well(Usage, &undated);
    let position = world.ledger.positions[Usage as usize].expect("a position");
    assert_eq!((position.next, position.oldest_record), (2, Some(Instant(AT))), "1970 is no history");
}
