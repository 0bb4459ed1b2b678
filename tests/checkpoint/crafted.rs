//! Files made by hand: their checksums are right whatever they hold, so that what lies deeper is reached.

use crate::fixture::{SEQUENCE, WRITER, identity};
use upswell::wire::checkpoint::envelope::{Kind, begin, checksum, seal};
use upswell::wire::checkpoint::{Piece, PieceRef, piece_name};

/// Bytes before and after the body of a file.
pub const HEADER: usize = 18;
pub const TRAILER: usize = 16;

pub const STORED: u8 = 0;
pub const ZSTANDARD: u8 = 1;

/// A frame of a piece as it stands in the file.
pub struct Frame {
    pub method: u8,
    pub length: u64,
    pub stored: Vec<u8>,
}

impl Frame {
    pub fn stored(sections: &[u8]) -> Frame {
        Frame { method: STORED, length: sections.len() as u64, stored: sections.to_vec() }
    }

    pub fn compressed(sections: &[u8]) -> Frame {
        let stored = zstd::bulk::compress(sections, 1).expect("it can be compressed");
        Frame { method: ZSTANDARD, length: sections.len() as u64, stored }
    }
}

pub fn manifest_of(body: &[u8]) -> Vec<u8> {
    let mut file = begin(Kind::Manifest);
    file.extend_from_slice(body);
    seal(&mut file);
    file
}

/// The first piece of the fixed image, of these frames.
pub fn piece_of(frames: &[Frame]) -> (Vec<u8>, PieceRef) {
    let mut body = Vec::new();
    body.extend(identity().fingerprint().to_le_bytes());
    body.extend(WRITER.to_le_bytes());
    body.extend(SEQUENCE.to_le_bytes());
    body.extend(0u32.to_le_bytes());
    for Frame { method, length, stored } in frames {
        body.push(*method);
        body.extend(length.to_le_bytes());
        body.extend((stored.len() as u64).to_le_bytes());
        body.extend(stored);
    }
    piece_of_body(&body)
}

pub fn piece_of_body(body: &[u8]) -> (Vec<u8>, PieceRef) {
    let mut bytes = begin(Kind::Piece);
    bytes.extend_from_slice(body);
    seal(&mut bytes);
    let named = Piece { checksum: checksum(&bytes), bytes: bytes.clone() }.named(piece_name(WRITER, SEQUENCE, 0, 0));
    (bytes, named)
}

/// A section of any kind and content.
pub fn section(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], (body.len() as u64).to_le_bytes().as_slice(), body].concat()
}

pub fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
