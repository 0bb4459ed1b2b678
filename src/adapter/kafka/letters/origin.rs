//! Where a record was read first: the identity of its dead letter, and of the record again when it comes back as a retry.
//!
//! A topic that was deleted and made again has another id, so the id belongs to the identity where the cluster has ids.

use std::fmt;
use std::str::FromStr;

use rdkafka::message::BorrowedHeaders;

use crate::adapter::kafka::describe;

/// Name of the header by which a record in the retries topic says what it is. A record may bring one itself; the last one counts.
pub const ORIGIN_HEADER: &str = "upswell.origin";

/// A record of a billing topic. Its text is `<topic>/<topic id or ->/<partition>/<offset>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    pub topic: String,
    /// Kafka's id of the topic, if the cluster has such.
    pub topic_id: Option<String>,
    pub partition: i32,
    pub offset: i64,
}

/// A text that names no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this names no record; write TOPIC/ID/PARTITION/OFFSET, with - for the ID where the cluster has no topic ids")]
pub struct NoOrigin;

impl Origin {
    /// What the last header of the name [`ORIGIN_HEADER`] says; `None` if there is none or it names no record.
    pub fn of(headers: Option<&BorrowedHeaders>) -> Option<Origin> {
        let named = describe::headers(headers?).filter(|(name, _)| *name == ORIGIN_HEADER.as_bytes());
        let (_, value) = named.last()?;
        std::str::from_utf8(value?).ok()?.parse().ok()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { topic, topic_id, partition, offset } = self;
        write!(f, "{topic}/{}/{partition}/{offset}", topic_id.as_deref().unwrap_or("-"))
    }
}

impl FromStr for Origin {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Origin, NoOrigin> {
        let parts: Vec<&str> = text.split('/').collect();
        let [topic, id, partition, offset] = parts[..] else { return Err(NoOrigin) };
        let (Ok(partition), Ok(offset)) = (partition.parse(), offset.parse()) else { return Err(NoOrigin) };
        let topic_id = (id != "-").then(|| id.to_owned());
        let origin = Origin { topic: topic.to_owned(), topic_id, partition, offset };
        // One record, one text: no plus signs, no leading zeros.
        let canonical = !topic.is_empty() && !id.is_empty() && partition >= 0 && offset >= 0 && origin.to_string() == text;
        if canonical { Ok(origin) } else { Err(NoOrigin) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::message::OwnedHeaders;

    fn origin(topic_id: Option<&str>) -> Origin {
        Origin { topic: "billing.usage".to_owned(), topic_id: topic_id.map(str::to_owned), partition: 3, offset: 42 }
    }

    #[test]
    fn an_origin_is_written_and_read_back() {
        for (origin, text) in [(origin(Some("0-J9_zk")), "billing.usage/0-J9_zk/3/42"), (origin(None), "billing.usage/-/3/42")] {
            assert_eq!(origin.to_string(), text);
            assert_eq!(text.parse(), Ok(origin));
        }
    }

    #[test]
    fn what_names_no_record_is_refused() {
        for text in [
            "",
            "t",
            "t/-/3",
            "t/-/3/4/5",
            "/-/3/4",
            "t//3/4",
            "t/-/-3/4",
            "t/-/3/-4",
            "t/-/+3/4",
            "t/-/03/4",
            "t/-/3/x",
            "t/-/3/4 ",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(NoOrigin), "{text}");
        }
    }

    #[test]
    fn the_last_header_of_the_name_counts_whatever_else_is_there() {
        let of = |pairs: &[(&[u8], Option<&[u8]>)]| -> Option<Origin> {
            let list: OwnedHeaders = describe::owned_headers(pairs.iter().copied());
            Origin::of(Some(list.as_borrowed()))
        };
        let name = ORIGIN_HEADER.as_bytes();
        let (good, other): (&[u8], &[u8]) = (b"billing.usage/-/3/42", b"billing.usage/-/3/43");
        assert_eq!(
            of(&[(b"\xFF\xFE", Some(b"x")), (name, Some(other)), (name, Some(good)), (b"\xC3", None)]),
            Some(origin(None))
        );
        assert_eq!(of(&[(name, Some(good)), (name, Some(b"\xFF"))]), None);
        assert_eq!(of(&[(name, Some(good)), (name, None)]), None);
        assert_eq!(of(&[(b"Upswell.Origin", Some(good))]), None);
        assert_eq!(Origin::of(None), None);
    }
}
