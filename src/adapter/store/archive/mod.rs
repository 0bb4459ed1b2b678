//! The archive: the checkpoints of one consumer group in a store, a folder for each partition.
//!
//! ```text
//! <group>/p<partition>/m-...              a manifest: an image
//! <group>/p<partition>/m-....unreadable   says that it could not be used, and why
//! <group>/p<partition>/d-...              a piece that manifests name
//! ```
//!
//! An image exists once its manifest does, and a manifest is created after all of its pieces. There is no pointer to the newest and no
//! lock: state is a fold of facts that does not depend on their order, so any image of a partition is good for its next owner, and
//! the names say which is the newest. Not guaranteed: that a listing shows what another process created a moment ago; then the
//! image before it is used.

mod clean;
mod load;
mod writing;

pub use clean::Cleaned;
pub use load::Image;
pub use writing::Writing;

use self::clean::Known;
use super::{Entry, Error, Store};
use crate::engine::restoring::Mismatch;
use crate::wire::checkpoint::{Damage, Manifest, Name, manifest, parse_name};
use bytes::Bytes;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

/// Ends the name of what marks a manifest that could not be used; why is its content.
pub const UNREADABLE: &str = ".unreadable";
/// Large enough that a store's cost of each object does not count, small enough to be held, and written anew.
const PIECE_BYTES: u64 = 32 << 20;
/// Bytes of a manifest at most; one of many thousand pieces is far smaller.
pub const MAX_MANIFEST: u64 = 256 << 20;

/// The checkpoints of one consumer group. Clones share what they know.
#[derive(Clone, Debug)]
pub struct Archive {
    store: Store,
    /// The group's folder.
    group: String,
    known: Arc<Mutex<HashMap<i32, Known>>>,
    /// A piece is closed when its sections come to so many bytes, before compression.
    piece_bytes: u64,
}

/// An image that might be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Of its manifest's file.
    pub name: String,
    /// Somebody could not use it before.
    pub unreadable: bool,
}

/// Why an image was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It may be whole: the store did not give it.
    #[error(transparent)]
    Store(#[from] Error),
    /// It is not, whatever one does.
    #[error("{name} is damaged: {damage}")]
    Damage { name: String, damage: Damage },
    /// Nor can it be if a piece of it does not exist.
    #[error("{name} is missing")]
    Missing { name: String },
    /// Its files are right, and together not what they should be.
    #[error("{name} does not hold what it should: {mismatch}")]
    Mismatch { name: String, mismatch: Mismatch },
}

impl ReadError {
    /// Whether an older image has to do: asking again does not help.
    pub fn is_damage(&self) -> bool {
        !matches!(self, ReadError::Store(_))
    }
}

impl Archive {
    pub fn new(store: Store, group_id: &str) -> Archive {
        Archive { store, group: folder_name(group_id), known: Arc::default(), piece_bytes: PIECE_BYTES }
    }

    /// Writes pieces of another size, as whoever wants many of them from a small image does.
    #[must_use]
    pub fn with_piece_bytes(self, piece_bytes: u64) -> Archive {
        Archive { piece_bytes, ..self }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The images of a partition, newest first.
    ///
    /// # Errors
    /// The partition's folder cannot be listed.
    pub fn candidates(&self, partition: i32) -> Result<Vec<Candidate>, Error> {
        let listed = self.store.list(&self.folder(partition))?;
        let marked = marked(&listed);
        let candidate = |(name, _): &(Name, &Entry)| Candidate { name: name.to_string(), unreadable: marked.contains(name) };
        Ok(manifests(&listed).iter().map(candidate).collect())
    }

    /// The greatest generation of any image of a partition, usable or not; `None` if there is none.
    ///
    /// # Errors
    /// The partition's folder cannot be listed.
    pub fn greatest_generation(&self, partition: i32) -> Result<Option<u32>, Error> {
        let listed = self.store.list(&self.folder(partition))?;
        Ok(manifests(&listed).first().map(|(name, _)| name.generation))
    }

    /// Reads a manifest; its pieces are not looked at.
    ///
    /// # Errors
    /// The store does not give it, or it is damaged.
    pub fn manifest(&self, partition: i32, name: &str) -> Result<Manifest, ReadError> {
        self.read(partition, name, MAX_MANIFEST, |file| {
            let manifest = manifest::decode(file)?;
            let here = manifest.identity.partition == partition && manifest.file_name() == name;
            if here { Ok(manifest) } else { Err(Damage::Elsewhere("it is of another partition, or another image of this one")) }
        })
    }

    /// Reads an object and makes something of it. What does not look right is fetched once more: damage on the way is none in the
    /// store.
    fn read<T>(&self, partition: i32, name: &str, most: u64, make: impl Fn(&Bytes) -> Result<T, Damage>) -> Result<T, ReadError> {
        let path = self.path(partition, name);
        let try_once = || match self.store.get(&path, most) {
            Ok(file) => make(&file).map_err(|damage| ReadError::Damage { name: name.to_owned(), damage }),
            Err(Error::NotFound { .. }) => Err(ReadError::Missing { name: name.to_owned() }),
            Err(Error::TooLarge { .. }) => {
                Err(ReadError::Damage { name: name.to_owned(), damage: Damage::Inconsistent("it is larger than it can be") })
            }
            Err(error) => Err(ReadError::Store(error)),
        };
        match try_once() {
            Err(error) if error.is_damage() => try_once(),
            outcome => outcome,
        }
    }

    /// Leaves word that an image could not be used, for people and for those who clean: it stays until there is a newer such one.
    ///
    /// # Errors
    /// The store does not take it.
    pub fn mark_unreadable(&self, partition: i32, name: &str, reason: &str) -> Result<(), Error> {
        let path = self.path(partition, &format!("{name}{UNREADABLE}"));
        match self.store.create(&path, &Bytes::from(reason.to_owned())) {
            Err(Error::AlreadyExists { .. }) => Ok(()),
            outcome => outcome,
        }
    }

    fn folder(&self, partition: i32) -> String {
        format!("{}/p{partition:05}", self.group)
    }

    fn path(&self, partition: i32, name: &str) -> String {
        format!("{}/{name}", self.folder(partition))
    }
}

/// The manifests among the objects of a folder, newest first.
fn manifests(listed: &[Entry]) -> Vec<(Name, &Entry)> {
    let mut found: Vec<_> = listed.iter().filter_map(|entry| Some((parse_name(&entry.name)?, entry))).collect();
    found.sort_unstable_by_key(|(name, _)| std::cmp::Reverse(*name));
    found
}

/// The names that are marked unreadable.
fn marked(listed: &[Entry]) -> HashSet<Name> {
    listed.iter().filter_map(|entry| parse_name(entry.name.strip_suffix(UNREADABLE)?)).collect()
}

/// A group id as a folder's name: it may hold any character, so those that mean something to stores are written as `=` and their
/// hexadecimal codes.
fn folder_name(group_id: &str) -> String {
    let dots = group_id.bytes().all(|byte| byte == b'.');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (byte == b'.' && !dots);
    group_id.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("={byte:02x}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_group_id_is_a_folder_of_its_own() {
        for (group_id, folder) in [
            ("upswell", "upswell"),
            ("team.a-b_c", "team.a-b_c"),
            ("..", "=2e=2e"),
            ("a/../b", "a=2f..=2fb"),
            ("a=2f", "a=3d2f"),
            ("ü #1", "=c3=bc=20=231"),
        ] {
            assert_eq!(folder_name(group_id), folder);
        }
    }
}
