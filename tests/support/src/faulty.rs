//! An object store in memory that fails as it is told: at any one operation, with or without effect, or from then on.
//!
//! Conditional puts are linearizable, as in the stores it stands for. Time stands still until it is moved.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

/// What goes wrong with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and has no effect.
    Refused,
    /// It takes effect, and its answer is lost.
    ReplyLost,
    /// The process dies before it: this one and all that follow fail without effect.
    DiesBefore,
    /// The process dies after it: it takes effect, its answer is lost, and all that follow fail without effect.
    DiesAfter,
}

impl Fault {
    pub const ALL: [Fault; 4] = [Fault::Refused, Fault::ReplyLost, Fault::DiesBefore, Fault::DiesAfter];

    /// Whether the process is dead from then on.
    pub fn kills(self) -> bool {
        matches!(self, Fault::DiesBefore | Fault::DiesAfter)
    }
}

/// What goes wrong with the bytes of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misread {
    /// The last byte is missing.
    Short,
    /// One bit is flipped.
    Flipped,
}

/// What somebody wants of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Put,
    Get,
    List,
    Delete,
}

/// What a director makes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Fine,
    Fails(Fault),
    /// Of a read.
    Misread(Misread),
    /// Of a put: half of the bytes are there, and the process is dead.
    Torn,
    /// Of a listing: it lacks what was made within so many operations.
    Stale(u64),
}

/// Decides about each operation, by kind and object or folder.
type Director = Box<dyn FnMut(Operation, &str) -> Fate + Send>;

/// The store. Clones are the same store.
#[derive(Clone, Default)]
pub struct Faulty(Arc<Mutex<World>>);

#[derive(Default)]
struct World {
    objects: BTreeMap<String, Object>,
    /// Milliseconds since 1970.
    now: i64,
    operations: u64,
    /// By number of the operation.
    faults: BTreeMap<u64, Fault>,
    dead: bool,
    misread: Option<Misread>,
    /// What listings show while they are stale.
    stale: Option<BTreeSet<String>>,
    unconditional: bool,
    director: Option<Director>,
    /// What the director has made of the operation under way.
    torn: bool,
    stale_by: u64,
}

#[derive(Clone, Debug)]
struct Object {
    bytes: Bytes,
    modified: i64,
    /// Whether anybody was told that it is there.
    kept: bool,
    /// The operation that made it.
    born: u64,
}

impl Faulty {
    pub fn new() -> Faulty {
        Faulty::default()
    }

    /// A store that is the same now and goes its own way from now on, without faults.
    pub fn fork(&self) -> Faulty {
        let world = self.world();
        let (objects, now, operations) = (world.objects.clone(), world.now, world.operations);
        Faulty(Arc::new(Mutex::new(World { objects, now, operations, unconditional: world.unconditional, ..World::default() })))
    }

    /// The operation so many after this moment fails so; 1 is the next one.
    pub fn fail(&self, number: u64, fault: Fault) {
        let mut world = self.world();
        let number = world.operations + number;
        world.faults.insert(number, fault);
    }

    /// From now on this decides about every operation that is not told to fail.
    pub fn direct(&self, director: impl FnMut(Operation, &str) -> Fate + Send + 'static) {
        self.world().director = Some(Box::new(director));
    }

    /// Whether the process that uses it has died.
    pub fn is_dead(&self) -> bool {
        self.world().dead
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.world().operations
    }

    /// Whether a fault that was asked for has not happened yet.
    pub fn is_waiting_to_fail(&self) -> bool {
        let world = self.world();
        !world.dead && world.faults.keys().any(|number| *number > world.operations)
    }

    /// From now on nothing fails: the process is started again, the outage over.
    pub fn revive(&self) {
        let mut world = self.world();
        world.dead = false;
        world.faults.clear();
        world.misread = None;
        world.stale = None;
    }

    /// The power fails: what nobody was told to be there was not synced, and is gone.
    pub fn lose_power(&self) {
        self.world().objects.retain(|_, object| object.kept);
    }

    /// Moves the store's clock.
    pub fn set_now(&self, millis: i64) {
        self.world().now = millis;
    }

    /// The bytes of the next read are wrong.
    pub fn misread(&self, misread: Misread) {
        self.world().misread = Some(misread);
    }

    /// From now on listings show nothing newer than what is there now, and still what is deleted.
    pub fn list_stale(&self) {
        let mut world = self.world();
        world.stale = Some(world.objects.keys().cloned().collect());
    }

    /// From now on puts overwrite, as in a store that knows no conditions.
    pub fn forget_conditions(&self) {
        self.world().unconditional = true;
    }

    /// The names of all objects, in order.
    pub fn names(&self) -> Vec<String> {
        self.world().objects.keys().cloned().collect()
    }

    /// An object's bytes.
    pub fn bytes(&self, name: &str) -> Option<Bytes> {
        self.world().objects.get(name).map(|object| object.bytes.clone())
    }

    /// Changes what an object holds, or makes it.
    pub fn set(&self, name: &str, bytes: impl Into<Bytes>) {
        let mut world = self.world();
        let modified = world.objects.get(name).map_or(world.now, |object| object.modified);
        world.objects.insert(name.to_owned(), Object { bytes: bytes.into(), modified, kept: true, born: 0 });
    }

    /// Takes an object away.
    pub fn remove(&self, name: &str) {
        self.world().objects.remove(name);
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("no test dies while it holds the store")
    }
}

