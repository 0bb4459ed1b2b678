//! A partition whose every event follows from its number, so that an image can be held against the events it claims to hold.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use upswell::adapter::store::archive::{Archive, Image, ReadError};
use upswell::adapter::store::{Error, Store};
use upswell::domain::account::Account;
use upswell::domain::calendar::{Instant, Zone};
use upswell::domain::currency::{Currency, ExchangeRates};
use upswell::domain::facts::{FactKind, ItemFact, Reason, Status, SubscriptionFact, UsageFact};
use upswell::engine::dedup::Memory;
use upswell::engine::image::{Chunk, Head, Scope, Step};
use upswell::engine::plan::Plan;
use upswell::engine::rejected::Rejected;
use upswell::engine::shard::Shard;
use upswell::wire::checkpoint::bytes::Cursor;
use upswell::wire::checkpoint::{Identity, Manifest, Position, Section, TopicIdentity, account};
use upswell_testkit::Faulty;

pub const PARTITION: i32 = 7;
const GROUP: &str = "upswell";
const MEMORY: Memory = Memory::Window { millis: 86_400_000 };
/// So small that an image has several pieces.
const PIECE_BYTES: u64 = 600;
/// How often a failed call is made again before a test gives up.
const TRIES: usize = 4;

/// The store as a process that has just started opens it.
fn opened(store: &Faulty) -> Store {
    Store::from_backend(Arc::new(store.clone()), "").expect("threads")
}

fn plan() -> Arc<Plan> {
    static PLAN: OnceLock<Arc<Plan>> = OnceLock::new();
    let make = || {
        Arc::new(Plan {
            zone: Zone::named("UTC").expect("a zone"),
            rates: ExchangeRates::new(usd(), Vec::new()),
            windows: Vec::new(),
            dimensions: vec!["plan".to_owned()],
            max_values: 10,
            history: 0,
        })
    };
    PLAN.get_or_init(make).clone()
}

fn usd() -> Currency {
    Currency::parse("USD").expect("a code")
}

fn identity() -> Identity {
    let topic = |name: &str| Some(TopicIdentity { name: name.to_owned(), id: None });
    Identity {
        cluster_id: None,
        partition: PARTITION,
        partitions: 12,
        topics: [topic("subscriptions"), topic("usage"), None],
        time_zone: "UTC".to_owned(),
    }
}

/// A process that owns the partition.
pub struct Owner {
    pub archive: Archive,
    writer: u64,
    pub generation: u32,
    shard: Shard,
    rejected: [Rejected; 2],
    /// Events taken.
    pub events: u64,
    sequence: u64,
    last: Option<Arc<Manifest>>,
}

impl Owner {
    /// One that has seen nothing.
    pub fn new(store: &Faulty, writer: u64) -> Owner {
        Owner::in_store(opened(store), writer)
    }

    /// The same in any store.
    pub fn in_store(store: Store, writer: u64) -> Owner {
        let shard = Shard::new(plan(), MEMORY, (1, 2));
        Owner {
            archive: Archive::new(store, GROUP).with_piece_bytes(PIECE_BYTES),
            writer,
            generation: 0,
            shard,
            rejected: Default::default(),
            events: 0,
            sequence: 0,
            last: None,
        }
    }

    /// One that goes on from the newest image that can be used, and says so of those that cannot; `None` if there is none.
    pub fn restored(store: &Faulty, writer: u64) -> Result<Option<Owner>, Error> {
        Owner::restored_in(opened(store), writer)
    }

    /// The same in any store.
    pub fn restored_in(store: Store, writer: u64) -> Result<Option<Owner>, Error> {
        let mut owner = Owner::in_store(store, writer);
        for candidate in owner.archive.candidates(PARTITION)? {
            if candidate.unreadable {
                continue;
            }
            match owner.load(&candidate.name) {
                Ok((manifest, image)) => {
                    owner.take(manifest, image);
                    return Ok(Some(owner));
                }
                Err(ReadError::Store(error)) => return Err(error),
                Err(damage) => owner.archive.mark_unreadable(PARTITION, &candidate.name, &damage.to_string())?,
            }
        }
        Ok(None)
    }

    pub fn load(&self, name: &str) -> Result<(Manifest, Image), ReadError> {
        let manifest = self.archive.manifest(PARTITION, name)?;
        let image = self.archive.load(&manifest, plan(), MEMORY, 3)?;
        Ok((manifest, image))
    }

    fn take(&mut self, manifest: Manifest, image: Image) {
        (self.shard, self.rejected) = (image.shard, image.rejected);
        self.events = manifest.positions[0].expect("a position").next as u64;
        self.generation = manifest.generation;
        self.last = Some(Arc::new(manifest));
    }

    /// Takes events up to this number.
    pub fn work(&mut self, until: u64) {
        while self.events < until {
            self.apply(self.events);
            self.events += 1;
        }
    }

    fn apply(&mut self, number: u64) {
        let (event_id, customer) = (format!("event-{number}"), format!("customer-{}", number % 17));
        let (at, offset) = (Instant(1_750_000_000_000 + number as i64 * 1000), number as i64);
        match number % 5 {
            0 => drop(self.rejected[0].insert(offset, Reason::Decode)),
            1 => drop(self.rejected[0].remove(offset - 11)),
            2 => {
                let plan = format!("plan-{}", number % 29);
                let item = ItemFact { item_id: "seats", product_id: "product", plan_id: &plan, quantity: 1, mrr: offset };
                self.shard.apply_subscription(&SubscriptionFact {
                    event_id: &event_id,
                    customer_id: &customer,
                    subscription_id: "one",
                    effective_at: at,
                    version: 1,
                    status: Status::Active,
                    currency: Some(usd()),
                    items: vec![item],
                    attributes: vec![],
                });
            }
            _ => {
                let fact =
                    UsageFact { event_id: &event_id, customer_id: &customer, used_at: at, amount: offset, currency: usd() };
                self.shard.apply_usage(&fact, Some(at));
            }
        }
    }

