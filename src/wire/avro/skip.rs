//! Passing over values by their structure: fields that are not ours, and whole records whose end must be found.
//!
//! Skipped values are not checked (text may be anything), but they are bounded: each step consumes bytes or ends. Runs of
//! types of fixed size are one step, a block of such elements too, so neither a record of a million nulls nor a count of a
//! billion empty records costs time. The walk keeps its own stack, so no input can exhaust the thread's.

use super::cursor::{Cursor, Fault};
use super::schema::{Fixed, Id, Kind, Schema, Type};
use std::slice::Iter;

/// How deep values may nest in a record: records, arrays and maps count, the record itself is one deep.
pub const MAX_DEPTH: usize = 64;
/// How deep values are followed when only the end of a record is sought.
pub const MAX_WALK_DEPTH: usize = 1_000_000;

/// What a type is to somebody who only wants its end.
#[derive(Debug)]
enum Shape {
    Fixed(Fixed),
    Number,
    Text,
    Array(Id),
    Map(Id),
    Union(Box<[Id]>),
    Record(Box<[Id]>),
}

/// The shapes of a schema's types, under the same numbers.
#[derive(Debug)]
pub struct Shapes {
    shapes: Vec<Shape>,
    root: Id,
}

enum Frame<'s> {
    Fields(Iter<'s, Id>),
    Elements { id: Id, keyed: bool, end: Option<usize>, left: u64 },
}

impl Shapes {
    /// Takes what is needed from a schema.
    pub fn of(schema: &Schema) -> Shapes {
        let mut runs = Vec::new();
        let mut shapes: Vec<Shape> = schema.types.iter().map(|this| shape(schema, this, &mut runs)).collect();
        shapes.extend(runs.into_iter().map(Shape::Fixed));
        Shapes { shapes, root: schema.root }
    }

    /// Passes over a value that lies inside `depth` others. Fails with [`Fault::Deep`] beyond `limit`.
    pub fn skip(&self, cursor: &mut Cursor, id: Id, depth: usize, limit: usize) -> Result<(), Fault> {
        let mut stack: Vec<Frame> = Vec::new();
        let mut next = Some(id);
        loop {
            if let Some(id) = next.take()
                && let Some(frame) = self.enter(cursor, id, depth + stack.len(), limit)?
            {
                stack.push(frame);
            }
            let inside = depth + stack.len();
            let Some(top) = stack.last_mut() else { return Ok(()) };
            next = self.advance(cursor, top, inside, limit)?;
            if next.is_none() {
                stack.pop();
            }
        }
    }

    /// Length of the record at the start of `bytes`, `None` where it has no end. Nesting without a byte a level is endless once
    /// it is deeper than there are types, so the stack stays in proportion to the input too.
    pub fn length(&self, bytes: &[u8]) -> Option<usize> {
        let mut cursor = Cursor::new(bytes);
        let limit = (bytes.len() + self.shapes.len()).min(MAX_WALK_DEPTH);
        self.skip(&mut cursor, self.root, 0, limit).ok()?;
        Some(bytes.len() - cursor.left())
    }

    /// Passes over a value without parts, or opens one that has some.
    fn enter(&self, cursor: &mut Cursor, id: Id, depth: usize, limit: usize) -> Result<Option<Frame<'_>>, Fault> {
        let frame = match &self.shapes[id as usize] {
            Shape::Union(branches) => {
                let branch = *cursor.branch(branches)?;
                return self.enter(cursor, branch, depth, limit);
            }
            Shape::Fixed(fixed) => return pass(cursor, *fixed, 1, depth, limit).map(|()| None),
            Shape::Number => return cursor.skip_number().map(|()| None),
            Shape::Text => return cursor.skip_text().map(|()| None),
            Shape::Record(fields) => Frame::Fields(fields.iter()),
            Shape::Array(id) => Frame::Elements { id: *id, keyed: false, end: None, left: 0 },
            Shape::Map(id) => Frame::Elements { id: *id, keyed: true, end: None, left: 0 },
        };
        if depth < limit { Ok(Some(frame)) } else { Err(Fault::Deep) }
    }

    /// The next part to pass over, `None` when there is no more.
    fn advance(&self, cursor: &mut Cursor, frame: &mut Frame, depth: usize, limit: usize) -> Result<Option<Id>, Fault> {
        let (id, keyed, end, left) = match frame {
            Frame::Fields(fields) => return Ok(fields.next().copied()),
            Frame::Elements { id, keyed, end, left } => (*id, *keyed, end, left),
        };
        while *left == 0 {
            cursor.close(end.take())?;
            let Some(head) = cursor.block()? else { return Ok(None) };
            (*left, *end) = (head.count, head.end);
            if let (Shape::Fixed(fixed), false) = (&self.shapes[id as usize], keyed) {
                pass(cursor, *fixed, head.count, depth, limit)?;
                *left = 0;
            }
        }
        *left -= 1;
        if keyed {
            cursor.skip_text()?;
        }
        Ok(Some(id))
    }
}

