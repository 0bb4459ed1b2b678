//! The ids of cluster and topics, as the running service asks for them.

use crate::bench::Bench;
use upswell::adapter::kafka::bounds::{Bounds, Identities};
use upswell::adapter::kafka::preflight::preflight;
use upswell::adapter::kafka::{GroupProtocol, Settings, Topics};
use upswell_testkit::wait::DEADLINE;

#[test]
fn a_cluster_and_its_topics_have_ids_and_asking_makes_no_topic() {
    let bench = Bench::new("identities", 2);
    let settings = Settings {
        brokers: bench.kafka.bootstrap(),
        group_id: "identities".to_owned(),
        topics: Topics {
            subscriptions: bench.subscriptions.clone(),
            usage: bench.usage.clone(),
            dead_letters: bench.dead_letters.clone(),
            retries: bench.retries.clone(),
        },
        group_protocol: GroupProtocol::Auto,
        instance_id: None,
        accept_truncated_log: false,
        properties: Vec::new(),
    };
    let bounds = Bounds::new(&settings).expect("a client");
    let ask = || bounds.identities(&[&bench.usage, &bench.subscriptions, &bench.retries]).expect("the broker answers");
    let look = || preflight(&settings, DEADLINE).expect("the cluster is in order");
    let facts = look();
    assert!(facts.cluster_id.is_some() && facts.usage.id.is_some() && facts.subscriptions.id != facts.usage.id, "{facts:?}");
    let expected = Identities { cluster: facts.cluster_id, topics: vec![facts.usage.id, facts.subscriptions.id, None] };
    assert_eq!(ask(), expected);
    assert_eq!(look().retries, None, "asking made the topic");
    bench.kafka.create_topic(&bench.retries, 2, &[]);
    let retries = look().retries.expect("it exists now");
    assert_eq!((retries.partitions, &retries.end_offsets[..]), (2, &[0, 0][..]));
    assert_eq!(ask().topics[2], retries.id);
}

#[test]
fn a_topic_that_stamps_records_itself_is_named() {
    let bench = Bench::new("stamped", 1);
    bench.kafka.create_topic(&bench.retries, 1, &[("message.timestamp.type", "LogAppendTime")]);
    let (code, said) = crate::waiting::check(&bench.config());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("message.timestamp.type of topic {} is LogAppendTime", bench.retries)), "{said}");
}
