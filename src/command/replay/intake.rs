//! Files to state: every record is counted once, as rejected, left out, duplicate or taken up, in this order.

use super::rejects::Rejects;
use crate::domain::accept;
use crate::domain::calendar::Instant;
use crate::domain::facts::{FactKind, RawFact, Rejection};
use crate::engine::dedup::Memory;
use crate::engine::plan::Plan;
use crate::engine::shard::{Shard, UsageVerdict};
use crate::wire::container::{Failure as Broken, Reader, Record};
use crate::wire::report::EventCounts;
use anyhow::{Context, anyhow};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

/// So many records from one word of progress to the next.
const PROGRESS_EVERY: u64 = 100_000;

/// The state and the counts of a replay.
pub struct Intake {
    plan: Arc<Plan>,
    as_of: Instant,
    pub shard: Shard,
    pub counts: EventCounts,
    rejects: Rejects,
    progress: Progress,
}

impl Intake {
    /// With `live`, totals are kept from the first fact on.
    pub fn new(plan: Arc<Plan>, as_of: Instant, live: bool, rejects: Rejects) -> Intake {
        // Ids of a replay come from whoever wrote the files: the key keeps them from choosing collisions.
        let key = (RandomState::new().hash_one(0), RandomState::new().hash_one(1));
        let mut shard = Shard::new(Arc::clone(&plan), Memory::All, key);
        // Nothing at or after `as_of` is taken up, so nothing has to wait for its time.
        shard.observe_clock(as_of);
        if live {
            shard.go_live(as_of);
        }
        Intake { plan, as_of, shard, counts: EventCounts::default(), rejects, progress: Progress::new() }
    }

    /// Reads a file to its end. A damaged file ends early: a sentence says where, what came before it counts.
    ///
    /// # Errors
    /// The file cannot be opened, or rejected events cannot be written.
    pub fn read(&mut self, kind: FactKind, path: &Path) -> anyhow::Result<Option<String>> {
        let file = open(path)?;
        let result = self.records(kind, path, file);
        self.progress.clear();
        match result {
            Ok(()) => Ok(None),
            Err(Stop::File(broken)) => Ok(Some(format!("{}: {broken}; the report counts what was read before", path.display()))),
            Err(Stop::Rejects(error)) => Err(error),
        }
    }

    /// Writes what is still in memory of the rejected events.
    pub fn close(&mut self) -> anyhow::Result<()> {
        self.rejects.close()
    }

    fn records(&mut self, kind: FactKind, path: &Path, file: File) -> Result<(), Stop> {
        let mut reader = Reader::open(file, kind)?;
        while let Some(record) = reader.next_record()? {
            self.progress.tick();
            self.record(path, &record).map_err(Stop::Rejects)?;
        }
        Ok(())
    }

    fn record(&mut self, path: &Path, record: &Record) -> anyhow::Result<()> {
        let taken = match &record.fact {
            Ok(RawFact::Subscription(raw)) => accept::subscription(raw, &self.plan.rates).map(|fact| {
                let before = fact.effective_at < self.as_of;
                if before {
                    self.shard.apply_subscription(&fact);
                }
                *(if before { &mut self.counts.subscriptions } else { &mut self.counts.after_as_of }) += 1;
            }),
            Ok(RawFact::Usage(raw)) => accept::usage(raw, &self.plan.rates, None).map(|fact| match fact.used_at < self.as_of {
                false => self.counts.after_as_of += 1,
                true => match self.shard.apply_usage(&fact, None) {
                    UsageVerdict::Applied(_) => self.counts.usage += 1,
                    UsageVerdict::Duplicate => self.counts.duplicates += 1,
                },
            }),
            Err(rejection) => Err(rejection.clone()),
        };
        taken.or_else(|rejection| self.reject(path, record, &rejection))
    }

    fn reject(&mut self, path: &Path, record: &Record, rejection: &Rejection) -> anyhow::Result<()> {
        self.counts.reject(rejection.reason);
        self.rejects.write(path, record.position, rejection).context("replay")
    }
}

/// Opens a file to be read.
pub fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).map_err(|error| anyhow!("{} cannot be read: {error}; name a readable container file", path.display()))
}

/// Why a file is not read on.
enum Stop {
    File(Broken),
    Rejects(anyhow::Error),
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Stop {
        Stop::File(broken)
    }
}

/// How far the replay is, on a terminal only.
struct Progress {
    records: u64,
    shown: bool,
    terminal: bool,
}

impl Progress {
    fn new() -> Progress {
        Progress { records: 0, shown: false, terminal: std::io::stderr().is_terminal() }
    }

    fn tick(&mut self) {
        self.records += 1;
        if self.terminal && self.records.is_multiple_of(PROGRESS_EVERY) {
            self.shown = true;
            let _ = write!(std::io::stderr(), "\r{} events read", self.records);
        }
    }

    /// Takes the line away, so that what follows begins on a clean one.
    fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}
