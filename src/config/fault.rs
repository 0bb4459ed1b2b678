//! Faults of a configuration: where each one stands, which key it is about, and a sentence that says what to do.
//!
//! Reading a configuration never stops at the first fault; everything found is reported at once, in the order of the file.
//! A fault never holds the value of a secret.

use std::fmt;
use std::sync::Arc;

/// Where something was written: a file with line and column (both from 1), or an environment variable (line 0, unless its value
/// is YAML).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub source: Arc<str>,
    pub line: usize,
    pub column: usize,
}

/// How the source of a value from the environment begins.
const VARIABLE: &str = "environment variable ";

impl Place {
    /// An environment variable.
    pub fn variable(name: &str) -> Place {
        Place { source: Arc::from(format!("{VARIABLE}{name}")), line: 0, column: 0 }
    }

    /// Whether this was written in a file, not in the environment.
    pub fn in_file(&self) -> bool {
        !self.source.starts_with(VARIABLE)
    }

    /// A file as a whole: its first character.
    pub fn start_of(source: &Arc<str>) -> Place {
        Place { source: Arc::clone(source), line: 1, column: 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.source),
            line => write!(f, "{}:{line}:{}", self.source, self.column),
        }
    }
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub place: Place,
    /// Dotted path such as `revenue.windows`; empty where the text is no YAML at all.
    pub key: String,
    pub message: String,
}

impl Fault {
    pub fn new(place: &Place, key: impl Into<String>, message: impl Into<String>) -> Fault {
        Fault { place: place.clone(), key: key.into(), message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(f, "{}: {}", self.place, self.message),
            key => write!(f, "{}: {key}: {}", self.place, self.message),
        }
    }
}

/// Every fault of a configuration, never empty, in the order in which they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The faults in order, or `value` if there are none.
    pub fn or<T>(mut faults: Vec<Fault>, value: T) -> Result<T, Faults> {
        if faults.is_empty() {
            return Ok(value);
        }
        faults.sort();
        faults.dedup();
        Err(Faults(faults))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Faults {
        Faults(vec![fault])
    }
}

impl fmt::Display for Faults {
    /// One line per fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
