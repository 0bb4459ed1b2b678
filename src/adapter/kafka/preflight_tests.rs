//! Preflight against an embedded cluster; what that cannot do (cleanup.policy, credentials) is tested against a real broker.

use super::*;
use crate::adapter::kafka::settings::{GroupProtocol, Topics};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

const TIMEOUT: Duration = Duration::from_secs(20);

fn settings(brokers: &str) -> Settings {
    Settings {
        brokers: brokers.to_owned(),
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
    }
}

fn cluster(topics: &[(&str, i32)]) -> (MockCluster<'static, DefaultProducerContext>, Settings) {
    let cluster = MockCluster::new(1).unwrap();
    topics.iter().for_each(|(name, partitions)| cluster.create_topic(name, *partitions, 1).unwrap());
    let settings = settings(&cluster.bootstrap_servers());
    (cluster, settings)
}

#[test]
fn a_healthy_cluster_is_described() {
    let (_cluster, settings) = cluster(&[("s", 3), ("u", 3), ("d", 1)]);
    let mut producing = settings.producer();
    producing.set("enable.idempotence", "false");
    let producer: ThreadedProducer<DefaultProducerContext> = producing.create().unwrap();
    producer.send(BaseRecord::<str, str>::to("s").partition(1).payload("x")).ok().unwrap();
    producer.flush(TIMEOUT).unwrap();
    let facts = preflight(&settings, TIMEOUT).unwrap();
    assert_eq!((facts.subscriptions.partitions, facts.usage.partitions, facts.dead_letters.partitions), (3, 3, 1));
    assert_eq!(facts.subscriptions.start_offsets, [0, 0, 0]);
    assert_eq!(facts.subscriptions.end_offsets, [0, 1, 0]);
    assert_eq!(facts.dead_letters.end_offsets, Vec::<i64>::new());
}

#[test]
fn unequal_partition_counts_are_a_matter_of_configuration() {
    let (_cluster, settings) = cluster(&[("s", 3), ("u", 4), ("d", 1)]);
    let trouble = preflight(&settings, TIMEOUT).unwrap_err();
    assert_eq!(trouble.severity(), Severity::Configuration);
    assert!(trouble.to_string().contains("s has 3 partitions and topic u has 4"), "{trouble}");
}

#[test]
fn a_retries_topic_may_be_missing_and_is_not_made_by_asking() {
    let (cluster, settings) = cluster(&[("s", 3), ("u", 3), ("d", 1)]);
    assert_eq!(preflight(&settings, TIMEOUT).unwrap().retries, None);
    assert_eq!(preflight(&settings, TIMEOUT).unwrap().retries, None, "asking made it");
    cluster.create_topic("r", 3, 1).unwrap();
    let retries = preflight(&settings, TIMEOUT).unwrap().retries.unwrap();
    assert_eq!((retries.name.as_str(), retries.partitions, retries.end_offsets), ("r", 3, vec![0; 3]));
}

#[test]
fn a_retries_topic_has_as_many_partitions_as_the_others() {
    let (_cluster, settings) = cluster(&[("s", 3), ("u", 3), ("d", 1), ("r", 2)]);
    let trouble = preflight(&settings, TIMEOUT).unwrap_err();
    assert_eq!(trouble.severity(), Severity::Configuration);
    assert!(trouble.to_string().contains("s has 3 partitions and topic r has 2"), "{trouble}");
    assert!(trouble.to_string().contains("delete topic r, create it with 3 partitions"), "{trouble}");
}

#[test]
fn a_retries_topic_without_leader_is_waited_for() {
    let (cluster, settings) = cluster(&[("s", 3), ("u", 3), ("d", 1), ("r", 3)]);
    cluster.partition_leader("r", 1, None).unwrap();
    let trouble = preflight(&settings, TIMEOUT).unwrap_err();
    assert!(trouble.is_transient() && trouble.to_string().contains("topic r's partitions"), "{trouble}");
}

#[test]
fn a_cluster_without_ids_has_none() {
    let (_cluster, settings) = cluster(&[("s", 3), ("u", 3)]);
    let bounds = bounds::Bounds::new(&settings).unwrap();
    let found = bounds.identities(&["s", "u", "r"]).unwrap();
    assert_eq!(found.topics, [None, None, None]);
    assert_eq!(bounds.partitions("r").ok(), None, "asking made it");
}

#[test]
fn every_trouble_is_found_and_a_missing_leader_passes() {
    let (cluster, settings) = cluster(&[("s", 3), ("u", 3), ("d", 1)]);
    cluster.partition_leader("s", 2, None).unwrap();
    cluster.partition_leader("d", 0, None).unwrap();
    let findings = inspect(&settings, TIMEOUT);
    assert_eq!(findings.facts, None);
    let texts: Vec<String> = findings.troubles.iter().map(Trouble::to_string).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].contains("topic s's partitions have no leader (the first is 2)"), "{texts:?}");
    assert!(findings.troubles.iter().all(Trouble::is_transient));
}

#[test]
fn nobody_there_is_transient_and_not_a_refusal() {
    let trouble = preflight(&settings("127.0.0.1:1"), Duration::from_millis(200)).unwrap_err();
    assert!(trouble.is_transient(), "{trouble}");
    assert!(trouble.to_string().contains("kafka.brokers (127.0.0.1:1)"), "{trouble}");
}

#[test]
fn properties_no_client_can_be_made_of_are_a_matter_of_configuration() {
    let mut settings = settings("127.0.0.1:1");
    settings.properties = vec![("security.protocol".to_owned(), "sasl_plaintext".to_owned())];
    settings.properties.push(("sasl.mechanism".to_owned(), "NOPE".to_owned()));
    let trouble = preflight(&settings, TIMEOUT).unwrap_err();
    assert_eq!(trouble.severity(), Severity::Configuration, "{trouble}");
}

#[test]
fn topic_errors_say_what_to_do() {
    use RDKafkaErrorCode::{InvalidTopic, LeaderNotAvailable, TopicAuthorizationFailed, UnknownTopicOrPartition};
    let table = [
        (UnknownTopicOrPartition, "create it"),
        (TopicAuthorizationFailed, "grant Describe and Read"),
        (InvalidTopic, "correct kafka.topics.usage"),
        (LeaderNotAvailable, "asked again"),
    ];
    for (code, expected) in table {
        let trouble = absent("usage", "billing.usage", code);
        assert!(trouble.is_transient() && trouble.to_string().contains(expected), "{trouble}");
    }
}

#[test]
fn a_log_that_begins_late_is_named() {
    let mut topic =
        TopicFacts { name: "u".to_owned(), id: None, partitions: 7, start_offsets: vec![0; 7], end_offsets: vec![9; 7] };
    assert_eq!(truncation(&topic), None);
    topic.start_offsets[3] = 1200;
    let trouble = truncation(&topic).unwrap();
    assert!(trouble.contains("topic u no longer begins at offset 0 (partition 3 begins at offset 1200)"), "{trouble}");
    topic.start_offsets = vec![1; 7];
    assert!(truncation(&topic).unwrap().contains("partition 4 begins at offset 1 and 2 more"));
}

#[test]
fn many_partitions_far_away_are_described_in_time() {
    let (cluster, settings) = cluster(&[("s", 40), ("u", 40), ("d", 1)]);
    cluster.broker_round_trip_time(1, Duration::from_millis(150)).unwrap();
    let facts = preflight(&settings, Duration::from_secs(5)).unwrap();
    assert_eq!((facts.usage.start_offsets.len(), facts.usage.end_offsets.len()), (40, 40));
}
