//! `upswell replay`: container files through the same decoder, acceptance and engine as the service, and the report, or the history
//! of closed periods.
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
use crate::domain::window::Period;
use crate::engine::report::Report;
use crate::engine::survey::periods::reached;
use crate::engine::survey::{Found, Question};
use crate::wire::exposition::backfill;
use crate::wire::history::{self, History};
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
  upswell replay --usage u.avro --rejects rejects.jsonl --audit
  upswell replay --subscriptions s.avro --every month
  upswell replay --subscriptions s.avro --every quarter --format openmetrics > history.txt
  promtool tsdb create-blocks-from openmetrics history.txt data/";

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
    /// Instead of the report, the history of closed months, quarters or years, as far back as the files reach: each period as a
    /// report at its closing edge has it
    #[arg(long, value_enum, value_name = "PERIOD")]
    every: Option<Every>,
    /// Form of the report; money is exact in json and csv; openmetrics is for a history (--every), to be filled into Prometheus
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
    #[value(name = "openmetrics")]
    OpenMetrics,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Every {
    Month,
    Quarter,
    Year,
}

impl From<Every> for Period {
    fn from(every: Every) -> Period {
        match every {
            Every::Month => Period::Month,
            Every::Quarter => Period::Quarter,
            Every::Year => Period::Year,
        }
    }
}

/// Reads the files and prints the report.
///
/// # Errors
/// The configuration has faults, a file cannot be read to its end, or the audit finds a difference.
pub fn execute(args: &Args) -> Result<(), Failure> {
    if args.format == Format::OpenMetrics && args.every.is_none() {
        let sentence = "--format openmetrics is for a history: add --every month, quarter or year, or use json, csv or table";
        return Err(Failure::Usage(sentence.to_owned()));
    }
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
    let rendered = match args.every {
        Some(every) => render_history(args.format, &past(&mut intake, &report, every.into(), &config)?),
        None => render(args.format, &report, &intake),
    };
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

/// The periods that are closed at the report's instant, as far back as the files reach.
fn past(intake: &mut Intake, report: &Report, every: Period, config: &Config) -> Result<History, Failure> {
    let question = Question::Closed { every, most: usize::MAX };
    let Some((_, Found::Periods(periods))) = intake.shard.look(&question) else {
        return Err(anyhow!("the history was not computed; this is a defect of upswell").into());
    };
    let mut periods = reached(periods);
    periods.reverse();
    Ok(History {
        as_of: report.as_of,
        currency: report.currency.clone(),
        time_zone: report.time_zone.clone(),
        every,
        complete_since: config.revenue.complete_since.map(|day| config.revenue.time_zone.midnight(day)),
        owns_all: true,
        periods,
    })
}

fn render_history(format: Format, history: &History) -> String {
    match format {
        Format::Json => history::json::render(history),
        Format::Csv => history::csv::render(history),
        Format::OpenMetrics => backfill::render(history),
        Format::Table => history::table::render(history, style().color),
    }
}

fn style() -> table::Style {
    let terminal = std::io::stdout().is_terminal();
    let width = terminal_size::terminal_size().filter(|_| terminal).map(|(width, _)| usize::from(width.0));
    table::Style::new(terminal, no_color().as_deref(), width)
}

fn render(format: Format, report: &Report, intake: &Intake) -> String {
    match format {
        Format::Json => json::render(report, &intake.counts),
        Format::Csv => csv::render(report, &intake.counts),
        // There is none of a report: refused before anything is read.
        Format::Table | Format::OpenMetrics => table::render(report, &intake.counts, &style()),
    }
}

fn verdict(troubles: &[String]) -> Result<(), Failure> {
    match troubles {
        [] => Ok(()),
        _ => Err(anyhow!("{}", troubles.join("\n")).into()),
    }
}
