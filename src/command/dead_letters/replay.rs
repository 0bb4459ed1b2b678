//! `upswell dead-letters replay`: chosen letters go to the retries topic, each record once, as it was.
//!
//! The topic is read twice: first to know what there is, then to send the values, so that no more than one is held at a time. Records
//! go to the partition of the number they came from, since the service reads a customer's events in one partition. The billing topics
//! are never written to.

use super::shelf::{Entry, Shelf, Value};
use super::{File, TIMEOUT};
use crate::adapter::kafka::letters::returns::{Returned, Returns};
use crate::adapter::kafka::letters::{Origin, reading};
use crate::adapter::kafka::preflight::{ClusterFacts, TopicFacts, preflight};
use crate::adapter::kafka::{Settings, Topics};
use crate::command::{Failure, print, say};
use crate::wire::plain;
use anyhow::anyhow;
use std::collections::BTreeSet;

pub const USAGE: &str = "upswell dead-letters replay --config <FILE> <--all|--reason <R>...|--origin <O>...> [OPTIONS]";

pub const NOTES: &str = "\
Mend the cause first: a record that is still wrong is rejected again. Records are written to kafka.topics.retries, which the \
running service reads besides the billing topics; nobody else needs to read it. The topic must exist, with as many partitions as \
the billing topics. Letters of a topic that was deleted and made again since are skipped.

Exit code 1: a record could not be put back, because its value was left out of the letter or the brokers did not take it, or a \
record named by --origin was not there or skipped. Everything else is put back all the same; doing it twice does no harm.

Examples:
  upswell dead-letters replay --config upswell.yaml --reason unknown_currency unknown_schema
  upswell dead-letters replay --config upswell.yaml --all --dry-run";

/// Arguments of `upswell dead-letters replay`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("choice").required(true).args(["all", "reason", "origin"])))]
pub struct Args {
    #[command(flatten)]
    file: File,
    /// Every rejected record
    #[arg(long)]
    all: bool,
    /// Records rejected for these reasons
    #[arg(long, value_name = "REASON", num_args = 1.., value_parser = super::reason())]
    reason: Vec<String>,
    /// These records, each as TOPIC/ID/PARTITION/OFFSET, with - for the ID where the cluster has no topic ids
    #[arg(long, value_name = "ORIGIN", num_args = 1..)]
    origin: Vec<Origin>,
    /// Say what would be put back, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Puts the chosen records back and says what became of each.
///
/// # Errors
/// The configuration has faults, the cluster is not in order, or a record could not be put back.
pub fn execute(args: &Args) -> Result<(), Failure> {
    let settings = super::load(&args.file.config)?.kafka.settings();
    // Where the billing logs begin does not matter here.
    let facts = preflight(&Settings { accept_truncated_log: true, ..settings.clone() }, TIMEOUT)?;
    if facts.retries.is_none() {
        return Err(missing(&settings.topics.retries, facts.subscriptions.partitions).into());
    }
    let (shelf, topic) = Shelf::read(&settings, TIMEOUT)?;
    let choice = Choice { all: args.all, reasons: &args.reason, origins: args.origin.iter().collect() };
    let mut account = Account::default();
    let chosen = choice.of(&shelf, &facts, &mut account);
    account.tell()?;
    if args.dry_run {
        let retries = &settings.topics.retries;
        chosen.iter().for_each(|origin| account.note(origin, &format!("would be put back to {retries}/{}", origin.partition)));
        account.tell()?;
        say(&format!(
            "{} would be put back, {} cannot be, {} skipped; nothing was written",
            chosen.len(),
            account.failed,
            account.skipped
        ));
    } else {
        put_back(&settings, &topic, chosen, &mut account)?;
        say(&format!("{} put back, {} not, {} skipped", account.written, account.failed, account.skipped));
    }
    account.verdict()
}

fn missing(retries: &str, partitions: u32) -> anyhow::Error {
    anyhow!(
        "topic {retries} does not exist: create it with {partitions} partitions, as many as the billing topics have (kafka-topics.sh \
         --create --topic {retries} --partitions {partitions} --config cleanup.policy=delete), or correct kafka.topics.retries"
    )
}

/// What is to be put back.
struct Choice<'a> {
    all: bool,
    reasons: &'a [String],
    origins: BTreeSet<&'a Origin>,
}

