//! `upswell dead-letters list`: rejected records for people, or as lines of JSON.

use super::shelf::{Entry, Shelf, Value};
use super::{File, TIMEOUT};
use crate::adapter::kafka::letters::Origin;
use crate::command::{Failure, print, say};
use crate::domain::calendar::Instant;
use crate::wire::plain;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use serde_json::json;
use std::io::IsTerminal;

pub const NOTES: &str = "\
The whole topic is read. A record may have several letters: it is shown once, as the newest tells of it, and stays in the list \
after it was put back, until the topic's retention deletes its letters. The line of a topic, a slash and PARTITION/OFFSET are what \
`replay --origin` takes. Each line of JSON has origin, topic, topic_id, partition, offset, reason, detail, schema_id, key (null \
where it is not UTF-8; key_base64 then holds it), value (present, null or left_out), value_bytes, timestamp (the record's), letters.

Examples:
  upswell dead-letters list --config upswell.yaml
  upswell dead-letters list --config upswell.yaml --reason unknown_currency --format json";

/// Arguments of `upswell dead-letters list`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    file: File,
    /// Only records rejected for this reason; may be repeated
    #[arg(long, value_name = "REASON", value_parser = super::reason())]
    reason: Vec<String>,
    /// Only records of this billing topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Only records of this partition of it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Show at most so many, the first by topic, partition and offset
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// A table for people, or an object of JSON a line
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Prints what was rejected.
///
/// # Errors
/// The configuration has faults, or the topic cannot be read.
pub fn execute(args: &Args) -> Result<(), Failure> {
    let config = super::load(&args.file.config)?;
    let (shelf, topic) = Shelf::read(&config.kafka.settings(), TIMEOUT)?;
    let chosen: Vec<(&Origin, &Entry)> = shelf.records.iter().filter(|(origin, entry)| args.wants(origin, entry)).collect();
    let shown = &chosen[..args.limit.unwrap_or(usize::MAX).min(chosen.len())];
    print(&match args.format {
        Format::Table => table(shown, width()),
        Format::Json => shown.iter().map(|(origin, entry)| line(origin, entry)).collect(),
    })?;
    say(&format!("{} of {} rejected records in {} shown", shown.len(), shelf.records.len(), topic.name));
    if shelf.foreign > 0 {
        say(&format!("{} records there are no letters: who else writes to {}?", shelf.foreign, topic.name));
    }
    Ok(())
}

impl Args {
    fn wants(&self, origin: &Origin, entry: &Entry) -> bool {
        (self.reason.is_empty() || self.reason.contains(&entry.reason))
            && self.topic.as_ref().is_none_or(|topic| *topic == origin.topic)
            && self.partition.is_none_or(|partition| partition == origin.partition)
    }
}

/// Columns of the terminal; `None` elsewhere.
fn width() -> Option<usize> {
    let terminal = std::io::stdout().is_terminal();
    terminal_size::terminal_size().filter(|_| terminal).map(|(width, _)| usize::from(width.0))
}

/// One record as a line of JSON.
fn line(origin: &Origin, entry: &Entry) -> String {
    let Entry { reason, detail, schema_id, key, value, timestamp, letters } = entry;
    let text = key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
    let (value, bytes) = match value {
        Value::Present(bytes) => ("present", Some(bytes)),
        Value::Null => ("null", None),
        Value::LeftOut(bytes) => ("left_out", Some(bytes)),
    };
    let mut object = json!({
        "origin": origin.to_string(), "topic": origin.topic, "topic_id": origin.topic_id, "partition": origin.partition,
        "offset": origin.offset, "reason": reason, "detail": detail, "schema_id": schema_id, "key": text, "value": value,
        "value_bytes": bytes, "timestamp": timestamp.map(|millis| Instant(millis).to_rfc3339()), "letters": letters,
    });
    if let (Some(key), None) = (key, text) {
        object["key_base64"] = STANDARD.encode(key).into();
    }
    plain::shown_json(&object.to_string()) + "\n"
}

const HEADING: [&str; 8] = ["PARTITION/OFFSET", "REASON", "TIME", "LETTERS", "VALUE", "SCHEMA", "KEY", "DETAIL"];
/// Keys are cut to so many characters in the table.
const LONGEST_KEY: usize = 24;

/// A part for each topic; columns line up over all of them. The detail, which comes last, fills what is left of the width.
fn table(records: &[(&Origin, &Entry)], width: Option<usize>) -> String {
    if records.is_empty() {
        return String::new();
    }
    let rows: Vec<[String; 8]> = records.iter().map(|(origin, entry)| row(origin, entry)).collect();
    let widths: Vec<usize> = (0..7).map(|column| widest(&rows, column)).collect();
    let mut out = String::new();
    for (index, ((origin, _), row)) in records.iter().zip(&rows).enumerate() {
        if index == 0 || !same_topic(records[index - 1].0, origin) {
            let gap = if index == 0 { "" } else { "\n" };
            let heading = HEADING.map(str::to_owned);
            out.push_str(&format!("{gap}{}\n{}", topic(origin), laid_out(&heading, &widths, width)));
        }
        out.push_str(&laid_out(row, &widths, width));
    }
    out
}

fn same_topic(one: &Origin, other: &Origin) -> bool {
    (&one.topic, &one.topic_id) == (&other.topic, &other.topic_id)
}

