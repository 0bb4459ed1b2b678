//! A store of named, immutable objects: a directory, a bucket of S3, of Google Cloud Storage or of Azure, or memory.
//!
//! Every call blocks the plain thread it is made on and ends within a deadline, whatever the network does. An object is only ever
//! created, never changed: what is doubtful about a creation (a lost reply, a time-out) is decided by reading back. What a
//! successful [`create`](Store::create) made survives the loss of power: in a directory, content and every directory entry above it
//! are synced before it answers.

pub mod archive;
mod backend;
mod directory;
mod error;
mod probe;

pub use backend::Location;
pub use error::Error;

use self::directory::Directory;
use crate::domain::calendar::Instant;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Longest time a call on a remote store may take, the client's own retries included.
const REMOTE_LIMIT: Duration = Duration::from_secs(120);
/// The same on a file system, whose slow disk cannot be helped by another try: one creation syncs up to three times.
const LOCAL_LIMIT: Duration = Duration::from_secs(300);
/// Calls on a file system at once; more would wait for the same disk.
const LOCAL_THREADS: usize = 16;

/// Where checkpoints are kept, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `file:///directory`, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix` or `memory:///`.
    pub url: String,
}

/// An object, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Within the folder that was listed.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// By the store's clock.
    pub modified: Instant,
}

/// The store. Clones share connections and threads.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Arc<dyn ObjectStore>,
    prefix: Path,
    /// Set if the backend is a directory of this machine.
    directory: Option<Arc<Directory>>,
    driver: Arc<Driver>,
    /// For people, without secrets.
    shown: Arc<str>,
    limit: Duration,
}

/// The threads that drive the backend's futures.
#[derive(Debug)]
struct Driver(Option<Runtime>);

impl Driver {
    fn start() -> Result<Driver, Error> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).max_blocking_threads(LOCAL_THREADS).thread_name("store").enable_all();
        builder.build().map(|runtime| Driver(Some(runtime))).map_err(|error| Error::Threads(error.to_string()))
    }
}

impl Drop for Driver {
    /// Does not wait: a call may hang in the file system for ever.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Store {
    /// Opens the store; a directory is made if it is missing. Nothing remote is asked yet.
    ///
    /// # Errors
    /// The address is none, the environment lacks what the cloud's client needs, or the directory cannot be made.
    pub fn open(settings: &Settings) -> Result<Store, Error> {
        let location = Location::parse(&settings.url).map_err(Error::Url)?;
        let shown = location.to_string();
        match &location {
            Location::Directory(path) => {
                let directory = Directory::open(path).map_err(|error| error::of_directory(&error, &shown))?;
                let backend = directory.backend().map_err(|error| error::classified(&error, &shown, &shown))?;
                let store = Store::over(backend, Path::default(), shown.into(), LOCAL_LIMIT)?;
                Ok(Store { directory: Some(Arc::new(directory)), ..store })
            }
            Location::Bucket { prefix, .. } => {
                let backend = location.remote().map_err(|detail| Error::Environment { place: shown.clone(), detail })?;
                Store::over(backend, Path::from(prefix.as_str()), shown.into(), REMOTE_LIMIT)
            }
            Location::Memory => {
                Store::over(Arc::new(object_store::memory::InMemory::new()), Path::default(), shown.into(), LOCAL_LIMIT)
            }
        }
    }

    /// Opens the store to look at what is there: a directory that is missing is not made.
    ///
    /// # Errors
    /// Those of [`Store::open`], and a directory that is missing.
    pub fn open_present(settings: &Settings) -> Result<Store, Error> {
        let location = Location::parse(&settings.url).map_err(Error::Url)?;
        if let Location::Directory(path) = &location {
            std::fs::read_dir(path).map_err(|error| error::of_directory(&error, &location.to_string()))?;
        }
        Store::open(settings)
    }