impl Choice<'_> {
    fn wants(&self, origin: &Origin, entry: &Entry) -> bool {
        self.all || self.reasons.contains(&entry.reason) || self.origins.contains(origin)
    }

    /// The chosen records that can be put back; the others are told of.
    fn of<'s>(&self, shelf: &'s Shelf, facts: &ClusterFacts, account: &mut Account) -> BTreeSet<&'s Origin> {
        let mut chosen = BTreeSet::new();
        for (origin, entry) in shelf.records.iter().filter(|(origin, entry)| self.wants(origin, entry)) {
            match (foreign(origin, facts), entry.value) {
                (Some(why), _) if self.origins.is_empty() => account.skip(origin, &why),
                (Some(why), _) => account.fail(origin, &why),
                (None, Value::LeftOut(bytes)) => {
                    let why = format!("its value of {bytes} bytes was left out of the letter, which was too large for the topic");
                    account.fail(origin, &why);
                }
                (None, _) => _ = chosen.insert(origin),
            }
        }
        for origin in self.origins.iter().filter(|origin| !shelf.records.contains_key(**origin)) {
            account.fail(origin, "there is no letter of it");
        }
        chosen
    }
}

/// Why a record is none of the topics that are read now.
fn foreign(origin: &Origin, facts: &ClusterFacts) -> Option<String> {
    let topic = [&facts.subscriptions, &facts.usage].into_iter().find(|topic| topic.name == origin.topic);
    let Some(topic) = topic else { return Some("its topic is none of the configured billing topics".to_owned()) };
    let another = topic.id.as_ref().zip(origin.topic_id.as_ref()).is_some_and(|(now, then)| now != then);
    let beyond = u32::try_from(origin.partition).map_or(true, |partition| partition >= topic.partitions);
    if another {
        Some(format!("topic {} was deleted and made again since", topic.name))
    } else if beyond {
        Some(format!("topic {} has no such partition any more", topic.name))
    } else {
        None
    }
}

/// Reads the letters once more and sends the chosen ones.
fn put_back(
    settings: &Settings,
    topic: &TopicFacts,
    mut chosen: BTreeSet<&Origin>,
    account: &mut Account,
) -> Result<(), Failure> {
    if chosen.is_empty() {
        return Ok(());
    }
    let returns = Returns::new(settings)?;
    let mut told = Ok(());
    reading::read(settings, topic, |letter| {
        let Some(letter) = letter.filter(|letter| Value::of(letter).is_whole()) else { return };
        if chosen.remove(&letter.origin) {
            returns.send(&letter);
            returns.settled().for_each(|returned| account.settle(&settings.topics, &returned));
            if told.is_ok() {
                told = account.tell();
            }
        }
    })?;
    returns.finish().iter().for_each(|returned| account.settle(&settings.topics, returned));
    chosen.iter().for_each(|origin| account.fail(origin, "its letter was deleted meanwhile"));
    told.and(account.tell())
}

/// What became of the chosen records.
#[derive(Debug, Default)]
struct Account {
    written: u64,
    failed: u64,
    skipped: u64,
    /// Lines not printed yet.
    lines: String,
}

impl Account {
    fn settle(&mut self, topics: &Topics, returned: &Returned) {
        let Returned { origin, outcome } = returned;
        match outcome {
            Ok(offset) => {
                self.written += 1;
                self.note(origin, &format!("put back as {}/{}/{offset}", topics.retries, origin.partition));
            }
            Err(why) => self.fail(origin, why),
        }
    }

    fn fail(&mut self, origin: &Origin, why: &str) {
        self.failed += 1;
        self.note(origin, &format!("not put back: {why}"));
    }

    fn skip(&mut self, origin: &Origin, why: &str) {
        self.skipped += 1;
        self.note(origin, &format!("skipped: {why}"));
    }

