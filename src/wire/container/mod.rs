//! Avro object container files: header, blocks, codecs; a record at a time.
//!
//! **A block counts only when it is whole**: when all its bytes are there, its sync marker matches, it decompresses, and the ends
//! of exactly its number of records are found, the last at its end. Only then is its first record given out, so a damaged block
//! gives none. At the first damage the file ends; the records of the blocks before it stand.
//!
//! A record that cannot be read as ours is not damage: it is a rejection as long as its end is found by the writer's schema. A
//! file whose schema is no schema at all gives one rejection for each record its blocks claim to have.
//!
//! **Limits:** a header of 16 MiB; a block of 1 GiB, held in memory as a whole; decompressed, 64 MiB or 16 times its stored size;
//! a million records without any bytes in a file. Beyond a limit is damage.

mod codec;
mod source;

use crate::domain::facts::{FactKind, RawFact, Rejection};
use crate::wire::avro::Decoder;
use codec::Codec;
use source::{Source, Trouble, damage};
use std::io::Read;

const MAGIC: [u8; 4] = *b"Obj\x01";
/// Largest header, in bytes.
const MAX_HEADER_BYTES: u64 = 16 << 20;
/// Largest block, in bytes, stored or decompressed.
const MAX_BLOCK_BYTES: u64 = 1 << 30;
/// Most records of a file that take no bytes.
const MAX_EMPTY_RECORDS: u64 = 1_000_000;

/// Where a record stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Number of the block, counted from 0.
    pub block: u64,
    /// Number of the record in its block, counted from 0.
    pub record: u64,
    /// Byte offset of the block in the file.
    pub offset: u64,
}

/// One record of a whole block.
#[derive(Debug)]
pub struct Record<'a> {
    pub position: Position,
    /// The fact, or why the record is rejected (always as `decode`).
    pub fact: Result<RawFact<'a>, Rejection>,
}

/// Why reading a file ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The file is no container file, or not whole. `at` is the byte offset of the block (or header) at fault; all records of
    /// the blocks before it were read, none after.
    #[error("damaged at byte {at}: {what}; the records before it count, nothing after it was read")]
    Damage { at: u64, what: String },
    /// The operating system could not read on.
    #[error("read: {0}")]
    Io(#[from] std::io::Error),
}

/// Reads one file from its start, a block in memory at a time.
pub struct Reader<R> {
    source: Source<R>,
    decoder: Decoder,
    codec: Codec,
    sync: [u8; 16],
    block: Block,
    next_block: u64,
    empty_records: u64,
    ended: bool,
}

/// The block being given out.
#[derive(Default)]
struct Block {
    data: Vec<u8>,
    number: u64,
    offset: u64,
    count: u64,
    /// Number of the next record, and where in the data it begins.
    next: u64,
    begins: usize,
}

impl<R: Read> Reader<R> {
    /// Reads the header. Fails on input that is no container file or has a codec we lack.
    pub fn open(input: R, kind: FactKind) -> Result<Reader<R>, Failure> {
        let mut source = Source::new(input);
        let (metadata, sync) = header(&mut source).map_err(|trouble| trouble.at(0))?;
        // Bytes that are no text can only matter in a name, and then no name of ours matches.
        let decoder = Decoder::compile(&String::from_utf8_lossy(&metadata.schema), kind);
        let (block, codec) = (Block::default(), metadata.codec);
        Ok(Reader { source, decoder, codec, sync, block, next_block: 0, empty_records: 0, ended: false })
    }

    /// Why every record will be rejected, if the writer's schema cannot be read as ours.
    pub fn schema_fault(&self) -> Option<&str> {
        self.decoder.fault()
    }

