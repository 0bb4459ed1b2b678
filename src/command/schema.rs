//! `upswell schema`: the reader schemas, as producers should register them.

use super::{Failure, print};
use crate::wire::avro::{SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};

/// Arguments of `upswell schema`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which schema to print [default: both, one after the other]
    #[arg(value_enum)]
    kind: Option<Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Subscriptions,
    Usage,
}

/// Prints the schemas.
///
/// # Errors
/// Standard output cannot be written.
pub fn execute(args: &Args) -> Result<(), Failure> {
    match args.kind {
        Some(Kind::Subscriptions) => print(SUBSCRIPTION_SCHEMA),
        Some(Kind::Usage) => print(USAGE_SCHEMA),
        None => print(&format!("{SUBSCRIPTION_SCHEMA}{USAGE_SCHEMA}")),
    }
}
