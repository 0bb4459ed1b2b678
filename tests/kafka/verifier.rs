//! The comparison that the tests of rebalances and of chaos end with notices every kind of loss: it is tried on histories that differ
//! by one record.

use crate::bench::{DAY, now};
use crate::history::History;
use apache_avro::Writer;
use apache_avro::types::Value;
use upswell_testkit::{Figures, avro};

/// The figures of the history with other usage.
fn figures(usage: &[Value], as_of: &str) -> Figures {
    let history = History::generated();
    let (schema, _) = avro::container(history.path("usage.avro").as_ref());
    let mut writer = Writer::new(&schema, Vec::new()).expect("a container file");
    writer.extend(usage.iter().cloned()).expect("the events fit their schema");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), writer.into_inner().expect("a whole file")).expect("the file can be written");
    Figures::of(&history.replay_with_usage(upswell_testkit::program::text(file.path()), as_of))
}

#[test]
fn a_record_removed_counted_twice_or_changed_by_a_cent_is_noticed() {
    let as_of = jiff::Timestamp::now().to_string();
    let (_, usage) = avro::container(History::generated().path("usage.avro").as_ref());
    let whole = figures(&usage, &as_of);
    assert_eq!(whole, Figures::of(&History::generated().replay(&as_of)));
    let recent = |event: &&Value| (now() - 20 * DAY..now() - 2 * DAY).contains(&avro::long(event, "used_at"));
    let chosen = usage
        .iter()
        .filter(|event| recent(event) && avro::long(event, "amount_micros") < 1 << 50)
        .max_by_key(|event| avro::long(event, "amount_micros"))
        .expect("the history has recent usage");
    let noticed = |usage: &[Value]| !figures(usage, &as_of).differences(&whole).is_empty();

    let without: Vec<Value> =
        usage.iter().filter(|event| avro::text(event, "event_id") != avro::text(chosen, "event_id")).cloned().collect();
    assert!(noticed(&without), "removed");
    let mut twice = usage.clone();
    twice.push(chosen.clone());
    assert!(!noticed(&twice), "what came twice counts once");
    avro::set(twice.last_mut().expect("the copy"), "event_id", Value::String("another".to_owned()));
    assert!(noticed(&twice), "counted twice");
    let mut changed = usage.clone();
    let (id, cent) = (avro::text(chosen, "event_id"), avro::long(chosen, "amount_micros") + 10_000);
    let repeated = changed.iter_mut().filter(|event| avro::text(event, "event_id") == id);
    repeated.for_each(|event| avro::set(event, "amount_micros", Value::Long(cent)));
    assert!(noticed(&changed), "changed by a cent");
}