    /// The next record, `None` at the end. After a failure there is no more.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, Failure> {
        while self.block.next == self.block.count {
            if self.ended {
                return Ok(None);
            }
            let offset = self.source.at;
            // Ended unless a block follows.
            self.ended = true;
            let Some(block) = self.load().map_err(|trouble| trouble.at(offset))? else { return Ok(None) };
            self.ended = false;
            self.block = block;
        }
        let block = &mut self.block;
        let position = Position { block: block.number, record: block.next, offset: block.offset };
        let walk = self.decoder.decode_prefix(&block.data[block.begins..]);
        block.next += 1;
        block.begins += walk.consumed.unwrap_or(0);
        Ok(Some(Record { position, fact: walk.fact }))
    }

    /// The next whole block, `None` at the end of the file.
    fn load(&mut self) -> Result<Option<Block>, Trouble> {
        let offset = self.source.at;
        let Some(first) = self.source.byte()? else { return Ok(None) };
        let count = self.source.long_from(first)?;
        let count = u64::try_from(count).map_err(|_| damage(format!("a block of {count} records")))?;
        let size = self.source.long()?;
        let size = u64::try_from(size).map_err(|_| damage(format!("a block of {size} bytes")))?;
        if size > MAX_BLOCK_BYTES {
            return Err(damage(format!("a block of {size} bytes; at most {MAX_BLOCK_BYTES} are read")));
        }
        let mut stored = Vec::new();
        self.source.bytes(size, &mut stored)?;
        if self.source.array()? != self.sync {
            return Err(damage("the sync marker after the block does not match the header's"));
        }
        let data = self.codec.decompress(stored, MAX_BLOCK_BYTES as usize).map_err(damage)?;
        self.check(&data, count)?;
        let number = self.next_block;
        self.next_block += 1;
        Ok(Some(Block { data, number, offset, count, next: 0, begins: 0 }))
    }

    /// Finds the ends of all records of a block, which must fill it.
    fn check(&mut self, data: &[u8], count: u64) -> Result<(), Trouble> {
        let bytes = data.len() as u64;
        if count > bytes.saturating_add(MAX_EMPTY_RECORDS) {
            return Err(damage(format!("a block of {bytes} bytes cannot hold {count} records")));
        }
        if !self.decoder.knows_structure() {
            let plausible = count <= bytes && (count > 0 || bytes == 0);
            return if plausible { Ok(()) } else { Err(damage(format!("a block of {bytes} bytes claims {count} records"))) };
        }
        let mut rest = data;
        for record in 0..count {
            let length = self.decoder.length(rest);
            let length = length.ok_or_else(|| damage(format!("the end of record {record} of the block cannot be found")))?;
            rest = &rest[length..];
            self.empty_records += u64::from(length == 0);
            if self.empty_records > MAX_EMPTY_RECORDS {
                return Err(damage(format!("over {MAX_EMPTY_RECORDS} records take no bytes")));
            }
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(damage(format!("{} bytes are left after the records of the block", rest.len())))
        }
    }
}

/// What the header says that matters here.
struct Metadata {
    schema: Vec<u8>,
    codec: Codec,
}

fn header<R: Read>(source: &mut Source<R>) -> Result<(Metadata, [u8; 16]), Trouble> {
    match source.array() {
        Ok(MAGIC) => {}
        Err(Trouble::Io(error)) => return Err(Trouble::Io(error)),
        _ => return Err(damage("it is not an Avro object container file (those begin with \"Obj\" and a 1)")),
    }
    let (mut schema, mut codec) = (None, Codec::Null);
    loop {
        let count = source.long()?;
        if count == 0 {
            break;
        }
        if count < 0 {
            source.long()?;
        }
        for _ in 0..count.unsigned_abs() {
            let (key, value) = (text(source)?, text(source)?);
            match key.as_slice() {
                b"avro.schema" => schema = Some(value),
                b"avro.codec" => codec = Codec::named(&value).ok_or_else(|| unknown_codec(&value))?,
                _ => {}
            }
        }
    }
    let schema = schema.ok_or_else(|| damage("its header has no avro.schema"))?;
    Ok((Metadata { schema, codec }, source.array()?))
}

/// Bytes or text of a header that is within its limit.
fn text<R: Read>(source: &mut Source<R>) -> Result<Vec<u8>, Trouble> {
    let length = source.long()?;
    let length = u64::try_from(length).map_err(|_| damage("a length in the header is negative"))?;
    if source.at.saturating_add(length) > MAX_HEADER_BYTES {
        return Err(damage(format!("its header is longer than {MAX_HEADER_BYTES} bytes")));
    }
    let mut text = Vec::new();
    source.bytes(length, &mut text)?;
    Ok(text)
}

