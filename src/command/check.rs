//! `upswell check`: is this configuration right, and does what it points to answer?

use super::{Failure, print};
use crate::config::{Config, Loaded, Purpose};
use std::path::PathBuf;

/// Arguments of `upswell check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Configuration file (YAML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Look at the file and the files it names only; connect to nothing
    #[arg(long)]
    offline: bool,
}

/// Prints the effective configuration with secrets hidden, and the verdict.
///
/// # Errors
/// The configuration has faults, or what it points to does not answer as it must.
pub fn execute(args: &Args) -> Result<(), Failure> {
    let Loaded { config, warnings } = Config::load(Some(&args.config), Purpose::Service)?;
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    print(&config.effective())?;
    print("# The configuration is valid.\n")
}
