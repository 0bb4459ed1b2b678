//! An image on its way into the store, piece by piece, then its manifest.
//!
//! A piece is kept until the store has taken it, and one that failed is put under another name: whatever the failed try left is
//! nobody's. So every call that fails can be made again, and nothing that was pushed is lost.

use super::super::{Error, Store};
use super::Archive;
use crate::wire::checkpoint::{Identity, Manifest, Piece, PieceRef, PieceWriter, Section, manifest, piece_name};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// After so long somebody else may have taken our pieces for what a dead writer left, or the image before for one that nobody
/// continues; half of the time they are spared for.
const SPARED: Duration = Duration::from_secs(30 * 60);

/// Names tried for a piece before a store is believed that has them all already.
const MAX_ATTEMPTS: u32 = 1000;

/// An image that is being written.
pub struct Writing {
    store: Store,
    folder: String,
    identity: Identity,
    writer: u64,
    sequence: u64,
    /// The image that this one continues.
    before: Option<Arc<Manifest>>,
    open: Option<PieceWriter>,
    /// Pieces closed so far.
    closed: u32,
    /// Closed, and not in the store.
    waiting: VecDeque<Waiting>,
    stored: Vec<PieceRef>,
    piece_bytes: u64,
}

/// A piece that is not in the store.
struct Waiting {
    number: u32,
    attempt: u32,
    named: PieceRef,
    bytes: Bytes,
}

impl Archive {
    /// Begins an image of the identity's partition: a delta if it continues the image `before`, of the same identity; else a base.
    /// `writer` and `sequence` are those of the manifest to come.
    pub fn write(&self, identity: &Identity, writer: u64, sequence: u64, before: Option<Arc<Manifest>>) -> Writing {
        Writing {
            store: self.store.clone(),
            folder: self.folder(identity.partition),
            identity: identity.clone(),
            writer,
            sequence,
            before,
            open: None,
            closed: 0,
            waiting: VecDeque::new(),
            stored: Vec::new(),
            piece_bytes: self.piece_bytes,
        }
    }
}

impl Writing {
    /// Takes up a section in any case, and stores what is complete.
    ///
    /// # Errors
    /// The store did not take a piece, which is kept: [`retry`](Writing::retry) before pushing more, or memory grows.
    pub fn push(&mut self, section: &Section) -> Result<(), Error> {
        let (writer, sequence, number) = (self.writer, self.sequence, self.closed);
        let open = self.open.get_or_insert_with(|| PieceWriter::new(&self.identity, writer, sequence, number));
        open.push(section);
        if open.raw_len() >= self.piece_bytes {
            self.close();
        }
        self.retry()
    }

    /// Stores what is complete and not in the store.
    ///
    /// # Errors
    /// The store did not take a piece; call again.
    pub fn retry(&mut self) -> Result<(), Error> {
        while let Some(waiting) = self.waiting.front_mut() {
            waiting.named.name = piece_name(self.writer, self.sequence, waiting.number, waiting.attempt);
            // A later success under this name would prove nothing about this try.
            waiting.attempt += 1;
            match self.store.create(&format!("{}/{}", self.folder, waiting.named.name), &waiting.bytes) {
                // Of a try before it, or of a stranger: the next name is free.
                Err(Error::AlreadyExists { .. }) if waiting.attempt < MAX_ATTEMPTS => continue,
                outcome => outcome?,
            }
            self.stored.extend(self.waiting.pop_front().map(|stored| stored.named));
        }
        Ok(())
    }

    /// Stores the rest, then the manifest, whose pieces are filled in here. The image exists when this succeeds; when it fails, it
    /// may exist. `age` is how long ago its writing began.
    ///
    /// # Errors
    /// The store did not take something: call again with the same manifest. [`Error::NotFound`] says that pieces were cleaned away
    /// because the writing took too long, and [`Error::AlreadyExists`] that another image has this one's name; then only a new
    /// base helps.
    pub fn finish(&mut self, draft: &Manifest, age: Duration) -> Result<Arc<Manifest>, Error> {
        debug_assert_eq!((&draft.identity, draft.writer, draft.sequence), (&self.identity, self.writer, self.sequence));
        self.close();
        self.retry()?;
        let before = self.before.as_deref();
        let pieces: Vec<PieceRef> = before.iter().flat_map(|before| &before.pieces).chain(&self.stored).cloned().collect();
        let base_pieces = before.map_or(self.closed, |before| before.base_pieces);
        let manifest = Manifest { pieces, base_pieces, ..draft.clone() };
        if age >= SPARED || before.is_some_and(|before| is_old(before, draft)) {
            self.look_for(&manifest.pieces)?;
        }
        let file = Bytes::from(manifest::encode(&manifest));
        self.store.create(&format!("{}/{}", self.folder, manifest.file_name()), &file)?;
        Ok(Arc::new(manifest))
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let piece: Piece = open.finish();
        let named = piece.named(String::new());
        self.waiting.push_back(Waiting { number: self.closed, attempt: 0, named, bytes: piece.bytes.into() });
        self.closed += 1;
    }

