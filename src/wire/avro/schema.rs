//! A writer's schema: its text becomes an arena of types, within limits, in time and memory proportional to the text.
//!
//! The text is a stranger's. Its size and nesting are limited before it is parsed, named types are stored once and referred to
//! by number (nothing is expanded, so a few names cannot stand for an exponential type), and whatever does not change how data
//! is read - documentation, defaults, aliases, sort order, names beyond the rules, logical types we do not use - is not looked
//! at. What is ambiguous is refused: a name defined twice, two fields of one name, a name used before its definition.

use super::SchemaError;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// Longest schema text that is parsed, in bytes.
pub const MAX_SCHEMA_BYTES: usize = 1 << 20;
/// Deepest nesting of brackets in a schema text. 64 nested records, each in a nullable union, need about 260.
pub const MAX_SCHEMA_NESTING: usize = 512;

/// Number of a type in its [`Schema`].
pub type Id = u32;

/// Ticks of a `long`, for instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// `timestamp-millis`, and any long that is not one of the others.
    Millis,
    Micros,
    Nanos,
}

/// One field of a record.
#[derive(Debug)]
pub struct Field {
    pub name: Box<str>,
    pub id: Id,
}

/// What a type is. Logical types are what they are made of, except the ticks of a timestamp.
#[derive(Debug)]
pub enum Kind {
    Null,
    Boolean,
    Int,
    Long(Tick),
    Float,
    Double,
    Bytes,
    String,
    Fixed(u64),
    Enum(Vec<Box<str>>),
    Array(Id),
    Map(Id),
    Union(Vec<Id>),
    Record(Vec<Field>),
}

/// The size of a type whose values all have the same length, and how deep it nests (a record is one deep).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    pub width: u64,
    pub height: u32,
}

impl Fixed {
    /// Both, one after the other. Sizes no datum can have stay at the greatest number.
    pub fn and(self, next: Fixed) -> Fixed {
        Fixed { width: self.width.saturating_add(next.width), height: self.height.max(next.height) }
    }
}

/// One type of a schema.
#[derive(Debug)]
pub struct Type {
    pub kind: Kind,
    /// Full name of a record, enum or fixed.
    pub name: Option<Box<str>>,
    /// Set where every value has the same size; never for a type that contains itself. Every other type takes a byte or more.
    pub fixed: Option<Fixed>,
}

/// All types of a schema.
#[derive(Debug)]
pub struct Schema {
    pub types: Vec<Type>,
    pub root: Id,
}

/// The primitive types, at the ids of their positions in every schema.
const PRIMITIVES: [(&str, Kind); 8] = [
    ("null", Kind::Null),
    ("boolean", Kind::Boolean),
    ("int", Kind::Int),
    ("long", Kind::Long(Tick::Millis)),
    ("float", Kind::Float),
    ("double", Kind::Double),
    ("bytes", Kind::Bytes),
    ("string", Kind::String),
];
const MICROS: Id = 8;
const NANOS: Id = 9;

impl Schema {
    /// Parses a schema; names it does not define are looked up in `references`, which are read in their order.
    pub fn parse(text: &str, references: &[&str]) -> Result<Schema, SchemaError> {
        let length = references.iter().map(|reference| reference.len()).sum::<usize>() + text.len();
        if length > MAX_SCHEMA_BYTES {
            return Err(SchemaError(format!("its text has {length} bytes; at most {MAX_SCHEMA_BYTES} are read")));
        }
        let mut parser = Parser { types: primitives(), names: HashMap::new() };
        let mut root = 0;
        for text in references.iter().chain([&text]) {
            root = parser.parse(&json(text)?, "")?;
        }
        Ok(Schema { types: parser.types, root })
    }

    /// The type of that number.
    pub fn get(&self, id: Id) -> &Type {
        &self.types[id as usize]
    }
}

fn primitives() -> Vec<Type> {
    let ticks = [("", Kind::Long(Tick::Micros)), ("", Kind::Long(Tick::Nanos))];
    PRIMITIVES.into_iter().chain(ticks).map(|(_, kind)| unnamed(kind)).collect()
}

fn unnamed(kind: Kind) -> Type {
    Type { fixed: fixed_size(&kind), kind, name: None }
}

fn fixed_size(kind: &Kind) -> Option<Fixed> {
    let width = match kind {
        Kind::Null => 0,
        Kind::Boolean => 1,
        Kind::Float => 4,
        Kind::Double => 8,
        Kind::Fixed(size) => *size,
        _ => return None,
    };
    Some(Fixed { width, height: 0 })
}

