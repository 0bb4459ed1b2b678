//! `upswell alerts`: does a receiver hear us, and what does a running service alert about?

mod list;
mod test;

use super::Failure;

/// Arguments of `upswell alerts`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Send a test notice to a receiver, and say what became of it
    #[command(after_help = test::NOTES)]
    Test(test::Args),
    /// Show the alerts of a running service
    #[command(after_help = list::NOTES)]
    List(list::Args),
}

/// Runs the command that was asked for.
///
/// # Errors
/// The configuration has faults, or somebody does not answer as they must.
pub fn execute(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Test(args) => test::execute(args),
        Command::List(args) => list::execute(args),
    }
}
