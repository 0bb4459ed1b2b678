//! Carries out a plan: bytes in, a fact out, text borrowed from the bytes.
//!
//! A usage event takes no allocation, and where the writer has our own schema it is read without looking at steps (`straight`). A
//! subscription's items and attributes are kept in memory in proportion to what can be accepted: of items beyond the first 1,001,
//! which are rejected anyway, only those that decide the reason; of attributes with equal keys, from time to time, only the last.

use super::cursor::{Cursor, Fault};
use super::plan::{Plan, RecordPlan, SLOTS, Step};
use super::skip::{MAX_DEPTH, Shapes};
use super::straight;
use crate::domain::accept::{self, MAX_ITEMS};
use crate::domain::facts::{FactKind, Interval, RawFact, RawItem, RawSubscription, RawUsage, Reason, Status};
use std::collections::HashMap;

/// A fault and the step at which it was met.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    pub fault: Fault,
    /// Record and step of the plan, of the innermost record.
    pub place: Option<(u32, u32)>,
}

/// Our fields of a record while it is read, of whichever kind; slots as the plan numbers them.
#[derive(Default)]
struct Row<'a> {
    texts: [Option<&'a str>; SLOTS],
    longs: [Option<i64>; SLOTS],
    symbol: Option<u8>,
    items: Option<Vec<RawItem<'a>>>,
    attributes: Vec<(&'a str, Option<&'a str>)>,
}

/// Reads the record at the cursor.
#[inline]
pub fn fact<'a>(plan: &Plan, shapes: &Shapes, kind: FactKind, cursor: &mut Cursor<'a>) -> Result<RawFact<'a>, Trouble> {
    if plan.straight {
        let start = *cursor;
        if let Ok(usage) = straight::usage(cursor) {
            return Ok(RawFact::Usage(usage));
        }
        *cursor = start;
    }
    by_plan(plan, shapes, kind, cursor)
}

fn by_plan<'a>(plan: &Plan, shapes: &Shapes, kind: FactKind, cursor: &mut Cursor<'a>) -> Result<RawFact<'a>, Trouble> {
    let mut row = Row::default();
    let mut reading = Reading { plan, shapes, place: None };
    if let Err(fault) = reading.step(&plan.root, cursor, &mut row, 0) {
        return Err(Trouble { fault, place: reading.place });
    }
    Ok(match kind {
        FactKind::Subscription => RawFact::Subscription(row.subscription()),
        FactKind::Usage => RawFact::Usage(row.usage()),
    })
}

struct Reading<'p> {
    plan: &'p Plan,
    shapes: &'p Shapes,
    /// Where the fault was met, once there is one.
    place: Option<(u32, u32)>,
}

