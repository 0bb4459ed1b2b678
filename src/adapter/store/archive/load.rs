//! From a manifest and its pieces to a shard.
//!
//! Several threads fetch pieces in their order, each holding one at a time. A piece of the base is decoded as soon as it is there, one
//! of a delta when all before that delta are, since a later account replaces an earlier one. Each file's length and checksum are
//! right before a field of it is believed, and what the head counts is compared at the end: the image comes back whole or not at
//! all.

use super::super::Error;
use super::{Archive, ReadError};
use crate::domain::facts::FactKind;
use crate::engine::dedup::Memory;
use crate::engine::plan::Plan;
use crate::engine::rejected::{Change, Rejected};
use crate::engine::restoring::{Mismatch, Restoring};
use crate::engine::shard::Shard;
use crate::wire::checkpoint::envelope::checksum;
use crate::wire::checkpoint::{Damage, Manifest, PieceRef, SectionRef, parse_piece_name, read_piece};
use bytes::Bytes;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// An image that was read.
#[derive(Debug)]
pub struct Image {
    /// Not live yet.
    pub shard: Shard,
    /// Of subscriptions and usage.
    pub rejected: [Rejected; 2],
}

/// The changes of rejected offsets that a piece holds.
type Changes = Vec<(FactKind, Change)>;

impl Archive {
    /// Reads the image that a manifest describes, on so many threads at once.
    ///
    /// # Errors
    /// The store does not give a piece, or one is missing or damaged, or together they are not what the manifest says.
    pub fn load(&self, manifest: &Manifest, plan: Arc<Plan>, memory: Memory, threads: usize) -> Result<Image, ReadError> {
        let restoring = Restoring::new(plan, memory, &manifest.head);
        let reading = Reading::new(self, manifest, &restoring)?;
        let threads = threads.clamp(1, manifest.pieces.len().max(1));
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(|| reading.work());
            }
            reading.work();
        });
        let rejected = reading.rejected()?;
        let mismatch = |mismatch| ReadError::Mismatch { name: manifest.file_name(), mismatch };
        Ok(Image { shard: restoring.finish().map_err(mismatch)?, rejected })
    }

    /// A piece whose length and checksum are right.
    fn piece(&self, partition: i32, piece: &PieceRef) -> Result<Bytes, ReadError> {
        self.read(partition, &piece.name, piece.length, |file| {
            let found = file.len() as u64;
            if found != piece.length {
                return Err(Damage::Length { expected: piece.length, found });
            }
            if checksum(file) == piece.checksum { Ok(file.clone()) } else { Err(Damage::Checksum) }
        })
    }
}

/// What the threads share.
struct Reading<'a> {
    archive: &'a Archive,
    manifest: &'a Manifest,
    restoring: &'a Restoring,
    /// By piece: how many pieces have to be taken up before it.
    after: Vec<usize>,
    progress: Mutex<Progress>,
    moved: Condvar,
}

#[derive(Default)]
struct Progress {
    /// Pieces that somebody fetches or has fetched.
    begun: usize,
    /// By piece; `None` until it is taken up.
    changes: Vec<Option<Changes>>,
    /// Pieces taken up of those that lie before the first that is not.
    done: usize,
    failure: Option<ReadError>,
}