    /// A store over any backend, below `prefix`.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn from_backend(backend: Arc<dyn ObjectStore>, prefix: &str) -> Result<Store, Error> {
        let shown = format!("{backend}");
        Store::over(backend, Path::from(prefix), shown.into(), REMOTE_LIMIT)
    }

    fn over(backend: Arc<dyn ObjectStore>, prefix: Path, shown: Arc<str>, limit: Duration) -> Result<Store, Error> {
        Ok(Store { backend, prefix, directory: None, driver: Arc::new(Driver::start()?), shown, limit })
    }

    /// The address, without secrets.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Creates an object. Succeeds as well if exactly these bytes are there already, so a call whose outcome is unknown can be made
    /// again.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] if other bytes are there; anything else if it is not certain that these are.
    pub fn create(&self, name: &str, bytes: &Bytes) -> Result<(), Error> {
        if let Some(directory) = &self.directory {
            directory.prepare(name).map_err(|error| error::of_directory(&error, &self.shown))?;
        }
        match self.put(name, bytes.clone()) {
            Err(fault) if self.is_doubtful(&fault) => self.read_back(name, bytes, fault),
            outcome => outcome,
        }
    }

    /// A file system that reports a failed write means it: what is there then may not be on the disk.
    fn is_doubtful(&self, fault: &Error) -> bool {
        match fault {
            Error::AlreadyExists { .. } => true,
            Error::Timeout { .. } | Error::Unavailable { .. } => self.directory.is_none(),
            _ => false,
        }
    }

    fn read_back(&self, name: &str, bytes: &Bytes, fault: Error) -> Result<(), Error> {
        match (self.get(name, bytes.len() as u64), fault) {
            (Ok(found), _) if found == *bytes => self.settle(name),
            (Ok(_) | Err(Error::TooLarge { .. }), _) => Err(Error::AlreadyExists { name: name.to_owned() }),
            (Err(Error::NotFound { .. }), Error::AlreadyExists { .. }) => {
                Err(Error::Unavailable { place: self.shown.to_string(), detail: format!("others are creating {name} as well") })
            }
            // Who says that it exists but cannot be asked what it is, has not said that it is another one.
            (Err(unread), Error::AlreadyExists { .. }) => Err(unread),
            (Err(_), fault) => Err(fault),
        }
    }

    /// Its entry may have been made by a call that ended before the directory was synced.
    fn settle(&self, name: &str) -> Result<(), Error> {
        let Some(directory) = &self.directory else { return Ok(()) };
        directory.sync_entry(name).map_err(|error| error::of_directory(&error, &self.shown))
    }

    fn put(&self, name: &str, bytes: Bytes) -> Result<(), Error> {
        let path = self.path(name);
        let payload = PutPayload::from_bytes(bytes);
        let put = self.drive(name, self.backend.put_opts(&path, payload, PutMode::Create.into()));
        put.map(drop).map_err(|error| self.not_there(error))
    }

    /// What is not found by those who look for no object is the place.
    fn not_there(&self, error: Error) -> Error {
        match error {
            Error::NotFound { .. } => Error::Absent { place: self.shown.to_string(), detail: "it was not found".to_owned() },
            error => error,
        }
    }

    /// The whole object.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; [`Error::TooLarge`] if it has more than `most` bytes.
    pub fn get(&self, name: &str, most: u64) -> Result<Bytes, Error> {
        let path = self.path(name);
        let read = async {
            let found = self.backend.get(&path).await?;
            if found.meta.size > most { Ok(None) } else { found.bytes().await.map(Some) }
        };
        match self.drive(name, read)? {
            Some(bytes) if bytes.len() as u64 <= most => Ok(bytes),
            _ => Err(Error::TooLarge { name: name.to_owned() }),
        }
    }

    /// The objects directly in a folder, in no order; a folder that is not there is empty.
    ///
    /// # Errors
    /// It cannot be listed.
    pub fn list(&self, folder: &str) -> Result<Vec<Entry>, Error> {
        if let Some(directory) = &self.directory {
            directory.present().map_err(|error| error::of_directory(&error, &self.shown))?;
        }
        let path = self.path(folder);
        let listed = self.drive(folder, self.backend.list_with_delimiter(Some(&path)));
        let listed = listed.map_err(|error| self.not_there(error))?;
        Ok(listed.objects.iter().filter_map(entry).collect())
    }

    /// The folders directly in a folder, by name.
    ///
    /// # Errors
    /// It cannot be listed.
    pub fn folders(&self, folder: &str) -> Result<Vec<String>, Error> {
        let path = self.path(folder);
        let listed = self.drive(folder, self.backend.list_with_delimiter(Some(&path)))?;
        let mut names: Vec<String> =
            listed.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned)).collect();
        names.sort();
        Ok(names)
    }

    /// Deletes an object, if it is there.
    ///
    /// # Errors
    /// It may be there still.
    pub fn delete(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name);
        match self.drive(name, self.backend.delete(&path)) {
            Err(Error::NotFound { .. }) => Ok(()),
            outcome => outcome,
        }
    }

    /// Removes from a folder what a creation left that was killed halfway, if it is older than `before`. Only a directory has such,
    /// and no listing shows them.
    ///
    /// # Errors
    /// The directory cannot be read or changed.
    pub fn sweep(&self, folder: &str, before: Instant) -> Result<(), Error> {
        let Some(directory) = &self.directory else { return Ok(()) };
        directory.sweep(folder, before).map_err(|error| error::of_directory(&error, &self.shown))
    }

    fn path(&self, name: &str) -> Path {
        Path::from_iter(self.prefix.parts().chain(Path::from(name).parts()))
    }

    /// Runs a future of the backend to its end, or to the deadline.
    fn drive<T>(&self, name: &str, future: impl Future<Output = object_store::Result<T>>) -> Result<T, Error> {
        let Some(runtime) = &self.driver.0 else { return Err(Error::Threads("they have ended".to_owned())) };
        match runtime.block_on(async { tokio::time::timeout(self.limit, future).await }) {
            Ok(outcome) => outcome.map_err(|error| error::classified(&error, &self.shown, name)),
            Err(_) => Err(Error::Timeout { place: self.shown.to_string(), seconds: self.limit.as_secs() }),
        }
    }
}

fn entry(meta: &ObjectMeta) -> Option<Entry> {
    let name = meta.location.filename()?.to_owned();
    Some(Entry { name, size: meta.size, modified: Instant(meta.last_modified.timestamp_millis()) })
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
