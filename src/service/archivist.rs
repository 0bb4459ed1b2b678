//! The archivists: threads that write images into the store.
//!
//! A task is one image of one partition, and one archivist sees it through. Whatever fails is tried again, with growing pauses, for as
//! long as somebody wants the image: dropping the keeper's end of a task abandons it, and what it has written is collected later.

use super::{Control, Failure, spawn};
use crate::adapter::clock::Clock;
use crate::adapter::store::Error;
use crate::adapter::store::archive::{Archive, Writing};
use crate::wire::checkpoint::{Manifest, Section};
use crate::wire::telemetry::Telemetry;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as Moment};

/// Images written at once: one that waits for the store should not hold up the others.
const THREADS: usize = 4;
/// Pauses between tries grow from the first to the last.
pub const FIRST_PAUSE: Duration = Duration::from_millis(250);
pub const LAST_PAUSE: Duration = Duration::from_secs(15);
/// How often old images of a partition are removed.
const CLEAN_EVERY: Duration = Duration::from_secs(600);

/// What a keeper hands over.
pub enum Part {
    Section(Section),
    /// Everything was handed over; the manifest lacks its pieces.
    Finish(Box<Manifest>),
}

/// One image of one partition.
pub struct Task {
    partition: i32,
    /// The manifest as it was begun, and the image that it continues.
    begun: Box<Manifest>,
    before: Option<Arc<Manifest>>,
    parts: Receiver<Part>,
    saved: Sender<Arc<Manifest>>,
    /// Closed when the keeper no longer wants the image.
    wanted: Receiver<()>,
    since: Moment,
}

/// The keeper's end of a task; dropping it abandons the image.
pub struct Wish {
    pub parts: Sender<Part>,
    pub saved: Receiver<Arc<Manifest>>,
    _wanted: Sender<()>,
}

impl Task {
    /// The manifest as it was begun: without pieces.
    pub fn begun(&self) -> &Manifest {
        &self.begun
    }

    /// The task of writing an image that continues another, and the keeper's end of it.
    pub fn new(manifest: &Manifest, before: Option<Arc<Manifest>>) -> (Task, Wish) {
        let ((give, parts), (tell, saved), (want, wanted)) = (unbounded(), bounded(1), bounded(0));
        let (partition, begun) = (manifest.identity.partition, Box::new(manifest.clone()));
        let task = Task { partition, begun, before, parts, saved: tell, wanted, since: Moment::now() };
        (task, Wish { parts: give, saved, _wanted: want })
    }
}

/// Where images are handed in. Clones hand in to the same threads.
#[derive(Clone)]
pub struct Archivists {
    tasks: Sender<Task>,
    writer: u64,
}

impl Archivists {
    /// Starts the threads. `writer` is the random name of this process.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn hire(
        archive: &Archive,
        writer: u64,
        clock: Clock,
        telemetry: &Arc<Telemetry>,
        control: &Sender<Control>,
    ) -> Result<Archivists, Failure> {
        let (archivists, tasks) = Archivists::unattended(writer);
        let cleaned = Arc::new(Mutex::new(HashMap::new()));
        for number in 0..THREADS {
            let archivist = Archivist { archive: archive.clone(), clock, telemetry: telemetry.clone(), cleaned: cleaned.clone() };
            let tasks = tasks.clone();
            let work = move || tasks.iter().for_each(|task| archivist.see_through(task));
            spawn(&format!("archivist-{number}"), control.clone(), work)?;
        }
        Ok(archivists)
    }

    /// Without threads: tasks wait for whoever holds the receiver.
    pub fn unattended(writer: u64) -> (Archivists, Receiver<Task>) {
        let (give, tasks) = unbounded();
        (Archivists { tasks: give, writer }, tasks)
    }

    pub fn writer(&self) -> u64 {
        self.writer
    }

    /// Hands in an image. Nobody takes it only when the process is ending.
    pub fn give(&self, task: Task) {
        let _ = self.tasks.send(task);
    }
}

/// Writes images.
#[derive(Clone)]
pub struct Archivist {
    pub archive: Archive,
    pub clock: Clock,
    pub telemetry: Arc<Telemetry>,
    /// When old images of a partition were removed last.
    pub cleaned: Arc<Mutex<HashMap<i32, Moment>>>,
}

