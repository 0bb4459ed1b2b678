//! A dead-letter topic that will never take a letter: the partition stops, and its position stays before the record.

use crate::world::{USAGE, World};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

#[test]
fn a_letter_refused_for_good_stops_its_partition() {
    let world = World::new(1);
    world.send(USAGE, Some(0), "c", b"not a billing event");
    // The next produce request is the letter's: the record above is acknowledged, and nobody else writes.
    world.cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED]);
    let service = world.start();
    service.wait_for_metric("upswell_partition_stopped{partition=\"0\",reason=\"dead_letter_refused\"}", 1.0);
    let sentence = service.wait_for_phase("stopped");
    assert!(sentence.contains("partition 0"), "{sentence}");
    assert_eq!(service.metric("upswell_dead_letters_total{reason=\"framing\"}"), Some(0.0), "refused is not delivered");
    service.stop();
    assert!(world.committed()[1].is_none_or(|next| next == 0), "no position is recorded past the record");
}