    /// Saves an image: a base, or a delta on the last one. Calls that fail are made again, unless the process is `dead`.
    pub fn save(&mut self, scope: Scope, dead: impl Fn() -> bool) -> Result<(), Error> {
        self.sequence += 1;
        let scope = if self.shard.needs_base() { Scope::Base } else { scope };
        let head = self.shard.freeze(scope, account::encode).expect("nothing else is being taken");
        let before = if scope == Scope::Delta { self.last.clone() } else { None };
        let mut writing = self.archive.write(&identity(), self.writer, self.sequence, before);
        for section in self.sections(scope) {
            if writing.push(&section).is_err() {
                persist(&dead, || writing.retry())?;
            }
        }
        let draft = self.draft(head);
        self.last = Some(persist(&dead, || writing.finish(&draft, Duration::ZERO))?);
        Ok(())
    }

    fn sections(&mut self, scope: Scope) -> Vec<Section> {
        let mut sections = Vec::new();
        for (rejected, topic) in self.rejected.iter_mut().zip([FactKind::Subscription, FactKind::Usage]) {
            let changes = rejected.freeze(scope);
            sections.extend(changes.chunks(3).map(|changes| Section::Rejected { topic, changes: changes.to_vec() }));
        }
        loop {
            match self.shard.capture(1) {
                Step::Chunk(chunk) => sections.extend(split(chunk).into_iter().map(Section::Chunk)),
                Step::Working => {}
                Step::Done => return sections,
            }
        }
    }

    fn draft(&self, head: Head) -> Manifest {
        let position = Position { next: self.events as i64, ..Position::default() };
        Manifest {
            identity: identity(),
            generation: self.generation,
            writer: self.writer,
            sequence: self.sequence,
            taken_at: Instant(1),
            positions: [Some(position), Some(Position::default()), None],
            placement: [[0; 3]; 2],
            head,
            pieces: Vec::new(),
            base_pieces: 0,
            alerts: Vec::new(),
        }
    }

    /// Panics unless the state is what its events make.
    pub fn check(&mut self) {
        let mut twin = Owner::new(&Faulty::new(), 0);
        twin.work(self.events);
        assert_eq!(self.content(), twin.content(), "after {} events", self.events);
    }

    /// All that an image of it would hold, in an order that does not depend on the past.
    fn content(&mut self) -> Content {
        let head = self.shard.freeze(Scope::Base, account::encode).expect("nothing else is being taken");
        let mut content = Content { texts: head.texts, rejected: self.rejected.each_ref().map(runs), ..Content::default() };
        let texts = head.texts;
        content.head = Some(head);
        loop {
            match self.shard.capture(1000) {
                Step::Chunk(chunk) => content.take(&chunk, texts),
                Step::Working => {}
                Step::Done => break,
            }
        }
        content.ids.sort_unstable();
        content
    }
}

/// Makes a call again that fails, unless the process is dead.
fn persist<T>(dead: &impl Fn() -> bool, mut call: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let mut outcome = call();
    for _ in 1..TRIES {
        if outcome.is_ok() || dead() {
            break;
        }
        outcome = call();
    }
    outcome
}

fn runs(rejected: &Rejected) -> Vec<(i64, i64, Reason)> {
    rejected.runs().collect()
}

#[derive(Debug, Default, PartialEq)]
struct Content {
    head: Option<Head>,
    texts: u32,
    symbols: Vec<Arc<str>>,
    ids: Vec<u128>,
    accounts: BTreeMap<String, Account>,
    rejected: [Vec<(i64, i64, Reason)>; 2],
}

impl Content {
    fn take(&mut self, chunk: &Chunk, texts: u32) {
        match chunk {
            Chunk::Texts { texts, .. } => self.symbols.extend(texts.iter().cloned()),
            Chunk::Ids { ids, .. } => self.ids.extend(ids),
            Chunk::Accounts { .. } => self.accounts.extend(accounts(chunk, texts)),
        }
    }
}

fn accounts(chunk: &Chunk, texts: u32) -> Vec<(String, Account)> {
    let Chunk::Accounts { count, bytes } = chunk else { return Vec::new() };
    let mut cursor = Cursor::new(bytes);
    let account = |_| account::decode(&mut cursor, texts).expect("an account");
    (0..*count).map(account).map(|(customer_id, account)| (customer_id.into(), account)).collect()
}

/// Small chunks, so that they do not all fall into one piece.
fn split(chunk: Chunk) -> Vec<Chunk> {
    match chunk {
        Chunk::Ids { until, ids } => ids.chunks(5).map(|ids| Chunk::Ids { until, ids: ids.to_vec() }).collect(),
        Chunk::Accounts { .. } => {
            let one = |(customer_id, of): &(String, Account)| {
                let mut bytes = Vec::new();
                account::encode(customer_id, of, &mut bytes);
                Chunk::Accounts { count: 1, bytes }
            };
            accounts(&chunk, u32::MAX).iter().map(one).collect()
        }
        texts => vec![texts],
    }
}

/// The names of one kind of files in the partition's folder.
pub fn files(store: &Faulty, kind: &str) -> Vec<String> {
    let folder = format!("{GROUP}/p{PARTITION:05}/");
    let names = store.names().into_iter();
    names.filter_map(|name| name.strip_prefix(&folder).map(str::to_owned)).filter(|name| name.starts_with(kind)).collect()
}

/// A file's name in the store.
pub fn path(name: &str) -> String {
    format!("{GROUP}/p{PARTITION:05}/{name}")
}
