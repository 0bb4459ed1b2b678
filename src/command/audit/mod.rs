//! `upswell audit`: are the checkpoints what the log says?
//!
//! For each partition the newest usable image is loaded, both billing topics are read again up to its offsets, and every figure of every
//! window and segment is compared. Verdicts are the image's: a record among its rejected ones is left out, every other one counts.
//! The retries topic is not read: what was taken up is no longer among the rejected, and counts at its own place.

mod difference;
mod partition;

use super::{Failure, print};
use crate::adapter::kafka::bounds::Bounds;
use crate::adapter::kafka::preflight::preflight;
use crate::adapter::registry::Registry;
use crate::adapter::store::Store;
use crate::adapter::store::archive::Archive;
use crate::config::{Config, Loaded, Purpose};
use crate::engine::plan::Plan;
use crate::wire::plain;
use anyhow::anyhow;
use clap::ValueEnum;
use difference::Difference;
use partition::Auditor;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub const NOTES: &str = "\
The log is read from offset 0, so a partition whose log begins later cannot be audited. Nothing is changed and no group is joined; \
run it beside the service whenever you like.

Besides every figure of each window and segment, the customers and the rejected records are compared. A record that counts in the \
checkpoint and would be rejected today is a difference too: something that judges it, such as an exchange rate, was changed since.

Exit code 1: something differs, or a partition could not be audited.

Examples:
  upswell audit --config upswell.yaml
  upswell audit --config upswell.yaml --format json";

/// How long the cluster may take to describe itself.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Arguments of `upswell audit`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Configuration file (YAML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Lines for people, or an object of JSON for each partition
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// What came of one partition.
pub struct Finding {
    partition: i32,
    outcome: Outcome,
}

/// Whether a partition's checkpoint is what its log says.
pub enum Outcome {
    /// Compared: the image, the next offsets of subscriptions and usage, and what differs.
    Compared { image: String, next: [i64; 2], differences: Vec<Difference> },
    /// A sentence why not.
    Unauditable(String),
}

/// Audits every partition.
///
/// # Errors
/// The configuration has faults, brokers, registry or store cannot be used, or something differs.
pub fn execute(args: &Args) -> Result<(), Failure> {
    let Loaded { config, warnings } = Config::load(Some(&args.config), Purpose::Service)?;
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let auditor = auditor(&config)?;
    let mut wrong = 0;
    for partition in 0..auditor.partitions() {
        let finding = Finding { partition, outcome: auditor.audit(partition)? };
        wrong += usize::from(!finding.is_well());
        print(&match args.format {
            Format::Text => finding.text(),
            Format::Json => finding.json(),
        })?;
    }
    match wrong {
        0 => Ok(()),
        wrong => Err(anyhow!("{wrong} of {} partitions differ or could not be audited", auditor.partitions()).into()),
    }
}

fn auditor(config: &Config) -> Result<Auditor, Failure> {
    let settings = config.kafka.settings();
    let facts = preflight(&settings, TIMEOUT)?;
    let registry = Registry::new(&config.schema_registry.settings()).map_err(anyhow::Error::new)?;
    let bounds = Bounds::new(&settings).map_err(anyhow::Error::new)?;
    let store = Store::open_present(&config.checkpoint.settings()).map_err(|error| Failure::Configuration(error.to_string()))?;
    let archive = Archive::new(store, &config.kafka.group_id);
    let plan = Arc::new(Plan { max_values: usize::MAX, ..config.plan() });
    Ok(Auditor { settings, facts, registry, archive, bounds, plan, dedup_window: config.revenue.dedup_window.0 })
}

impl Finding {
    fn is_well(&self) -> bool {
        matches!(&self.outcome, Outcome::Compared { differences, .. } if differences.is_empty())
    }

    fn text(&self) -> String {
        let partition = self.partition;
        match &self.outcome {
            Outcome::Unauditable(why) => format!("partition {partition}: cannot be audited: {}\n", plain::shown(why)),
            Outcome::Compared { image, next: [subscriptions, usage], differences } => {
                let verdict =
                    if differences.is_empty() { "equal".to_owned() } else { format!("{} differences", differences.len()) };
                let head = format!("partition {partition}: {verdict} at offsets {subscriptions} and {usage} ({image})\n");
                // Values of segments are what somebody wrote into an event.
                let line = |Difference { place, checkpoint, log }: &Difference| {
                    format!("  {}\n", plain::shown(&format!("{place}: checkpoint {checkpoint}, log {log}")))
                };
                head + &differences.iter().map(line).collect::<String>()
            }
        }
    }

    fn json(&self) -> String {
        let value = match &self.outcome {
            Outcome::Unauditable(why) => json!({ "partition": self.partition, "equal": null, "unauditable": why }),
            Outcome::Compared { image, next, differences } => {
                let one = |one: &Difference| json!({ "place": one.place, "checkpoint": one.checkpoint, "log": one.log });
                json!({ "partition": self.partition, "image": image, "subscriptions_offset": next[0], "usage_offset": next[1],
                    "equal": differences.is_empty(), "differences": differences.iter().map(one).collect::<Vec<_>>() })
            }
        };
        plain::shown_json(&value.to_string()) + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hostile_reaches_the_terminal() {
        let one = |text: &str| Difference { place: format!("w/plan={text}"), checkpoint: text.to_owned(), log: "1".to_owned() };
        for text in ["\u{1b}[2J", "\u{9b}31m", "\u{202e}x"] {
            let compared = Outcome::Compared { image: "m".to_owned(), next: [1, 2], differences: vec![one(text)] };
            for outcome in [compared, Outcome::Unauditable(text.to_owned())] {
                let finding = Finding { partition: 0, outcome };
                for shown in [finding.text(), finding.json()] {
                    assert!(!shown.lines().any(|line| line.chars().any(plain::is_unsafe)), "{shown:?}");
                }
            }
        }
    }

    #[test]
    fn only_what_is_equal_is_well() {
        let compared = |differences| Outcome::Compared { image: "m".to_owned(), next: [3, 4], differences };
        let finding = |outcome| Finding { partition: 1, outcome };
        let equal = finding(compared(Vec::new()));
        assert_eq!((equal.is_well(), equal.text().as_str()), (true, "partition 1: equal at offsets 3 and 4 (m)\n"));
        let one = Difference { place: "customers".to_owned(), checkpoint: "2".to_owned(), log: "1".to_owned() };
        let differs = finding(compared(vec![one]));
        assert!(!differs.is_well() && differs.text().ends_with("  customers: checkpoint 2, log 1\n"), "{}", differs.text());
        assert!(!finding(Outcome::Unauditable("why".to_owned())).is_well());
    }
}
