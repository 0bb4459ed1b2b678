//! The queue of one assigned partition, read record by record with the client's own calls. One of the two modules here with unsafe code.
//!
//! The safe client makes every record an event of its own, counted by whoever holds it; that costs more than decoding and applying it.
//! Reading in batches would be cheaper still, but takes the client's position past whatever stands in the batch: past an error too,
//! as if the offset it names had been read, and after a rebalance the client goes on from that position. Record by record an error
//! moves nothing, so no record can be passed that was not handed out.
//!
//! A record borrows its queue, so it is freed before the client; nothing native leaves this file.

#![allow(unsafe_code)]

use super::consumer::Place;
use rdkafka::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedHeaders, OwnedMessage};
use rdkafka_sys as sys;
use std::ffi::{CString, c_void};
use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

/// Rung when records arrive while there were none.
type Bell = Box<dyn Fn() + Send + Sync>;

/// The queue of one partition, split off from that of the consumer.
pub struct Queue<C: ConsumerContext> {
    native: NonNull<sys::rd_kafka_queue_t>,
    /// Boxed twice: the client keeps a thin pointer to it.
    bell: Option<Box<Bell>>,
    /// The queue must go before the client does.
    consumer: Arc<BaseConsumer<C>>,
}

// SAFETY: librdkafka's queues may be used and freed on any thread, and everything else in it is `Send`.
unsafe impl<C: ConsumerContext> Send for Queue<C> {}

impl<C: ConsumerContext> Queue<C> {
    /// Splits off the queue of an assigned partition. `None` while the consumer is being closed.
    pub fn split(consumer: Arc<BaseConsumer<C>>, (topic, partition): &Place) -> Option<Queue<C>> {
        let name = CString::new(topic.as_str()).ok()?;
        // SAFETY: the client is live, and kept by `consumer`; the name is a live C string, which is copied.
        let native = unsafe { sys::rd_kafka_queue_get_partition(consumer.client().native_ptr(), name.as_ptr(), *partition) };
        let native = NonNull::new(native)?;
        // SAFETY: the queue is live; no queue to forward to means that records stay in this one.
        unsafe { sys::rd_kafka_queue_forward(native.as_ptr(), null_mut()) };
        Some(Queue { native, bell: None, consumer })
    }

    pub fn consumer(&self) -> &BaseConsumer<C> {
        &self.consumer
    }

    /// The next record or error, without waiting.
    pub fn poll(&self) -> Option<Result<Message<'_>, KafkaError>> {
        // SAFETY: the queue is live. The answer is null, or ours to free, which `Message` does.
        let native = NonNull::new(unsafe { sys::rd_kafka_consume_queue(self.native.as_ptr(), 0) })?;
        let message = Message { native, queue: PhantomData };
        match message.raw().err {
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Some(Ok(message)),
            error => Some(Err(KafkaError::MessageConsumption(error.into()))),
        }
    }

    /// Calls `ring` whenever records arrive while there were none. It runs under the client's locks: it must not block.
    pub fn on_arrival(&mut self, ring: impl Fn() + Send + Sync + 'static) {
        let bell: Box<Bell> = Box::new(Box::new(ring));
        let opaque = std::ptr::from_ref::<Bell>(&bell).cast_mut().cast::<c_void>();
        // SAFETY: the queue is live, and the bell stays where it is until another takes its place or the queue is dropped, before
        // which the client is told to ring it no more; both happen under the queue's lock, so it is not being rung either.
        unsafe { sys::rd_kafka_queue_cb_event_enable(self.native.as_ptr(), Some(ring_bell), opaque) };
        self.bell = Some(bell);
    }
}

impl<C: ConsumerContext> Drop for Queue<C> {
    fn drop(&mut self) {
        // SAFETY: the queue is live, no record of it is (they borrow it), and it is freed once, here.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.native.as_ptr(), None, null_mut());
            sys::rd_kafka_queue_destroy(self.native.as_ptr());
        }
    }
}

unsafe extern "C" fn ring_bell(_: *mut sys::rd_kafka_t, bell: *mut c_void) {
    // SAFETY: what was given to the client in `on_arrival`, and kept since.
    let bell = unsafe { &*bell.cast::<Bell>() };
    bell();
}

/// A record where the client keeps it. It pins the buffer it was fetched in: use it at once.
pub struct Message<'q> {
    native: NonNull<sys::rd_kafka_message_t>,
    queue: PhantomData<&'q ()>,
}

impl Message<'_> {
    fn raw(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the message is live until it is dropped, and nobody writes to it.
        unsafe { self.native.as_ref() }
    }

    pub fn offset(&self) -> i64 {
        self.raw().offset
    }

    pub fn key(&self) -> Option<&[u8]> {
        // SAFETY: the key, unless null, has so many bytes and lives as long as the message.
        unsafe { bytes(self.raw().key, self.raw().key_len) }
    }

    pub fn value(&self) -> Option<&[u8]> {
        // SAFETY: the payload, unless null, has so many bytes and lives as long as the message.
        unsafe { bytes(self.raw().payload, self.raw().len) }
    }

    /// Milliseconds since 1970.
    pub fn timestamp(&self) -> Option<i64> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is live, and `kind` is written to.
        let at = unsafe { sys::rd_kafka_message_timestamp(self.native.as_ptr(), &raw mut kind) };
        (at != -1 && kind != sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE).then_some(at)
    }

    /// Parsed when they are asked for first.
    pub fn headers(&self) -> Option<&BorrowedHeaders> {
        let mut list = null_mut();
        // SAFETY: the message is live, and `list` is written to.
        match unsafe { sys::rd_kafka_message_headers(self.native.as_ptr(), &raw mut list) } {
            // SAFETY: the list belongs to the message and lives as long. A `BorrowedHeaders` is a list behind a reference, see
            // `describe`.
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR if !list.is_null() => Some(unsafe { &*list.cast() }),
            _ => None,
        }
    }

    /// A copy that may be kept. It does not name its topic: whoever keeps it knows.
    pub fn detach(&self) -> OwnedMessage {
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let timestamp = self.timestamp().map_or(Timestamp::NotAvailable, Timestamp::CreateTime);
        let headers = self.headers().map(BorrowedHeaders::detach);
        let (value, key) = (owned(self.value()), owned(self.key()));
        OwnedMessage::new(value, key, String::new(), timestamp, self.raw().partition, self.offset(), headers)
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        // SAFETY: the message is ours and is freed once, here.
        unsafe { sys::rd_kafka_message_destroy(self.native.as_ptr()) }
    }
}

/// # Safety
/// `first` is null or points to `count` bytes that live for `'a`.
unsafe fn bytes<'a>(first: *const c_void, count: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises.
    (!first.is_null()).then(|| unsafe { std::slice::from_raw_parts(first.cast(), count) })
}
