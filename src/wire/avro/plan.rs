//! From a writer's schema to a plan: what to do with each field, in the order in which the writer wrote them.
//!
//! Everything that Avro's schema resolution decides from the two schemas alone is decided here, once: which fields are ours, how
//! their types are read as ours, which are passed over. What remains for the data to decide is the branch of a union and the
//! symbol of an enum. A type that cannot be read as ours refuses the record it is met in: as a branch of a union only when that
//! branch is taken, anywhere else always.
//!
//! Records and enums are compiled once each, however often they are named, so a plan is no larger than its schema.

use super::schema::{Fixed, Id, Kind, Schema, Tick, shown};
use super::skip::MAX_DEPTH;
use super::straight;
use crate::domain::facts::{FactKind, Interval, Status};
use std::collections::HashMap;

/// Places for the texts of a record while it is read, and for its numbers.
pub const SLOTS: usize = 4;

/// What to do with one value.
#[derive(Debug)]
pub enum Step {
    /// Nothing: the value is null, our field is missing.
    Null,
    /// Pass over so many bytes.
    Fixed(u64),
    /// Pass over a value of that type.
    Skip(Id),
    Text(u8),
    Int(u8),
    Long(u8),
    /// A long of so many ticks to the millisecond, floored.
    Floored(u8, i64),
    /// An enum; the number is that of its table of symbols.
    Symbol(u32),
    /// An array; what to do with an element, and whether elements take no bytes at all.
    Items(Box<Step>, bool),
    /// A map; what to do with a value.
    Attributes(Box<Step>),
    /// A record, by its number.
    Record(u32),
    Union(Box<[Step]>),
    /// Refuse the whole record; the number is that of the explanation.
    Refuse(u32),
}

/// How to read one of the writer's record types.
#[derive(Debug, Default)]
pub struct RecordPlan {
    pub steps: Vec<Step>,
    /// The writer's field each step begins at, for explanations.
    pub names: Vec<Box<str>>,
    /// How deep the record lies, itself included.
    pub depth: usize,
}

/// The symbols of one of the writer's enums: the position in ours, or the writer's symbol where we have none such.
pub type Symbols = Vec<Result<u8, Box<str>>>;

/// How to read data of one writer schema.
#[derive(Debug)]
pub struct Plan {
    pub root: Step,
    pub records: Vec<RecordPlan>,
    pub symbols: Vec<Symbols>,
    pub refusals: Vec<String>,
    /// Whether records are usage events with exactly our own fields, see `straight`.
    pub straight: bool,
}

/// What we want of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Want {
    Text(u8),
    Long(u8),
    /// An instant: as a long, with the writer's ticks.
    Time(u8),
    /// A double that nobody reads; its type must be right all the same.
    Double,
    Status,
    Interval,
    Items,
    Attributes,
}

