//! Reading a mapping inside a value that is a tree: keys by name, each fault at its place.
//!
//! What `Reader` is for the keys of the table, this is for lists of mappings, whose keys no table can hold. Keys that are not known
//! are faults, with the nearest name.

use super::fault::Place;
use super::keys::nearest;
use super::reader::Reader;
use super::secrets::SECRETS;
use super::types::Secret;
use super::yaml::{Entry, Node, Value};

/// The dotted path of a key; the whole document has none.
fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A mapping whose keys are known.
pub struct Fields<'n> {
    /// Dotted path in faults, such as `alerts.receivers.tls`.
    path: String,
    /// Where the mapping stands.
    pub place: &'n Place,
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// The mapping of a node. Keys other than `known` are faults; a node that is no mapping is one, and `None`.
    pub fn of(reader: &mut Reader, path: &str, node: &'n Node, known: &[&'static str]) -> Option<Fields<'n>> {
        let Value::Map(entries) = &node.value else {
            reader.fault_at(&node.place, path, format!("write a mapping here, not {}", node.value.kind()));
            return None;
        };
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let message = match nearest(&entry.key, known.iter().copied()) {
                Some(name) => format!("unknown key; did you mean {name}?"),
                None => format!("unknown key; the keys there are: {}", known.join(", ")),
            };
            reader.fault_at(&entry.place, &below(path, &entry.key), message);
        }
        Some(Fields { path: path.to_owned(), place: &node.place, entries })
    }

    /// The dotted path of a key.
    pub fn path(&self, key: &str) -> String {
        below(&self.path, key)
    }

    /// What was written for a key; `None` where nothing was, or `null`.
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (!matches!(entry.node.value, Value::Null)).then_some(&entry.node)
    }

    /// Whether a key, or its `_file` sibling, holds anything at all.
    pub fn is_written(&self, key: &str) -> bool {
        let filled = |key: &str| self.get(key).is_some_and(|node| node.as_text() != Some(""));
        filled(key) || filled(&format!("{key}_file"))
    }

    /// Notes a fault of a key, where it or its mapping stands.
    pub fn fault(&self, reader: &mut Reader, key: &str, message: impl Into<String>) {
        let place = self.entries.iter().find(|entry| entry.key == key).map_or(self.place, |entry| &entry.node.place);
        reader.fault_at(place, &self.path(key), message);
    }

    /// The text of a key; `None` where it is not set or empty. One that is no single value is a fault.
    pub fn text(&self, reader: &mut Reader, key: &str) -> Option<&'n str> {
        let node = self.get(key)?;
        match &node.value {
            Value::Text(text) => Some(text.as_str()).filter(|text| !text.is_empty()),
            other => {
                self.fault(reader, key, format!("write a single value here, not {}", other.kind()));
                None
            }
        }
    }

    /// The parsed value of a key, or `default`.
    pub fn value<T>(&self, reader: &mut Reader, key: &str, default: T, parse: impl FnOnce(&str) -> Result<T, String>) -> T {
        self.parsed(reader, key, parse).unwrap_or(default)
    }

    /// The parsed value of a key; `None` where it is not set, empty or faulty.
    pub fn parsed<T>(&self, reader: &mut Reader, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match parse(self.text(reader, key)?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(reader, key, message);
                None
            }
        }
    }

    /// Whether a key is true; `None` where it is not set or faulty.
    pub fn flag(&self, reader: &mut Reader, key: &str) -> Option<bool> {
        self.parsed(reader, key, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("{text:?} is neither true nor false; write one of them")),
        })
    }

    /// The names and texts of a mapping, with the places of the names.
    pub fn names(&self, reader: &mut Reader, key: &str) -> Vec<(&'n Place, &'n str, &'n str)> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let Value::Map(entries) = &node.value else {
            self.fault(reader, key, format!("write a mapping of names to values here, not {}", node.value.kind()));
            return Vec::new();
        };
        let mut found = Vec::new();
        for entry in entries {
            match entry.node.as_text() {
                Some(text) => found.push((&entry.place, entry.key.as_str(), text)),
                None => reader.fault_at(&entry.node.place, &self.path(key), format!("{}: write a single value", entry.key)),
            }
        }
        found
    }

    /// The items of a list.
    pub fn items(&self, reader: &mut Reader, key: &str) -> &'n [Node] {
        match self.get(key).map(|node| &node.value) {
            None => &[],
            Some(Value::List(items)) => items,
            Some(other) => {
                self.fault(reader, key, format!("write a list here, not {}", other.kind()));
                &[]
            }
        }
    }

    /// The texts of a list, or the one text, with their places.
    pub fn list(&self, reader: &mut Reader, key: &str) -> Vec<(Place, String)> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let items = if let Value::List(items) = &node.value { items.as_slice() } else { std::slice::from_ref(node) };
        let mut found = Vec::new();
        for item in items {
            match item.as_text() {
                Some(text) => found.push((item.place.clone(), text.to_owned())),
                None => {
                    reader.fault_at(&item.place, &self.path(key), format!("the list holds {}; write texts", item.value.kind()))
                }
            }
        }
        found
    }

    /// The mapping of a key.
    pub fn section(&self, reader: &mut Reader, key: &str, known: &[&'static str]) -> Option<Fields<'n>> {
        Fields::of(reader, &self.path(key), self.get(key)?, known)
    }

    /// The secret of a key, or of the file its `_file` sibling names; both at once are a fault.
    pub fn secret(&self, reader: &mut Reader, key: &str) -> Option<Secret> {
        debug_assert!(SECRETS.contains(&self.path(key).as_str()), "{} is listed as secret", self.path(key));
        let file_key = format!("{key}_file");
        match (self.text(reader, key), self.text(reader, &file_key)) {
            (Some(_), Some(_)) => {
                self.fault(reader, &file_key, format!("{} is set too; remove one of them", self.path(key)));
                None
            }
            (Some(text), None) => Some(Secret::new(text.to_owned(), None)),
            (None, Some(file)) => {
                let place = self.get(&file_key).map_or(self.place, |node| &node.place);
                reader.secret_file(place, &self.path(&file_key), file)
            }
            (None, None) => None,
        }
    }

    /// The secret of a key, checked; what `check` says must not repeat it. A secret whose file is not read now is not checked.
    pub fn checked_secret(
        &self,
        reader: &mut Reader,
        key: &str,
        check: impl FnOnce(&str) -> Result<(), String>,
    ) -> Option<Secret> {
        let secret = self.secret(reader, key)?;
        if secret.file.is_some() && !reader.read_secrets {
            return Some(secret);
        }
        match check(secret.expose()) {
            Ok(()) => Some(secret),
            Err(message) => {
                let written = if secret.file.is_some() { format!("{key}_file") } else { key.to_owned() };
                self.fault(reader, &written, message);
                None
            }
        }
    }
}