    /// The topic's name is what somebody wrote in a header, and why is what a broker said.
    fn note(&mut self, origin: &Origin, what: &str) {
        self.lines.push_str(&plain::shown(&format!("{origin}: {what}")));
        self.lines.push('\n');
    }

    fn tell(&mut self) -> Result<(), Failure> {
        print(&std::mem::take(&mut self.lines))
    }

    fn verdict(&self) -> Result<(), Failure> {
        match self.failed {
            0 => Ok(()),
            1 => Err(anyhow!("a record could not be put back; its line says why").into()),
            count => Err(anyhow!("{count} records could not be put back; their lines say why").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::shelf::tests::{letter, shelf};
    use super::*;

    fn facts(id: Option<&str>) -> ClusterFacts {
        let topic = |name: &str| TopicFacts {
            name: name.to_owned(),
            id: id.map(str::to_owned),
            partitions: 2,
            start_offsets: Vec::new(),
            end_offsets: Vec::new(),
        };
        ClusterFacts {
            cluster_id: None,
            subscriptions: topic("s"),
            usage: topic("u"),
            dead_letters: topic("d"),
            retries: Some(topic("r")),
        }
    }

    fn origin(topic: &str, id: Option<&str>, partition: i32) -> Origin {
        Origin { topic: topic.to_owned(), topic_id: id.map(str::to_owned), partition, offset: 7 }
    }

    #[test]
    fn records_of_other_topics_are_told_from_ours() {
        let table = [
            (Some("ID"), origin("u", Some("ID"), 1), None),
            (Some("ID"), origin("s", None, 0), None),
            (None, origin("u", Some("ID"), 0), None),
            (Some("ID"), origin("u", Some("OLD"), 0), Some("made again")),
            (Some("ID"), origin("x", Some("ID"), 0), Some("none of the configured")),
            (Some("ID"), origin("r", Some("ID"), 0), Some("none of the configured")),
            (Some("ID"), origin("u", Some("ID"), 2), Some("no such partition")),
        ];
        for (id, origin, expected) in table {
            let found = foreign(&origin, &facts(id));
            match expected {
                None => assert_eq!(found, None, "{origin}"),
                Some(text) => assert!(found.is_some_and(|found| found.contains(text)), "{origin}"),
            }
        }
    }

    #[test]
    fn what_is_chosen_is_put_back_once_and_the_rest_is_accounted_for() {
        let mut old = letter(1, "decode", Some(b"x"), None);
        old.origin.topic_id = Some("OLD".to_owned());
        let letters = vec![
            letter(1, "decode", Some(b"x"), None),
            letter(1, "decode", Some(b"x"), None),
            letter(2, "framing", None, None),
            letter(3, "decode", None, Some(99)),
            old.clone(),
        ];
        let shelf = shelf(letters);
        let offsets = |choice: Choice| {
            let mut account = Account::default();
            let chosen = choice.of(&shelf, &facts(Some("ID")), &mut account);
            (chosen.iter().map(|origin| origin.offset).collect::<Vec<_>>(), account.failed, account.skipped)
        };
        let none = || Choice { all: false, reasons: &[], origins: BTreeSet::new() };
        assert_eq!(offsets(Choice { all: true, ..none() }), (vec![1, 2], 1, 1));
        assert_eq!(offsets(Choice { reasons: &["framing".to_owned()], ..none() }), (vec![2], 0, 0));
        let (first, unknown) = (letter(1, "x", None, None).origin, letter(9, "x", None, None).origin);
        let origins = BTreeSet::from([&first, &unknown, &old.origin]);
        assert_eq!(offsets(Choice { origins, ..none() }), (vec![1], 2, 0));
    }

    #[test]
    fn only_a_record_that_could_not_be_put_back_is_a_failure() {
        assert!(Account { skipped: 3, ..Account::default() }.verdict().is_ok());
        assert_eq!(Account { written: 5, failed: 1, ..Account::default() }.verdict().unwrap_err().exit_code(), 1);
    }
}
