//! A damaged batch in the log: no client writes one, so this speaks to the broker itself.

use crate::avro::{self, Subscription};
use crate::world::{NOW, SUBSCRIPTIONS, World, expected};
use std::io::{Read, Write};
use std::net::TcpStream;

/// A batch of one record of one byte whose checksum is wrong.
fn damaged_batch() -> Vec<u8> {
    let record = [7 << 1, 0, 0, 0, 1, 1 << 1, b'x', 0];
    let after_crc = [
        &0_i16.to_be_bytes()[..], // attributes
        &0_i32.to_be_bytes(),     // last offset delta
        &NOW.0.to_be_bytes(),     // first timestamp
        &NOW.0.to_be_bytes(),     // last timestamp
        &(-1_i64).to_be_bytes(),  // producer
        &(-1_i16).to_be_bytes(),  // its epoch
        &(-1_i32).to_be_bytes(),  // its sequence
        &1_i32.to_be_bytes(),     // records
        &record,
    ]
    .concat();
    let (epoch, magic, crc) = (0_i32.to_be_bytes(), [2_u8], 0xdead_beef_u32.to_be_bytes());
    let length = (epoch.len() + magic.len() + crc.len() + after_crc.len()) as i32;
    [&0_i64.to_be_bytes()[..], &length.to_be_bytes(), &epoch, &magic, &crc, &after_crc].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as i16).to_be_bytes()[..], text.as_bytes()].concat()
}

/// Produces bytes as they are, with version 7 of the request.
fn produce(world: &World, topic: &str, batch: &[u8]) {
    let one = 1_i32.to_be_bytes();
    let request = [
        &0_i16.to_be_bytes()[..], // Produce
        &7_i16.to_be_bytes(),
        &one, // correlation
        &text("vandal"),
        &(-1_i16).to_be_bytes(), // no transaction
        &(-1_i16).to_be_bytes(), // all replicas
        &10_000_i32.to_be_bytes(),
        &one, // topics
        &text(topic),
        &one,                 // partitions
        &0_i32.to_be_bytes(), // its number
        &(batch.len() as i32).to_be_bytes(),
        batch,
    ]
    .concat();
    let mut broker = TcpStream::connect(world.cluster.bootstrap_servers()).expect("the broker listens");
    broker.write_all(&[&(request.len() as i32).to_be_bytes()[..], &request].concat()).expect("the broker reads");
    let mut answer = vec![0; 4 + 4 + 4 + 2 + topic.len() + 4 + 4 + 2];
    broker.read_exact(&mut answer).expect("the broker answers");
    assert_eq!(answer[answer.len() - 2..], [0, 0], "the broker took it");
}

#[test]
fn damaged_records_stop_the_partition_and_are_not_passed_over() {
    let world = World::new(1);
    let event = |customer, mrr| Subscription { event: "e", customer, at: NOW.0 - 1_000, mrr, vertical: "v" };
    let (before, after) = (event("before", 10), event("after", 20));
    world.subscribe(&before);
    let service = world.start();
    service.wait_for_report(&expected(&[before.clone()], &[]));
    produce(&world, SUBSCRIPTIONS, &damaged_batch());
    world.send(SUBSCRIPTIONS, None, after.customer, &avro::confluent(avro::SUBSCRIPTION_ID, &after.encode()));
    let sentence = service.wait_for_phase("stopped");
    assert!(sentence.contains(SUBSCRIPTIONS) && sentence.contains("offset 1"), "{sentence}");
    service.wait_for_metric("upswell_partition_stopped{partition=\"0\",reason=\"unreadable_log\"}", 1.0);
    service.wait_for_report(&expected(&[before], &[]));
    service.stop();
}
