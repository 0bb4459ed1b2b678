//! Removing images that nobody will need, and pieces that no image names.
//!
//! Kept are the two newest images that are whole, all that are newer or younger than an hour, and the newest unreadable one, for
//! people to look at. A piece goes when it is older than an hour and no manifest that stays names it. Age is measured by the store's
//! clock, which is the time of the newest object: ours may be wrong, and while nothing is written nothing has to go.
//!
//! The order makes every interruption harmless: manifests before their marks and pieces, so that nothing ever names what is gone.

use super::{Archive, ReadError, UNREADABLE, manifests, marked};
use crate::adapter::store::{Entry, Error};
use crate::domain::calendar::Instant;
use crate::wire::checkpoint::{Manifest, Name, parse_name, parse_piece_name};
use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;

/// Whole images that always stay.
const KEPT: usize = 2;
/// What is younger stays: somebody may be writing or reading it.
const YOUNG_MILLIS: i64 = 3_600_000;

/// What cleaning removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    pub manifests: u64,
    pub pieces: u64,
}

/// What is known of a partition's manifests, which never change, so that each is read only once while it is young.
#[derive(Debug, Default)]
pub(super) struct Known {
    read: HashSet<Name>,
    /// By piece: when the youngest manifest that names it was made.
    named: HashMap<String, Instant>,
}

/// One partition's folder, as listed, and what is to stay of it.
struct Survey<'a> {
    /// By the store's clock.
    now: Instant,
    listed: &'a [Entry],
    /// Pieces that older manifests name that stay.
    needed: HashSet<String>,
    /// What manifests name that stay and cannot be read is not known: nothing older than they are may go.
    unknown_before: Option<Instant>,
    stay: HashSet<Name>,
}

impl Archive {
    /// Cleans the folder of a partition that nobody in this process is writing an image of. `now` is the present by our clock.
    ///
    /// # Errors
    /// The store fails; some of it may be gone. Call again some time.
    pub fn clean(&self, partition: i32, now: Instant) -> Result<Cleaned, Error> {
        let folder = self.folder(partition);
        let listed = self.store.list(&folder)?;
        let Some(newest) = listed.iter().map(|entry| entry.modified).max() else { return Ok(Cleaned::default()) };
        let survey = self.survey(partition, &listed, newest.min(now))?;
        let mut cleaned = Cleaned::default();
        for (_, entry) in manifests(&listed).iter().filter(|(name, _)| !survey.stay.contains(name)) {
            self.store.delete(&format!("{folder}/{}", entry.name))?;
            cleaned.manifests += 1;
        }
        for entry in listed.iter().filter(|entry| survey.is_mark_of_nothing(entry)) {
            self.store.delete(&format!("{folder}/{}", entry.name))?;
        }
        for name in self.unneeded(partition, &survey) {
            self.store.delete(&format!("{folder}/{name}"))?;
            cleaned.pieces += 1;
        }
        self.store.sweep(&folder, Instant(survey.now.0.saturating_sub(YOUNG_MILLIS)))?;
        Ok(cleaned)
    }

    /// Reads what is needed to know what may go, and removes nothing.
    fn survey<'a>(&self, partition: i32, listed: &'a [Entry], now: Instant) -> Result<Survey<'a>, Error> {
        let mut survey = Survey { now, listed, needed: HashSet::new(), unknown_before: None, stay: HashSet::new() };
        let marked = marked(listed);
        let sizes: HashMap<&str, u64> = listed.iter().map(|entry| (entry.name.as_str(), entry.size)).collect();
        let (mut whole, mut mark_kept) = (0, false);
        for (name, entry) in manifests(listed) {
            let is_marked = marked.contains(&name);
            let stays = if is_marked { !mark_kept } else { whole < KEPT };
            let is_young = survey.is_young(entry);
            if !stays && !is_young {
                continue;
            }
            survey.stay.insert(name);
            mark_kept |= is_marked;
            if !stays && self.known(partition, |known| known.read.contains(&name)) {
                continue;
            }
            match self.manifest(partition, &entry.name) {
                Ok(manifest) => {
                    whole += usize::from(!is_marked && is_whole(&manifest, &sizes));
                    self.note(partition, name, entry, &manifest);
                    survey.needed.extend(manifest.pieces.into_iter().map(|piece| piece.name));
                }
                Err(ReadError::Store(error)) => return Err(error),
                Err(ReadError::Missing { .. }) => {}
                Err(ReadError::Damage { .. } | ReadError::Mismatch { .. }) => {
                    survey.unknown_before = survey.unknown_before.max(Some(entry.modified));
                }
            }
        }
        Ok(survey)
    }

    /// The pieces that may go.
    fn unneeded<'a>(&self, partition: i32, survey: &Survey<'a>) -> Vec<&'a str> {
        let here: HashSet<&str> = survey.listed.iter().map(|entry| entry.name.as_str()).collect();
        let pieces = survey.listed.iter().filter(|entry| parse_piece_name(&entry.name).is_some());
        self.known(partition, |known| {
            known.read.retain(|name| survey.stay.contains(name));
            known.named.retain(|piece, _| here.contains(piece.as_str()));
            pieces.filter(|entry| survey.may_go(entry, known)).map(|entry| entry.name.as_str()).collect()
        })
    }

    fn note(&self, partition: i32, name: Name, entry: &Entry, manifest: &Manifest) {
        self.known(partition, |known| {
            known.read.insert(name);
            for piece in &manifest.pieces {
                let youngest = known.named.entry(piece.name.clone()).or_insert(entry.modified);
                *youngest = entry.modified.max(*youngest);
            }
        });
    }

    fn known<T>(&self, partition: i32, with: impl FnOnce(&mut Known) -> T) -> T {
        with(self.known.lock().unwrap_or_else(PoisonError::into_inner).entry(partition).or_default())
    }
}

impl Survey<'_> {
    fn is_young(&self, entry: &Entry) -> bool {
        self.is_recent(entry.modified)
    }

    fn is_recent(&self, modified: Instant) -> bool {
        modified.0 > self.now.0.saturating_sub(YOUNG_MILLIS)
    }

    /// Whether a piece is old, named by nothing that stays, and not perhaps named by a manifest that cannot be read.
    fn may_go(&self, piece: &Entry, known: &Known) -> bool {
        let named = known.named.get(&piece.name).is_some_and(|youngest| self.is_recent(*youngest));
        let unknown = self.unknown_before.is_some_and(|before| piece.modified <= before);
        !(self.is_young(piece) || named || unknown || self.needed.contains(&piece.name))
    }

    /// Whether it is an old mark of a manifest that does not stay.
    fn is_mark_of_nothing(&self, entry: &Entry) -> bool {
        let of = entry.name.strip_suffix(UNREADABLE).and_then(parse_name);
        of.is_some_and(|name| !self.stay.contains(&name)) && !self.is_young(entry)
    }
}

/// Whether all pieces are there, each with its length.
fn is_whole(manifest: &Manifest, sizes: &HashMap<&str, u64>) -> bool {
    manifest.pieces.iter().all(|piece| sizes.get(piece.name.as_str()) == Some(&piece.length))
}
