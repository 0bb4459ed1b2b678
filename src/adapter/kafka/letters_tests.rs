//! Letters through an embedded cluster; refusals by size are tested against a real broker too.

use std::sync::mpsc;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka_sys::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;
use crate::adapter::kafka::settings::{GroupProtocol, Topics};

const PATIENCE: Duration = Duration::from_secs(30);

fn cluster() -> (MockCluster<'static, DefaultProducerContext>, Settings) {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("d", 1, 1).unwrap();
    let settings = Settings {
        brokers: cluster.bootstrap_servers(),
        group_id: "upswell".to_owned(),
        topics: Topics {
            subscriptions: "s".to_owned(),
            usage: "u".to_owned(),
            dead_letters: "d".to_owned(),
            retries: "r".to_owned(),
        },
        group_protocol: GroupProtocol::Auto,
        instance_id: None,
        accept_truncated_log: false,
        properties: Vec::new(),
    };
    (cluster, settings)
}

fn start(settings: &Settings) -> (Letters, mpsc::Receiver<LetterEvent>) {
    let (events, heard) = mpsc::channel();
    (Letters::start(settings, move |event| _ = events.send(event)).unwrap(), heard)
}

fn letter<'a>(topic: &'a Arc<str>, offset: i64, value: Option<&'a [u8]>) -> Letter<'a> {
    Letter {
        topic,
        topic_id: None,
        partition: 2,
        offset,
        reason: Reason::Decode,
        detail: "cut short",
        schema_id: Some("7"),
        key: Some(b"customer"),
        value,
        headers: None,
        timestamp: Some(1_600_000_000_123),
        origin: None,
    }
}

/// Reads the dead-letter topic until `count` letters are there.
fn read_back(brokers: &str, count: usize) -> Vec<OwnedMessage> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "reader").set("fetch.message.max.bytes", "100000000");
    let reader: BaseConsumer =
        config.set("fetch.max.bytes", "200000000").set("receive.message.max.bytes", "300000000").create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("d", 0, Offset::Beginning).unwrap();
    reader.assign(&list).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut found = Vec::new();
    while found.len() < count {
        assert!(Instant::now() < deadline, "only {} of {count} letters", found.len());
        found.extend(reader.poll(Duration::from_millis(100)).and_then(Result::ok).map(|message| message.detach()));
    }
    found
}

#[test]
fn a_letter_arrives_unchanged_and_frees_its_position() {
    let (_cluster, settings) = cluster();
    let (letters, heard) = start(&settings);
    let topic: Arc<str> = Arc::from("u");
    let own = OwnedHeaders::new().insert(Header { key: "trace", value: Some("t1") });
    let first = Letter { headers: Some(own.as_borrowed()), ..letter(&topic, 41, Some(b"\0\0\0\0\x07rest")) };
    assert_eq!(letters.send(&first), Post::Taken);
    assert_eq!(letters.send(&Letter { key: None, timestamp: None, ..letter(&topic, 42, None) }), Post::Taken);
    assert!(letters.flush(PATIENCE));
    assert_eq!((letters.outstanding(), letters.lowest_unacknowledged("u", 2)), (0, None));
    let event = |offset| LetterEvent::Delivered { topic: Arc::clone(&topic), partition: 2, offset, reason: Reason::Decode };
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [event(41), event(42)]);

    let found = read_back(&settings.brokers, 2);
    assert_eq!((found[0].key(), found[0].payload()), (Some(&b"customer"[..]), Some(&b"\0\0\0\0\x07rest"[..])));
    assert_eq!(found[0].timestamp().to_millis(), Some(1_600_000_000_123));
    let headers = found[0].headers().unwrap();
    let names: Vec<&str> = headers.iter().map(|header| header.key).collect();
    let ours =
        ["reason", "detail", "source.topic", "source.partition", "source.offset", "schema.id"].map(|x| format!("upswell.{x}"));
    assert_eq!(names[0], "trace");
    assert_eq!(names[1..], ours);
    assert_eq!(headers.get(5).value, Some(&b"41"[..]));
    assert_eq!((found[1].key(), found[1].payload()), (None, None));
}

#[test]
fn positions_wait_while_the_brokers_are_away() {
    let (cluster, settings) = cluster();
    cluster.broker_down(1).unwrap();
    let (letters, heard) = start(&settings);
    let topic: Arc<str> = Arc::from("u");
    for offset in [7, 5] {
        assert_eq!(letters.send(&letter(&topic, offset, Some(b"x"))), Post::Taken);
    }
    assert_eq!(letters.lowest_unacknowledged("u", 2), Some(5));
    assert!(!letters.flush(Duration::from_millis(50)));
    assert_eq!(letters.outstanding(), 2);
    cluster.broker_up(1).unwrap();
    assert!(letters.flush(PATIENCE));
    assert_eq!(letters.lowest_unacknowledged("u", 2), None);
    assert_eq!(heard.try_iter().count(), 2);
}

