//! YAML text to a tree that remembers where everything stands and how scalars were written.
//!
//! A tree instead of deserialising into the configuration's types: those stop at the first fault, and would push `1.08` through
//! an inexact float. Duplicate keys are faults, and the rest of the tree is still read. A text that is no YAML is one fault, at
//! the place where it stops making sense. Nesting is limited, and so is what aliases can grow to.

use super::fault::{Fault, Place};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, options};
use std::collections::HashMap;
use std::sync::Arc;

/// Deepest nesting of lists and mappings.
const MAX_DEPTH: usize = 32;
/// Most nodes of a tree, those of expanded aliases included.
const MAX_NODES: usize = 100_000;

/// A value and its place.
#[derive(Clone)]
pub struct Node {
    pub place: Place,
    pub value: Value,
}

/// What was written.
#[derive(Clone)]
pub enum Value {
    /// Nothing, `null` or `~`, not quoted.
    Null,
    /// The text of a scalar, quotes and escapes resolved; never through a number type.
    Text(String),
    List(Vec<Node>),
    /// In the order written, keys distinct.
    Map(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Clone)]
pub struct Entry {
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    pub node: Node,
}

impl Node {
    /// The text of a scalar.
    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }
}

impl Value {
    /// What to call this in a sentence.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Text(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Reads the one document of `text`, and every fault of its form. An empty text is `Null`; one that is no YAML is nothing.
pub fn parse(text: &str, source: &Arc<str>) -> (Option<Node>, Vec<Fault>) {
    let limits = options! { emit_comments: false, flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    let parser = Parser::new_from_str_with_options(text, limits);
    let mut builder = Builder { source, anchors: HashMap::new(), nodes: 0, faults: Vec::new() };
    let start = Place::start_of(source);
    let mut events = parser.map(|event| event.map_err(|error| broken(source, &error)));
    let node = match builder.document(&mut events) {
        Ok(root) => Some(root.unwrap_or(Node { place: start, value: Value::Null })),
        Err(fault) => {
            builder.faults.push(fault);
            None
        }
    };
    (node, builder.faults)
}

fn broken(source: &Arc<str>, error: &ScanError) -> Fault {
    let place = Place { source: Arc::clone(source), line: error.marker().line(), column: error.marker().col() + 1 };
    Fault::new(&place, "", format!("this is not YAML: {}", error.info()))
}

type Next<'a> = Result<(Event<'a>, Span), Fault>;

struct Builder<'s> {
    source: &'s Arc<str>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    faults: Vec<Fault>,
}