type Wanted = [(&'static str, Want)];

const SUBSCRIPTION: &Wanted = &[
    ("event_id", Want::Text(0)),
    ("customer_id", Want::Text(1)),
    ("subscription_id", Want::Text(2)),
    ("currency", Want::Text(3)),
    ("effective_at", Want::Time(0)),
    ("version", Want::Long(1)),
    ("status", Want::Status),
    ("items", Want::Items),
    ("attributes", Want::Attributes),
];

const ITEM: &Wanted = &[
    ("item_id", Want::Text(0)),
    ("product_id", Want::Text(1)),
    ("plan_id", Want::Text(2)),
    ("quantity", Want::Long(0)),
    ("unit_amount_micros", Want::Long(1)),
    ("interval_count", Want::Long(2)),
    ("discount_micros", Want::Long(3)),
    ("interval", Want::Interval),
];

const USAGE: &Wanted = &[
    ("event_id", Want::Text(0)),
    ("customer_id", Want::Text(1)),
    ("meter", Want::Text(2)),
    ("currency", Want::Text(3)),
    ("used_at", Want::Time(0)),
    ("amount_micros", Want::Long(1)),
    ("quantity", Want::Double),
];

/// How deep an item lies: inside the subscription and its array.
const ITEM_DEPTH: usize = 3;

impl Plan {
    /// Compiles a schema; the error says why no record of it can be read as ours.
    pub fn compile(schema: &Schema, kind: FactKind) -> Result<Plan, String> {
        let fields = match kind {
            FactKind::Subscription => SUBSCRIPTION,
            FactKind::Usage => USAGE,
        };
        let plan = Plan { root: Step::Null, records: Vec::new(), symbols: Vec::new(), refusals: Vec::new(), straight: false };
        let mut compiler = Compiler { schema, plan, records: HashMap::new(), symbols: HashMap::new(), refusals: HashMap::new() };
        let root = compiler.either(schema.root, &mut |compiler, id| compiler.record(id, fields, 1, "the schema"));
        let mut plan = compiler.plan;
        match root {
            Ok(root) => plan.root = root,
            Err(refusal) => return Err(plan.refusals.swap_remove(refusal as usize)),
        }
        plan.straight = match (kind, &plan.root) {
            (FactKind::Usage, Step::Record(number)) => straight::is_usage(&plan.records[*number as usize].steps),
            _ => false,
        };
        Ok(plan)
    }
}

/// Number of an explanation.
type Refusal = u32;

struct Compiler<'s> {
    schema: &'s Schema,
    plan: Plan,
    /// Records compiled so far, by type and depth.
    records: HashMap<(Id, usize), Result<u32, Refusal>>,
    symbols: HashMap<(Id, Want), u32>,
    refusals: HashMap<String, Refusal>,
}

impl Compiler<'_> {
    /// Compiles a type, or each branch of a union, of which those that cannot be read are refused when they are met.
    fn either(&mut self, id: Id, one: &mut dyn FnMut(&mut Self, Id) -> Result<Step, Refusal>) -> Result<Step, Refusal> {
        let schema = self.schema;
        let Kind::Union(branches) = &schema.get(id).kind else { return one(self, id) };
        let steps = branches.iter().map(|branch| one(self, *branch).unwrap_or_else(Step::Refuse));
        Ok(Step::Union(steps.collect()))
    }

    fn record(&mut self, id: Id, wanted: &Wanted, depth: usize, what: &str) -> Result<Step, Refusal> {
        let schema = self.schema;
        let Kind::Record(fields) = &schema.get(id).kind else {
            return Err(self.mismatch(what, id, "a record"));
        };
        if let Some(known) = self.records.get(&(id, depth)) {
            return known.map(Step::Record);
        }
        let mut record = RecordPlan { depth, ..RecordPlan::default() };
        let mut steps = fields.iter().map(|field| self.field(field.id, &field.name, wanted, &mut record));
        let compiled = steps.find_map(Result::err).map_or(Ok(()), Err);
        drop(steps);
        let compiled = compiled.map(|()| {
            self.plan.records.push(record);
            self.plan.records.len() as u32 - 1
        });
        self.records.insert((id, depth), compiled);
        compiled.map(Step::Record)
    }

    fn field(&mut self, id: Id, name: &str, wanted: &Wanted, record: &mut RecordPlan) -> Result<(), Refusal> {
        let step = match wanted.iter().find(|(ours, _)| *ours == name) {
            Some((_, want)) => self.either(id, &mut |compiler, id| compiler.value(id, *want, name, record.depth))?,
            None => self.skip(id, record.depth)?,
        };
        match (record.steps.last_mut(), step) {
            (_, Step::Null | Step::Fixed(0)) => {}
            (Some(Step::Fixed(before)), Step::Fixed(width)) => *before = before.saturating_add(width),
            (_, step) => {
                record.steps.push(step);
                record.names.push(name.into());
            }
        }
        Ok(())
    }

    fn value(&mut self, id: Id, want: Want, name: &str, depth: usize) -> Result<Step, Refusal> {
        let schema = self.schema;
        Ok(match (want, &schema.get(id).kind) {
            (_, Kind::Null) => Step::Null,
            (Want::Text(slot), Kind::String | Kind::Bytes) => Step::Text(slot),
            (Want::Long(slot) | Want::Time(slot), Kind::Int) => Step::Int(slot),
            (Want::Time(slot), Kind::Long(Tick::Micros)) => Step::Floored(slot, 1_000),
            (Want::Time(slot), Kind::Long(Tick::Nanos)) => Step::Floored(slot, 1_000_000),
            (Want::Long(slot) | Want::Time(slot), Kind::Long(_)) => Step::Long(slot),
            (Want::Double, Kind::Int | Kind::Long(_) | Kind::Float | Kind::Double) => self.skip(id, depth)?,
            (Want::Status | Want::Interval, Kind::Enum(symbols)) => Step::Symbol(self.table(id, want, symbols)),
            (Want::Items, Kind::Array(item)) => self.items(*item)?,
            (Want::Attributes, Kind::Map(value)) => self.attributes(*value)?,
            _ => return Err(self.mismatch(&format!("the field {name}"), id, wanted_type(want))),
        })
    }

    fn items(&mut self, item: Id) -> Result<Step, Refusal> {
        let element = self.either(item, &mut |compiler, id| compiler.record(id, ITEM, ITEM_DEPTH, "an element of items"))?;
        let no_bytes = self.schema.get(item).fixed.is_some_and(|fixed| fixed.width == 0);
        Ok(Step::Items(Box::new(element), no_bytes))
    }

    fn attributes(&mut self, value: Id) -> Result<Step, Refusal> {
        let want = |compiler: &mut Self, id| compiler.value(id, Want::Text(0), "attributes", MAX_DEPTH);
        Ok(Step::Attributes(Box::new(self.either(value, &mut { want })?)))
    }

    fn skip(&mut self, id: Id, depth: usize) -> Result<Step, Refusal> {
        match self.schema.get(id).fixed {
            Some(Fixed { height, .. }) if depth + height as usize > MAX_DEPTH => {
                Err(self.refusal(format!("it nests over {MAX_DEPTH} deep")))
            }
            Some(Fixed { width, .. }) => Ok(Step::Fixed(width)),
            None => Ok(Step::Skip(id)),
        }
    }

    fn table(&mut self, id: Id, want: Want, symbols: &[Box<str>]) -> u32 {
        let ours: Vec<&str> = match want {
            Want::Status => Status::SYMBOLS.iter().map(|(symbol, _)| *symbol).collect(),
            _ => Interval::SYMBOLS.iter().map(|(symbol, _)| *symbol).collect(),
        };
        let read =
            |symbol: &str| ours.iter().position(|ours| *ours == symbol).map(|ours| ours as u8).ok_or_else(|| symbol.into());
        *self.symbols.entry((id, want)).or_insert_with(|| {
            self.plan.symbols.push(symbols.iter().map(|symbol| read(symbol)).collect());
            self.plan.symbols.len() as u32 - 1
        })
    }

    fn mismatch(&mut self, what: &str, id: Id, wanted: &str) -> Refusal {
        let found = self.schema.get(id);
        let kind = match &found.kind {
            Kind::Null => "null",
            Kind::Boolean => "a boolean",
            Kind::Int => "an int",
            Kind::Long(_) => "a long",
            Kind::Float => "a float",
            Kind::Double => "a double",
            Kind::Bytes => "bytes",
            Kind::String => "a string",
            Kind::Fixed(_) => "a fixed",
            Kind::Enum(_) => "an enum",
            Kind::Array(_) => "an array",
            Kind::Map(_) => "a map",
            Kind::Union(_) => "a union",
            Kind::Record(_) => "a record",
        };
        let name = found.name.as_deref().map(|name| format!(" {}", shown(name))).unwrap_or_default();
        self.refusal(format!("{what} is {kind}{name}; it must be {wanted}"))
    }

    fn refusal(&mut self, why: String) -> Refusal {
        *self.refusals.entry(why).or_insert_with_key(|why| {
            self.plan.refusals.push(why.clone());
            self.plan.refusals.len() as u32 - 1
        })
    }
}

