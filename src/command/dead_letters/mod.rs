//! `upswell dead-letters`: what was rejected, and the way back.
//!
//! Letters repeat, so both commands collapse them first: one record is one line, and is put back once. Nothing here joins the group
//! or touches the billing topics.

mod list;
mod replay;
mod shelf;

use super::Failure;
use crate::adapter::kafka::{Severity, Trouble};
use crate::config::{Config, Loaded, Purpose};
use crate::domain::facts::Reason;
use clap::builder::PossibleValuesParser;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the cluster may take to describe itself.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Arguments of `upswell dead-letters`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the records that were rejected, each once, and why
    #[command(after_help = list::NOTES)]
    List(list::Args),
    /// Put rejected records back, unchanged, for the running service to judge again
    #[command(after_help = replay::NOTES, override_usage = replay::USAGE)]
    Replay(replay::Args),
}

/// Runs the command that was asked for.
///
/// # Errors
/// The configuration has faults, the cluster does not answer, or a letter could not be put back.
pub fn execute(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::List(args) => list::execute(args),
        Command::Replay(args) => replay::execute(args),
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        match trouble.severity() {
            Severity::Configuration => Failure::Configuration(trouble.to_string()),
            _ => Failure::Runtime(trouble.into()),
        }
    }
}

fn load(file: &Path) -> Result<Config, Failure> {
    let Loaded { config, warnings } = Config::load(Some(file), Purpose::Service)?;
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    Ok(config)
}

/// Reads `--reason`.
fn reason() -> PossibleValuesParser {
    PossibleValuesParser::new(Reason::ALL.map(Reason::as_str))
}

/// `--config`, as every command has it.
#[derive(Debug, clap::Args)]
struct File {
    /// Configuration file (YAML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}
