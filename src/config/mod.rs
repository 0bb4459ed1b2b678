//! Configuration: a YAML file, over it the environment, under it the defaults.
//!
//! `RawConfig` is what was written, [`Config`] what it means. Between the two every fault is found and reported
//! at once, each with its place and a sentence that says what to do. Everything but `kafka.brokers` has a default, and a replay
//! needs no brokers either. Secrets are held in [`Secret`], which prints as `<secret>` wherever it goes.

mod alerts;
mod clients;
mod effective;
mod fault;
mod keys;
mod parse;
mod properties;
mod raw;
mod reader;
mod receivers;
mod restart;
mod revenue;
mod rules;
mod secrets;
mod tree;
mod types;
mod units;
mod web;
mod yaml;

pub use alerts::{Alerts, Operational};
pub use fault::{Fault, Faults, Place};
pub use receivers::{Auth, Receiver, To};
pub use secrets::SECRETS;
pub use types::{Checkpoint, Config, GroupProtocol, Http, Kafka, Revenue, SchemaRegistry, Secret, Topics};
pub use units::{Memory, Millis, listen};

use crate::engine::plan::Plan;
use std::path::Path;
use std::sync::Arc;

/// What a configuration is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The service, and checking for it: brokers are needed, files with secrets are read.
    Service,
    /// A replay from files: no brokers, no secrets.
    Replay,
}

/// A configuration and what there is to say about how it was given.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// Sentences for the log: environment variables that look like ours and name no key.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads the file (none: the defaults) and the `UPSWELL_*` variables of this process.
    ///
    /// # Errors
    /// Every fault of the file and of the variables, or that the file cannot be read.
    pub fn load(file: Option<&Path>, purpose: Purpose) -> Result<Loaded, Faults> {
        let (variables, unreadable) = variables();
        let (text, name) = match file {
            Some(file) => (read_file(file)?, file.display().to_string()),
            None => (String::new(), "defaults".to_owned()),
        };
        let base = file.and_then(Path::parent).unwrap_or(Path::new(""));
        let (raw, mut faults) = raw::RawConfig::read(&text, &name, &variables);
        faults.extend(unreadable);
        let config = parse::parse(&raw, base, purpose, faults)?;
        Ok(Loaded { config, warnings: raw.warnings })
    }

    /// Reads text as [`Config::load`] reads a file in the current directory, with these environment variables.
    ///
    /// # Errors
    /// Every fault of the text and of the variables.
    pub fn parse(text: &str, name: &str, variables: &[(String, String)], purpose: Purpose) -> Result<Config, Faults> {
        let (raw, faults) = raw::RawConfig::read(text, name, variables);
        parse::parse(&raw, Path::new(""), purpose, faults)
    }

    /// What the engine needs to know to count.
    pub fn plan(&self) -> Plan {
        let revenue = &self.revenue;
        Plan {
            zone: revenue.time_zone.clone(),
            rates: revenue.rates.clone(),
            windows: revenue.windows.clone(),
            dimensions: revenue.dimensions.clone(),
            max_values: revenue.max_values,
            history: revenue.history,
        }
    }
}

fn read_file(file: &Path) -> Result<String, Faults> {
    let source = Arc::from(file.display().to_string());
    std::fs::read_to_string(file).map_err(|error| {
        let place = Place { source, line: 0, column: 0 };
        Faults::from(Fault::new(&place, "", format!("the configuration cannot be read: {error}; name a readable file")))
    })
}

/// The variables of this process that begin like ours, by name; one that is not UTF-8 is a fault.
fn variables() -> (Vec<(String, String)>, Vec<Fault>) {
    let (mut variables, mut faults) = (Vec::new(), Vec::new());
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with(raw::PREFIX)) else { continue };
        match value.into_string() {
            Ok(value) => variables.push((name.to_owned(), value)),
            Err(_) => faults.push(Fault::new(&Place::variable(name), "", "the value is not UTF-8; write it in UTF-8")),
        }
    }
    variables.sort();
    (variables, faults)
}

#[cfg(test)]
mod receivers_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod web_tests;