impl Archivist {
    /// Writes one image, whatever it takes.
    fn see_through(&self, task: Task) {
        let parts = task.parts.clone();
        let mut work = self.begin(task);
        for part in parts.iter() {
            match self.insist(&mut work, part) {
                None | Some(Progress::Saved) => break,
                Some(Progress::More) => {}
            }
        }
    }

    /// Begins to write.
    pub fn begin(&self, task: Task) -> Work {
        self.telemetry.checkpoints.add(1);
        let Manifest { identity, writer, sequence, .. } = &*task.begun;
        let writing = self.archive.write(identity, *writer, *sequence, task.before.clone());
        Work { writing, begun: self.clock.steady(), task, finishing: None }
    }

    /// Takes a part until it is taken; `None` if nobody wants the image any more.
    fn insist(&self, work: &mut Work, part: Part) -> Option<Progress> {
        let (mut pause, mut taken) = (FIRST_PAUSE, self.take(work, Some(part)));
        loop {
            match taken {
                Ok(progress) => return Some(progress),
                Err(error @ (Error::NotFound { .. } | Error::AlreadyExists { .. })) => {
                    tracing::error!(partition = work.task.partition, %error, "a checkpoint cannot be completed; the next one is a base");
                    return None;
                }
                Err(error) => {
                    tracing::error!(partition = work.task.partition, %error, "a checkpoint was not written; trying again")
                }
            }
            if !work.is_wanted(pause) {
                return None;
            }
            pause = (pause * 2).min(LAST_PAUSE);
            self.telemetry.checkpoints.add(1);
            taken = self.take(work, None);
        }
    }

    /// Takes a part, or goes on with the one that failed.
    ///
    /// # Errors
    /// The store failed; nothing is lost, go on with `None`.
    pub fn take(&self, work: &mut Work, part: Option<Part>) -> Result<Progress, Error> {
        let taken = match part {
            Some(Part::Section(section)) => work.writing.push(&section).map(|()| Progress::More),
            Some(Part::Finish(manifest)) => {
                work.finishing = Some(manifest);
                self.finish(work)
            }
            None if work.finishing.is_some() => self.finish(work),
            None => work.writing.retry().map(|()| Progress::More),
        };
        taken.inspect_err(|_| self.telemetry.checkpoint_failures.add(1))
    }

    fn finish(&self, work: &mut Work) -> Result<Progress, Error> {
        let Some(manifest) = &work.finishing else { return Ok(Progress::More) };
        let saved = work.writing.finish(manifest, self.clock.steady().saturating_duration_since(work.begun))?;
        self.telemetry.checkpoint_duration.observe(work.task.since.elapsed());
        let known = work.task.before.as_ref().map_or(0, |before| before.pieces.len());
        self.telemetry.checkpoint_bytes.add(saved.pieces.iter().skip(known).map(|piece| piece.length).sum());
        // The keeper has gone only if nobody wants to know.
        let _ = work.task.saved.send(saved);
        self.clean(work.task.partition);
        Ok(Progress::Saved)
    }

    /// Removes old images of a partition from time to time; whatever fails is done the next time.
    fn clean(&self, partition: i32) {
        let mut cleaned = self.cleaned.lock().unwrap_or_else(PoisonError::into_inner);
        let due = cleaned.get(&partition).is_none_or(|at| at.elapsed() >= CLEAN_EVERY);
        if due {
            cleaned.insert(partition, Moment::now());
            drop(cleaned);
            match self.archive.clean(partition, self.clock.now()) {
                Ok(removed) => tracing::debug!(partition, ?removed, "removed old checkpoints"),
                Err(error) => tracing::warn!(partition, %error, "old checkpoints were not removed; trying again later"),
            }
        }
    }
}

/// An image that is being written.
pub struct Work {
    task: Task,
    writing: Writing,
    begun: Moment,
    finishing: Option<Box<Manifest>>,
}

impl Work {
    /// The parts that have been handed over.
    pub fn parts(&self) -> &Receiver<Part> {
        &self.task.parts
    }

    /// Waits; whether the keeper still wants the image.
    pub fn is_wanted(&self, pause: Duration) -> bool {
        self.task.wanted.recv_timeout(pause) == Err(RecvTimeoutError::Timeout)
    }
}

/// How far writing an image has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    More,
    Saved,
}
