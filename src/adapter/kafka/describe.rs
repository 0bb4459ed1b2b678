//! What the safe client cannot ask: topic ids, topic settings, headers of any name. One of the two modules here with unsafe code.
//!
//! A topic's id tells a topic that was deleted and made again from the one whose offsets we hold; librdkafka knows it only through
//! its admin calls, and rust-rdkafka wraps only some of them, each with a client of its own whose errors nobody hears. Here the
//! calls run on the client at hand. Every answer is copied out before its event is freed; nothing native leaves this file.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{BorrowedHeaders, OwnedHeaders};
use rdkafka_sys as sys;

/// Text of the all-zero id: the broker has no topic ids.
const NO_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// A native object that is freed with its owner.
struct Owned<T> {
    native: NonNull<T>,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    /// Takes over `native`, which `free` must be the right destructor of. `None` for null.
    fn new(native: *mut T, free: unsafe extern "C" fn(*mut T)) -> Option<Owned<T>> {
        NonNull::new(native).map(|native| Owned { native, free })
    }

    fn ptr(&self) -> *mut T {
        self.native.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: `native` came from the constructor that `free` belongs to, is owned by us alone and freed once, here.
        unsafe { (self.free)(self.native.as_ptr()) }
    }
}

/// The answer to one admin call. Borrows the client: an event must be freed before its client.
struct Answer<'c> {
    event: Owned<sys::rd_kafka_event_t>,
    client: PhantomData<&'c ()>,
}

/// Makes one admin call and waits for its answer. `call` gets the options and the queue the answer goes to.
fn ask<'c, C: ClientContext>(
    client: &'c Client<C>,
    operation: sys::rd_kafka_admin_op_t,
    timeout: Duration,
    call: impl FnOnce(*mut sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t),
) -> Result<Answer<'c>, RDKafkaErrorCode> {
    let millis = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX).max(1);
    let native = client.native_ptr();
    // SAFETY: `native` is a live client, borrowed for the whole call; both objects get their own destructors.
    let (options, queue) = unsafe {
        (
            Owned::new(sys::rd_kafka_AdminOptions_new(native, operation), sys::rd_kafka_AdminOptions_destroy),
            Owned::new(sys::rd_kafka_queue_new(native), sys::rd_kafka_queue_destroy),
        )
    };
    let (Some(options), Some(queue)) = (options, queue) else { return Err(RDKafkaErrorCode::Fail) };
    let mut text = [0 as c_char; 256];
    // SAFETY: `options` is live and `text` has the length that is passed with it. A timeout out of range is refused and the
    // default stays, so the result does not matter: we stop waiting by ourselves below.
    _ = unsafe { sys::rd_kafka_AdminOptions_set_request_timeout(options.ptr(), millis, text.as_mut_ptr(), text.len()) };
    call(options.ptr(), queue.ptr());
    // SAFETY: `queue` is live; the event returned is ours to destroy. An answer that comes later is freed with the queue.
    let event = unsafe { sys::rd_kafka_queue_poll(queue.ptr(), millis.saturating_add(500)) };
    let event = Owned::new(event, sys::rd_kafka_event_destroy).ok_or(RDKafkaErrorCode::OperationTimedOut)?;
    // SAFETY: `event` is live.
    let error = unsafe { sys::rd_kafka_event_error(event.ptr()) };
    match error {
        sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(Answer { event, client: PhantomData }),
        error => Err(error.into()),
    }
}

/// Whether admin calls can be answered: librdkafka sends them to the controller and waits for it as long as it is told to, and an
/// embedded cluster names a controller that is none of its brokers.
fn has_controller<C: ClientContext>(client: &Client<C>, brokers: &[i32]) -> bool {
    // SAFETY: the client is live; with no time to wait this only reads what the last metadata said.
    let controller = unsafe { sys::rd_kafka_controllerid(client.native_ptr(), 0) };
    brokers.contains(&controller)
}

/// The ids of topics: (name, Kafka's text form of the id), `None` where the cluster knows none. Asking creates no topic. `brokers`
/// are the cluster's broker ids, from metadata fetched by this client. Fails where no broker answers in time.
pub fn topic_ids<C: ClientContext>(
    client: &Client<C>,
    brokers: &[i32],
    names: &[&str],
    timeout: Duration,
) -> Result<Vec<(String, Option<String>)>, RDKafkaErrorCode> {
    let texts = c_strings(names)?;
    if !has_controller(client, brokers) {
        return Err(RDKafkaErrorCode::UnsupportedFeature);
    }
    let mut pointers: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
    // SAFETY: the array and its strings live until after the call, which copies them.
    let collection = unsafe { sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len()) };
    let collection = Owned::new(collection, sys::rd_kafka_TopicCollection_destroy).ok_or(RDKafkaErrorCode::Fail)?;
    let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
    // SAFETY: client, collection, options and queue are live during the call, which copies what it keeps.
    let answer = ask(client, operation, timeout, |options, queue| unsafe {
        sys::rd_kafka_DescribeTopics(client.native_ptr(), collection.ptr(), options, queue);
    })?;
    let mut count = 0;
    // SAFETY: the event is live and answers DescribeTopics (a result of another kind would be null, which is checked); the
    // array has `count` elements that live as long as the event, and `read_id` copies from them.
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(answer.event.ptr());
        if result.is_null() {
            return Err(RDKafkaErrorCode::Fail);
        }
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        Ok(elements(topics, count).iter().map(|topic| read_id(*topic)).collect())
    }
}

