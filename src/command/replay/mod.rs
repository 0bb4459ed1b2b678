//! `upswell replay`: container files through the same decoder, acceptance and engine as the service, and the report.
//!
//! Files are read one after the other in constant memory; what grows is the state, as in the service. A damaged file ends where
//! the damage is: what was read before it counts, the report is printed all the same, and the exit code is 1.

mod instant;
mod intake;
mod rejects;

use super::{Failure, no_color, print, say};
use crate::config::{Config, Loaded, Purpose};
use crate::domain::calendar::Instant;
use crate::domain::facts::FactKind;
use crate::engine::report::Report;
use crate::wire::report::{csv, json, table};
use anyhow::anyhow;
use clap::ValueEnum;
use instant::AsOf;
use intake::Intake;
use rejects::Rejects;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

pub const EXAMPLES: &str = "\
Examples:
  upswell replay --subscriptions subscriptions.avro --usage usage-*.avro
  upswell replay --config upswell.yaml --subscriptions s.avro --as-of 2026-09-01 --format json
  upswell replay --usage u.avro --rejects rejects.jsonl --audit";

/// Arguments of `upswell replay`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("files").required(true).multiple(true).args(["subscriptions", "usage"])))]
pub struct Args {
    /// Configuration file (YAML); it needs no `kafka` part [default: every default]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Avro container files of subscription events, read in this order
    #[arg(long, value_name = "FILE", num_args = 1..)]
    subscriptions: Vec<PathBuf>,
    /// Avro container files of usage events, read in this order, after the subscriptions
    #[arg(long, value_name = "FILE", num_args = 1..)]
    usage: Vec<PathBuf>,
    /// Instant of the report: RFC 3339, or a date (its midnight in the reporting zone); events that take effect at or after it are
    /// left out [default: now]
    #[arg(long, value_name = "T", value_parser = AsOf::parse)]
    as_of: Option<AsOf>,
    /// Form of the report; money is exact in json and csv
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write each rejected event as a line of JSON (reason, file, position, detail) to this file
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Keep totals from the first event on, as the service does, and recompute them all at the end; a difference is exit code 1
    #[arg(long)]
    audit: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
}

/// Reads the files and prints the report.
///
/// # Errors
/// The configuration has faults, a file cannot be read to its end, or the audit finds a difference.
pub fn execute(args: &Args) -> Result<(), Failure> {
    let Loaded { config, warnings } = Config::load(args.config.as_deref(), Purpose::Replay)?;
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let plan = Arc::new(config.plan());
    let as_of = instant::resolve(args.as_of, &plan.zone)?;
    let files = [(FactKind::Subscription, &args.subscriptions), (FactKind::Usage, &args.usage)];
    let files: Vec<_> = files.iter().flat_map(|(kind, files)| files.iter().map(move |file| (*kind, file.as_path()))).collect();
    files.iter().try_for_each(|(_, file)| intake::open(file).map(drop))?;
    let rejects = Rejects::create(args.rejects.as_deref(), files.iter().map(|(_, file)| *file))?;
    let mut intake = Intake::new(Arc::clone(&plan), as_of, args.audit, rejects);
    let mut troubles = Vec::new();
    for (kind, file) in files {
        troubles.extend(intake.read(kind, file)?);
    }
    let (report, audit) = finish(&mut intake, &plan, as_of, args.audit)?;
    let rendered = render(args.format, &report, &intake);
    print(&rendered)?;
    intake.close()?;
    troubles.extend(audit);
    verdict(&troubles)
}

/// The report, and what the audit has to say against it.
fn finish(
    intake: &mut Intake,
    plan: &crate::engine::plan::Plan,
    as_of: Instant,
    audit: bool,
) -> Result<(Report, Option<String>), Failure> {
    if !audit {
        intake.shard.go_live(as_of);
    }
    let totals = intake.shard.totals().ok_or_else(|| anyhow!("the totals were not kept; this is a defect of upswell"))?;
    let report = Report::of(plan, as_of, &[totals]);
    let found = if audit { intake.shard.audit().err() } else { None };
    if audit && found.is_none() {
        say(&format!("audit: no difference in the totals of {} customers", intake.shard.accounts()));
    }
    Ok((report, found.map(|difference| format!("the audit found a difference, which is a defect of upswell: {difference}"))))
}

fn render(format: Format, report: &Report, intake: &Intake) -> String {
    match format {
        Format::Json => json::render(report, &intake.counts),
        Format::Csv => csv::render(report, &intake.counts),
        Format::Table => {
            let terminal = std::io::stdout().is_terminal();
            let width = terminal_size::terminal_size().filter(|_| terminal).map(|(width, _)| usize::from(width.0));
            table::render(report, &intake.counts, &table::Style::new(terminal, no_color().as_deref(), width))
        }
    }
}

fn verdict(troubles: &[String]) -> Result<(), Failure> {
    match troubles {
        [] => Ok(()),
        _ => Err(anyhow!("{}", troubles.join("\n")).into()),
    }
}
