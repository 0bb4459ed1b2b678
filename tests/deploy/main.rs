//! What is shipped under `deploy/`: dashboards, compose file, image, chart and unit, each held against the service as it is and checked
//! by the tools of those who will read it.
//!
//! `BLESS=1 cargo test --test deploy` writes anew what is copied or derived; read the difference before keeping it.

mod access;
mod chart;
mod combinations;
mod compose;
mod container;
mod dashboard;
mod demo;
mod lint;
mod operator;
mod queries;
mod series;
mod unit;
mod values;

use serde_json::Value;
use std::path::{Path, PathBuf};

/// A file of the repository.
fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// Its text.
fn text(file: &str) -> String {
    std::fs::read_to_string(repository(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Its content, of YAML or JSON.
fn read(file: &str) -> Value {
    serde_saphyr::from_str(&text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The names of the files in a directory of the repository with this ending, sorted.
fn files(directory: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(repository(directory)).unwrap_or_else(|error| panic!("{directory}: {error}"));
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(ending)).collect();
    names.sort();
    assert!(!names.is_empty(), "no {ending} in {directory}");
    names
}
