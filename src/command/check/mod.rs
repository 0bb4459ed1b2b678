//! `upswell check`: is this configuration right, and does what it points to answer?
//!
//! Everything is looked at before anything is said, so one run names all that has to be done. Looking changes nothing: no topic is
//! made, no group joined, no schema registered. Standard output is the effective configuration; what was found follows as YAML
//! comments, so the output is itself a configuration.

mod http;
mod location;
mod receivers;
mod registry;

use super::{Failure, print};
use crate::adapter::kafka::preflight::{ClusterFacts, inspect};
use crate::config::{Config, Loaded, Purpose};
use std::path::PathBuf;
use std::time::Duration;

/// How long the cluster may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

pub const EXAMPLES: &str = "\
Examples:
  upswell check --config upswell.yaml
  upswell check --config upswell.yaml --offline > effective.yaml";

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

/// What looking at something found.
#[derive(Debug, Default)]
struct Findings {
    /// Sentences about what is well.
    well: Vec<String>,
    /// Sentences about what is not, and what to do.
    troubles: Vec<String>,
    /// Whether only a change of the configuration, or of what it names, helps.
    configuration: bool,
}

/// Prints the effective configuration with secrets hidden, and the verdict.
///
/// # Errors
/// The configuration has faults, or what it points to does not answer as it must.
pub fn execute(args: &Args) -> Result<(), Failure> {
    let Loaded { config, warnings } = Config::load(Some(&args.config), Purpose::Service)?;
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    print(&config.effective())?;
    if args.offline {
        return print("# The configuration is valid; nothing was connected to.\n");
    }
    let mut findings = Findings::default();
    look_at_kafka(&config, &mut findings);
    registry::look(&config, &mut findings);
    location::look(&config.checkpoint, &mut findings);
    receivers::look(&config, &mut findings);
    http::look(&config.http, &mut findings);
    verdict(&findings)
}

fn look_at_kafka(config: &Config, findings: &mut Findings) {
    let found = inspect(&config.kafka.settings(), TIMEOUT);
    found.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    findings.well.extend(found.facts.iter().flat_map(|facts| [cluster(facts), retries(facts, &config.kafka.topics.retries)]));
    findings.configuration |= found.troubles.iter().any(|trouble| !trouble.is_transient());
    findings.troubles.extend(found.troubles.iter().map(|trouble| format!("kafka: {trouble}")));
}

fn cluster(facts: &ClusterFacts) -> String {
    let (subscriptions, usage) = (&facts.subscriptions, &facts.usage);
    let records = |offsets: &[i64], starts: &[i64]| -> i64 { offsets.iter().sum::<i64>() - starts.iter().sum::<i64>() };
    format!(
        "kafka: {} and {} have {} partitions each and hold about {} and {} records",
        subscriptions.name,
        usage.name,
        subscriptions.partitions,
        records(&subscriptions.end_offsets, &subscriptions.start_offsets),
        records(&usage.end_offsets, &usage.start_offsets),
    )
}

fn retries(facts: &ClusterFacts, name: &str) -> String {
    let count = facts.subscriptions.partitions;
    match &facts.retries {
        Some(_) => format!("kafka: {name} has {count} partitions too: dead letters can be put back"),
        None => format!("kafka: there is no topic {name}; `upswell dead-letters replay` needs it, with {count} partitions"),
    }
}

fn verdict(findings: &Findings) -> Result<(), Failure> {
    let well: String = findings.well.iter().map(|sentence| format!("# {sentence}\n")).collect();
    print(&well)?;
    let count = findings.troubles.len();
    let noun = if count == 1 { "trouble" } else { "troubles" };
    match &findings.troubles[..] {
        [] => print("# The configuration is valid, and what it points to answers.\n"),
        troubles => {
            let sentence = format!("the configuration is valid, but {count} {noun} showed\n{}", troubles.join("\n"));
            Err(if findings.configuration { Failure::Configuration(sentence) } else { anyhow::Error::msg(sentence).into() })
        }
    }
}
