//! A mapping inside a key whose value is a tree: its entries by name, unknown names as faults.

use super::fault::Place;
use super::keys::nearest;
use super::reader::Reader;
use super::yaml::{Entry, Node, Value};

/// A mapping of the names that are known.
pub struct Mapping<'n> {
    /// Where it begins.
    pub place: &'n Place,
    /// The dotted path of the key it is part of, for faults.
    path: &'static str,
    entries: Vec<&'n Entry>,
}

impl<'n> Mapping<'n> {
    /// The mapping of a node, without entries that are not in `known`: each of them is a fault, and so is a node that is no mapping.
    pub fn of(reader: &mut Reader, node: &'n Node, path: &'static str, known: &[&'static str]) -> Mapping<'n> {
        let mut mapping = Mapping { place: &node.place, path, entries: Vec::new() };
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    match known.contains(&entry.key.as_str()) {
                        true => mapping.entries.push(entry),
                        false => {
                            let near = nearest(&entry.key, known.iter().copied());
                            let hint =
                                near.map_or_else(|| format!("use {}", known.join(", ")), |near| format!("did you mean {near}?"));
                            reader.fault_at(&entry.place, path, format!("unknown key {}; {hint}", entry.key));
                        }
                    }
                }
            }
            Value::Null => {}
            other => reader.fault_at(&node.place, path, format!("write a mapping of names to values here, not {}", other.kind())),
        }
        mapping
    }

    /// The value of a name; `None` where it is not set, or set to nothing.
    pub fn node(&self, name: &str) -> Option<&'n Node> {
        let set = |node: &&Node| !matches!(node.value, Value::Null);
        self.entries.iter().find(|entry| entry.key == name).map(|entry| &entry.node).filter(set)
    }

    /// Notes a fault of a name, where its value stands, or the mapping.
    pub fn fault(&self, reader: &mut Reader, name: &str, message: impl Into<String>) {
        let place = self.node(name).map_or(self.place, |node| &node.place);
        reader.fault_at(place, self.path, format!("{name}: {}", message.into()));
    }

    /// The text of a name; something that is no single value is a fault.
    pub fn text(&self, reader: &mut Reader, name: &str) -> Option<&'n str> {
        let node = self.node(name)?;
        let text = node.as_text();
        if text.is_none() {
            self.fault(reader, name, format!("write a single value, not {}", node.value.kind()));
        }
        text
    }

    /// The parsed value of a name; `None` where it is not set or faulty.
    pub fn value<T>(&self, reader: &mut Reader, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match parse(self.text(reader, name)?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(reader, name, message);
                None
            }
        }
    }

    /// Whether a name is set to true; `None` where it is not set.
    pub fn flag(&self, reader: &mut Reader, name: &str) -> Option<bool> {
        self.value(reader, name, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("{text:?} is neither true nor false; write one of them")),
        })
    }

    /// The items of a list of texts; `None` where it is not set or faulty.
    pub fn texts(&self, reader: &mut Reader, name: &str) -> Option<Vec<String>> {
        let node = self.node(name)?;
        let texts = match &node.value {
            Value::List(items) => items.iter().map(|item| item.as_text().map(str::to_owned)).collect(),
            _ => None,
        };
        if texts.is_none() {
            self.fault(reader, name, "write a list of names here, such as [a, b]");
        }
        texts
    }

    /// The entries of a mapping of names to texts, with their places.
    pub fn names(&self, reader: &mut Reader, name: &str) -> Vec<(&'n Place, &'n str, &'n str)> {
        let Some(node) = self.node(name) else { return Vec::new() };
        let Value::Map(entries) = &node.value else {
            self.fault(reader, name, format!("write a mapping of names to values here, not {}", node.value.kind()));
            return Vec::new();
        };
        let mut found = Vec::new();
        for entry in entries {
            match entry.node.as_text() {
                Some(text) => found.push((&entry.place, entry.key.as_str(), text)),
                None => reader.fault_at(&entry.node.place, self.path, format!("{}: write a single value", entry.key)),
            }
        }
        found
    }
}

/// The items of a list; something else is a fault.
pub fn items<'n>(reader: &mut Reader, node: Option<&'n Node>, path: &'static str) -> &'n [Node] {
    match node.map(|node| (&node.value, &node.place)) {
        None => &[],
        Some((Value::List(items), _)) => items,
        Some((other, place)) => {
            reader.fault_at(place, path, format!("write a list here, not {}", other.kind()));
            &[]
        }
    }
}
