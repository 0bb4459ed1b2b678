//! `upswell rules`: the alerting rules of a configuration, for Prometheus.

use super::{Failure, print};
use crate::config::{Config, Loaded, Purpose};
use crate::wire::rules::{INSTANCE_LABELS, Settings, render};
use std::path::PathBuf;

pub const NOTES: &str = "\
Examples:
  upswell rules --config upswell.yaml > upswell.rules.yml && promtool check rules upswell.rules.yml

Load the output with rule_files in Prometheus, or give Upswell receivers of its own: one way, not both.";

/// Arguments of `upswell rules`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Configuration file (YAML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Labels by which Prometheus tells instances of one group apart, and which are summed over
    #[arg(long, value_name = "LABELS", value_delimiter = ',', default_values_t = INSTANCE_LABELS.map(str::to_owned), value_parser = label)]
    instance_labels: Vec<String>,
}

fn label(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_label = text.chars().all(plain) && text.chars().next().is_some_and(|c| !c.is_ascii_digit());
    is_label.then(|| text.to_owned()).ok_or_else(|| format!("{text:?} is no label; use letters, digits and underscores"))
}

/// Prints the rules.
///
/// # Errors
/// The configuration has faults, or standard output cannot be written.
pub fn execute(args: &Args) -> Result<(), Failure> {
    // No secrets: whoever prints rules need not be able to read them.
    let Loaded { config, warnings } = Config::load(Some(&args.config), Purpose::Replay)?;
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let operational = config.alerts.operational;
    print(&render(&Settings {
        rules: &config.alerts.rules,
        limits: operational.enabled.then(|| operational.limits(config.checkpoint.interval)),
        usage_topic: &config.kafka.topics.usage,
        segment_windows: &config.segment_windows,
        instance_labels: &args.instance_labels,
    }))
}