    /// Fails if a piece is not in the store.
    fn look_for(&self, pieces: &[PieceRef]) -> Result<(), Error> {
        let listed = self.store.list(&self.folder)?;
        let here = |piece: &PieceRef| listed.iter().any(|entry| entry.name == piece.name);
        let missing = pieces.iter().find(|piece| !here(piece));
        missing.map_or(Ok(()), |piece| Err(Error::NotFound { name: piece.name.clone() }))
    }
}

/// Whether an image may have been replaced by others long enough for its pieces to be cleaned away.
fn is_old(before: &Manifest, draft: &Manifest) -> bool {
    let between = u64::try_from(draft.taken_at.0.saturating_sub(before.taken_at.0));
    // A clock that went back tells nothing.
    between.map_or(true, |millis| Duration::from_millis(millis) >= SPARED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::store::Settings;
    use crate::domain::calendar::{Day, Instant};
    use crate::engine::image::{Chunk, Head};

    fn draft() -> Manifest {
        let head = Head {
            accounts: 0,
            texts: 0,
            floor: Day(0),
            floor_at: Instant(0),
            record_time: None,
            hash_key: (1, 2),
            generations: Vec::new(),
            ahead: Vec::new(),
            passed: Instant(0),
        };
        Manifest {
            identity: Identity {
                cluster_id: None,
                partition: 1,
                partitions: 2,
                topics: [None, None, None],
                time_zone: "UTC".to_owned(),
            },
            generation: 0,
            writer: 5,
            sequence: 6,
            taken_at: Instant(0),
            positions: [None; 3],
            placement: [[0; 3]; 2],
            head,
            pieces: Vec::new(),
            base_pieces: 0,
            alerts: Vec::new(),
        }
    }

    fn begun(store: &Store, draft: &Manifest) -> Writing {
        let archive = Archive::new(store.clone(), "g").with_piece_bytes(1);
        archive.write(&draft.identity, draft.writer, draft.sequence, None)
    }

    fn memory() -> Store {
        Store::open(&Settings { url: "memory:///".to_owned() }).expect("a store")
    }

    fn section() -> Section {
        Section::Chunk(Chunk::Ids { until: Instant(9), ids: vec![7; 100] })
    }

    #[test]
    fn a_name_that_is_taken_is_left_to_whose_it_is() {
        let (store, draft) = (memory(), draft());
        let taken = format!("g/p00001/{}", piece_name(5, 6, 0, 0));
        store.create(&taken, &Bytes::from_static(b"another one")).expect("created");
        let mut writing = begun(&store, &draft);
        writing.push(&section()).expect("the next name is free");
        let manifest = writing.finish(&draft, Duration::ZERO).expect("written");
        assert_eq!(manifest.pieces[0].name, piece_name(5, 6, 0, 1));
        assert_eq!(writing.finish(&draft, Duration::ZERO), Ok(manifest), "once more changes nothing");
    }

    #[test]
    fn an_image_whose_pieces_were_cleaned_away_is_not_completed() {
        let (store, draft) = (memory(), draft());
        let mut writing = begun(&store, &draft);
        writing.push(&section()).expect("stored");
        let name = piece_name(5, 6, 0, 0);
        store.delete(&format!("g/p00001/{name}")).expect("deleted");
        assert_eq!(writing.finish(&draft, SPARED), Err(Error::NotFound { name }));
    }

    #[test]
    fn a_delta_on_an_image_that_was_cleaned_away_is_not_completed() {
        let store = memory();
        for (later, gone) in [(Duration::ZERO, false), (SPARED, true)] {
            let draft = draft();
            let mut writing = begun(&store, &draft);
            writing.push(&section()).expect("stored");
            let before = writing.finish(&draft, Duration::ZERO).expect("written");
            store.delete(&format!("g/p00001/{}", before.file_name())).expect("deleted");
            let name = before.pieces[0].name.clone();
            store.delete(&format!("g/p00001/{name}")).expect("deleted");
            let taken_at = Instant(draft.taken_at.0 + later.as_millis() as i64);
            let next = Manifest { sequence: draft.sequence + 1, taken_at, ..draft };
            let archive = Archive::new(store.clone(), "g");
            let mut writing = archive.write(&next.identity, next.writer, next.sequence, Some(before));
            writing.push(&section()).expect("stored");
            let outcome = writing.finish(&next, Duration::ZERO);
            assert_eq!(outcome.err(), gone.then_some(Error::NotFound { name }));
        }
    }
}
