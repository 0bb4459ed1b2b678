//! A letter as it travels: the record's own key, value, headers and timestamp, and our headers behind them.

use std::sync::Arc;

use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Header, Message, OwnedHeaders};
use sha2::{Digest, Sha256};

use super::Letter;
use super::dead_letter::DeadLetter;
use super::origin::{ORIGIN_HEADER, Origin};
use crate::adapter::kafka::describe::{self, header_bytes};
use crate::domain::facts::Reason;

/// Longest detail in a header, in characters.
const DETAIL: usize = 1_000;

/// Header names. A record may bring headers of these names itself; ours are the last ones.
pub mod header {
    pub const REASON: &str = "upswell.reason";
    pub const DETAIL: &str = "upswell.detail";
    pub const TOPIC: &str = "upswell.source.topic";
    pub const TOPIC_ID: &str = "upswell.source.topic.id";
    pub const PARTITION: &str = "upswell.source.partition";
    pub const OFFSET: &str = "upswell.source.offset";
    pub const SCHEMA_ID: &str = "upswell.schema.id";
    pub const VALUE_LENGTH: &str = "upswell.value.length";
    pub const VALUE_SHA256: &str = "upswell.value.sha256";
    pub const TIMESTAMP: &str = "upswell.source.timestamp";
}

/// How far a letter has been changed to get it through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// In a batch of its own, so that a refusal means this letter.
    pub alone: bool,
    /// Without value, which is in headers by length and digest.
    pub bare: bool,
    /// With the time of sending, the record's own in a header.
    pub redated: bool,
}

/// Which letter it is. Travels with it through the client and comes back with the acknowledgement.
#[derive(Clone, Debug)]
pub struct Ticket {
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
    pub reason: Reason,
    /// The record's, milliseconds since 1970; `None` becomes the time of sending. It is kept here because the client forgets the
    /// timestamp of a message that failed.
    pub timestamp: Option<i64>,
    /// What it counts against the bytes under way.
    pub bytes: u64,
    pub form: Form,
}

/// A letter with everything it holds.
#[derive(Debug)]
pub struct Parcel {
    pub ticket: Box<Ticket>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: OwnedHeaders,
}

/// Bytes a letter holds, roughly.
pub fn weight(letter: &Letter<'_>) -> u64 {
    let of = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
    let headers = letter.headers.map_or(0, header_bytes);
    (of(letter.key) + of(letter.value) + headers + letter.detail.len() + 512) as u64
}

impl Parcel {
    /// Copies a letter, with its headers added.
    pub fn pack(letter: &Letter<'_>, bytes: u64) -> Parcel {
        let detail: String = letter.detail.chars().take(DETAIL).collect();
        let headers = own_headers(letter);
        let headers = add(headers, header::REASON, Some(letter.reason.as_str()));
        let headers = add(headers, header::DETAIL, Some(&detail));
        let (topic, topic_id, partition, offset) = identity(letter);
        let headers = add(headers, header::TOPIC, Some(topic));
        let headers = add(headers, header::TOPIC_ID, topic_id);
        let headers = add(headers, header::PARTITION, Some(&partition.to_string()));
        let headers = add(headers, header::OFFSET, Some(&offset.to_string()));
        let headers = add(headers, header::SCHEMA_ID, letter.schema_id);
        let ticket = Ticket {
            topic: Arc::clone(letter.topic),
            partition: letter.partition,
            offset: letter.offset,
            reason: letter.reason,
            timestamp: letter.timestamp,
            bytes,
            form: Form::default(),
        };
        Parcel { ticket: Box::new(ticket), key: letter.key.map(<[u8]>::to_vec), value: letter.value.map(<[u8]>::to_vec), headers }
    }

    /// The letter as it will be read.
    pub fn read(&self) -> Option<DeadLetter> {
        let (key, value) = (self.key.as_deref(), self.value.as_deref());
        DeadLetter::read(key, value, Some(self.headers.as_borrowed()), self.ticket.timestamp)
    }

    /// A letter that came back undelivered.
    pub fn returned(ticket: Box<Ticket>, message: &BorrowedMessage<'_>) -> Parcel {
        Parcel {
            ticket,
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: message.headers().map_or_else(OwnedHeaders::new, BorrowedHeaders::detach),
        }
    }

