//! Pieces: sections in compressed frames. Version 1 of the body of an envelope ([`super::envelope`]); [`super::bytes`] names the
//! primitives.
//!
//! - u128: fingerprint of the identity ([`super::identity`])
//! - u64: writer
//! - u64: sequence
//! - u32: number within the image
//! - frames until the end; each
//!   - byte: method (0 stored, 1 Zstandard)
//!   - u64: bytes of its sections
//!   - u64: bytes of what follows
//!   - that many bytes: its sections ([`super::section`]), one after the other, as they are or as one Zstandard frame
//!
//! A section does not reach from one frame into the next. A Zstandard frame holds at most 2 MiB of sections, which bounds what
//! reading takes however small the file; a section larger than that is stored as it is, and so is what does not compress.

use super::bytes::{Cursor, narrow};
use super::damage::Damage;
use super::envelope::{self, Kind, checksum};
use super::name::{PieceName, parse_piece_name};
use super::section::{self, SectionRef};
use super::{Identity, PieceRef, Section};
use zstd::bulk::{Compressor, Decompressor};

/// A frame is closed when its sections come to so many bytes.
const FRAME: usize = 1 << 20;
/// A compressed frame's sections come to so many bytes at most.
const COMPRESSED_FRAME: usize = 2 << 20;
const STORED: u8 = 0;
const ZSTANDARD: u8 = 1;
const LEVEL: i32 = 1;

/// A piece in the making.
pub struct PieceWriter {
    file: Vec<u8>,
    /// Sections of the frame that is not closed yet.
    frame: Vec<u8>,
    /// Bytes of the sections of closed frames.
    closed: u64,
    compressor: Compressor<'static>,
}

/// A finished piece, which its store may give any name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub bytes: Vec<u8>,
    /// XXH3-128 over all of it.
    pub checksum: u128,
}

/// What a piece says of where it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// Of its image's identity.
    pub fingerprint: u128,
    pub writer: u64,
    pub sequence: u64,
    /// Within the image.
    pub number: u32,
}

impl Piece {
    /// How a manifest names it, given its file's name.
    pub fn named(&self, name: String) -> PieceRef {
        PieceRef { name, length: self.bytes.len() as u64, checksum: self.checksum }
    }
}

impl PieceWriter {
    /// A piece of an image of this identity; writer and sequence are its manifest's, `number` counts its pieces.
    pub fn new(identity: &Identity, writer: u64, sequence: u64, number: u32) -> PieceWriter {
        let mut file = envelope::begin(Kind::Piece);
        file.extend(identity.fingerprint().to_le_bytes());
        file.extend(writer.to_le_bytes());
        file.extend(sequence.to_le_bytes());
        file.extend(number.to_le_bytes());
        let compressor = Compressor::new(LEVEL).expect("the level exists");
        PieceWriter { file, frame: Vec::new(), closed: 0, compressor }
    }

    /// Appends a section. One of over 2 MiB is not compressed.
    pub fn push(&mut self, section: &Section) {
        let before = self.frame.len();
        section::put(&mut self.frame, section);
        if before > 0 && self.frame.len() > COMPRESSED_FRAME {
            let last = self.frame.split_off(before);
            self.close();
            self.frame = last;
        }
        if self.frame.len() >= FRAME {
            self.close();
        }
    }

    /// Bytes of the sections so far, before compression.
    pub fn raw_len(&self) -> u64 {
        self.closed + self.frame.len() as u64
    }

    pub fn finish(mut self) -> Piece {
        if !self.frame.is_empty() {
            self.close();
        }
        let mut bytes = self.file;
        envelope::seal(&mut bytes);
        Piece { checksum: checksum(&bytes), bytes }
    }

    fn close(&mut self) {
        let compressed = if self.frame.len() <= COMPRESSED_FRAME { self.compressor.compress(&self.frame).ok() } else { None };
        let (method, stored) = match &compressed {
            Some(compressed) if compressed.len() < self.frame.len() => (ZSTANDARD, compressed),
            _ => (STORED, &self.frame),
        };
        self.file.push(method);
        self.file.extend((self.frame.len() as u64).to_le_bytes());
        self.file.extend((stored.len() as u64).to_le_bytes());
        self.file.extend_from_slice(stored);
        self.closed += self.frame.len() as u64;
        self.frame.clear();
    }
}

