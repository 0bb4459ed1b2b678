//! A generation of remembered ids: many small tables, each in order of insertion.
//!
//! The order of insertion is what makes images cheap: the ids an image holds are fixed by remembering how long each table was.
//! Tables are small because growing one moves it whole.

use super::ids::Ids;
use super::image::Scope;
use super::places::Places;
use crate::domain::calendar::Instant;
use std::sync::{Mutex, PoisonError};

/// Tables of a generation, by some bits of the id.
const TABLES: usize = 256;
/// Ids a table has room for from the start at most, however many it is said to come to.
const MOST_EXPECTED: u64 = 1 << 20;

/// The ids of events applied before `until`, and after the generation before this one ended.
#[derive(Debug)]
pub struct Generation {
    until: Instant,
    tables: Box<[Table]>,
    frozen: Option<Frozen>,
    /// Images know these ids under another name, so the next one holds them all.
    renamed: bool,
}

/// An image on its way: the name of the generation in it, and the table whose ids are handed out next.
#[derive(Clone, Copy, Debug)]
struct Frozen {
    until: Instant,
    table: usize,
}

/// Ids in order of insertion, and where each stands.
#[derive(Debug, Default)]
pub struct Table {
    ids: Ids,
    places: Places,
    /// The ids before this place are in images.
    saved: u32,
    /// The ids before this place are in the image fixed last.
    frozen: u32,
}

impl Generation {
    pub fn new(until: Instant) -> Generation {
        let tables = std::iter::repeat_with(Table::default).take(TABLES).collect();
        Generation { until, tables, frozen: None, renamed: false }
    }

    /// The record time at which the generation ends, exclusive: every id was applied before it.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// The same ids under another name.
    pub fn renamed(self, until: Instant) -> Generation {
        Generation { until, renamed: true, ..self }
    }

    #[inline]
    pub fn contains(&self, id: u128) -> bool {
        self.tables[table_of(id)].contains(id)
    }

    /// Says that an id is about to be looked for.
    #[inline]
    pub fn prefetch(&self, id: u128) {
        self.tables[table_of(id)].places.prefetch(id);
    }

    /// `false` if the id is in the generation already.
    pub fn insert(&mut self, id: u128) -> bool {
        self.tables[table_of(id)].insert(id)
    }

    pub fn len(&self) -> usize {
        self.tables.iter().map(|table| table.ids.len()).sum()
    }

    pub fn bytes(&self) -> usize {
        self.tables.iter().map(Table::bytes).sum()
    }

    /// Fixes which ids an image holds. Returns the generation's name in it, and how many ids it has by then.
    pub fn freeze(&mut self, scope: Scope) -> (Instant, u64) {
        let all = std::mem::take(&mut self.renamed) || scope == Scope::Base;
        for table in &mut self.tables {
            table.saved = if all { 0 } else { table.saved };
            table.frozen = table.len();
        }
        self.frozen = Some(Frozen { until: self.until, table: 0 });
        (self.until, self.tables.iter().map(|table| u64::from(table.frozen)).sum())
    }

    /// Whether ids of the image fixed last are still to be handed out.
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Further ids of the image fixed last, at most so many; `None` when there are no more.
    pub fn capture(&mut self, most: usize) -> Option<(Instant, Vec<u128>)> {
        let frozen = self.frozen.as_mut()?;
        let mut ids = Vec::new();
        while ids.len() < most.max(1) && frozen.table < TABLES {
            let table = &mut self.tables[frozen.table];
            let (saved, end) = (table.saved as usize, table.frozen as usize);
            let end = end.min(saved + most.max(1) - ids.len());
            table.ids.copy(saved..end, &mut ids);
            table.saved = end as u32;
            frozen.table += usize::from(table.saved == table.frozen);
        }
        let until = frozen.until;
        if ids.is_empty() {
            self.frozen = None;
            return None;
        }
        Some((until, ids))
    }

    pub fn into_tables(self) -> impl Iterator<Item = Table> {
        self.tables.into_iter()
    }
}

/// A generation on its way back from images, on several threads.
#[derive(Debug)]
pub struct Refilling {
    until: Instant,
    /// Ids that a table comes to.
    expected: usize,
    tables: Box<[Mutex<Table>]>,
}

impl Refilling {
    /// `ids` is how many there will be.
    pub fn new(until: Instant, ids: u64) -> Refilling {
        let mean = (ids / TABLES as u64).min(MOST_EXPECTED);
        // Hardly any table differs from the mean by more than four deviations.
        let expected = (mean + 4 * mean.isqrt()) as usize;
        let tables = std::iter::repeat_with(Mutex::default).take(TABLES).collect();
        Refilling { until, expected, tables }
    }

    pub fn until(&self) -> Instant {
        self.until
    }

    /// Ids of one table follow each other in images, so a table is locked for many at once.
    pub fn insert(&self, ids: &[u128]) {
        for ids in ids.chunk_by(|one, next| table_of(*one) == table_of(*next)) {
            let mut table = self.tables[table_of(ids[0])].lock().unwrap_or_else(PoisonError::into_inner);
            if table.ids.len() == 0 {
                table.places = Places::with_capacity(self.expected);
            }
            for id in ids {
                table.insert(*id);
            }
        }
    }

    /// The generation, all of whose ids are in images.
    pub fn finish(self) -> Generation {
        let settled = |table: Mutex<Table>| {
            let table = table.into_inner().unwrap_or_else(PoisonError::into_inner);
            Table { saved: table.len(), frozen: table.len(), ..table }
        };
        let tables = self.tables.into_iter().map(settled).collect();
        Generation { until: self.until, tables, frozen: None, renamed: false }
    }
}

impl Table {
    /// Memory of the ids in bytes, with free places.
    pub fn bytes(&self) -> usize {
        self.ids.bytes() + self.places.bytes()
    }

    fn len(&self) -> u32 {
        self.ids.len() as u32
    }

    #[inline]
    fn contains(&self, id: u128) -> bool {
        self.places.contains(id, &self.ids)
    }

    #[inline]
    fn insert(&mut self, id: u128) -> bool {
        if !self.places.insert(id, &self.ids) {
            return false;
        }
        self.ids.push(id);
        true
    }
}

/// Ids are keyed hashes, so any bits of them will do: these choose the table, others the place in it.
fn table_of(id: u128) -> usize {
    (id >> 64) as usize % TABLES
}
