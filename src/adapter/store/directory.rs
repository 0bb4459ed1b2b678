//! What a directory needs beyond its client: folders whose entries are on the disk, and no litter of killed writers.
//!
//! The client writes a file under a name with `#` and a number, syncs it, links it to its own name and syncs the folder. It makes
//! missing folders, too, but syncs only those that it made itself: one that a killed process made just before stays unsynced. So
//! each folder's way up to the root is made and synced here, once per process.

use crate::domain::calendar::Instant;
use object_store::local::LocalFileSystem;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The root of a store that is a directory.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    /// Folders whose entries are known to be on the disk.
    prepared: Mutex<HashSet<PathBuf>>,
}

impl Directory {
    /// Makes the directory if it is missing.
    pub fn open(root: &Path) -> io::Result<Directory> {
        if root.exists() && !root.is_dir() {
            return Err(ErrorKind::NotADirectory.into());
        }
        make(root)?;
        Ok(Directory { root: root.to_owned(), prepared: Mutex::default() })
    }

    pub fn backend(&self) -> object_store::Result<Arc<LocalFileSystem>> {
        LocalFileSystem::new_with_prefix(&self.root).map(|backend| Arc::new(backend.with_fsync(true)))
    }

    /// Fails if the root has gone: a place that is not there is not an empty one.
    pub fn present(&self) -> io::Result<()> {
        fs::read_dir(&self.root).map(drop)
    }

    /// Makes the folder in which an object is to be created.
    pub fn prepare(&self, name: &str) -> io::Result<()> {
        self.present()?;
        let folder = self.folder_of(name);
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if prepared.contains(&folder) && folder.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(&folder)?;
        for directory in folder.ancestors().take_while(|directory| directory.starts_with(&self.root)) {
            sync(directory)?;
        }
        prepared.insert(folder);
        Ok(())
    }

    /// Syncs the entry of an object.
    pub fn sync_entry(&self, name: &str) -> io::Result<()> {
        sync(&self.folder_of(name))
    }

    /// Deletes unfinished files older than `before` from a folder.
    pub fn sweep(&self, folder: &str, before: Instant) -> io::Result<()> {
        let entries = match fs::read_dir(self.root.join(folder)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if is_unfinished(&entry.file_name().to_string_lossy()) && millis(entry.metadata()?.modified()?) < before.0 {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes a folder that is empty.
    pub fn remove_folder(&self, folder: &str) -> io::Result<()> {
        fs::remove_dir(self.root.join(folder))
    }

    fn folder_of(&self, name: &str) -> PathBuf {
        let path = self.root.join(name);
        path.parent().map_or_else(|| self.root.clone(), Path::to_owned)
    }
}

/// Makes a directory and those above it, and syncs every entry that is new.
fn make(path: &Path) -> io::Result<()> {
    let existing = path.ancestors().find(|directory| directory.exists()).unwrap_or(Path::new("/"));
    fs::create_dir_all(path)?;
    if existing == path {
        return Ok(());
    }
    path.ancestors().take_while(|directory| directory.starts_with(existing)).try_for_each(sync)
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn is_unfinished(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn millis(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