/// Copies a topic's name and id.
///
/// # Safety
/// `topic` points to a live topic description.
unsafe fn read_id(topic: *const sys::rd_kafka_TopicDescription_t) -> (String, Option<String>) {
    // SAFETY: as the caller promises; name and id belong to the description and are checked for null.
    unsafe {
        let id = sys::rd_kafka_TopicDescription_topic_id(topic);
        let id = if id.is_null() { None } else { text(sys::rd_kafka_Uuid_base64str(id)) };
        let id = id.filter(|id| !id.is_empty() && id != NO_ID).map(|id| url_safe(&id));
        (text(sys::rd_kafka_TopicDescription_name(topic)).unwrap_or_default(), id)
    }
}

/// The value of one setting of each topic: `Err` where the broker refuses to tell, `None` where it has no such setting.
pub type SettingOf = (String, Result<Option<String>, RDKafkaErrorCode>);

/// Asks for one setting of several topics. `brokers` as for [`topic_ids`]. Fails as a whole where no broker answers in time.
pub fn topic_setting<C: ClientContext>(
    client: &Client<C>,
    brokers: &[i32],
    names: &[&str],
    setting: &str,
    timeout: Duration,
) -> Result<Vec<SettingOf>, RDKafkaErrorCode> {
    let kind = sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
    let texts = c_strings(names)?;
    if !has_controller(client, brokers) {
        return Err(RDKafkaErrorCode::UnsupportedFeature);
    }
    // SAFETY: each name is a live C string, copied by the call; each object gets its own destructor.
    let resources = texts.iter().filter_map(|name| unsafe {
        Owned::new(sys::rd_kafka_ConfigResource_new(kind, name.as_ptr()), sys::rd_kafka_ConfigResource_destroy)
    });
    let resources: Vec<Owned<_>> = resources.collect();
    let mut pointers: Vec<_> = resources.iter().map(Owned::ptr).collect();
    let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS;
    // SAFETY: client, resources, options and queue are live during the call, which copies what it keeps.
    let answer = ask(client, operation, timeout, |options, queue| unsafe {
        sys::rd_kafka_DescribeConfigs(client.native_ptr(), pointers.as_mut_ptr(), pointers.len(), options, queue);
    })?;
    let mut count = 0;
    // SAFETY: as in `topic_ids`: the result is checked for null, its array has `count` elements that live with the event.
    let settings = unsafe {
        let result = sys::rd_kafka_event_DescribeConfigs_result(answer.event.ptr());
        if result.is_null() {
            return Err(RDKafkaErrorCode::Fail);
        }
        let resources = sys::rd_kafka_DescribeConfigs_result_resources(result, &mut count);
        elements(resources, count).iter().map(|resource| read_setting(*resource, setting)).collect()
    };
    Ok(settings)
}

/// Copies one setting out of a resource's answer.
///
/// # Safety
/// `resource` points to a live config resource.
unsafe fn read_setting(resource: *const sys::rd_kafka_ConfigResource_t, setting: &str) -> SettingOf {
    // SAFETY: as the caller promises; names and values belong to the resource and are checked for null.
    unsafe {
        let name = text(sys::rd_kafka_ConfigResource_name(resource)).unwrap_or_default();
        let error = sys::rd_kafka_ConfigResource_error(resource);
        if error != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return (name, Err(error.into()));
        }
        let mut count = 0;
        let entries = sys::rd_kafka_ConfigResource_configs(resource, &mut count);
        let entry = elements(entries, count)
            .iter()
            .find(|entry| text(sys::rd_kafka_ConfigEntry_name(**entry)).is_some_and(|name| name == setting));
        (name, Ok(entry.and_then(|entry| text(sys::rd_kafka_ConfigEntry_value(*entry)))))
    }
}

/// Bytes of a record's headers, names and values.
pub fn header_bytes(list: &BorrowedHeaders) -> usize {
    headers(list).map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len)).sum()
}

/// A record's headers in their order, names and values as they are. The safe client's iterator cannot be used on records from
/// strangers: it panics over a name that is not UTF-8.
pub fn headers(list: &BorrowedHeaders) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    (0..).map_while(|index| header(list, index))
}

fn header(list: &BorrowedHeaders, index: usize) -> Option<(&[u8], Option<&[u8]>)> {
    // A `BorrowedHeaders` is librdkafka's header list behind a reference, see its `detach`; a test would notice a change.
    let native = std::ptr::from_ref(list).cast::<sys::rd_kafka_headers_t>();
    let (mut name, mut value, mut size) = (std::ptr::null(), std::ptr::null(), 0);
    // SAFETY: `native` is a live header list; an index past its end is answered with an error and changes nothing; the name is
    // a terminated string and the value, unless null, has `size` bytes, and both live as long as the list, which is borrowed.
    unsafe {
        match sys::rd_kafka_header_get_all(native, index, &mut name, &mut value, &mut size) {
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR if !name.is_null() => {}
            _ => return None,
        }
        let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size));
        Some((CStr::from_ptr(name).to_bytes(), value))
    }
}