/// Passes over `count` values of a fixed size at once.
fn pass(cursor: &mut Cursor, fixed: Fixed, count: u64, depth: usize, limit: usize) -> Result<(), Fault> {
    if depth + fixed.height as usize > limit {
        return Err(Fault::Deep);
    }
    cursor.skip(fixed.width.checked_mul(count).ok_or(Fault::Cut)?)
}

fn shape(schema: &Schema, this: &Type, runs: &mut Vec<Fixed>) -> Shape {
    if let Some(fixed) = this.fixed {
        return Shape::Fixed(fixed);
    }
    match &this.kind {
        Kind::Array(id) => Shape::Array(*id),
        Kind::Map(id) => Shape::Map(*id),
        Kind::Union(branches) => Shape::Union(branches.as_slice().into()),
        Kind::Bytes | Kind::String => Shape::Text,
        Kind::Record(fields) => {
            let first_run = schema.types.len();
            let mut steps: Vec<Id> = Vec::new();
            let mut open = false;
            for field in fields {
                match schema.get(field.id).fixed {
                    Some(fixed) if open => {
                        let last = runs.len() - 1;
                        runs[last] = runs[last].and(fixed);
                    }
                    Some(fixed) if fixed != Fixed::default() => {
                        steps.push((first_run + runs.len()) as Id);
                        runs.push(fixed);
                        open = true;
                    }
                    Some(_) => {}
                    None => {
                        steps.push(field.id);
                        open = false;
                    }
                }
            }
            Shape::Record(steps.into())
        }
        _ => Shape::Number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_found_by_structure() {
        let record = |fields: &str| format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#);
        let list = record(r#"{"name":"n","type":"null"},{"name":"x","type":"double"},{"name":"next","type":["null","R"]}"#);
        let endless = record(r#"{"name":"self","type":"R"}"#);
        let table: [(&str, &[u8], Option<usize>); 12] = [
            (r#""null""#, &[], Some(0)),
            (r#""long""#, &[0x80, 1, 9], Some(2)),
            (r#""bytes""#, &[4, 1, 2, 3], Some(3)),
            (r#"["null","boolean"]"#, &[2, 1], Some(2)),
            (r#"["null","boolean"]"#, &[4, 1], None),
            (r#"{"type":"array","items":"float"}"#, &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7], Some(10)),
            (r#"{"type":"map","values":"null"}"#, &[4, 2, 65, 0, 0, 7], Some(5)),
            (r#"{"type":"map","values":"int"}"#, &[1, 6, 2, 65, 3, 0, 7], Some(6)),
            (r#"{"type":"map","values":"int"}"#, &[1, 4, 2, 65, 3, 0, 7], None),
            (&list, &[0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7], Some(18)),
            (&list, &[0, 0, 0, 0, 0, 0, 0, 0, 2], None),
            (&endless, &[0; 100], None),
        ];
        for (text, bytes, expected) in table {
            let schema = Schema::parse(text, &[]).unwrap();
            assert_eq!(Shapes::of(&schema).length(bytes), expected, "{text} {bytes:02x?}");
        }
    }
}
