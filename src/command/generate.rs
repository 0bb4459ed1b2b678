//! `upswell generate`: synthetic billing history, to container files or to Kafka. The same bytes for the same arguments.

use super::{Failure, demo, print, say};
use crate::adapter::clock::Clock;
use crate::demo::cluster::{Cluster, register_schemas};
use crate::demo::feed::{Feed, Topics};
use crate::demo::files::HistoryFiles;
use crate::demo::history::{History, Scale, days};
use crate::demo::playback::Playback;
use crate::demo::summary::Summary;
use crate::domain::calendar::Day;
use anyhow::Context;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub const EXAMPLES: &str = "\
Examples:
  upswell generate --out history
  upswell replay --config history/upswell.yaml --subscriptions history/subscriptions.avro --usage history/usage.avro --as-of 2026-07-01
  upswell generate --brokers localhost:9092 --registry http://localhost:8081 --customers 5000 --until $(date +%F)
  upswell generate --brokers localhost:9092 --live";

/// How often a live history looks whether an event's time has come.
const BEAT: Duration = Duration::from_millis(200);

/// Arguments of `upswell generate`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("target").required(true).args(["out", "brokers"])))]
pub struct Args {
    /// Write subscriptions.avro, usage.avro and an upswell.yaml to replay them with into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write to Kafka instead, at these brokers: host:port, by comma
    #[arg(long, value_name = "BROKERS")]
    brokers: Option<String>,
    /// Customers that have signed up by the end, 1 to 10000000
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    customers: u32,
    /// Months of history, 1 to 120
    #[arg(long, value_name = "M", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=120))]
    months: u32,
    /// Seed of everything that is left to chance
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// First day that is not part of the history (UTC), 2010-01-01 to 2089-12-31; a fixed date, so that the clock changes nothing
    #[arg(long, value_name = "DATE", default_value = DEFAULT_UNTIL, value_parser = until)]
    until: Day,
    /// Schema registry with the Confluent API, in which the schemas are registered
    #[arg(long, value_name = "URL", default_value = "http://localhost:8081", conflicts_with = "out")]
    registry: String,
    /// Partitions of topics that do not exist yet
    #[arg(long, value_name = "N", default_value_t = 8, conflicts_with = "out", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    partitions: u16,
    /// Topic of subscription events
    #[arg(long, value_name = "TOPIC", default_value = "billing.subscriptions", conflicts_with = "out")]
    subscriptions_topic: String,
    /// Topic of usage events
    #[arg(long, value_name = "TOPIC", default_value = "billing.usage", conflicts_with = "out")]
    usage_topic: String,
    /// Go on after --until: send what has happened since, then each event when its time has come, until a signal ends it
    #[arg(long, conflicts_with = "out")]
    live: bool,
    /// Property of librdkafka for the connection, such as security.protocol=SASL_SSL; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = property, conflicts_with = "out")]
    property: Vec<(String, String)>,
}

/// The end of a history unless another is asked for.
pub const DEFAULT_UNTIL: &str = "2026-07-01";

/// Reads `--until`.
pub fn until(text: &str) -> Result<Day, String> {
    let day = Day::parse(text).ok_or("expected a date such as 2026-07-01")?;
    let year = day.date().year();
    if (2010..2090).contains(&year) { Ok(day) } else { Err("expected a date from 2010-01-01 to 2089-12-31".to_owned()) }
}

