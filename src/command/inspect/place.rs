//! What a path or an address of `upswell inspect` leads to.

use crate::adapter::store::archive::{MAX_MANIFEST, UNREADABLE};
use crate::adapter::store::{Settings, Store};
use crate::command::Failure;
use crate::wire::checkpoint::{parse_name, parse_piece_name};
use anyhow::{Context, anyhow};
use bytes::Bytes;
use std::io::Read;
use std::path::Path;

/// Folders lie so deep below the place of checkpoints: the group's, then the partition's.
const DEPTH: usize = 2;

/// What is to be looked at.
#[derive(Debug)]
pub enum Place {
    Folder(Store),
    /// A file, and the folder that it lies in.
    File {
        store: Store,
        name: String,
        bytes: Bytes,
    },
}

impl Place {
    /// Finds it.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub fn find(path: &str) -> Result<Place, Failure> {
        match path.strip_prefix("file://") {
            Some(local) => local_place(Path::new(local)),
            None if path.contains("://") => remote_place(path),
            None => local_place(Path::new(path)),
        }
    }
}

fn local_place(path: &Path) -> Result<Place, Failure> {
    let unreadable = || format!("{} cannot be read; name a place of checkpoints, a folder or a file in one", path.display());
    let real = path.canonicalize().with_context(unreadable)?;
    if real.is_dir() {
        return Ok(Place::Folder(directory(&real)?));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&real).with_context(unreadable)?;
    file.take(MAX_MANIFEST + 1).read_to_end(&mut bytes).with_context(unreadable)?;
    if bytes.len() as u64 > MAX_MANIFEST {
        return Err(anyhow!("{} is larger than any file of a checkpoint", path.display()).into());
    }
    let store = directory(real.parent().unwrap_or(&real))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Place::File { store, name, bytes: bytes.into() })
}

fn directory(path: &Path) -> Result<Store, Failure> {
    let text = path.to_str().ok_or_else(|| anyhow!("{} is no path in UTF-8; rename it", path.display()))?;
    Ok(Store::open_present(&Settings { url: format!("file://{text}") }).map_err(anyhow::Error::new)?)
}

fn remote_place(url: &str) -> Result<Place, Failure> {
    let open =
        |url: &str| Store::open_present(&Settings { url: url.to_owned() }).map_err(|error| Failure::Usage(error.to_string()));
    match url.rsplit_once('/') {
        Some((folder, name)) if parse_name(name).is_some() || parse_piece_name(name).is_some() => {
            let store = open(folder)?;
            let bytes = store.get(name, MAX_MANIFEST).map_err(anyhow::Error::new)?;
            Ok(Place::File { store, name: name.to_owned(), bytes })
        }
        _ => Ok(Place::Folder(open(url)?)),
    }
}

/// The partitions' folders in a store: those that hold files of checkpoints.
///
/// # Errors
/// The store cannot be listed.
pub fn partitions(store: &Store) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    walk(store, String::new(), DEPTH, &mut found)?;
    Ok(found)
}

fn walk(store: &Store, folder: String, depth: usize, found: &mut Vec<String>) -> Result<(), Failure> {
    let listed = store.list(&folder).map_err(anyhow::Error::new)?;
    if listed.iter().any(|entry| is_ours(&entry.name)) {
        found.push(folder);
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    for name in store.folders(&folder).map_err(anyhow::Error::new)? {
        let inner = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        walk(store, inner, depth - 1, found)?;
    }
    Ok(())
}

fn is_ours(name: &str) -> bool {
    parse_name(name.strip_suffix(UNREADABLE).unwrap_or(name)).is_some() || parse_piece_name(name).is_some()
}
