//! A feed: where the records of one topic's partition come from, in order.
//!
//! In the service it is the queue of the consumer group; a log in memory feeds the same intake in simulations.

use crate::adapter::kafka::consumer::{Offer, Source};
use crate::adapter::kafka::queue::Message;
use rdkafka::Message as _;
use rdkafka::message::{BorrowedHeaders, OwnedMessage};

/// Where records come from.
pub trait Feed {
    type Fetched<'f>: Fetched
    where
        Self: 'f;

    /// The next record, without waiting.
    fn poll(&self) -> Offer<Self::Fetched<'_>>;

    /// The offset after the last thing taken, control and aborted records included; `None` before the first, and where it is too
    /// early to ask again.
    fn position(&mut self) -> Option<i64>;
}

/// A record as it came.
pub trait Fetched {
    fn record(&self) -> Record<'_>;

    /// A copy that may be kept: what was fetched pins a whole buffer of the client.
    fn detach(&self) -> OwnedMessage;
}

/// A record, wherever it lies.
#[derive(Clone, Copy)]
pub struct Record<'r> {
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    pub key: Option<&'r [u8]>,
    pub value: Option<&'r [u8]>,
    pub headers: Headers<'r>,
}

/// The headers of a record: hardly anybody asks for them, and the client parses them only then.
#[derive(Clone, Copy)]
pub enum Headers<'r> {
    Unread(&'r Message<'r>),
    Read(Option<&'r BorrowedHeaders>),
}

impl<'r> Headers<'r> {
    /// `None` for a record that has none.
    pub fn read(self) -> Option<&'r BorrowedHeaders> {
        match self {
            Headers::Unread(message) => message.headers(),
            Headers::Read(headers) => headers,
        }
    }
}

impl Fetched for Message<'_> {
    fn record(&self) -> Record<'_> {
        let (key, value) = (self.key(), self.value());
        Record { offset: self.offset(), timestamp: self.timestamp(), key, value, headers: Headers::Unread(self) }
    }

    fn detach(&self) -> OwnedMessage {
        Message::detach(self)
    }
}

impl Fetched for OwnedMessage {
    fn record(&self) -> Record<'_> {
        let (key, value) = (self.key(), self.payload());
        let headers = Headers::Read(self.headers().map(|headers| headers.as_borrowed()));
        Record { offset: self.offset(), timestamp: self.timestamp().to_millis(), key, value, headers }
    }

    fn detach(&self) -> OwnedMessage {
        self.clone()
    }
}

impl Feed for Source {
    type Fetched<'f> = Message<'f>;

    fn poll(&self) -> Offer<Message<'_>> {
        Source::poll(self)
    }

    fn position(&mut self) -> Option<i64> {
        Source::position(self)
    }
}
