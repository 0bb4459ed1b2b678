//! A letter as it lies in the dead-letter topic, read back: the record as it was, and what we added behind its own headers.

use rdkafka::message::BorrowedHeaders;

use super::origin::Origin;
use super::parcel::header;
use crate::adapter::kafka::describe;

/// Name and value of a header. Names need not be UTF-8.
pub type Pair = (Vec<u8>, Option<Vec<u8>>);

/// See the head of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Which record it is: letters of one origin are repetitions.
    pub origin: Origin,
    /// As in the header, whoever wrote it.
    pub reason: String,
    pub detail: String,
    pub schema_id: Option<String>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// The length of the value, in bytes, if it had to be left out.
    pub left_out: Option<u64>,
    /// The headers that the record had.
    pub headers: Vec<Pair>,
    /// The record's own timestamp, milliseconds since 1970.
    pub timestamp: Option<i64>,
}

impl DeadLetter {
    /// Reads a letter; `None` if the headers do not say which record it is of. `timestamp` is the letter's.
    pub fn read(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: Option<&BorrowedHeaders>,
        timestamp: Option<i64>,
    ) -> Option<DeadLetter> {
        let pairs: Vec<(&[u8], Option<&[u8]>)> = describe::headers(headers?).collect();
        // A record may have brought all of our headers itself: ours begin with the last reason.
        let begin = pairs.iter().rposition(|(name, _)| *name == header::REASON.as_bytes())?;
        let (own, ours) = pairs.split_at(begin);
        let text = |name: &str| {
            let (_, value) = ours.iter().find(|(found, _)| *found == name.as_bytes())?;
            value.map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let partition = text(header::PARTITION)?.parse().ok()?;
        let offset = text(header::OFFSET)?.parse().ok()?;
        let origin = Origin { topic: text(header::TOPIC)?, topic_id: text(header::TOPIC_ID), partition, offset };
        Some(DeadLetter {
            origin,
            reason: text(header::REASON).unwrap_or_default(),
            detail: text(header::DETAIL).unwrap_or_default(),
            schema_id: text(header::SCHEMA_ID),
            key: key.map(<[u8]>::to_vec),
            value: value.map(<[u8]>::to_vec),
            left_out: text(header::VALUE_LENGTH).and_then(|length| length.parse().ok()),
            headers: own.iter().map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec))).collect(),
            timestamp: text(header::TIMESTAMP).and_then(|millis| millis.parse().ok()).or(timestamp),
        })
    }
}