/// A list of these headers. The safe client cannot make one with a name that is not UTF-8.
pub fn owned_headers<'h>(pairs: impl IntoIterator<Item = (&'h [u8], Option<&'h [u8]>)>) -> OwnedHeaders {
    let list = OwnedHeaders::new();
    let native = std::ptr::from_ref(list.as_borrowed()).cast_mut().cast::<sys::rd_kafka_headers_t>();
    for (name, value) in pairs {
        let (bytes, size) = value.map_or((std::ptr::null(), 0), |value| (value.as_ptr().cast(), value.len()));
        // SAFETY: `native` is the list made above, which nobody else has; name and value have the lengths that are passed with them
        // (no slice is longer than `isize`) and are copied. Only a list that is not ours to change is refused.
        _ = unsafe { sys::rd_kafka_header_add(native, name.as_ptr().cast(), name.len() as isize, bytes, size as isize) };
    }
    list
}

/// A C array as a slice; empty for null.
///
/// # Safety
/// `first` is null or points to `count` elements that live for `'a`.
unsafe fn elements<'a, T>(first: *mut T, count: usize) -> &'a [T] {
    if first.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: as the caller promises.
    unsafe { std::slice::from_raw_parts(first, count) }
}

/// A copy of a C string; `None` for null.
///
/// # Safety
/// `pointer` is null or points to a live, terminated string.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    Some(unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

fn c_strings(names: &[&str]) -> Result<Vec<CString>, RDKafkaErrorCode> {
    names.iter().map(|name| CString::new(*name).map_err(|_| RDKafkaErrorCode::InvalidTopic)).collect()
}

/// Kafka writes topic ids in the URL-safe alphabet, librdkafka in the other one.
fn url_safe(id: &str) -> String {
    id.replace('+', "-").replace('/', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::ClientConfig;
    use rdkafka::consumer::{BaseConsumer, Consumer};
    use rdkafka::message::Header;
    use rdkafka::mocking::MockCluster;

    fn probe(brokers: &str) -> BaseConsumer {
        ClientConfig::new().set("bootstrap.servers", brokers).create().expect("the configuration is complete")
    }

    #[test]
    fn a_cluster_without_a_controller_does_not_keep_us_waiting() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("here", 3, 1).unwrap();
        let probe = probe(&cluster.bootstrap_servers());
        let metadata = probe.client().fetch_metadata(Some("here"), Duration::from_secs(20)).unwrap();
        let brokers: Vec<i32> = metadata.brokers().iter().map(|broker| broker.id()).collect();
        let hour = Duration::from_secs(3600);
        assert_eq!(topic_ids(probe.client(), &brokers, &["here"], hour), Err(RDKafkaErrorCode::UnsupportedFeature));
        let setting = topic_setting(probe.client(), &brokers, &["here"], "cleanup.policy", hour);
        assert_eq!(setting, Err(RDKafkaErrorCode::UnsupportedFeature));
    }

    #[test]
    fn an_answer_that_does_not_come_is_an_error_in_time() {
        let (nobody, quick) = (probe("127.0.0.1:1"), Duration::from_millis(100));
        // -1 is what a client says before it has seen a controller, so the guard lets these through.
        assert!(topic_ids(nobody.client(), &[-1], &["t"], quick).is_err());
        assert!(topic_setting(nobody.client(), &[-1], &["t"], "cleanup.policy", quick).is_err());
    }

    #[test]
    fn names_that_are_no_c_strings_are_refused() {
        let answer = topic_ids(probe("127.0.0.1:1").client(), &[], &["a\0b"], Duration::from_millis(10));
        assert_eq!(answer, Err(RDKafkaErrorCode::InvalidTopic));
    }

    #[test]
    fn headers_are_measured() {
        let own = OwnedHeaders::new();
        assert_eq!(header_bytes(own.as_borrowed()), 0);
        let own = own.insert(Header { key: "ab", value: Some("xyz") }).insert(Header { key: "c", value: None::<&str> });
        assert_eq!(header_bytes(own.as_borrowed()), 6);
    }

    #[test]
    fn headers_of_any_name_are_read_and_made() {
        let pairs: [(&[u8], Option<&[u8]>); 5] = [
            (b"a", Some(b"1")),
            (b"\xFF\xFE", Some(b"\0\xFF")),
            (b"a", None),
            (b"", Some(b"")),
            ("\u{e9}".as_bytes(), Some(b"x")),
        ];
        let list = owned_headers(pairs);
        assert_eq!(headers(list.as_borrowed()).collect::<Vec<_>>(), pairs);
        let copy = list.as_borrowed().detach();
        assert_eq!(headers(copy.as_borrowed()).collect::<Vec<_>>(), pairs);
    }

    #[test]
    fn ids_are_written_as_kafka_writes_them() {
        assert_eq!(url_safe("a+b/c"), "a-b_c");
    }
}