impl<'p> Reading<'p> {
    fn record<'a>(&mut self, number: u32, cursor: &mut Cursor<'a>, row: &mut Row<'a>) -> Result<(), Fault> {
        let record: &RecordPlan = &self.plan.records[number as usize];
        for (index, step) in record.steps.iter().enumerate() {
            if let Err(fault) = self.step(step, cursor, row, record.depth) {
                self.place = self.place.or(Some((number, index as u32)));
                return Err(fault);
            }
        }
        Ok(())
    }

    /// The steps that nearly all events consist of; the others have a function of their own, so that this one can be inlined.
    #[inline(always)]
    fn step<'a>(&mut self, step: &'p Step, cursor: &mut Cursor<'a>, row: &mut Row<'a>, depth: usize) -> Result<(), Fault> {
        match step {
            Step::Text(slot) => row.texts[*slot as usize % SLOTS] = Some(cursor.text()?),
            Step::Long(slot) => row.longs[*slot as usize % SLOTS] = Some(cursor.long()?),
            Step::Fixed(width) => cursor.skip(*width)?,
            other => self.rarer_step(other, cursor, row, depth)?,
        }
        Ok(())
    }

    fn rarer_step<'a>(&mut self, step: &'p Step, cursor: &mut Cursor<'a>, row: &mut Row<'a>, depth: usize) -> Result<(), Fault> {
        match step {
            Step::Text(_) | Step::Long(_) | Step::Fixed(_) => self.step(step, cursor, row, depth)?,
            Step::Null => {}
            Step::Skip(id) => self.shapes.skip(cursor, *id, depth, MAX_DEPTH)?,
            Step::Int(slot) => row.longs[*slot as usize % SLOTS] = Some(cursor.int()?),
            Step::Floored(slot, ticks) => row.longs[*slot as usize % SLOTS] = Some(cursor.long()?.div_euclid(*ticks)),
            Step::Symbol(table) => row.symbol = Some(self.symbol(*table, cursor)?),
            Step::Union(branches) => self.step(cursor.branch(branches)?, cursor, row, depth)?,
            Step::Record(number) => self.record(*number, cursor, row)?,
            Step::Items(element, no_bytes) => row.items = Some(self.items(element, *no_bytes, cursor)?),
            Step::Attributes(value) => row.attributes = self.attributes(value, cursor)?,
            Step::Refuse(why) => return Err(Fault::Refused(*why)),
        }
        Ok(())
    }

    fn symbol(&self, table: u32, cursor: &mut Cursor) -> Result<u8, Fault> {
        let index = cursor.long()?;
        let symbols = &self.plan.symbols[table as usize];
        match usize::try_from(index).ok().and_then(|index| symbols.get(index)) {
            Some(Ok(ours)) => Ok(*ours),
            Some(Err(_)) => Err(Fault::Symbol { table, index: index as u32 }),
            None => Err(Fault::Index(index)),
        }
    }

    fn items<'a>(&mut self, element: &'p Step, no_bytes: bool, cursor: &mut Cursor<'a>) -> Result<Vec<RawItem<'a>>, Fault> {
        let mut items = Items::default();
        while let Some(block) = cursor.block()? {
            // Elements without bytes are all alike: no more are read than are kept.
            let count = if no_bytes { block.count.min(MAX_ITEMS as u64 + 1) } else { block.count };
            for _ in 0..count {
                let mut row = Row::default();
                self.step(element, cursor, &mut row, 0)?;
                items.push(row.item());
            }
            cursor.close(block.end)?;
        }
        Ok(items.kept)
    }

    fn attributes<'a>(&mut self, value: &'p Step, cursor: &mut Cursor<'a>) -> Result<Vec<(&'a str, Option<&'a str>)>, Fault> {
        let mut entries = Vec::new();
        let mut compact_at = COMPACT_FROM;
        while let Some(block) = cursor.block()? {
            for _ in 0..block.count {
                let key = cursor.text()?;
                let mut row = Row::default();
                self.step(value, cursor, &mut row, 0)?;
                entries.push((key, row.texts[0]));
                if entries.len() >= compact_at {
                    entries = compacted(entries);
                    compact_at = COMPACT_FROM.max(2 * entries.len());
                }
            }
            cursor.close(block.end)?;
        }
        Ok(entries)
    }
}

/// From so many entries on, those that a later one replaces are dropped now and then.
const COMPACT_FROM: usize = 1 << 14;

/// The last entry of each key, without nulls.
fn compacted<'a>(entries: Vec<(&'a str, Option<&'a str>)>) -> Vec<(&'a str, Option<&'a str>)> {
    let last: HashMap<&str, Option<&str>> = entries.into_iter().collect();
    last.into_iter().filter(|(_, value)| value.is_some()).collect()
}

/// Items as far as they matter for acceptance.
#[derive(Default)]
struct Items<'a> {
    kept: Vec<RawItem<'a>>,
    /// The first reason in order of precedence among the items kept beyond the limit.
    least: Option<Reason>,
}

impl<'a> Items<'a> {
    fn push(&mut self, item: RawItem<'a>) {
        if self.kept.len() <= MAX_ITEMS {
            return self.kept.push(item);
        }
        if self.least == Some(Reason::MissingId) {
            return;
        }
        let reason = accept::item_reason(&item);
        if reason.is_some_and(|reason| self.least.is_none_or(|least| reason < least)) {
            self.least = reason;
            self.kept.push(item);
        }
    }
}

impl<'a> Row<'a> {
    fn usage(self) -> RawUsage<'a> {
        let ([event_id, customer_id, meter, currency], [used_at, amount_micros, ..]) = (self.texts, self.longs);
        RawUsage { event_id, customer_id, used_at, meter, amount_micros, currency }
    }

    fn subscription(self) -> RawSubscription<'a> {
        let ([event_id, customer_id, subscription_id, currency], [effective_at, version, ..]) = (self.texts, self.longs);
        let status = self.symbol.map(|symbol| Status::SYMBOLS[symbol as usize].1);
        let (items, attributes) = (self.items, self.attributes);
        RawSubscription { event_id, customer_id, subscription_id, effective_at, version, status, currency, items, attributes }
    }

    fn item(self) -> RawItem<'a> {
        let ([item_id, product_id, plan_id, _], [quantity, unit_amount_micros, interval_count, discount_micros]) =
            (self.texts, self.longs);
        let interval = self.symbol.map(|symbol| Interval::SYMBOLS[symbol as usize].1);
        RawItem { item_id, product_id, plan_id, quantity, unit_amount_micros, interval, interval_count, discount_micros }
    }
}