impl World {
    /// Runs an operation, or what its fault makes of it.
    fn operate<T>(&mut self, kind: Operation, name: &str, effect: impl FnOnce(&mut World) -> Result<T>) -> Result<T> {
        self.operations += 1;
        (self.torn, self.stale_by) = (false, 0);
        let mut fault = self.faults.get(&self.operations).copied();
        if let (None, false, Some(director)) = (fault, self.dead, &mut self.director) {
            match director(kind, name) {
                Fate::Fine => {}
                Fate::Fails(told) => fault = Some(told),
                Fate::Misread(misread) => self.misread = Some(misread),
                Fate::Torn => (self.torn, fault) = (true, Some(Fault::DiesAfter)),
                Fate::Stale(by) => self.stale_by = by,
            }
        }
        let lost = || Error::Generic { store: "faulty", source: "as told".into() };
        if self.dead || matches!(fault, Some(Fault::Refused | Fault::DiesBefore)) {
            self.dead |= fault.is_some_and(Fault::kills);
            return Err(lost());
        }
        let outcome = effect(self);
        self.dead |= fault.is_some_and(Fault::kills);
        if fault.is_some() { Err(lost()) } else { outcome }
    }

    fn put(&mut self, name: &str, bytes: Bytes, mode: &PutMode) -> Result<PutResult> {
        if *mode == PutMode::Create && !self.unconditional && self.objects.contains_key(name) {
            return Err(Error::AlreadyExists { path: name.to_owned(), source: "as it should".into() });
        }
        let bytes = if self.torn { bytes.slice(..bytes.len() / 2) } else { bytes };
        self.objects.insert(name.to_owned(), Object { bytes, modified: self.now, kept: self.torn, born: self.operations });
        Ok(PutResult { e_tag: None, version: None, extensions: Default::default() })
    }

    fn get(&mut self, name: &str) -> Result<GetResult> {
        let missing = || Error::NotFound { path: name.to_owned(), source: "as it is".into() };
        let object = self.objects.get_mut(name).ok_or_else(missing)?;
        object.kept = true;
        let object = object.clone();
        let bytes = match self.misread.take() {
            None => object.bytes,
            Some(Misread::Short) => object.bytes.slice(..object.bytes.len().saturating_sub(1)),
            Some(Misread::Flipped) => {
                let mut bytes = object.bytes.to_vec();
                let middle = bytes.len() / 2;
                bytes.iter_mut().skip(middle).take(1).for_each(|byte| *byte ^= 1);
                bytes.into()
            }
        };
        let meta = meta(name, bytes.len(), object.modified);
        let range = 0..bytes.len() as u64;
        let payload = GetResultPayload::Stream(stream::once(async { Ok(bytes) }).boxed());
        Ok(GetResult { payload, meta, range, attributes: Default::default(), extensions: Default::default() })
    }

    fn list(&self, prefix: Option<&Path>) -> Vec<ObjectMeta> {
        let prefix = prefix.map(|prefix| format!("{prefix}/")).unwrap_or_default();
        let known = |name: &&String| name.starts_with(&prefix);
        let shown: Vec<&String> = match &self.stale {
            Some(stale) => stale.iter().filter(known).collect(),
            None => {
                let shown = |object: &Object| object.born + self.stale_by <= self.operations;
                self.objects.iter().filter(|(_, object)| shown(object)).map(|(name, _)| name).filter(known).collect()
            }
        };
        let entry = |name: &String| {
            let (size, modified) = self.objects.get(name).map_or((0, 0), |object| (object.bytes.len(), object.modified));
            meta(name, size, modified)
        };
        shown.into_iter().map(entry).collect()
    }
}

fn meta(name: &str, size: usize, modified: i64) -> ObjectMeta {
    let last_modified = DateTime::<Utc>::from_timestamp_millis(modified).expect("a time within reach");
    ObjectMeta { location: Path::from(name), last_modified, size: size as u64, e_tag: None, version: None }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} of {} objects", self.world().objects.len())
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a faulty store")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let mut world = self.world();
        let put =
            world.operate(Operation::Put, location.as_ref(), |world| world.put(location.as_ref(), payload.into(), &options.mode));
        if put.is_ok()
            && let Some(object) = world.objects.get_mut(location.as_ref())
        {
            object.kept = true;
        }
        put
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented { operation: "put_multipart".into(), implementer: self.to_string() })
    }

    async fn get_opts(&self, location: &Path, _: GetOptions) -> Result<GetResult> {
        self.world().operate(Operation::Get, location.as_ref(), |world| world.get(location.as_ref()))
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |location: Result<Path>| {
            let location = location?;
            store.world().operate(Operation::Delete, location.as_ref(), |world| {
                world.objects.remove(location.as_ref());
                Ok(location.clone())
            })
        };
        locations.map(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let listed = self.world().operate(Operation::List, prefix.map_or("", AsRef::as_ref), |world| Ok(world.list(prefix)));
        match listed {
            Ok(listed) => stream::iter(listed.into_iter().map(Ok)).boxed(),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let depth = prefix.map_or(0, Path::parts_count) + 1;
        let mut objects =
            self.world().operate(Operation::List, prefix.map_or("", AsRef::as_ref), |world| Ok(world.list(prefix)))?;
        objects.retain(|meta| meta.location.parts_count() == depth);
        Ok(ListResult { common_prefixes: Vec::new(), objects, extensions: Default::default() })
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(Error::NotImplemented { operation: "copy".into(), implementer: self.to_string() })
    }
}