#[test]
fn a_letter_refused_for_its_size_goes_without_value_and_its_neighbours_with_it() {
    use RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE as TOO_LARGE;
    let (cluster, settings) = cluster();
    // The batch, then the letter alone.
    cluster.request_errors(RDKafkaApiKey::Produce, &[TOO_LARGE, TOO_LARGE]);
    let (letters, heard) = start(&settings);
    let topic: Arc<str> = Arc::from("u");
    assert_eq!(letters.send(&letter(&topic, 1, Some(b"abc"))), Post::Taken);
    assert!(letters.flush(PATIENCE));
    assert!(matches!(heard.try_recv(), Ok(LetterEvent::Delivered { offset: 1, .. })));
    let found = read_back(&settings.brokers, 1);
    assert_eq!((found[0].key(), found[0].payload()), (Some(&b"customer"[..]), None));
    assert_eq!(found[0].timestamp().to_millis(), Some(1_600_000_000_123));
    let headers = found[0].headers().unwrap();
    let last = headers.get(headers.count() - 2);
    assert_eq!((last.key, last.value), ("upswell.value.length", Some(&b"3"[..])));

    // Refused in a batch only: it was not to blame and keeps its value.
    cluster.request_errors(RDKafkaApiKey::Produce, &[TOO_LARGE]);
    assert_eq!(letters.send(&letter(&topic, 2, Some(b"abc"))), Post::Taken);
    assert!(letters.flush(PATIENCE));
    assert_eq!(read_back(&settings.brokers, 2)[1].payload(), Some(&b"abc"[..]));
}

#[test]
fn another_refusal_is_reported_and_holds_the_position() {
    use RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED as FORBIDDEN;
    let (cluster, settings) = cluster();
    cluster.request_errors(RDKafkaApiKey::Produce, &[FORBIDDEN]);
    let (letters, heard) = start(&settings);
    let topic: Arc<str> = Arc::from("u");
    assert_eq!(letters.send(&letter(&topic, 9, Some(b"abc"))), Post::Taken);
    assert!(letters.flush(PATIENCE), "a refused letter is not under way");
    let Ok(LetterEvent::Refused { offset: 9, refusal, .. }) = heard.try_recv() else { panic!("not refused") };
    assert_eq!(refusal.label, "dead_letter_unauthorized");
    assert_eq!(letters.lowest_unacknowledged("u", 2), Some(9));
    letters.release("u", 2);
    assert_eq!(letters.lowest_unacknowledged("u", 2), None);
}

#[test]
fn a_letter_larger_than_the_client_takes_goes_without_value() {
    let (_cluster, settings) = cluster();
    let (letters, _heard) = start(&settings);
    let topic: Arc<str> = Arc::from("u");
    let value = vec![7; 100_000_001];
    assert_eq!(letters.send(&letter(&topic, 1, Some(&value))), Post::Taken);
    assert!(letters.flush(PATIENCE));
    let found = read_back(&settings.brokers, 1);
    assert_eq!(found[0].payload(), None);
}

#[test]
fn ten_thousand_letters_may_be_under_way() {
    let (cluster, settings) = cluster();
    cluster.broker_down(1).unwrap();
    let (letters, _heard) = start(&settings);
    let topic: Arc<str> = Arc::from("u");
    for offset in 0..10_000 {
        assert_eq!(letters.send(&letter(&topic, offset, Some(b"x"))), Post::Taken, "{offset}");
    }
    assert_eq!(letters.send(&letter(&topic, 10_000, Some(b"x"))), Post::Full);
    assert_eq!(letters.lowest_unacknowledged("u", 2), Some(0));
    cluster.broker_up(1).unwrap();
    assert!(letters.flush(PATIENCE));
    assert_eq!(letters.send(&letter(&topic, 10_000, Some(b"x"))), Post::Taken);
    assert!(letters.flush(PATIENCE));
    assert_eq!(read_back(&settings.brokers, 10_001).len(), 10_001);
}

#[test]
fn errors_that_pass_are_retried() {
    use RDKafkaRespErr::{RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART};
    let (cluster, settings) = cluster();
    let errors = [RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART];
    cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    let (letters, heard) = start(&settings);
    let topic: Arc<str> = Arc::from("u");
    assert_eq!(letters.send(&letter(&topic, 1, Some(b"x"))), Post::Taken);
    assert!(letters.flush(PATIENCE));
    assert!(matches!(heard.try_recv(), Ok(LetterEvent::Delivered { offset: 1, .. })));
    assert_eq!(RDKafkaErrorCode::from(errors[1]), RDKafkaErrorCode::UnknownTopicOrPartition);
}