fn topic(origin: &Origin) -> String {
    plain::shown(&format!("{}/{}", origin.topic, origin.topic_id.as_deref().unwrap_or("-")))
}

fn row(origin: &Origin, entry: &Entry) -> [String; 8] {
    let key = entry.key.as_deref().map(plain::shown_bytes);
    [
        format!("{}/{}", origin.partition, origin.offset),
        plain::shown(&entry.reason),
        entry.timestamp.map_or_else(|| "-".to_owned(), |millis| Instant(millis).to_rfc3339()),
        entry.letters.to_string(),
        match entry.value {
            Value::Present(bytes) => format!("{bytes} B"),
            Value::Null => "-".to_owned(),
            Value::LeftOut(bytes) => format!("left out, {bytes} B"),
        },
        entry.schema_id.as_deref().map_or_else(|| "-".to_owned(), plain::shown),
        key.map_or_else(|| "-".to_owned(), |key| cut(&key, LONGEST_KEY)),
        plain::shown(&entry.detail),
    ]
}

fn widest(rows: &[[String; 8]], column: usize) -> usize {
    rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(HEADING[column].len())
}

fn laid_out(row: &[String; 8], widths: &[usize], width: Option<usize>) -> String {
    let mut out = String::new();
    for (cell, width) in row.iter().zip(widths) {
        out.push_str(&format!("{cell:width$}  "));
    }
    let used = out.chars().count();
    let detail = width.map_or_else(|| row[7].clone(), |width| cut(&row[7], width.saturating_sub(used).max(20)));
    out.push_str(&detail);
    out.truncate(out.trim_end().len());
    out + "\n"
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some(_) => text.chars().take(longest.saturating_sub(1)).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::shelf::tests::{letter, shelf};
    use super::*;
    use crate::adapter::kafka::letters::DeadLetter;

    fn shown(shelf: &Shelf, width: Option<usize>) -> String {
        table(&shelf.records.iter().collect::<Vec<_>>(), width)
    }

    fn hostile() -> DeadLetter {
        let key = Some(b"\x1b[2J\xff".to_vec());
        DeadLetter { key, detail: "\u{9b}31m bad \u{202e}".to_owned(), ..letter(8, "decode", None, Some(9)) }
    }

    #[test]
    fn the_table_has_a_part_for_each_topic() {
        let mut other = letter(1, "framing", None, None);
        (other.origin.topic, other.origin.topic_id) = ("v".to_owned(), None);
        let shelf = shelf(vec![letter(7, "decode", Some(b"abc"), None), letter(7, "decode", Some(b"abc"), None), other]);
        let expected = "\
u/ID
PARTITION/OFFSET  REASON   TIME                      LETTERS  VALUE  SCHEMA  KEY  DETAIL
0/7               decode   2020-09-13T12:26:40.123Z  2        3 B    -       c    decode happened

v/-
PARTITION/OFFSET  REASON   TIME                      LETTERS  VALUE  SCHEMA  KEY  DETAIL
0/1               framing  2020-09-13T12:26:40.123Z  1        -      -       c    framing happened
";
        assert_eq!(shown(&shelf, None), expected);
        assert_eq!(shown(&Shelf::default(), None), "");
    }

    #[test]
    fn a_detail_fills_the_width_and_is_cut() {
        let long = DeadLetter { detail: "x".repeat(200), ..letter(7, "decode", None, None) };
        let shelf = shelf(vec![long]);
        let table = shown(&shelf, Some(120));
        assert_eq!(table.lines().map(|line| line.chars().count()).max(), Some(120), "{table}");
        assert!(shown(&shelf, Some(10)).ends_with(&format!("  {}…\n", "x".repeat(19))));
    }

    #[test]
    fn nothing_hostile_reaches_the_terminal() {
        let shelf = shelf(vec![hostile()]);
        let table = shown(&shelf, None);
        assert!(table.contains("\\u{1b}[2J\\xff") && table.contains("left out, 9 B"), "{table}");
        let json: String = shelf.records.iter().map(|(origin, entry)| line(origin, entry)).collect();
        for text in [table, json] {
            assert!(!text.chars().any(|letter| letter != '\n' && plain::is_unsafe(letter)), "{text}");
        }
    }

    #[test]
    fn a_line_of_json_says_everything() {
        let shelf = shelf(vec![letter(7, "decode", Some(b"abc"), None), hostile()]);
        let lines: Vec<serde_json::Value> =
            shelf.records.iter().map(|(origin, entry)| serde_json::from_str(&line(origin, entry)).unwrap()).collect();
        let expected = json!({
            "origin": "u/ID/0/7", "topic": "u", "topic_id": "ID", "partition": 0, "offset": 7, "reason": "decode",
            "detail": "decode happened", "schema_id": null, "key": "c", "value": "present", "value_bytes": 3,
            "timestamp": "2020-09-13T12:26:40.123Z", "letters": 1,
        });
        assert_eq!(lines[0], expected);
        assert_eq!((&lines[1]["key"], &lines[1]["key_base64"]), (&json!(null), &json!("G1sySv8=")));
        assert_eq!((&lines[1]["value"], &lines[1]["value_bytes"]), (&json!("left_out"), &json!(9)));
        assert_eq!(lines[1]["detail"], json!("\u{9b}31m bad \u{202e}"));
    }
}
