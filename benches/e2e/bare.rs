//! The bare consumer: the least that anything on this client can cost. It has the service's own properties, polls every record
//! and drops it.
//!
//! All partitions feed one queue here, so the whole of the memory for records fetched ahead is that queue's; in the service each
//! partition has its share.

use crate::process::{peak_memory, processor_time};
use crate::stage::{SUBSCRIPTIONS, USAGE};
use crate::throughput::Cost;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant as Moment};
use upswell::adapter::kafka::{FetchBudget, GroupProtocol, Protocol, Settings, Topics};

/// Longest pause between two records.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the bare consumer in a process of its own, which is this program once more.
pub fn measure(brokers: &str, partitions: i32, records: usize) -> Cost {
    let arguments = ["bare".to_owned(), brokers.to_owned(), partitions.to_string(), records.to_string()];
    let program = std::env::current_exe().expect("the path of this program");
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.expect("this program can be started again");
    assert!(output.status.success(), "the bare consumer ended with {}", output.status);
    Cost::parse(&String::from_utf8_lossy(&output.stdout))
}

/// What that process does: reads so many records and prints what it cost from the first one on.
pub fn consume(brokers: &str, partitions: i32, records: usize) {
    let consumer = consumer(brokers, partitions);
    next(&consumer);
    let (id, began) = (std::process::id(), Moment::now());
    let before = processor_time(id);
    (1..records).for_each(|_| next(&consumer));
    let (wall, processor) = (began.elapsed(), processor_time(id) - before);
    println!("{}", Cost { records, wall, processor, memory: peak_memory(id).unwrap_or(0) }.print());
}

fn next(consumer: &BaseConsumer) {
    match consumer.poll(PATIENCE) {
        Some(Ok(record)) => drop(record),
        other => panic!("no record came: {other:?}"),
    }
}

fn consumer(brokers: &str, partitions: i32) -> BaseConsumer {
    let name = str::to_owned;
    let topics =
        Topics { subscriptions: name(SUBSCRIPTIONS), usage: name(USAGE), dead_letters: name("dead"), retries: name("retries") };
    let settings = Settings {
        brokers: name(brokers),
        group_id: name("bare"),
        topics,
        group_protocol: GroupProtocol::Auto,
        instance_id: None,
        accept_truncated_log: false,
        properties: Vec::new(),
    };
    let total_bytes = upswell::service::Settings::FETCH_BYTES;
    let budget = FetchBudget { total_bytes, partitions: partitions.unsigned_abs() * 2 };
    let mut config = settings.consumer(Protocol::Classic, budget);
    config.set("queued.max.messages.kbytes", (total_bytes / 1024).to_string()).set("queued.min.messages", "10000000");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let mut assignment = TopicPartitionList::new();
    for (topic, partition) in [SUBSCRIPTIONS, USAGE].iter().flat_map(|topic| (0..partitions).map(move |each| (topic, each))) {
        assignment.add_partition_offset(topic, partition, Offset::Beginning).expect("a valid offset");
    }
    consumer.assign(&assignment).expect("the partitions exist");
    consumer
}
