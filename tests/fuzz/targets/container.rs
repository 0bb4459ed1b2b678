//! Avro object container files, read as both kinds.

use crate::runner::Target;
use crate::trail::Trail;
use upswell::domain::facts::FactKind;
use upswell::wire::container::Reader;

const WORDS: [&str; 15] = [
    "Obj\x01",
    "avro.schema",
    "avro.codec",
    "\x08null",
    "\x0edeflate",
    "\x0csnappy",
    "\x12zstandard",
    "\x0abzip2",
    "\x04xz",
    r#""string""#,
    r#"{"type":"record","name":"R","fields":[]}"#,
    "\x02\0",
    "\0\0",
    "\x04\x04",
    "\x01\x02",
];

pub fn target() -> Target<'static> {
    let read = |input: &[u8], trail: &mut Trail| {
        for kind in [FactKind::Subscription, FactKind::Usage] {
            read_as(kind, input, trail);
        }
    };
    Target { name: "container", words: &WORDS, read: Box::new(read) }
}

fn read_as(kind: FactKind, input: &[u8], trail: &mut Trail) {
    let mut reader = match Reader::open(input, kind) {
        Ok(reader) => reader,
        Err(failure) => return trail.say(&failure.to_string()),
    };
    trail.say(reader.schema_fault().unwrap_or("readable"));
    let (mut accepted, mut rejected) = (0, 0);
    loop {
        match reader.next_record() {
            Ok(None) => break,
            Err(failure) => return trail.say(&failure.to_string()),
            Ok(Some(record)) if record.fact.is_ok() => accepted += 1,
            Ok(Some(_)) => rejected += 1,
        }
    }
    trail.whole();
    trail.count("facts", accepted);
    trail.count("rejected", rejected);
}

#[test]
fn containers() {
    target().run();
}
