//! The dead-letter topic, read and collapsed: each rejected record once, as its newest letter tells of it.

use crate::adapter::kafka::letters::{DeadLetter, Origin, reading};
use crate::adapter::kafka::preflight::{self, TopicFacts};
use crate::adapter::kafka::{Settings, Trouble};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is known of a rejected record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub reason: String,
    pub detail: String,
    pub schema_id: Option<String>,
    pub key: Option<Vec<u8>>,
    pub value: Value,
    /// The record's own, milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// How many letters there are of it.
    pub letters: u64,
}

/// Whether the record's value is in one of its letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// It is; so many bytes.
    Present(u64),
    /// The record had none.
    Null,
    /// It was left out of the letter as too large; so many bytes.
    LeftOut(u64),
}

impl Value {
    pub fn of(letter: &DeadLetter) -> Value {
        match (&letter.value, letter.left_out) {
            (Some(value), _) => Value::Present(value.len() as u64),
            (None, Some(bytes)) => Value::LeftOut(bytes),
            (None, None) => Value::Null,
        }
    }

    /// Whether the record can be put back as it was.
    pub fn is_whole(self) -> bool {
        !matches!(self, Value::LeftOut(_))
    }
}

/// See the head of the file. Grows with the number of rejected records, not with their values.
#[derive(Debug, Default)]
pub struct Shelf {
    pub records: BTreeMap<Origin, Entry>,
    /// Records in the topic that are no letters.
    pub foreign: u64,
}

impl Shelf {
    /// Reads the topic to the ends it has now; with what the topic looked like, to read the same part of it again.
    pub fn read(settings: &Settings, timeout: Duration) -> Result<(Shelf, TopicFacts), Trouble> {
        let topic = preflight::dead_letters(settings, timeout)?;
        let mut shelf = Shelf::default();
        reading::read(settings, &topic, |letter| shelf.take(letter))?;
        Ok((shelf, topic))
    }

    fn take(&mut self, letter: Option<DeadLetter>) {
        let Some(letter) = letter else {
            self.foreign += 1;
            return;
        };
        let value = Value::of(&letter);
        let DeadLetter { origin, reason, detail, schema_id, key, timestamp, .. } = letter;
        let known = self.records.get(&origin);
        // One copy with the value is enough.
        let value = known.map(|known| known.value).filter(|known| known.is_whole()).unwrap_or(value);
        let letters = known.map_or(0, |known| known.letters) + 1;
        self.records.insert(origin, Entry { reason, detail, schema_id, key, value, timestamp, letters });
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A letter of a record of topic `u` with id `ID`, partition 0.
    pub fn letter(offset: i64, reason: &str, value: Option<&[u8]>, left_out: Option<u64>) -> DeadLetter {
        DeadLetter {
            origin: Origin { topic: "u".to_owned(), topic_id: Some("ID".to_owned()), partition: 0, offset },
            reason: reason.to_owned(),
            detail: format!("{reason} happened"),
            schema_id: None,
            key: Some(b"c".to_vec()),
            value: value.map(<[u8]>::to_vec),
            left_out,
            headers: Vec::new(),
            timestamp: Some(1_600_000_000_123),
        }
    }

    pub fn shelf(letters: Vec<DeadLetter>) -> Shelf {
        let mut shelf = Shelf::default();
        letters.into_iter().for_each(|letter| shelf.take(Some(letter)));
        shelf
    }

    #[test]
    fn letters_of_one_record_are_one_entry_and_the_newest_tells_why() {
        let other = DeadLetter {
            origin: Origin { topic_id: None, ..letter(7, "x", None, None).origin },
            ..letter(7, "decode", None, None)
        };
        let mut shelf = shelf(vec![letter(7, "unknown_schema", Some(b"abc"), None), letter(7, "decode", None, Some(3)), other]);
        shelf.take(None);
        assert_eq!((shelf.records.len(), shelf.foreign), (2, 1), "another topic id is another record");
        let entry = &shelf.records[&letter(7, "x", None, None).origin];
        assert_eq!((entry.reason.as_str(), entry.detail.as_str(), entry.letters), ("decode", "decode happened", 2));
        assert_eq!(entry.value, Value::Present(3), "one copy has the value");
    }

    #[test]
    fn a_value_is_there_missing_or_left_out() {
        let of = |value: Option<&[u8]>, left_out| Value::of(&letter(1, "decode", value, left_out));
        assert_eq!(
            [of(Some(b"ab"), None), of(None, None), of(None, Some(9))],
            [Value::Present(2), Value::Null, Value::LeftOut(9)]
        );
        assert_eq!([Value::Present(2), Value::Null, Value::LeftOut(9)].map(Value::is_whole), [true, true, false]);
    }
}
