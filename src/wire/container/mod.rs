//! Avro object container files: header, blocks, codecs; a record at a time, in constant memory.

use crate::domain::facts::{FactKind, RawFact, Rejection};
use std::io::Read;

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
    pub fact: Result<RawFact<'a>, Rejection>,
}

/// Why reading a file ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The file is not a container file, or not whole, from this byte on. All records before it were read.
    #[error("damaged at byte {at}: {what}")]
    Damage { at: u64, what: String },
    /// The operating system could not read on.
    #[error("read: {0}")]
    Io(#[from] std::io::Error),
}

/// Reads one file from its start.
pub struct Reader<R> {
    _input: R,
}

impl<R: Read> Reader<R> {
    /// Reads the header. Fails on input that is not a container file or has a codec we lack.
    pub fn open(input: R, _kind: FactKind) -> Result<Reader<R>, Failure> {
        Ok(Reader { _input: input })
    }

    /// The next record, `None` at the end of an undamaged file. After a failure the file has ended.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, Failure> {
        Ok(None)
    }
}
