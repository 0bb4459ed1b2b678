//! What the documentation names is there: links and anchors, files, metrics, alerts, keys of the configuration and of the chart, commands with
//! their options, targets of make; and every key and every option is documented.

mod commands;
mod links;
mod names;
mod pages;

use std::path::{Path, PathBuf};

/// A file of the repository.
fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// Panics with everything that is wrong.
fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