fn unknown_codec(name: &[u8]) -> Trouble {
    let name = String::from_utf8_lossy(&name[..name.len().min(40)]).into_owned();
    damage(format!("its codec {name:?} is unknown; null, deflate, snappy, zstandard, bzip2 and xz can be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC: [u8; 16] = *b"0123456789abcdef";
    /// A usage event of one field: `event_id` of one letter, 2 bytes.
    const SCHEMA: &str = r#"{"type":"record","name":"U","fields":[{"name":"event_id","type":"string"}]}"#;

    fn long(value: i64) -> Vec<u8> {
        let (mut value, mut bytes) = (((value << 1) ^ (value >> 63)) as u64, Vec::new());
        while value > 0x7f {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    fn text(text: &[u8]) -> Vec<u8> {
        [long(text.len() as i64), text.to_vec()].concat()
    }

    fn head(metadata: &[(&str, &str)]) -> Vec<u8> {
        let entries = metadata.iter().flat_map(|(key, value)| [text(key.as_bytes()), text(value.as_bytes())].concat());
        let entries: Vec<u8> =
            if metadata.is_empty() { vec![] } else { long(metadata.len() as i64).into_iter().chain(entries).collect() };
        [MAGIC.as_slice(), &entries, &[0], &SYNC].concat()
    }

    fn block(count: i64, data: &[u8]) -> Vec<u8> {
        [long(count), long(data.len() as i64), data.to_vec(), SYNC.to_vec()].concat()
    }

    /// `event_id`s read (`!` for a rejected record), then what is damaged, if anything.
    fn read(file: &[u8]) -> String {
        let mut reader = match Reader::open(file, FactKind::Usage) {
            Ok(reader) => reader,
            Err(failure) => return format!("{failure}"),
        };
        let mut ids = String::new();
        loop {
            match reader.next_record() {
                Ok(None) => return ids,
                Ok(Some(Record { fact: Ok(RawFact::Usage(usage)), .. })) => ids.push_str(usage.event_id.unwrap_or("?")),
                Ok(Some(_)) => ids.push('!'),
                Err(failure) => {
                    assert!(reader.next_record().unwrap().is_none());
                    return format!("{ids} {failure}");
                }
            }
        }
    }

    #[test]
    fn whole_blocks_count_and_damage_ends_the_file() {
        let head = head(&[("avro.schema", SCHEMA), ("x", "")]);
        let good = [head.clone(), block(2, b"\x02a\x02b")].concat();
        let then = |next: &[u8]| [good.as_slice(), next, &block(1, b"\x02z")].concat();
        let mut wrong_sync = block(1, b"\x02c");
        *wrong_sync.last_mut().unwrap() = 0;
        let table = [
            (head.clone(), "", ""),
            (good.clone(), "ab", ""),
            (then(&block(1, b"\x02c")), "abcz", ""),
            (then(&block(0, b"")), "abz", ""),
            (then(&block(2, b"\x02\xff\x02c")), "ab!cz", ""),
            (then(&wrong_sync), "ab ", "sync marker"),
            (then(&block(2, b"\x02c\x04")), "ab ", "the end of record 1"),
            (then(&block(1, b"\x02c\x02d")), "ab ", "2 bytes are left"),
            (then(&block(0, b"\x02c")), "ab ", "2 bytes are left"),
            (then(&block(-1, b"\x02c")), "ab ", "-1 records"),
            (then(&block(i64::MAX, b"\x02c")), "ab ", "cannot hold"),
            (then(&[2, 1]), "ab ", "-1 bytes"),
            (then(&[long(1), long(i64::MAX)].concat()), "ab ", "at most"),
            (then(&[0xff; 10]), "ab ", "64 bits"),
            ([good.as_slice(), &block(1, b"\x02c")[..5]].concat(), "ab ", "too early"),
            ([good.as_slice(), &long(1)].concat(), "ab ", "too early"),
            ([good.as_slice(), &[0x80]].concat(), "ab ", "inside a number"),
            (good[..good.len() - 1].to_vec(), " ", "too early"),
        ];
        for (file, ids, damage) in table {
            let got = read(&file);
            assert!(got.starts_with(ids) && got.contains(damage), "expected {ids:?} and {damage:?}, got {got:?}");
            let at = if ids == "ab " { good.len() } else { head.len() };
            assert!(damage.is_empty() == (got == ids) && (damage.is_empty() || got.contains(&format!("byte {at}:"))), "{got:?}");
        }
    }

    #[test]
    fn headers() {
        let long_key = format!("Obj\x01\x02{}", "\u{7f}".repeat(8));
        let blocks_with_size = [MAGIC.as_slice(), &[1, 0], &text(b"avro.schema"), &text(SCHEMA.as_bytes()), &[0], &SYNC].concat();
        let table = [
            (vec![], "not an Avro object container file"),
            (b"Obj".to_vec(), "not an Avro object container file"),
            (b"PAR1 and more".to_vec(), "not an Avro object container file"),
            (head(&[]), "no avro.schema"),
            (head(&[("avro.schema", SCHEMA), ("avro.codec", "lzw")]), "codec \"lzw\" is unknown"),
            (head(&[("avro.schema", SCHEMA)])[..70].to_vec(), "too early"),
            (long_key.into_bytes(), "negative"),
            ([MAGIC.as_slice(), &[2], &long(1 << 40)].concat(), "longer than"),
            ([blocks_with_size, block(1, b"\x02a")].concat(), "a"),
        ];
        for (file, expected) in table {
            let got = read(&file);
            assert!(got.contains(expected), "expected {expected:?}, got {got:?}");
        }
    }

    #[test]
    fn unreadable_schemas_reject_each_record() {
        let empty = r#"{"type":"record","name":"E","fields":[]}"#;
        let file = |schema: &str, blocks: &[(i64, &[u8])]| {
            let blocks = blocks.iter().flat_map(|(count, data)| block(*count, data));
            head(&[("avro.schema", schema)]).into_iter().chain(blocks).collect::<Vec<u8>>()
        };
        let table: [(Vec<u8>, &str, &str); 8] = [
            (file("\"string\"", &[(2, b"\x02a\x02b"), (1, b"\x00")]), "!!!", ""),
            (file("\"string\"", &[(2, b"\x02a"), (1, b"\x00")]), " ", "end of record 1"),
            (file("nonsense", &[(2, b"\x02a\x02b"), (1, b"\x00")]), "!!!", ""),
            (file("nonsense", &[(5, b"\x02a\x02b")]), " ", "claims 5"),
            (file("nonsense", &[(0, b"\x02a\x02b")]), " ", "claims 0"),
            (file("\"null\"", &[(3, b"")]), "!!!", ""),
            (file(empty, &[(3, b"")]), "???", ""),
            (file(empty, &[(MAX_EMPTY_RECORDS as i64, b""), (1, b"")]), "?????", "take no bytes"),
        ];
        for (file, ids, damage) in table {
            let got = read(&file);
            assert!(
                got.starts_with(ids) && got.contains(damage),
                "expected {ids:?} and {damage:?}, got {:?}",
                &got[..got.len().min(99)]
            );
            assert!(!damage.is_empty() || got == ids);
        }
    }

    #[test]
    fn positions_count_blocks_and_records() {
        let head = head(&[("avro.schema", SCHEMA)]);
        let first = block(2, b"\x02a\x02b");
        let file = [head.as_slice(), &first, &block(0, b""), &block(1, b"\x02c")].concat();
        let mut reader = Reader::open(file.as_slice(), FactKind::Usage).unwrap();
        let mut positions = Vec::new();
        while let Some(Record { position, .. }) = reader.next_record().unwrap() {
            positions.push((position.block, position.record, position.offset as usize));
        }
        let third = head.len() + first.len() + block(0, b"").len();
        assert_eq!(positions, [(0, 0, head.len()), (0, 1, head.len()), (2, 0, third)]);
    }

    #[test]
    fn the_systems_errors_are_not_damage() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("gone"))
            }
        }
        let file = head(&[("avro.schema", SCHEMA)]);
        assert!(matches!(Reader::open(Broken, FactKind::Usage), Err(Failure::Io(_))));
        let mut reader = Reader::open(file.chain(Broken), FactKind::Usage).unwrap();
        assert!(matches!(reader.next_record(), Err(Failure::Io(_))));
    }
}
