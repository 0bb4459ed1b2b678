//! The commands: each joins adapters, formats and the engine for one purpose. What they share is here: how they fail, and output
//! that survives a reader who has seen enough.

mod columns;
mod instance;

pub mod alerts;
pub mod audit;
pub mod check;
pub mod dead_letters;
pub mod demo;
pub mod generate;
pub mod healthcheck;
pub mod inspect;
pub mod replay;
pub mod rules;
pub mod run;
pub mod schema;

use crate::config::Faults;
use std::io::{self, ErrorKind, Write};

/// How a command ends when it does not succeed; each way has its exit code.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line asks for something that cannot be done: 2.
    #[error("{0}")]
    Usage(String),
    /// The configuration, or what it points to, has to be changed: 78.
    #[error("{0}")]
    Configuration(String),
    /// Everything else: 1.
    #[error("{0:#}")]
    Runtime(anyhow::Error),
}

impl Failure {
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Runtime(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Configuration(_) => 78,
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Runtime(error)
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Failure {
        let count = faults.iter().count();
        let noun = if count == 1 { "fault" } else { "faults" };
        Failure::Configuration(format!("the configuration has {count} {noun}\n{faults}"))
    }
}

/// Writes data to standard output. A reader that went away, as `head` does, has what it wanted: that is no failure.
///
/// # Errors
/// Standard output cannot be written for any other reason.
pub fn print(data: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(data.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("write to standard output").into())
        }
        _ => Ok(()),
    }
}

/// Writes a line for people to standard error; if nobody can hear it, nothing is lost.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The value of `NO_COLOR`, which turns colour off unless it is empty.
pub fn no_color() -> Option<String> {
    std::env::var_os("NO_COLOR").map(|value| value.to_string_lossy().into_owned())
}