impl<'a> Reading<'a> {
    fn new(archive: &'a Archive, manifest: &'a Manifest, restoring: &'a Restoring) -> Result<Reading<'a>, ReadError> {
        let after = predecessors(&manifest.pieces).map_err(|damage| ReadError::Damage { name: manifest.file_name(), damage })?;
        let changes = std::iter::repeat_with(|| None).take(after.len()).collect();
        let progress = Mutex::new(Progress { changes, ..Progress::default() });
        Ok(Reading { archive, manifest, restoring, after, progress, moved: Condvar::new() })
    }

    /// One thread's work: fetch the next piece, wait for its turn, take it up.
    fn work(&self) {
        let _farewell = Farewell(self);
        while let Some((number, piece)) = self.next() {
            let fetched = self.archive.piece(self.manifest.identity.partition, piece);
            let taken =
                fetched.and_then(|file| if self.wait_for(self.after[number]) { self.take(&file, piece) } else { Ok(Vec::new()) });
            let mut progress = self.progress();
            match taken {
                Ok(changes) => progress.changes[number] = Some(changes),
                Err(error) => drop(progress.failure.get_or_insert(error)),
            }
            progress.done += progress.changes[progress.done..].iter().take_while(|changes| changes.is_some()).count();
            self.moved.notify_all();
        }
    }

    fn next(&self) -> Option<(usize, &'a PieceRef)> {
        let mut progress = self.progress();
        let number = progress.begun;
        let piece = self.manifest.pieces.get(number).filter(|_| progress.failure.is_none())?;
        progress.begun += 1;
        Some((number, piece))
    }

    /// Waits until so many pieces are taken up; `false` if that will not be.
    fn wait_for(&self, pieces: usize) -> bool {
        let mut progress = self.progress();
        while progress.done < pieces && progress.failure.is_none() {
            progress = self.moved.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
        progress.failure.is_none()
    }

    fn take(&self, file: &[u8], piece: &PieceRef) -> Result<Changes, ReadError> {
        let mut changes = Vec::new();
        let mut mismatch = None;
        let read = read_piece(file, piece, &self.manifest.identity, |section| self.section(section, &mut changes, &mut mismatch));
        match (mismatch, read) {
            (Some(mismatch), _) => Err(ReadError::Mismatch { name: piece.name.clone(), mismatch }),
            (None, Err(damage)) => Err(ReadError::Damage { name: piece.name.clone(), damage }),
            (None, Ok(())) => Ok(changes),
        }
    }

    fn section(&self, section: SectionRef, changes: &mut Changes, mismatch: &mut Option<Mismatch>) -> Result<(), Damage> {
        match section {
            SectionRef::Texts { first, texts } => {
                let texts: Result<Vec<Arc<str>>, Damage> = texts.map(|text| text.map(Arc::from)).collect();
                self.restoring.texts(first, texts?);
            }
            SectionRef::Ids { until, ids } => self.restoring.ids(until, &ids.collect::<Result<Vec<u128>, Damage>>()?),
            SectionRef::Accounts(accounts) => accounts.each(self.manifest.head.texts, |customer_id, account| {
                self.restoring.account(customer_id, account).map_err(|found| {
                    *mismatch = Some(found);
                    Damage::Inconsistent("an account differs from what the head says")
                })
            })?,
            SectionRef::Rejected { topic, changes: found } => {
                for change in found {
                    changes.push((topic, change?));
                }
            }
        }
        Ok(())
    }

    /// The rejected offsets after the changes of all pieces in their order, or why it did not come to that.
    fn rejected(self) -> Result<[Rejected; 2], ReadError> {
        let progress = self.progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = progress.failure {
            return Err(failure);
        }
        let mut rejected: [Rejected; 2] = Default::default();
        for (topic, change) in progress.changes.into_iter().flatten().flatten() {
            rejected[usize::from(topic == FactKind::Usage)].apply(&change);
        }
        Ok(rejected)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the others if a thread dies, so that they do not wait for it.
struct Farewell<'a, 'b>(&'a Reading<'b>);

impl Drop for Farewell<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.progress().failure.get_or_insert(Error::Threads("one that read an image died".to_owned()).into());
            self.0.moved.notify_all();
        }
    }
}

/// For each piece, how many have to be taken up before it: those of the images before its own, which its name tells.
fn predecessors(pieces: &[PieceRef]) -> Result<Vec<usize>, Damage> {
    let mut after = Vec::with_capacity(pieces.len());
    let (mut image, mut begin) = (None, 0);
    for (number, piece) in pieces.iter().enumerate() {
        let name = parse_piece_name(&piece.name).ok_or(Damage::Inconsistent("a piece that it names has no piece's name"))?;
        if image != Some((name.writer, name.sequence)) {
            (image, begin) = (Some((name.writer, name.sequence)), number);
        }
        after.push(begin);
    }
    Ok(after)
}
