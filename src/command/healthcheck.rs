//! `upswell healthcheck`: whether a running service answers, for supervisors in images that have neither a shell nor curl.

use super::{Failure, service_url};
use crate::adapter::peer;
use anyhow::anyhow;

pub const NOTES: &str = "\
Exit code 0 while the process answers, whatever it waits for; 1 otherwise. Whether it has caught up is what --ready asks, for
whoever wants to wait for figures.

Examples:
  upswell healthcheck
  upswell healthcheck --ready --url http://upswell:9817";

/// Arguments of `upswell healthcheck`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address of the running service
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9817", value_parser = service_url)]
    url: String,
    /// Ask /-/ready instead of /-/healthy
    #[arg(long)]
    ready: bool,
}

/// Asks once.
///
/// # Errors
/// The service does not answer, or with --ready is not ready.
pub fn execute(args: &Args) -> Result<(), Failure> {
    let url = format!("{}/-/{}", args.url, if args.ready { "ready" } else { "healthy" });
    peer::get(&url).map_err(|error| anyhow!("{url}: {error}"))?;
    Ok(())
}
