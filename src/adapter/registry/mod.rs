//! Writer schemas by name: ids from a schema registry with the Confluent API, fingerprints from a directory.
//!
//! A look-up never blocks: an unknown name is asked for in the background and the record waits. A schema, once known, is known for
//! good (an id never changes its meaning). The registry's word "no such schema" is believed only while it is fresh and
//! after it has held for a minute; everything else that is not a schema (no connection, 5xx, a proxy's page, a wrong base path, a
//! refused password) is an outage, which is waited out with growing pauses. So an outage never rejects an event.

mod answer;
mod book;
mod client;
mod directory;
mod questions;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::answer::Answer;
use self::book::{Book, Job};
use self::client::Client;
use crate::domain::facts::FactKind;
use crate::wire::avro::Decoder;

pub use self::questions::Questions;

/// How long the registry's "no such schema" must hold before it is believed.
const GRACE: Duration = Duration::from_secs(60);
/// Questions under way at once, so that one slow answer does not hold up the others.
const THREADS: usize = 4;

/// The `schema_registry` part of the configuration, checked, with files read.
#[derive(Clone, Default)]
pub struct Settings {
    /// Base of a Confluent-compatible API; `None` if there is none.
    pub url: Option<String>,
    pub user: Option<String>,
    pub password: Option<String>,
    /// PEM text of the authorities to trust instead of the built-in ones.
    pub ca: Option<String>,
    /// PEM text of the client's certificate and key.
    pub cert: Option<String>,
    pub key: Option<String>,
    /// Directory of `*.avsc` files.
    pub directory: Option<PathBuf>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.as_deref().map(client::without_credentials);
        f.debug_struct("Settings").field("url", &url).field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// Why schemas cannot be looked up at all, or not now.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("schema_registry.url {0:?} is not an address: write http:// or https://, a host, and the path of the Confluent API")]
    Url(String),
    #[error("schema_registry.tls.{key} holds nothing usable: give it PEM text ({fault})")]
    Certificate { key: &'static str, fault: String },
    #[error("start the threads that ask for schemas")]
    Threads(#[from] std::io::Error),
    #[error("{0}")]
    Unreachable(String),
}

impl Error {
    /// Whether it may pass without a change of configuration.
    pub fn is_transient(&self) -> bool {
        matches!(self, Error::Unreachable(_) | Error::Threads(_))
    }
}

/// A writer's schema and the schemas it refers to. Clones share the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    text: Arc<str>,
    /// Each after those that it refers to itself.
    references: Arc<[Arc<str>]>,
}

impl Schema {
    fn new(text: &str, references: Vec<Arc<str>>) -> Schema {
        Schema { text: Arc::from(text), references: references.into() }
    }

    /// Compiles a decoder. It rejects every record, and says why, if the schema cannot be read as ours.
    pub fn decoder(&self, kind: FactKind) -> Decoder {
        let references: Vec<&str> = self.references.iter().map(|text| &**text).collect();
        Decoder::compile_with(&self.text, &references, kind)
    }
}

/// What is known of a schema now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    Schema(Schema),
    /// Not known yet: what is waited for, as a sentence. Look again later.
    Pending(String),
    /// There is no such schema, as a sentence. Holds for the record at hand; the next one looks again.
    Unknown(String),
}

/// Says what time it is: simulations have their own.
type Now = Box<dyn Fn() -> Instant + Send + Sync>;

/// What the handles and the threads share.
struct Office {
    book: Mutex<Book>,
    changed: Condvar,
    now: Now,
}

impl Office {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Instant {
        (self.now)()
    }

    fn answered(&self, id: u32, answer: Answer, spread: f64) {
        let now = self.now();
        self.book().answered(id, answer, now, spread);
    }

    fn scanned(&self, path: &Path) {
        let scan = directory::scan(path);
        let now = self.now();
        self.book().scanned(scan, now);
    }
}

impl fmt::Debug for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Office").field("book", &self.book).finish_non_exhaustive()
    }
}

/// Ends the threads when the last handle goes. They are not waited for: one may be in the middle of a slow answer.
#[derive(Debug)]
struct Closer(Arc<Office>);

impl Drop for Closer {
    fn drop(&mut self) {
        self.0.book().close();
        self.0.changed.notify_all();
    }
}

/// Looks schemas up. Clones share what is known.
#[derive(Clone, Debug)]
pub struct Registry {
    office: Arc<Closer>,
    client: Option<Arc<Client>>,
}

impl Registry {
    /// Starts the threads that ask. Asks nothing yet. Fails over an address or certificates that cannot be used.
    pub fn new(settings: &Settings) -> Result<Registry, Error> {
        Registry::with_grace(settings, GRACE)
    }

