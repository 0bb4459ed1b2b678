//! The harness itself: what is written to a real broker comes back, and parts that end are gone.

use upswell_testkit::kafka::Outgoing;
use upswell_testkit::{RealKafka, Registry};

#[test]
fn what_is_written_comes_back() {
    let kafka = RealKafka::start();
    kafka.create_topic("t", 2, &[]);
    let writer = kafka.transactional("w");
    let send = |key: &'static [u8]| Outgoing {
        topic: "t",
        partition: Some(1),
        key: Some(key),
        value: None,
        headers: &[("h", Some(b"x"))],
        timestamp: Some(5),
    };
    writer.transaction(true, |writer| writer.send(send(b"a")));
    writer.transaction(false, |writer| writer.send(send(b"b")));
    let records = kafka.read("t");
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].partition, records[0].offset, records[0].timestamp), (1, 0, Some(5)));
    assert_eq!((records[0].key.as_deref(), records[0].header("h").as_deref()), (Some(&b"a"[..]), Some("x")));
    kafka.stop();
    kafka.restart();
    kafka.delete_records("t", 1, 1);
    assert_eq!(kafka.read("t"), vec![]);
    let registry = Registry::start();
    let id = registry.register("s", "\"string\"");
    assert_eq!(registry.register("s", "\"string\""), id);
}
