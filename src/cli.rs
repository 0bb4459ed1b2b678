//! The command line: its commands and options, the log, and the exit code.
//!
//! Data goes to standard output, everything else to standard error. Exit codes: 0 success, 1 failure at run time, 2 usage,
//! 78 configuration.

use crate::command::{
    Failure, alerts, audit, check, dead_letters, demo, generate, healthcheck, inspect, no_color, replay, rules, run, say, schema,
};
use clap::{Parser, Subcommand, ValueEnum};
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Live revenue truth from billing event streams.
///
/// Upswell reads Avro billing events from Kafka and keeps exact revenue figures: recurring revenue, expansion by motion, churn, net and
/// gross revenue retention, per window and segment, as Prometheus gauges.
#[derive(Debug, Parser)]
#[command(name = "upswell", version, arg_required_else_help = true, term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Form of the log on standard error: lines for people, or a JSON object a line
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT", display_order = 900)]
    log_format: LogFormat,
    /// Least level to log
    #[arg(long, global = true, value_enum, default_value_t = LogLevel::Info, value_name = "LEVEL", display_order = 901)]
    log_level: LogLevel,
}

const AFTER_HELP: &str = "\
Exit codes: 0 success, 1 failure at run time, 2 usage, 78 configuration.
Environment: UPSWELL_<KEY> overrides a key of the configuration (UPSWELL_KAFKA_BROKERS is kafka.brokers), NO_COLOR turns colour off.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service: Kafka in, /metrics and the API out
    Run(run::Args),
    /// Run the whole service on an embedded broker with a live stream of synthetic events
    Demo(demo::Args),
    /// Compute the report from Avro container files, without a broker
    #[command(after_help = replay::EXAMPLES)]
    Replay(replay::Args),
    /// Write synthetic billing history to container files or to Kafka
    #[command(after_help = generate::EXAMPLES)]
    Generate(generate::Args),
    /// Validate a configuration and print it as it takes effect, secrets hidden
    #[command(after_help = check::EXAMPLES)]
    Check(check::Args),
    /// Test a receiver of notifications, or show the alerts of a running service
    Alerts(alerts::Args),
    /// List rejected records, or put them back to be judged again
    DeadLetters(dead_letters::Args),
    /// Show what a checkpoint holds, and whether it is whole
    #[command(after_help = inspect::NOTES)]
    Inspect(inspect::Args),
    /// Recompute from the log what the newest checkpoints hold, and compare
    #[command(after_help = audit::NOTES)]
    Audit(audit::Args),
    /// Print the alerting rules of a configuration, for Prometheus
    #[command(after_help = rules::NOTES)]
    Rules(rules::Args),
    /// Ask a running service whether it answers, and tell by the exit code
    #[command(after_help = healthcheck::NOTES)]
    Healthcheck(healthcheck::Args),
    /// Print the Avro schemas that events are read with
    Schema(schema::Args),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log(cli.log_format, cli.log_level);
    let result = match &cli.command {
        Command::Run(args) => run::execute(args),
        Command::Demo(args) => demo::execute(args),
        Command::Replay(args) => replay::execute(args),
        Command::Generate(args) => generate::execute(args),
        Command::Check(args) => check::execute(args),
        Command::Alerts(args) => alerts::execute(args),
        Command::DeadLetters(args) => dead_letters::execute(args),
        Command::Inspect(args) => inspect::execute(args),
        Command::Audit(args) => audit::execute(args),
        Command::Rules(args) => rules::execute(args),
        Command::Healthcheck(args) => healthcheck::execute(args),
        Command::Schema(args) => schema::execute(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&failure, cli.log_format);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Says why the program ends: to people as lines, else as a line of the log.
fn report(failure: &Failure, format: LogFormat) {
    match format {
        LogFormat::Text => say(&format!("error: {failure}")),
        LogFormat::Json => tracing::error!("{failure}"),
    }
}

/// Logs to standard error. Libraries are heard from the level of warnings on, or at `trace`; the HTTP client's whole addresses, in which
/// webhooks have their secrets, never are.
fn start_log(format: LogFormat, level: LogLevel) {
    let filter = match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "warn,upswell=info",
        LogLevel::Debug => "warn,upswell=debug",
        LogLevel::Trace => "trace,ureq=debug,ureq_proto=debug",
    };
    let color = std::io::stderr().is_terminal() && no_color().is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(color)
        .log_internal_errors(false);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