fn property(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE, such as security.protocol=SASL_SSL")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

/// Writes the history.
///
/// # Errors
/// A file cannot be written, or the brokers or the registry do not take what they are given.
pub fn execute(args: &Args) -> Result<(), Failure> {
    let scale = Scale { customers: args.customers, months: args.months, until: args.until, seed: args.seed };
    match (&args.out, &args.brokers) {
        (Some(directory), _) => to_files(scale, directory),
        (None, Some(brokers)) => to_kafka(scale, brokers, args),
        (None, None) => Err(Failure::Usage("say where to write: --out DIR or --brokers BROKERS".to_owned())),
    }
}

fn to_files(scale: Scale, directory: &Path) -> Result<(), Failure> {
    let context = || format!("write the history to {}", directory.display());
    let mut files = HistoryFiles::create(directory, scale.seed).with_context(context)?;
    let (mut summary, mut progress) = (Summary::default(), Progress::new(scale));
    for events in days(scale) {
        for event in &events {
            if files.append(event).with_context(context)? {
                summary.count(event);
            }
        }
        progress.day_is_over();
    }
    let names = files.finish().with_context(context)?;
    progress.end();
    say(&summary.to_string());
    print(&names.map(|name| format!("{}\n", name.display())).concat())
}

fn to_kafka(scale: Scale, brokers: &str, args: &Args) -> Result<(), Failure> {
    let topics = Topics { subscriptions: args.subscriptions_topic.clone(), usage: args.usage_topic.clone() };
    if topics.subscriptions == topics.usage {
        return Err(Failure::Usage("--subscriptions-topic and --usage-topic have to differ".to_owned()));
    }
    let ids = register_schemas(&args.registry, &topics).context("make the registry ready")?;
    let partitions = prepare(brokers, &topics, args).context("make the topics ready")?;
    let feed = Feed::new(brokers, &args.property, topics.clone(), ids, false).context("write the history to Kafka")?;
    if args.live {
        return Ok(live(scale, feed, partitions).context("write the history to Kafka")?);
    }
    let (mut summary, mut progress) = (Summary::default(), Progress::new(scale));
    for event in days(scale).inspect(|_| progress.day_is_over()).flatten() {
        feed.send(&event).context("write the history to Kafka")?;
        feed.poll(Duration::ZERO).context("write the history to Kafka")?;
        summary.count(&event);
    }
    feed.settle().context("write the history to Kafka")?;
    progress.end();
    say(&summary.to_string());
    say(&format!("{} records acknowledged in {partitions} partitions of each topic", feed.acknowledged()));
    print(&format!("{}\n{}\n", topics.subscriptions, topics.usage))
}

/// Sends the history, what has happened since its end, and then each event as its time comes, until a signal ends it. It begins on empty
/// topics only: usage sent a second time, beyond the window of deduplication, would count twice.
fn live(scale: Scale, feed: Feed, partitions: usize) -> anyhow::Result<()> {
    if let Some(topic) = feed.first_used(partitions).context("look whether the topics are empty")? {
        anyhow::bail!("topic {topic} holds records already, and a live history begins on empty topics; delete it and try again");
    }
    let signals = demo::listen_to_signals()?;
    let (clock, mut playback) = (Clock::wall(), Playback::new(History::new(scale), feed));
    let mut caught_up = false;
    while signals.told.try_recv().is_err() {
        let all = playback.advance(clock.now())?;
        if all && !caught_up {
            caught_up = true;
            say(&format!(
                "The history is sent up to now; from here on about {} events a day, when their time has come.",
                playback.events_per_day()
            ));
        }
        playback.follow(&[], BEAT)?;
    }
    playback.finish()?;
    say(&format!("{} records acknowledged in {partitions} partitions of each topic", playback.acknowledged()));
    Ok(())
}

/// Creates the topics where they are missing; how many partitions each has.
fn prepare(brokers: &str, topics: &Topics, args: &Args) -> anyhow::Result<usize> {
    let cluster = Cluster::new(brokers, &args.property)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    let partitions = runtime.block_on(cluster.ensure_topics(topics, args.partitions))?;
    runtime.block_on(cluster.warnings(topics)).iter().for_each(|warning| tracing::warn!("{warning}"));
    Ok(partitions)
}

/// How far the history is, on a terminal only.
struct Progress {
    days: i32,
    of: i32,
    shown: bool,
}

impl Progress {
    fn new(scale: Scale) -> Progress {
        Progress { days: 0, of: scale.until.0 - scale.start().0, shown: std::io::stderr().is_terminal() }
    }

    fn day_is_over(&mut self) {
        self.days += 1;
        if self.shown && self.days % 10 == 0 {
            self.write(&format!("\r{} of {} days", self.days, self.of));
        }
    }

    fn end(&self) {
        if self.shown {
            self.write("\r\x1b[K");
        }
    }

    fn write(&self, text: &str) {
        let mut out = std::io::stderr().lock();
        // Nothing is lost if nobody can see it.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_properties_are_read() {
        assert_eq!(until(DEFAULT_UNTIL), Ok(Day::parse(DEFAULT_UNTIL).expect("a date")));
        for text in ["", "2026-02-30", "1999-01-01", "2090-01-01", "today"] {
            assert!(until(text).is_err(), "{text}");
        }
        assert_eq!(property("sasl.password=a=b"), Ok(("sasl.password".to_owned(), "a=b".to_owned())));
        assert!(property("sasl.password").is_err());
    }
}