fn wanted_type(want: Want) -> &'static str {
    match want {
        Want::Text(_) => "a string, or bytes that are UTF-8",
        Want::Long(_) => "a long or an int",
        Want::Time(_) => "a timestamp (millis, micros or nanos), a long or an int",
        Want::Double => "a double, float, long or int",
        Want::Status | Want::Interval => "an enum",
        Want::Items => "an array of records",
        Want::Attributes => "a map of strings",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(fields: &str) -> String {
        let text = format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#);
        match Plan::compile(&Schema::parse(&text, &[]).unwrap(), FactKind::Usage) {
            Ok(plan) => format!("{:?}", plan.records.last().unwrap().steps),
            Err(why) => why,
        }
    }

    #[test]
    fn fields_become_steps_in_the_writers_order() {
        let table = [
            ("", "[]"),
            (r#"{"name":"currency","type":"string"},{"name":"event_id","type":"bytes"}"#, "[Text(3), Text(0)]"),
            (r#"{"name":"used_at","type":{"type":"long","logicalType":"timestamp-nanos"}}"#, "[Floored(0, 1000000)]"),
            (r#"{"name":"amount_micros","type":{"type":"long","logicalType":"timestamp-nanos"}}"#, "[Long(1)]"),
            (r#"{"name":"amount_micros","type":"int"},{"name":"meter","type":"null"}"#, "[Int(1)]"),
            (r#"{"name":"quantity","type":"double"},{"name":"x","type":"null"},{"name":"y","type":"float"}"#, "[Fixed(12)]"),
            (r#"{"name":"quantity","type":["null","float"]},{"name":"x","type":"float"}"#, "[Union([Null, Fixed(4)]), Fixed(4)]"),
            (r#"{"name":"meter","type":["null","string","boolean"]}"#, "[Union([Null, Text(2), Refuse(0)])]"),
            (r#"{"name":"Meter","type":"string"}"#, "[Skip(7)]"),
            (
                r#"{"name":"meter","type":"boolean"}"#,
                "the field meter is a boolean; it must be a string, or bytes that are UTF-8",
            ),
        ];
        for (fields, expected) in table {
            assert_eq!(steps(fields), expected, "{fields}");
        }
    }
}
