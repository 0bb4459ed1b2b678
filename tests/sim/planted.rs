//! Mistakes made on purpose of those who write and read the store.

use crate::instance::Instance;
use crate::mistake::Mistake;
use crate::trouble::Kind;
use crate::world::{Outcome, World, place};
use bytes::Bytes;
use upswell::wire::checkpoint::manifest::{decode, encode};
use upswell::wire::checkpoint::parse_name;

/// Objects that a mistake keeps out of the store for now.
#[derive(Default)]
pub struct Withheld {
    /// Pieces that come after their manifest, by who writes them.
    pieces: Vec<(usize, String, Bytes)>,
    /// Images that are not seen.
    images: Vec<(String, Bytes)>,
    /// Letters that count as delivered and are on their way, by who sent them.
    letters: Vec<(u64, (String, i32, i64))>,
}

impl World {
    /// The names of a partition's images, from oldest to newest.
    fn images_of(&self, partition: i32) -> Vec<String> {
        let names = self.store.names().into_iter();
        let mut images: Vec<String> =
            names.filter(|name| name.contains(&format!("/p{partition:05}/m-")) && parse_name(file(name)).is_some()).collect();
        images.sort_by_key(|name| rank(name));
        images
    }

    /// An image has just been completed.
    pub fn corrupt(&mut self, slot: usize, instance: &Instance, partition: i32) {
        match self.mistake {
            Some(Mistake::ManifestFirst) => {
                let pieces = format!("/p{partition:05}/d-{:016x}-", instance.writer());
                let Some(name) = self.store.names().into_iter().rfind(|name| name.contains(&pieces)) else { return };
                let bytes = self.store.bytes(&name).unwrap_or_default();
                self.store.remove(&name);
                self.withheld.pieces.push((slot, name, bytes));
            }
            Some(Mistake::DeltaLost) => {
                let Some(name) = self.images_of(partition).pop() else { return };
                let bytes = self.store.bytes(&name).unwrap_or_default();
                let mut manifest = decode(&bytes).expect("nobody damages it");
                let first = manifest.base_pieces as usize;
                if manifest.pieces.len() > first + 1 {
                    manifest.pieces.remove(first);
                    self.store.set(&name, encode(&manifest));
                }
            }
            _ => {}
        }
    }

    /// The late pieces of an instance arrive, or are gone with it.
    pub fn bring(&mut self, slot: usize, alive: bool) {
        let (due, later): (Vec<_>, Vec<_>) = self.withheld.pieces.drain(..).partition(|(of, _, _)| *of == slot);
        self.withheld.pieces = later;
        due.into_iter().filter(|_| alive).for_each(|(_, name, bytes)| self.store.set(&name, bytes));
    }

    /// Letters count as delivered at once, and arrive later, if whoever sent them is still there then.
    pub fn post_late(&mut self, instance: &mut Instance, all: bool) {
        let writer = instance.writer();
        let (due, lost): (Vec<_>, Vec<_>) = self.withheld.letters.drain(..).partition(|(of, _)| *of == writer);
        drop(lost);
        if all || self.dice.one_in(4) {
            self.letters.extend(due.into_iter().map(|(_, letter)| letter));
        } else {
            self.withheld.letters = due;
        }
        while let Some(letter) = instance.postbag.deliver(0) {
            self.withheld.letters.push((writer, place(letter)));
        }
    }

    /// Hides what a mistake does not see, before a partition begins.
    pub fn hide(&mut self, partition: i32) {
        if self.mistake == Some(Mistake::OldestImage) {
            for name in self.images_of(partition).into_iter().skip(1) {
                let bytes = self.store.bytes(&name).unwrap_or_default();
                self.store.remove(&name);
                self.withheld.images.push((name, bytes));
            }
        }
    }

    /// It is there again.
    pub fn show(&mut self) {
        std::mem::take(&mut self.withheld.images).into_iter().for_each(|(name, bytes)| self.store.set(&name, bytes));
    }

    /// Whether a partition began with an image that a clock ahead of the present one has made.
    pub fn is_ahead(&self, instance: &Instance, partition: i32) -> bool {
        let origin = instance.origins.get(&partition).map(|name| format!("g/p{partition:05}/{name}"));
        let manifest = origin.and_then(|name| self.store.bytes(&name)).and_then(|bytes| decode(&bytes).ok());
        manifest.is_some_and(|manifest| manifest.head.passed > instance.worker.clock.now())
    }

    /// Whether the windows need usage days that the newest image no longer holds; where listings are stale, some image that may pass for
    /// the newest.
    pub fn days_missing(&self, instance: &Instance, partition: i32) -> bool {
        let lacks = |name: String| {
            let head = self.store.bytes(&name).and_then(|bytes| decode(&bytes).ok()).map(|manifest| manifest.head);
            head.is_some_and(|head| instance.config.deployment.plan().frame(head.floor_at).first_usage_day() < head.floor)
        };
        let mut images = self.images_of(partition);
        match self.swarm.contains(&Kind::StaleList) {
            true => images.into_iter().any(lacks),
            false => images.pop().is_some_and(lacks),
        }
    }

    /// A partition begins with the newest image there is, where none was damaged and listings were not stale.
    pub fn newest_image(&self, instance: &Instance, partition: i32) -> Outcome {
        let Some(found) = instance.origins.get(&partition) else { return Ok(()) };
        if self.damaged || self.swarm.contains(&Kind::StaleList) {
            return Ok(());
        }
        match self.images_of(partition).pop() {
            Some(newest) if rank(&newest) > rank(found) => Err(format!("it begins with {found}, and {newest} is newer")),
            _ => Ok(()),
        }
    }
}

fn file(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

fn rank(name: &str) -> Option<(u32, i128)> {
    parse_name(file(name)).map(|name| (name.generation, name.sum.into()))
}
