//! Container files as apache-avro writes them, with every codec, read back record by record; cut and mutated anywhere.

use crate::random::Random;
use apache_avro::types::Value;
use apache_avro::{Bzip2Settings, Codec, DeflateSettings, Schema, Writer, XzSettings, ZstandardSettings};
use upswell::domain::facts::{FactKind, RawFact};
use upswell::wire::avro::USAGE_SCHEMA;
use upswell::wire::container::{Failure, Reader};

fn codecs() -> [Codec; 6] {
    [
        Codec::Null,
        Codec::Snappy,
        Codec::Deflate(DeflateSettings::default()),
        Codec::Zstandard(ZstandardSettings::default()),
        Codec::Bzip2(Bzip2Settings::default()),
        Codec::Xz(XzSettings::default()),
    ]
}

fn usage(number: i64) -> Value {
    let text = |text: &str| Value::String(text.to_owned());
    Value::Record(vec![
        ("event_id".into(), text(&format!("event-{number}"))),
        ("customer_id".into(), text("cus-1")),
        ("used_at".into(), Value::TimestampMillis(1_767_225_600_000 + number)),
        ("meter".into(), text("api")),
        ("quantity".into(), Value::Double(1.0)),
        ("amount_micros".into(), Value::Long(number)),
        ("currency".into(), text("EUR")),
    ])
}

/// A file of so many records, in blocks of about `block_size` bytes.
fn file(codec: Codec, records: i64, block_size: usize) -> Vec<u8> {
    let schema = Schema::parse_str(USAGE_SCHEMA).unwrap();
    let mut writer = Writer::builder().schema(&schema).writer(Vec::new()).codec(codec).block_size(block_size).build().unwrap();
    for number in 0..records {
        writer.append_value(usage(number)).unwrap();
    }
    writer.into_inner().unwrap()
}

/// The amounts of the records that were read (`None` for a rejected one), and how the file ended.
fn read(bytes: &[u8]) -> (Vec<Option<i64>>, Result<(), Failure>) {
    let mut amounts = Vec::new();
    let mut reader = match Reader::open(bytes, FactKind::Usage) {
        Ok(reader) => reader,
        Err(failure) => return (amounts, Err(failure)),
    };
    loop {
        match reader.next_record() {
            Ok(None) => return (amounts, Ok(())),
            Err(failure) => return (amounts, Err(failure)),
            Ok(Some(record)) => amounts.push(match record.fact {
                Ok(RawFact::Usage(raw)) => raw.amount_micros,
                _ => None,
            }),
        }
    }
}

#[test]
fn every_codec_is_read() {
    for codec in codecs() {
        for (records, block_size) in [(0, 100), (1, 100), (500, 700), (500, 1 << 20)] {
            let (amounts, end) = read(&file(codec, records, block_size));
            assert!(end.is_ok(), "{codec:?}: {end:?}");
            assert_eq!(amounts, (0..records).map(Some).collect::<Vec<_>>(), "{codec:?}");
        }
    }
}

/// Cut anywhere, a file gives the records of its whole blocks and says that it is damaged, unless it is cut between blocks.
#[test]
fn cut_files() {
    let records = 60;
    let whole = file(Codec::Null, records, 300);
    let mut clean_ends = 0;
    for length in 0..whole.len() {
        let (amounts, end) = read(&whole[..length]);
        assert_eq!(amounts, (0..amounts.len() as i64).map(Some).collect::<Vec<_>>());
        clean_ends += usize::from(end.is_ok());
    }
    assert!((5..30).contains(&clean_ends), "{clean_ends}");
}

/// Mutated anywhere, reading ends without panic; a block whose checksum or marker is wrong gives nothing.
#[test]
fn mutated_files() {
    let mut random = Random::new(7);
    for codec in codecs() {
        let whole = file(codec, 100, 1_000);
        let header = read_header_length(&whole);
        for _ in 0..400 {
            let mut bytes = whole.clone();
            let at = header + random.below((bytes.len() - header) as u64) as usize;
            bytes[at] ^= 1 << random.below(8);
            let (amounts, end) = read(&bytes);
            assert!(amounts.len() <= 100 || end.is_err(), "{codec:?}");
            if codec == Codec::Snappy {
                assert!(end.is_err(), "every byte is covered by a checksum, a length or a marker");
                assert_eq!(amounts, (0..amounts.len() as i64).map(Some).collect::<Vec<_>>());
            }
        }
    }
}

/// The header ends with the marker that also ends the file.
fn read_header_length(file: &[u8]) -> usize {
    let marker = &file[file.len() - 16..];
    file.windows(16).position(|window| window == marker).unwrap() + 16
}