    fn with_grace(settings: &Settings, grace: Duration) -> Result<Registry, Error> {
        let client = Client::new(settings)?.map(Arc::new);
        let shown = client.as_ref().map(|client| client.shown().to_owned());
        let book = Book::new(shown, settings.directory.clone(), grace);
        let office = Arc::new(Office { book: Mutex::new(book), changed: Condvar::new(), now: Box::new(Instant::now) });
        let registry = Registry { office: Arc::new(Closer(Arc::clone(&office))), client };
        for number in 0..THREADS {
            let (office, client) = (Arc::clone(&office), registry.client.clone());
            let name = format!("registry-{number}");
            std::thread::Builder::new().name(name).spawn(move || work(&office, client.as_deref()))?;
        }
        Ok(registry)
    }

    /// A registry without threads, for simulations: what is asked waits until the holder of the questions answers, and `now` says
    /// what time it is. Of the settings only address and directory count.
    pub fn unattended(settings: &Settings, now: impl Fn() -> Instant + Send + Sync + 'static) -> (Registry, Questions) {
        let shown = settings.url.as_deref().map(client::without_credentials);
        let book = Book::new(shown, settings.directory.clone(), GRACE);
        let office = Arc::new(Office { book: Mutex::new(book), changed: Condvar::new(), now: Box::new(now) });
        let questions = Questions::new(Arc::clone(&office));
        (Registry { office: Arc::new(Closer(office)), client: None }, questions)
    }

    /// The schema with this id in the registry. Never blocks; the caller keeps the decoder it makes of it.
    pub fn by_id(&self, id: u32) -> Lookup {
        self.look_up(|book, now| book.by_id(id, now))
    }

    /// The schema with this CRC-64-AVRO fingerprint in the directory. Never blocks.
    pub fn by_fingerprint(&self, fingerprint: u64) -> Lookup {
        self.look_up(|book, now| book.by_fingerprint(fingerprint, now))
    }

    fn look_up(&self, find: impl FnOnce(&mut Book, Instant) -> Lookup) -> Lookup {
        let lookup = find(&mut self.office.0.book(), self.office.0.now());
        if matches!(lookup, Lookup::Pending(_)) {
            self.office.0.changed.notify_one();
        }
        lookup
    }

    /// What is waited for, as a sentence; `None` if nothing is.
    pub fn status(&self) -> Option<String> {
        self.office.0.book().status(self.office.0.now())
    }

    /// Asks the registry one question and reads the directory once, for a check of the configuration. Blocks.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(client) = &self.client {
            client.check().map_err(Error::Unreachable)?;
        }
        let directory = self.office.0.book().directory().map(PathBuf::from);
        match directory.map(|path| directory::scan(&path)) {
            Some(Err(fault)) => Err(Error::Unreachable(fault)),
            Some(Ok(scan)) => scan.faults.into_iter().next().map_or(Ok(()), |fault| Err(Error::Unreachable(fault))),
            None => Ok(()),
        }
    }

    /// The newest schema of a subject, for a check of the configuration; `None` if there is none, or no registry. Blocks. Only
    /// after [`check`](Registry::check) has succeeded does `None` mean that.
    pub fn latest(&self, subject: &str) -> Result<Option<Schema>, Error> {
        self.client.as_ref().map_or(Ok(None), |client| client.latest(subject)).map_err(Error::Unreachable)
    }
}

/// One thread's life: do what is due, sleep until something is.
fn work(office: &Office, client: Option<&Client>) {
    let jitter = RandomState::new();
    while let Some(job) = next_job(office) {
        match (job, client) {
            (Job::Ask(id), Some(client)) => {
                let answer = client.schema(id);
                // 0.5 to 1: many instances that lost the same registry do not come back at the same moment.
                let spread = 0.5 + (jitter.hash_one((id, Instant::now())) >> 11) as f64 / (1_u64 << 54) as f64;
                office.answered(id, answer, spread);
            }
            (Job::Ask(_), None) => {}
            (Job::Scan(path), _) => office.scanned(&path),
        }
    }
}

/// Waits for something to do; `None` when the last handle is gone.
fn next_job(office: &Office) -> Option<Job> {
    let mut book = office.book();
    loop {
        if book.is_closed() {
            return None;
        }
        let pause = match book.next(office.now()) {
            Ok(job) => return Some(job),
            Err(pause) => pause,
        };
        book = office.changed.wait_timeout(book, pause).unwrap_or_else(PoisonError::into_inner).0;
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
