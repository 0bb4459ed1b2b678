//! A feed: where the records of one topic's partition come from, in order.
//!
//! In the service it is the queue of the consumer group; a log in memory feeds the same intake in simulations.

use crate::adapter::kafka::consumer::{Offer, Source};
use rdkafka::Message;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, OwnedMessage};

/// Where records come from.
pub trait Feed {
    type Fetched<'f>: Fetched
    where
        Self: 'f;

    /// The next record, without waiting.
    fn poll(&mut self) -> Offer<Self::Fetched<'_>>;

    /// The offset after the last thing taken, control and aborted records included; `None` before the first, and where it is too
    /// early to ask again.
    fn position(&mut self) -> Option<i64>;
}

/// A record as it came.
pub trait Fetched {
    fn record(&self) -> Record<'_>;

    /// A copy that may be kept: what was fetched pins a whole buffer of the client.
    fn detach(self) -> OwnedMessage;
}

/// A record, wherever it lies.
#[derive(Clone, Copy)]
pub struct Record<'r> {
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    pub key: Option<&'r [u8]>,
    pub value: Option<&'r [u8]>,
    pub headers: Option<&'r BorrowedHeaders>,
}

impl<'r> Record<'r> {
    fn of<M: Message>(message: &'r M, headers: Option<&'r BorrowedHeaders>) -> Record<'r> {
        let (key, value) = (message.key(), message.payload());
        Record { offset: message.offset(), timestamp: message.timestamp().to_millis(), key, value, headers }
    }
}

impl Fetched for BorrowedMessage<'_> {
    fn record(&self) -> Record<'_> {
        Record::of(self, self.headers())
    }

    fn detach(self) -> OwnedMessage {
        BorrowedMessage::detach(&self)
    }
}

impl Fetched for OwnedMessage {
    fn record(&self) -> Record<'_> {
        Record::of(self, self.headers().map(|headers| headers.as_borrowed()))
    }

    fn detach(self) -> OwnedMessage {
        self
    }
}

impl Feed for Source {
    type Fetched<'f> = BorrowedMessage<'f>;

    fn poll(&mut self) -> Offer<BorrowedMessage<'_>> {
        Source::poll(self)
    }

    fn position(&mut self) -> Option<i64> {
        Source::position(self)
    }
}
