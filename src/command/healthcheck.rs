//! `upswell healthcheck`: whether a running service answers, for supervisors in images that have neither a shell nor curl.

use super::Failure;
use super::instance::Instance;

pub const NOTES: &str = "\
Exit code 0 while the process answers, whatever it waits for; 1 otherwise. Whether it has caught up is what --ready asks, for
whoever wants to wait for figures. Health is open to everybody: no password and no certificate is needed for it.

Examples:
  upswell healthcheck
  upswell healthcheck --ready --url http://upswell:9817
  upswell healthcheck --url https://upswell:9817 --tls-ca-file ca.pem";

/// Arguments of `upswell healthcheck`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    instance: Instance,
    /// Ask /-/ready instead of /-/healthy
    #[arg(long)]
    ready: bool,
}

/// Asks once.
///
/// # Errors
/// The service does not answer, or with --ready is not ready.
pub fn execute(args: &Args) -> Result<(), Failure> {
    args.instance.get(if args.ready { "/-/ready" } else { "/-/healthy" }).map(drop)
}
