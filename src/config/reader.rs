//! Typed access to what was written: a value or its default, and a fault where a value cannot be understood.

use super::fault::{Fault, Place};
use super::keys::Key;
use super::raw::RawConfig;
use super::secrets::SECRETS;
use super::types::Secret;
use super::yaml::{Node, Value};
use std::path::{Path, PathBuf};

/// Reads keys of a [`RawConfig`] and collects faults; a faulty key reads as its default, so that reading goes on.
pub struct Reader<'r> {
    pub raw: &'r RawConfig,
    /// What relative paths are relative to: the directory of the configuration file.
    pub base: &'r Path,
    /// Whether files that hold secrets are read. A replay connects to nothing and needs none of them.
    pub read_secrets: bool,
    pub faults: Vec<Fault>,
}

impl Reader<'_> {
    /// Notes a fault of a key, where the key or its section stands.
    pub fn fault(&mut self, path: &str, message: impl Into<String>) {
        let place = self.raw.place(path);
        self.faults.push(Fault::new(&place, path, message));
    }

    pub fn fault_at(&mut self, place: &Place, path: &str, message: impl Into<String>) {
        self.faults.push(Fault::new(place, path, message));
    }

    /// The text of a key; `None` where it is not set.
    pub fn text(&self, path: &str) -> Option<&str> {
        debug_assert!(Key::at(path).is_some(), "{path} is in the table of keys");
        match &self.raw.get(path)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a key; `None` where it is not set or empty.
    pub fn optional(&self, path: &str) -> Option<String> {
        self.text(path).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// The parsed value of a key, or `default`.
    pub fn value<T>(&mut self, path: &str, default: T, parse: impl FnOnce(&str) -> Result<T, String>) -> T {
        match self.text(path).map(parse) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(message)) => {
                self.fault(path, message);
                default
            }
        }
    }

    /// A text that is not empty, or `default`.
    pub fn filled(&mut self, path: &str, default: &str) -> String {
        self.value(path, default.to_owned(), |text| match text.trim() {
            "" => Err("this is empty; write a name, or remove the key for its default".to_owned()),
            _ => Ok(text.to_owned()),
        })
    }

    pub fn flag(&mut self, path: &str) -> bool {
        self.value(path, false, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("{text:?} is neither true nor false; write one of them")),
        })
    }

    /// The items of a list with their places; `None` where it is not set, or holds what was found to be no name.
    pub fn list(&self, path: &str) -> Option<Vec<(Place, String)>> {
        let Value::List(items) = &self.raw.get(path)?.value else {
            return None;
        };
        items.iter().map(|item| item.as_text().map(|text| (item.place.clone(), text.to_owned()))).collect()
    }

    /// The names and values of a mapping, with the places of the names; one that is no single value is a fault.
    pub fn names(&mut self, path: &str) -> Vec<(Place, String, String)> {
        let Some(Node { value: Value::Map(entries), .. }) = self.raw.get(path) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for entry in entries {
            match entry.node.as_text() {
                Some(text) => found.push((entry.place.clone(), entry.key.clone(), text.to_owned())),
                None => {
                    let message = format!("{} has {}; write a single value", entry.key, entry.node.value.kind());
                    self.faults.push(Fault::new(&entry.node.place, path, message));
                }
            }
        }
        found
    }

    /// A path, relative ones from the directory of the configuration file.
    pub fn path(&self, text: &str) -> PathBuf {
        self.base.join(text)
    }

    /// The secret of a key, or of the file its `_file` sibling names; both at once are a fault.
    pub fn secret(&mut self, path: &str) -> Option<Secret> {
        debug_assert!(SECRETS.contains(&path), "{path} is listed as secret");
        let file_key = format!("{path}_file");
        let (text, file) = (self.optional(path), self.optional(&file_key));
        match (text, file) {
            (Some(_), Some(_)) => {
                self.fault(&file_key, format!("{path} is set too; remove one of them"));
                None
            }
            (Some(text), None) => Some(Secret::new(text, None)),
            (None, Some(file)) => {
                let place = self.raw.place(&file_key);
                self.secret_file(&place, &file_key, &file)
            }
            (None, None) => None,
        }
    }

    /// A secret from a file, without the white space at its end; a file that is empty or cannot be read is a fault.
    pub fn secret_file(&mut self, place: &Place, key: &str, file: &str) -> Option<Secret> {
        let file = self.path(file);
        if !self.read_secrets {
            return Some(Secret::new(String::new(), Some(file)));
        }
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text.trim_end().to_owned(),
            Err(error) => {
                let message = format!("{} cannot be read: {error}; name a readable file", file.display());
                self.fault_at(place, key, message);
                return None;
            }
        };
        if text.is_empty() {
            self.fault_at(place, key, format!("{} is empty; write the secret into it", file.display()));
            return None;
        }
        Some(Secret::new(text, Some(file)))
    }
}
