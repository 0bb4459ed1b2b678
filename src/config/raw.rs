//! What was written: every known key that is set, with its place, from the file and over it from the environment.
//!
//! Judged here is only form: unknown and duplicate keys, a list where one value belongs. What the values mean is `parse`'s
//! business. The environment wins over the file; a variable that names no key is a warning, not a fault, because container
//! platforms invent variables out of service names.

use super::fault::{Fault, Place};
use super::keys::{Form, KEYS, Key, Known, known};
use super::yaml::{self, Entry, Node, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Beginning of the names of our environment variables.
pub const PREFIX: &str = "UPSWELL_";

/// The configuration as written.
pub struct RawConfig {
    /// By dotted path.
    settings: BTreeMap<&'static str, Node>,
    /// Where sections stand, by dotted path.
    sections: BTreeMap<String, Place>,
    start: Place,
    /// Whether the text was YAML: if not, nothing is known to be missing.
    pub readable: bool,
    /// Variables that look like ours and name no key.
    pub warnings: Vec<String>,
}

impl RawConfig {
    /// Reads the file's text, named `source` in faults, and the environment variables that begin with [`PREFIX`].
    pub fn read(text: &str, source: &str, variables: &[(String, String)]) -> (RawConfig, Vec<Fault>) {
        let source: Arc<str> = Arc::from(source);
        let (root, mut faults) = yaml::parse(text, &source);
        let start = Place::start_of(&source);
        let mut raw =
            RawConfig { settings: BTreeMap::new(), sections: BTreeMap::new(), start, readable: true, warnings: Vec::new() };
        match root {
            Some(root) => raw.section("", root, &mut faults),
            None => raw.readable = false,
        }
        raw.overlay(variables, &mut faults);
        (raw, faults)
    }

    /// What was written for a key; `None` where nothing was, or `null`.
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.settings.get(path)
    }

    /// Where to point for a key: its own place, or its section's, or the start of the file.
    pub fn place(&self, path: &str) -> Place {
        if let Some(node) = self.settings.get(path) {
            return node.place.clone();
        }
        let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
        self.sections.get(path).or_else(|| self.sections.get(parent)).unwrap_or(&self.start).clone()
    }

    fn section(&mut self, path: &str, node: Node, faults: &mut Vec<Fault>) {
        let entries = match node.value {
            Value::Map(entries) => entries,
            Value::Null => return,
            other => {
                let expected =
                    if path.is_empty() { "a configuration is a mapping of sections" } else { "this is a section of keys" };
                return faults.push(Fault::new(&node.place, path, format!("{expected}, not {}", other.kind())));
            }
        };
        for Entry { key, place, node } in entries {
            let path = if path.is_empty() { key } else { format!("{path}.{key}") };
            match known(&path) {
                Known::Key(key) => self.set(key, node, faults),
                Known::Section => {
                    self.sections.insert(path.clone(), place);
                    self.section(&path, node, faults);
                }
                Known::Not(nearest) => faults.push(Fault::new(&place, path, unknown(nearest))),
            }
        }
    }

    fn set(&mut self, key: &'static Key, node: Node, faults: &mut Vec<Fault>) {
        let fits = match (key.form, &node.value) {
            (_, Value::Null) => return,
            (Form::Text | Form::TextOrList, Value::Text(_)) | (Form::Names, Value::Map(_)) | (Form::Tree, _) => true,
            (Form::List | Form::TextOrList, Value::List(_)) => true,
            _ => false,
        };
        if !fits {
            let message = format!("{}, not {}", expected(key.form), node.value.kind());
            return faults.push(Fault::new(&node.place, key.path, message));
        }
        let inner: &[Node] = if let Value::List(items) = &node.value { items } else { &[] };
        if key.form != Form::Tree {
            for item in inner.iter().filter(|item| !matches!(item.value, Value::Text(_))) {
                faults.push(Fault::new(&item.place, key.path, format!("the list holds {}; write names", item.value.kind())));
            }
        }
        self.settings.insert(key.path, node);
    }

    fn overlay(&mut self, variables: &[(String, String)], faults: &mut Vec<Fault>) {
        for (name, value) in variables {
            if let Some(key) = KEYS.iter().find(|key| key.variable() == *name) {
                self.clear_file_sibling(key);
                let node = from_variable(key, name, value, faults);
                self.settings.remove(key.path);
                self.set(key, node, faults);
            } else if let Some((key, entry)) = named(name) {
                self.set_name(key, &entry, name, value);
            } else {
                self.warnings.push(format!("environment variable {name} names no key of the configuration and is ignored"));
            }
        }
    }

    /// A value of the environment replaces the file's, also where the file gave it as a file (or the other way round).
    fn clear_file_sibling(&mut self, key: &Key) {
        if let Some(sibling) = key.sibling()
            && self.settings.get(sibling.path).is_some_and(|node| node.place.in_file())
        {
            self.settings.remove(sibling.path);
        }
    }

    /// One entry of a mapping of names, replacing the file's.
    fn set_name(&mut self, key: &'static Key, entry: &str, variable: &str, value: &str) {
        let place = Place::variable(variable);
        let node = Node { place: place.clone(), value: Value::Text(value.to_owned()) };
        let empty = || Node { place: place.clone(), value: Value::Map(Vec::new()) };
        for name in ["kafka.properties", "kafka.properties_files"] {
            if let Some(Node { value: Value::Map(entries), .. }) = self.settings.get_mut(name) {
                entries.retain(|existing| existing.key != entry || !existing.place.in_file());
            }
        }
        if let Value::Map(entries) = &mut self.settings.entry(key.path).or_insert_with(empty).value {
            entries.push(Entry { key: entry.to_owned(), place, node });
        }
    }
}

/// `UPSWELL_KAFKA_PROPERTIES_SASL_PASSWORD` is `sasl.password` of `kafka.properties`: librdkafka's names have dots only.
fn named(variable: &str) -> Option<(&'static Key, String)> {
    let entry = |key: &'static Key| {
        let rest = variable.strip_prefix(&key.variable())?.strip_prefix('_').filter(|rest| !rest.is_empty())?;
        Some((key, rest.to_lowercase().replace('_', ".")))
    };
    KEYS.iter().filter(|key| key.form == Form::Names).rev().find_map(entry)
}

fn from_variable(key: &Key, variable: &str, value: &str, faults: &mut Vec<Fault>) -> Node {
    let place = Place::variable(variable);
    let text = |text: &str| Node { place: place.clone(), value: Value::Text(text.to_owned()) };
    match key.form {
        Form::Text | Form::TextOrList => text(value),
        Form::List => {
            let items = value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(text).collect();
            Node { place: place.clone(), value: Value::List(items) }
        }
        Form::Names | Form::Tree => {
            let (node, found) = yaml::parse(value, &place.source);
            faults.extend(found);
            node.unwrap_or(Node { place: place.clone(), value: Value::Null })
        }
    }
}

fn expected(form: Form) -> &'static str {
    match form {
        Form::Text => "write a single value here",
        Form::List => "write a list here, such as [a, b]",
        Form::TextOrList => "write a single value or a list here",
        Form::Names | Form::Tree => "write a mapping of names to values here",
    }
}

fn unknown(nearest: Option<String>) -> String {
    match nearest {
        Some(name) => format!("unknown key; did you mean {name}?"),
        None => "unknown key; remove it, or see the reference configuration for the keys there are".to_owned(),
    }
}