    /// The letter in another form. A form is only ever left for a smaller one.
    pub fn reshaped(mut self, form: Form) -> Parcel {
        // A bare letter has no value left to take, so this happens once.
        if let Some(value) = self.value.take_if(|_| form.bare) {
            self.headers = add(self.headers, header::VALUE_LENGTH, Some(&value.len().to_string()));
            self.headers = add(self.headers, header::VALUE_SHA256, Some(&hex(&Sha256::digest(&value))));
        }
        if form.redated && !self.ticket.form.redated {
            let own = self.ticket.timestamp.take().map(|millis| millis.to_string());
            self.headers = add(self.headers, header::TIMESTAMP, own.as_deref());
        }
        self.ticket.form = form;
        self
    }
}

/// Which record the letter is of: topic, topic id, partition and offset where it was read first.
fn identity<'l>(letter: &Letter<'l>) -> (&'l str, Option<&'l str>, i32, i64) {
    match letter.origin {
        Some(Origin { topic, topic_id, partition, offset }) => (topic, topic_id.as_deref(), *partition, *offset),
        None => (letter.topic, letter.topic_id, letter.partition, letter.offset),
    }
}

/// The headers of the record where it was read first: a retry has one more, the last one that names its origin.
fn own_headers(letter: &Letter<'_>) -> OwnedHeaders {
    let Some(headers) = letter.headers else { return OwnedHeaders::new() };
    if letter.origin.is_none() {
        return headers.detach();
    }
    let mut pairs: Vec<_> = describe::headers(headers).collect();
    if let Some(last) = pairs.iter().rposition(|(name, _)| *name == ORIGIN_HEADER.as_bytes()) {
        pairs.remove(last);
    }
    describe::owned_headers(pairs)
}

fn add(headers: OwnedHeaders, key: &str, value: Option<&str>) -> OwnedHeaders {
    match value {
        Some(value) => headers.insert(Header { key, value: Some(value) }),
        None => headers,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::message::Headers;

    fn found(headers: &OwnedHeaders) -> Vec<(String, Option<String>)> {
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
        headers.iter().map(|header| (header.key.to_owned(), header.value.map(text))).collect()
    }

    fn parcel(headers: Option<&OwnedHeaders>) -> Parcel {
        let topic = Arc::from("billing.usage");
        let letter = Letter {
            topic: &topic,
            topic_id: Some("id"),
            partition: 3,
            offset: 42,
            reason: Reason::Framing,
            detail: &"é".repeat(2_000),
            schema_id: None,
            key: Some(b"k"),
            value: Some(b"abc"),
            headers: headers.map(OwnedHeaders::as_borrowed),
            timestamp: Some(17),
            origin: None,
        };
        assert!(weight(&letter) > 4_000);
        Parcel::pack(&letter, 9)
    }

    #[test]
    fn a_letter_keeps_the_record_and_says_where_it_is_from() {
        let own = OwnedHeaders::new().insert(Header { key: "a", value: Some("1") });
        let own = own.insert(Header { key: "a", value: None::<&str> });
        let parcel = parcel(Some(&own));
        let headers = found(&parcel.headers);
        let expected = [("a", Some("1")), ("a", None), ("upswell.reason", Some("framing"))];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.map(str::to_owned)));
        assert_eq!(headers[..3], expected);
        assert_eq!(headers[3].1.as_ref().map(|detail| detail.chars().count()), Some(DETAIL));
        let rest: Vec<&str> = headers[4..].iter().filter_map(|(_, value)| value.as_deref()).collect();
        assert_eq!(rest, ["billing.usage", "id", "3", "42"]);
        assert_eq!(
            (parcel.key.as_deref(), parcel.value.as_deref(), parcel.ticket.timestamp),
            (Some(&b"k"[..]), Some(&b"abc"[..]), Some(17))
        );
    }

    #[test]
    fn a_bare_letter_names_its_value_and_a_redated_one_its_time() {
        let form = Form { alone: true, bare: true, redated: false };
        let bare = parcel(None).reshaped(form).reshaped(form);
        let headers = found(&bare.headers);
        assert_eq!(bare.value, None);
        assert_eq!(headers[headers.len() - 2], ("upswell.value.length".to_owned(), Some("3".to_owned())));
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(headers[headers.len() - 1], ("upswell.value.sha256".to_owned(), Some(digest.to_owned())));
        let redated = parcel(None).reshaped(Form { redated: true, ..Form::default() });
        assert_eq!(redated.ticket.timestamp, None);
        assert_eq!(found(&redated.headers).pop(), Some(("upswell.source.timestamp".to_owned(), Some("17".to_owned()))));
    }
}
