//! A small model of Avro types: written as schema text for both readers, and as random data by an encoder of its own that uses
//! every freedom of the format (several blocks, blocks with sizes, numbers longer than needed).

use crate::random::Random;
use serde_json::{Value as Json, json};

/// An Avro type.
#[derive(Clone, Debug)]
pub enum Type {
    /// A primitive, perhaps with a logical type.
    Plain(&'static str, Option<&'static str>),
    Fixed(String, usize),
    Enum(String, Vec<String>),
    Array(Box<Type>),
    Map(Box<Type>),
    Union(Vec<Type>),
    Record(String, Vec<(String, Type)>),
    /// A type defined before or around, by its name; the data ends the recursion through the null of a union.
    Named(String),
}

/// The primitive of that name.
pub fn plain(name: &'static str) -> Type {
    Type::Plain(name, None)
}

impl Type {
    pub fn json(&self) -> Json {
        match self {
            Type::Plain(name, None) => json!(name),
            Type::Plain(name, Some(logical)) => json!({"type": name, "logicalType": logical, "precision": 20, "scale": 2}),
            Type::Fixed(name, size) => json!({"type": "fixed", "name": name, "size": size}),
            Type::Enum(name, symbols) => json!({"type": "enum", "name": name, "symbols": symbols}),
            Type::Array(item) => json!({"type": "array", "items": item.json()}),
            Type::Map(value) => json!({"type": "map", "values": value.json()}),
            Type::Union(branches) => branches.iter().map(Type::json).collect(),
            Type::Named(name) => json!(name),
            Type::Record(name, fields) => {
                let fields: Vec<Json> = fields.iter().map(|(name, this)| json!({"name": name, "type": this.json()})).collect();
                json!({"type": "record", "name": name, "namespace": "made.up", "fields": fields})
            }
        }
    }
}

/// Writes random data of a type. `around` are the records it lies in, for recursion.
pub fn write<'t>(this: &'t Type, random: &mut Random, around: &mut Vec<&'t Type>, out: &mut Vec<u8>) {
    match this {
        Type::Plain(name, _) => write_plain(name, random, out),
        Type::Fixed(_, size) => (0..*size).for_each(|_| out.push(random.below(256) as u8)),
        Type::Enum(_, symbols) => long(random.below(symbols.len() as u64) as i64, out),
        Type::Array(item) => blocks(random, out, |random, out| write(item, random, around, out)),
        Type::Map(value) => blocks(random, out, |random, out| {
            // Equal keys only where each value can be read: the oracle forgets the earlier ones.
            let number =
                if matches!(**value, Type::Plain("string" | "null", _)) { String::new() } else { random.number().to_string() };
            text(format!("{}{number}", random.word()).as_bytes(), out);
            write(value, random, around, out);
        }),
        Type::Union(branches) => {
            let recursive = |branch: &Type| matches!(branch, Type::Named(_));
            let mut branch = random.below(branches.len() as u64) as usize;
            if recursive(&branches[branch]) && (around.len() > 6 || !random.one_in(3)) {
                branch = branches.iter().position(|branch| !recursive(branch)).unwrap_or(branch);
            }
            long(branch as i64, out);
            write(&branches[branch], random, around, out);
        }
        Type::Record(_, fields) => {
            around.push(this);
            fields.iter().for_each(|(_, field)| write(field, random, around, out));
            around.pop();
        }
        Type::Named(wanted) => {
            let found = around.iter().copied().find(|outer| matches!(outer, Type::Record(name, _) if name == wanted));
            write(found.expect("recursion refers to a record around it"), random, around, out);
        }
    }
}

fn write_plain(name: &str, random: &mut Random, out: &mut Vec<u8>) {
    match name {
        "null" => {}
        "boolean" => out.push(random.below(2) as u8),
        "int" => long(i64::from(random.number() as i32), out),
        "long" => long(random.number(), out),
        "float" => out.extend((random.number() as f32).to_le_bytes()),
        "double" => out.extend((random.number() as f64).to_le_bytes()),
        "bytes" if random.one_in(80) => text(&[0x61, 0xff, 0xc3], out),
        _ => text(random.word().as_bytes(), out),
    }
}

fn blocks(random: &mut Random, out: &mut Vec<u8>, mut element: impl FnMut(&mut Random, &mut Vec<u8>)) {
    while random.one_in(2) {
        let count = 1 + random.below(3) as i64;
        let mut data = Vec::new();
        (0..count).for_each(|_| element(random, &mut data));
        if random.one_in(2) {
            long(count, out);
        } else {
            long(-count, out);
            long(data.len() as i64, out);
        }
        out.extend(data);
    }
    out.push(0);
}

/// A long, zigzag and base 128.
pub fn long(value: i64, out: &mut Vec<u8>) {
    let mut value = ((value << 1) ^ (value >> 63)) as u64;
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A length and so many bytes.
pub fn text(bytes: &[u8], out: &mut Vec<u8>) {
    long(bytes.len() as i64, out);
    out.extend(bytes);
}