impl Builder<'_> {
    fn place(&self, span: &Span) -> Place {
        Place { source: Arc::clone(self.source), line: span.start.line(), column: span.start.col() + 1 }
    }

    fn document<'a>(&mut self, events: &mut impl Iterator<Item = Next<'a>>) -> Result<Option<Node>, Fault> {
        let mut root = None;
        while let Some(event) = events.next() {
            match event? {
                (Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd, _) => {}
                (_, span) if root.is_some() => {
                    let message = "a second document begins here; remove it, a configuration is one document";
                    return Err(Fault::new(&self.place(&span), "", message));
                }
                (event, span) => root = Some(self.node(event, &span, events)?),
            }
        }
        Ok(root)
    }

    fn node<'a>(&mut self, event: Event<'a>, span: &Span, events: &mut impl Iterator<Item = Next<'a>>) -> Result<Node, Fault> {
        let place = self.place(span);
        self.nodes += 1;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => (scalar(&text, style), anchor),
            Event::SequenceStart(_, anchor, _) => (self.list(events)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map(events)?, anchor),
            Event::Alias(id) => (self.alias(id, &place)?, 0),
            _ => return Err(Fault::new(&place, "", "a value is missing here")),
        };
        if self.nodes > MAX_NODES {
            return Err(Fault::new(&place, "", format!("more than {MAX_NODES} values; a configuration is smaller than that")));
        }
        let node = Node { place, value };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, place: &Place) -> Result<Value, Fault> {
        let target = self.anchors.get(&id).ok_or_else(|| Fault::new(place, "", "this alias stands inside its own anchor"))?;
        self.nodes += count(target);
        match self.nodes > MAX_NODES {
            true => Err(Fault::new(place, "", "this alias makes the configuration too large; write the value out")),
            false => Ok(target.value.clone()),
        }
    }

    fn list<'a>(&mut self, events: &mut impl Iterator<Item = Next<'a>>) -> Result<Value, Fault> {
        let mut items = Vec::new();
        while let Some(event) = events.next() {
            match event? {
                (Event::SequenceEnd, _) => break,
                (event, span) => items.push(self.node(event, &span, events)?),
            }
        }
        Ok(Value::List(items))
    }

    fn map<'a>(&mut self, events: &mut impl Iterator<Item = Next<'a>>) -> Result<Value, Fault> {
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(event) = events.next() {
            let (event, span) = event?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.node(event, &span, events)?;
            let Some(value) = events.next() else { break };
            let (event, span) = value?;
            let node = self.node(event, &span, events)?;
            self.enter(&mut entries, key, node);
        }
        Ok(Value::Map(entries))
    }

    /// Adds a key to a mapping; a second one of the same name, or one that is no name, is a fault and left out.
    fn enter(&mut self, entries: &mut Vec<Entry>, key: Node, node: Node) {
        let Value::Text(name) = key.value else {
            let message = format!("a key is a name, not {}", key.value.kind());
            return self.faults.push(Fault::new(&key.place, "", message));
        };
        match entries.iter().find(|entry| entry.key == name) {
            Some(first) => {
                let message = format!("duplicate key, set in line {} already; remove one of them", first.place.line);
                self.faults.push(Fault::new(&key.place, name, message));
            }
            None => entries.push(Entry { key: name, place: key.place, node }),
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    let null = matches!(style, ScalarStyle::Plain) && matches!(text, "" | "~" | "null" | "Null" | "NULL");
    if null { Value::Null } else { Value::Text(text.to_owned()) }
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::Null | Value::Text(_) => 0,
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(entries) => entries.iter().map(|entry| 1 + count(&entry.node)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree as one line: `{a: x, b: [y, ~]}`.
    fn flat(node: &Node) -> String {
        match &node.value {
            Value::Null => "~".to_owned(),
            Value::Text(text) => text.clone(),
            Value::List(items) => format!("[{}]", items.iter().map(flat).collect::<Vec<_>>().join(", ")),
            Value::Map(entries) => {
                let entry = |entry: &Entry| format!("{}: {}", entry.key, flat(&entry.node));
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn read(text: &str) -> (String, Vec<String>) {
        let (node, faults) = parse(text, &Arc::from("f"));
        (node.as_ref().map_or("nothing".to_owned(), flat), faults.iter().map(Fault::to_string).collect())
    }

    #[test]
    fn trees() {
        for (text, tree) in [
            ("", "~"),
            ("# only a comment\n", "~"),
            ("a: 1.080000\nb: [x, 'null', null]\n", "{a: 1.080000, b: [x, null, ~]}"),
            ("a:\n  b: {c: d}\n  e:\n", "{a: {b: {c: d}, e: ~}}"),
            ("a: &x {b: c}\nd: *x\n", "{a: {b: c}, d: {b: c}}"),
            ("a: |\n  two\n  lines\n", "{a: two\nlines\n}"),
        ] {
            assert_eq!(read(text), (tree.to_owned(), vec![]), "{text}");
        }
    }

    #[test]
    fn faults() {
        for (text, tree, faults) in [
            (
                "a: 1\nb: 2\na: 3\nb: 4\n",
                "{a: 1, b: 2}",
                vec![
                    "f:3:1: a: duplicate key, set in line 1 already; remove one of them",
                    "f:4:1: b: duplicate key, set in line 2 already; remove one of them",
                ],
            ),
            ("[a]: b\nc: d\n", "{c: d}", vec!["f:1:1: a key is a name, not a list"]),
            (
                "a: b\n---\nc: d\n",
                "nothing",
                vec!["f:3:1: a second document begins here; remove it, a configuration is one document"],
            ),
            ("a: &x [*x]\n", "nothing", vec!["f:1:8: this alias stands inside its own anchor"]),
        ] {
            let faults = faults.into_iter().map(str::to_owned).collect();
            assert_eq!(read(text), (tree.to_owned(), faults), "{text}");
        }
    }

    #[test]
    fn text_that_is_no_yaml_is_one_fault() {
        for (text, place) in [("a: [b\n", "f:1:4"), ("a: 'b\n", "f:1:4"), ("a: b\n c: d\n", "f:2:3"), ("a: *b\n", "f:1:4")] {
            let (_, faults) = read(text);
            assert_eq!(faults.len(), 1, "{text}");
            assert!(faults[0].starts_with(&format!("{place}: this is not YAML: ")), "{faults:?}");
        }
    }

    #[test]
    fn hostile_texts_stay_small() {
        let deep = "[".repeat(100_000);
        let laughs = (1..12).fold("a0: &a0 x\n".to_owned(), |text, n| {
            format!("{text}a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "))
        });
        for text in [deep, laughs] {
            assert_eq!(read(&text).1.len(), 1);
        }
    }
}