/// Reads the file of a piece: `piece` is how the manifest names it, `identity` the manifest's. Nothing is visited before the
/// length and checksum of the whole file are found right and that it belongs there. An error of `visit` ends the reading.
///
/// Never panics, and holds no more than 2 MiB besides what `visit` keeps; an account under way counts as that.
pub fn read_piece(
    file: &[u8],
    piece: &PieceRef,
    identity: &Identity,
    visit: impl FnMut(SectionRef) -> Result<(), Damage>,
) -> Result<(), Damage> {
    let found = file.len() as u64;
    if found != piece.length {
        return Err(Damage::Length { expected: piece.length, found });
    }
    let (_same_in_1_and_2, body) = envelope::open(Kind::Piece, file)?;
    if checksum(file) != piece.checksum {
        return Err(Damage::Elsewhere("it is not the piece that its manifest names"));
    }
    let mut bytes = Cursor::new(body);
    belongs(&mut bytes, piece, identity)?;
    visit_sections(bytes, visit)
}

/// Reads the file of a piece whose manifest is not at hand, so that only the piece itself answers for its being whole.
///
/// Never panics, and holds no more than [`read_piece`] does.
pub fn read_lone_piece(file: &[u8], visit: impl FnMut(SectionRef) -> Result<(), Damage>) -> Result<Label, Damage> {
    let (_same_in_1_and_2, body) = envelope::open(Kind::Piece, file)?;
    let mut bytes = Cursor::new(body);
    let label = label(&mut bytes)?;
    visit_sections(bytes, visit)?;
    Ok(label)
}

fn visit_sections(bytes: Cursor, mut visit: impl FnMut(SectionRef) -> Result<(), Damage>) -> Result<(), Damage> {
    let mut frames = Frames { bytes, decompressor: None, buffer: Vec::new() };
    while let Some(sections) = frames.next()? {
        let mut sections = Cursor::new(sections);
        while !sections.is_empty() {
            visit(section::get(&mut sections)?)?;
        }
    }
    Ok(())
}

fn label(bytes: &mut Cursor) -> Result<Label, Damage> {
    let fingerprint = bytes.u128()?;
    let (writer, sequence, number) = (bytes.u64()?, bytes.u64()?, bytes.array().map(u32::from_le_bytes)?);
    Ok(Label { fingerprint, writer, sequence, number })
}

/// Reads what a piece says of where it belongs.
fn belongs(bytes: &mut Cursor, piece: &PieceRef, identity: &Identity) -> Result<(), Damage> {
    let Label { fingerprint, writer, sequence, number } = label(bytes)?;
    if fingerprint != identity.fingerprint() {
        return Err(Damage::Elsewhere("it is of another partition, or of other topics, another cluster or time zone"));
    }
    let PieceName { attempt, .. } = parse_piece_name(&piece.name).ok_or(Damage::Inconsistent("its name is none of a piece"))?;
    if (PieceName { writer, sequence, number, attempt }).to_string() != piece.name {
        return Err(Damage::Elsewhere("it is of another image, or another piece of this one"));
    }
    Ok(())
}

/// The frames of a piece that are not read yet.
struct Frames<'a> {
    bytes: Cursor<'a>,
    decompressor: Option<Decompressor<'static>>,
    /// Sections of the last compressed frame.
    buffer: Vec<u8>,
}

impl Frames<'_> {
    /// The sections of the next frame.
    fn next(&mut self) -> Result<Option<&[u8]>, Damage> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let (method, length, stored) = (self.bytes.byte()?, self.bytes.u64()?, narrow(self.bytes.u64()?)?);
        let stored = self.bytes.take(stored)?;
        match method {
            STORED if length == stored.len() as u64 => Ok(Some(stored)),
            ZSTANDARD if length <= COMPRESSED_FRAME as u64 => self.decompressed(stored, length).map(Some),
            _ => Err(Damage::Inconsistent("a frame is of no known method, or too long")),
        }
    }

    fn decompressed(&mut self, stored: &[u8], length: u64) -> Result<&[u8], Damage> {
        const BROKEN: Damage = Damage::Inconsistent("a frame does not decompress to the bytes it should");
        let decompressor = match &mut self.decompressor {
            Some(decompressor) => decompressor,
            none => none.insert(Decompressor::new().map_err(|_| BROKEN)?),
        };
        self.buffer.clear();
        self.buffer.reserve_exact(COMPRESSED_FRAME);
        decompressor.decompress_to_buffer(stored, &mut self.buffer).map_err(|_| BROKEN)?;
        if self.buffer.len() as u64 == length { Ok(&self.buffer) } else { Err(BROKEN) }
    }
}