fn json(text: &str) -> Result<Value, SchemaError> {
    let depth = nesting(text);
    if depth > MAX_SCHEMA_NESTING {
        return Err(SchemaError(format!("its text is nested {depth} deep; at most {MAX_SCHEMA_NESTING} is read")));
    }
    let mut source = serde_json::Deserializer::from_str(text);
    source.disable_recursion_limit();
    let value = Value::deserialize(&mut source).and_then(|value| source.end().map(|()| value));
    value.map_err(|error| SchemaError(format!("its text is not JSON: {error}")))
}

/// Deepest nesting of brackets outside strings, for any text.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

struct Parser {
    types: Vec<Type>,
    /// Full names defined so far.
    names: HashMap<Box<str>, Id>,
}

impl Parser {
    fn parse(&mut self, json: &Value, namespace: &str) -> Result<Id, SchemaError> {
        match json {
            Value::String(name) => self.named(name, namespace),
            Value::Array(branches) => self.union(branches, namespace),
            Value::Object(object) => self.object(object, namespace),
            other => fail(format!("{} stands where a type belongs", shown(&other.to_string()))),
        }
    }

    fn named(&self, name: &str, namespace: &str) -> Result<Id, SchemaError> {
        if let Some(id) = PRIMITIVES.iter().position(|(primitive, _)| *primitive == name) {
            return Ok(id as Id);
        }
        let found = self.names.get(full_name(name, namespace).as_str()).or_else(|| self.names.get(name));
        found.copied().ok_or_else(|| SchemaError(format!("the type {} is not defined before its use", shown(name))))
    }

    fn union(&mut self, branches: &[Value], namespace: &str) -> Result<Id, SchemaError> {
        let ids = branches.iter().map(|branch| self.parse(branch, namespace)).collect::<Result<Vec<_>, _>>()?;
        if ids.iter().any(|id| matches!(self.types[*id as usize].kind, Kind::Union(_))) {
            return fail("a union stands directly in a union".to_owned());
        }
        self.push(unnamed(Kind::Union(ids)))
    }

