//! A history as files: `subscriptions.avro`, `usage.avro`, and the `upswell.yaml` with which they can be replayed.
//!
//! Each file appears under its name only when it is whole and on disk; a history that fails half-way leaves nothing behind.

use super::event::Event;
use super::exchange;
use super::random::Random;
use crate::domain::facts::FactKind;
use crate::wire::avro::{SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};
use crate::wire::encode::Container;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Streams of chance that no customer has.
const MARKER_STREAMS: [u64; 2] = [u64::MAX, u64::MAX - 1];

/// The files of one history in the making.
pub struct HistoryFiles {
    directory: PathBuf,
    subscriptions: Growing,
    usage: Growing,
}

impl HistoryFiles {
    /// Begins the files in a directory, which is created if need be. Their sync markers come from the seed.
    pub fn create(directory: &Path, seed: u64) -> io::Result<HistoryFiles> {
        std::fs::create_dir_all(directory)?;
        let [first, second] = MARKER_STREAMS.map(|stream| marker(seed, stream));
        Ok(HistoryFiles {
            directory: directory.to_owned(),
            subscriptions: Growing::create(directory.join("subscriptions.avro"), Container::new(SUBSCRIPTION_SCHEMA, first))?,
            usage: Growing::create(directory.join("usage.avro"), Container::new(USAGE_SCHEMA, second))?,
        })
    }

    /// Appends an event to its file, unless only a Kafka record can hold it; whether it was written.
    pub fn append(&mut self, event: &Event) -> io::Result<bool> {
        if !event.fits_files() {
            return Ok(false);
        }
        match event.kind() {
            FactKind::Subscription => self.subscriptions.append(event)?,
            FactKind::Usage => self.usage.append(event)?,
        }
        Ok(true)
    }

    /// Completes the files; the names of all three.
    pub fn finish(self) -> io::Result<[PathBuf; 3]> {
        let subscriptions = self.subscriptions.finish()?;
        let usage = self.usage.finish()?;
        let mut configuration = Draft::create(self.directory.join("upswell.yaml"))?;
        configuration.file.write_all(configuration_text().as_bytes())?;
        Ok([subscriptions.publish()?, usage.publish()?, configuration.publish()?])
    }
}

fn configuration_text() -> String {
    format!(
        "# For `upswell replay --config upswell.yaml --subscriptions subscriptions.avro --usage usage.avro`.\n{}",
        exchange::revenue_yaml()
    )
}

fn marker(seed: u64, stream: u64) -> [u8; 16] {
    let mut random = Random::seeded(seed, stream);
    let halves = (u128::from(random.bits()) << 64) | u128::from(random.bits());
    halves.to_be_bytes()
}

/// A container file that grows under a temporary name.
struct Growing {
    draft: Draft,
    container: Container,
}

impl Growing {
    fn create(path: PathBuf, container: Container) -> io::Result<Growing> {
        Ok(Growing { draft: Draft::create(path)?, container })
    }

    fn append(&mut self, event: &Event) -> io::Result<()> {
        self.container.append(|out| event.encode(out)).map_err(io::Error::other)?;
        self.draft.file.write_all(&self.container.take())
    }

    fn finish(mut self) -> io::Result<Draft> {
        self.draft.file.write_all(&self.container.finish().map_err(io::Error::other)?)?;
        Ok(self.draft)
    }
}

/// A file under a temporary name next to its own; removed unless it is published.
struct Draft {
    path: PathBuf,
    file: File,
}

impl Draft {
    fn create(path: PathBuf) -> io::Result<Draft> {
        let file = File::create(temporary(&path))?;
        Ok(Draft { path, file })
    }

    /// Puts the file on disk and gives it its name.
    fn publish(self) -> io::Result<PathBuf> {
        self.file.sync_all()?;
        std::fs::rename(temporary(&self.path), &self.path)?;
        Ok(self.path.clone())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Nothing is there any more if the file was published; if it cannot be removed, the next run overwrites it.
        let _ = std::fs::remove_file(temporary(&self.path));
    }
}

fn temporary(path: &Path) -> PathBuf {
    path.with_extension("partial")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::history::{Scale, days};
    use crate::domain::calendar::Day;

    fn scale(seed: u64) -> Scale {
        Scale { customers: 40, months: 4, until: Day::parse("2026-07-01").expect("a date"), seed }
    }

    fn write(directory: &Path, seed: u64) -> (Vec<Vec<u8>>, u64) {
        let mut files = HistoryFiles::create(directory, seed).expect("files");
        let written = days(scale(seed)).flatten().filter(|event| files.append(event).expect("room")).count();
        let names = files.finish().expect("an end");
        (names.iter().map(|name| std::fs::read(name).expect("a file")).collect(), written as u64)
    }

    #[test]
    fn one_seed_gives_one_set_of_bytes() {
        let directory = tempfile::tempdir().expect("a directory");
        let (first, _) = write(&directory.path().join("a"), 1);
        let (again, _) = write(&directory.path().join("b"), 1);
        let (other, _) = write(&directory.path().join("c"), 2);
        assert_eq!(first, again);
        assert_ne!(first[0], other[0]);
        assert_ne!(first[1], other[1]);
        assert_ne!(first[0][first[0].len() - 16..], other[0][other[0].len() - 16..], "markers come from the seed");
    }

    #[test]
    fn files_hold_every_event_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().expect("a directory");
        let (files, written) = write(directory.path(), 3);
        let records = |bytes: &[u8]| apache_avro::Reader::new(bytes).expect("a container").filter(Result::is_ok).count();
        assert_eq!((records(&files[0]) + records(&files[1])) as u64, written);
        let mut names: Vec<String> = std::fs::read_dir(directory.path())
            .expect("a listing")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["subscriptions.avro", "upswell.yaml", "usage.avro"]);
    }

    #[test]
    fn an_unfinished_history_leaves_nothing_behind() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut files = HistoryFiles::create(directory.path(), 1).expect("files");
        let written = days(scale(1)).flatten().filter(|event| files.append(event).expect("room")).count();
        assert!(written > 0);
        drop(files);
        assert_eq!(std::fs::read_dir(directory.path()).expect("a listing").count(), 0);
    }
}