    fn object(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<Id, SchemaError> {
        match member(object, "type")? {
            Value::String(name) => match name.as_str() {
                "record" | "error" => self.record(object, namespace),
                "enum" => self.enumeration(object, namespace),
                "fixed" => self.fixed(object, namespace),
                "array" => {
                    let items = self.parse(member(object, "items")?, namespace)?;
                    self.push(unnamed(Kind::Array(items)))
                }
                "map" => {
                    let values = self.parse(member(object, "values")?, namespace)?;
                    self.push(unnamed(Kind::Map(values)))
                }
                "long" => Ok(long(object)),
                name => self.named(name, namespace),
            },
            inner => self.parse(inner, namespace),
        }
    }

    fn record(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<Id, SchemaError> {
        let (id, name) = self.define(object, namespace)?;
        let namespace = name.rsplit_once('.').map_or("", |(namespace, _)| namespace);
        let Value::Array(list) = member(object, "fields")? else {
            return fail(format!("the fields of {} are not a list", shown(&name)));
        };
        let (mut fields, mut seen) = (Vec::with_capacity(list.len()), HashSet::with_capacity(list.len()));
        let mut fixed = Some(Fixed { width: 0, height: 0 });
        for field in list {
            let Value::Object(field) = field else {
                return fail(format!("a field of {} is not an object", shown(&name)));
            };
            let field_name = text(field, "name")?;
            if !seen.insert(field_name) {
                return fail(format!("{} has two fields {}", shown(&name), shown(field_name)));
            }
            let id = self.parse(member(field, "type")?, namespace)?;
            fixed = fixed.zip(self.types[id as usize].fixed).map(|(all, one)| all.and(one));
            fields.push(Field { name: field_name.into(), id });
        }
        let record = &mut self.types[id as usize];
        record.kind = Kind::Record(fields);
        record.fixed = fixed.map(|all| Fixed { height: all.height.saturating_add(1), ..all });
        Ok(id)
    }

    fn enumeration(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<Id, SchemaError> {
        let (id, name) = self.define(object, namespace)?;
        let symbols = member(object, "symbols")?.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
        let Some(symbols) = symbols else {
            return fail(format!("the symbols of {} are not a list of strings", shown(&name)));
        };
        let symbols: Vec<&str> = symbols;
        self.types[id as usize].kind = Kind::Enum(symbols.into_iter().map(Box::from).collect());
        Ok(id)
    }

    fn fixed(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<Id, SchemaError> {
        let (id, name) = self.define(object, namespace)?;
        let Some(size) = member(object, "size")?.as_u64() else {
            return fail(format!("the size of {} is not a number of bytes", shown(&name)));
        };
        self.types[id as usize].kind = Kind::Fixed(size);
        self.types[id as usize].fixed = Some(Fixed { width: size, height: 0 });
        Ok(id)
    }

    /// Takes a number for a named type, so that it can be referred to from inside itself. Until it is complete it is an empty
    /// record without a fixed size.
    fn define(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<(Id, Box<str>), SchemaError> {
        let namespace = object.get("namespace").and_then(Value::as_str).unwrap_or(namespace);
        let name: Box<str> = full_name(text(object, "name")?, namespace).into();
        let id = self.push(Type { name: Some(name.clone()), ..unnamed(Kind::Record(Vec::new())) })?;
        match self.names.insert(name.clone(), id) {
            None => Ok((id, name)),
            Some(_) => fail(format!("the type {} is defined twice", shown(&name))),
        }
    }

    fn push(&mut self, new: Type) -> Result<Id, SchemaError> {
        let id = Id::try_from(self.types.len()).map_err(|_| SchemaError("it has too many types".to_owned()))?;
        self.types.push(new);
        Ok(id)
    }
}

fn long(object: &Map<String, Value>) -> Id {
    match object.get("logicalType").and_then(Value::as_str) {
        Some("timestamp-micros") => MICROS,
        Some("timestamp-nanos") => NANOS,
        _ => 3,
    }
}

/// A name with a dot is complete (a leading dot says: no namespace); any other belongs to the namespace around it.
fn full_name(name: &str, namespace: &str) -> String {
    match name.rsplit_once('.') {
        Some(("", name)) => name.to_owned(),
        None if !namespace.is_empty() => format!("{namespace}.{name}"),
        _ => name.to_owned(),
    }
}

fn member<'j>(object: &'j Map<String, Value>, key: &str) -> Result<&'j Value, SchemaError> {
    object.get(key).ok_or_else(|| SchemaError(format!("a type or field has no {key:?}")))
}

fn text<'j>(object: &'j Map<String, Value>, key: &str) -> Result<&'j str, SchemaError> {
    member(object, key)?.as_str().ok_or_else(|| SchemaError(format!("{key:?} of a type or field is not a string")))
}

fn fail<T>(why: String) -> Result<T, SchemaError> {
    Err(SchemaError(why))
}

/// A stranger's text, quoted and cut, for a message.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(schema: &Schema, id: Id) -> String {
        let list = |ids: &[Id]| ids.iter().map(|id| outline(schema, *id)).collect::<Vec<_>>().join(" ");
        let name = schema.get(id).name.as_deref().unwrap_or_default();
        match &schema.get(id).kind {
            Kind::Fixed(size) => format!("{name}:{size}"),
            Kind::Enum(symbols) => format!("{name}:{}", symbols.join("|")),
            Kind::Array(item) => format!("array({})", outline(schema, *item)),
            Kind::Map(value) => format!("map({})", outline(schema, *value)),
            Kind::Union(branches) => format!("[{}]", list(branches)),
            Kind::Record(fields) => {
                format!("{name}({})", list(&fields.iter().map(|f| f.id).filter(|f| *f != id).collect::<Vec<_>>()))
            }
            primitive => format!("{primitive:?}").to_lowercase(),
        }
    }

    #[test]
    fn schemas_are_read() {
        let table = [
            (r#""string""#, "string"),
            (r#"{"type":"string","avro.java.string":"String"}"#, "string"),
            (r#"{"type":{"type":"long","logicalType":"timestamp-micros"}}"#, "long(micros)"),
            (r#"{"type":"long","logicalType":"local-timestamp-micros"}"#, "long(millis)"),
            (r#"{"type":"int","logicalType":"timestamp-micros"}"#, "int"),
            (r#"{"type":"bytes","logicalType":"decimal","precision":"many"}"#, "bytes"),
            (r#"["null",{"type":"array","items":{"type":"map","values":"double"}}]"#, "[null array(map(double))]"),
            (r#"{"type":"enum","name":"E","symbols":["A","a b","A"],"default":"none"}"#, "E:A|a b|A"),
            (r#"{"type":"fixed","name":"F","namespace":"n","size":12}"#, "n.F:12"),
            (
                r#"{"type":"error","name":"a.R","fields":[{"name":"x","type":{"type":"fixed","name":"F","size":0}},{"name":"y","type":"F"},
                {"name":"z","type":"a.F"}]}"#,
                "a.R(a.F:0 a.F:0 a.F:0)",
            ),
            (
                r#"{"type":"record","name":"R","namespace":"a","fields":[{"name":"x","type":{"type":"enum","name":"E","namespace":"","symbols":[]}},
                {"name":"y","type":"E"},{"name":"self","type":"R"}]}"#,
                "a.R(E: E:)",
            ),
            (
                r#"{"type":"record","name":"R","fields":[{"name":"x","type":"int","default":"wrong","doc":7,"aliases":{}}]}"#,
                "R(int)",
            ),
            ("[]", "[]"),
        ];
        for (text, expected) in table {
            let schema = Schema::parse(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(outline(&schema, schema.root), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_schema_is_refused() {
        let table = [
            ("", "not JSON"),
            ("{", "not JSON"),
            (r#""int" "int""#, "not JSON"),
            ("7", "where a type belongs"),
            (r#""Nobody""#, "not defined"),
            ("{}", "no \"type\""),
            (r#"{"type":"array"}"#, "no \"items\""),
            (r#"{"type":"array","items":null}"#, "where a type belongs"),
            (r#"{"type":"map"}"#, "no \"values\""),
            (r#"{"type":"record","fields":[]}"#, "no \"name\""),
            (r#"{"type":"record","name":1,"fields":[]}"#, "not a string"),
            (r#"{"type":"record","name":"R"}"#, "no \"fields\""),
            (r#"{"type":"record","name":"R","fields":{}}"#, "not a list"),
            (r#"{"type":"record","name":"R","fields":["x"]}"#, "not an object"),
            (r#"{"type":"record","name":"R","fields":[{"name":"x"}]}"#, "no \"type\""),
            (r#"{"type":"record","name":"R","fields":[{"name":"x","type":"int"},{"name":"x","type":"int"}]}"#, "two fields"),
            (r#"{"type":"enum","name":"E","symbols":["A",1]}"#, "list of strings"),
            (r#"{"type":"fixed","name":"F","size":-1}"#, "number of bytes"),
            (r#"[["null"]]"#, "directly in a union"),
            (r#"[{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":1}]"#, "defined twice"),
        ];
        for (text, expected) in table {
            let error = Schema::parse(text, &[]).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn references_are_read_first() {
        let item = r#"{"type":"fixed","name":"a.F","size":3}"#;
        let schema = Schema::parse(r#"{"type":"array","items":"a.F"}"#, &[item]).unwrap();
        assert_eq!(outline(&schema, schema.root), "array(a.F:3)");
    }

    #[test]
    fn fixed_sizes_add_up_and_recursion_has_none() {
        let text = r#"{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"S","fields":[
            {"name":"x","type":"double"},{"name":"y","type":"boolean"}]}},{"name":"b","type":"S"},{"name":"c","type":"null"}]}"#;
        let schema = Schema::parse(text, &[]).unwrap();
        assert_eq!(schema.get(schema.root).fixed, Some(Fixed { width: 18, height: 2 }));
        let endless = Schema::parse(r#"{"type":"record","name":"R","fields":[{"name":"self","type":"R"}]}"#, &[]).unwrap();
        assert_eq!(endless.get(endless.root).fixed, None);
    }

    #[test]
    fn size_and_nesting_are_limited_before_parsing() {
        let nested = |depth: usize| format!("{}\"int\"{}", r#"{"type":"array","items":"#.repeat(depth), "}".repeat(depth));
        assert!(Schema::parse(&nested(MAX_SCHEMA_NESTING), &[]).is_ok());
        assert!(Schema::parse(&nested(MAX_SCHEMA_NESTING + 1), &[]).unwrap_err().to_string().contains("nested"));
        assert!(Schema::parse(&"[".repeat(MAX_SCHEMA_BYTES), &[]).is_err());
        assert!(Schema::parse(&" ".repeat(MAX_SCHEMA_BYTES + 1), &[]).unwrap_err().to_string().contains("bytes"));
        assert_eq!(nesting(r#"{"a[[[\"{{":["\\"]}"#), 2);
    }
}
