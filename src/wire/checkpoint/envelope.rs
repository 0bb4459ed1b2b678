//! What both kinds of files have around them, in every version of the format.
//!
//! | bytes | |
//! |---|---|
//! | 8 | magic: `UPSWELLM` of a manifest, `UPSWELLP` of a piece |
//! | 2 | u16: version of the format |
//! | 8 | u64: bytes of the whole file |
//! | ... | body, which depends on kind and version |
//! | 16 | u128: XXH3-128 with seed 0 over everything before |
//!
//! The checksum is tested before the version is believed.

use super::damage::Damage;
use twox_hash::XxHash3_128;

/// The version written; all from 1 to this one are read.
pub const VERSION: u16 = 2;

const HEADER: usize = 8 + size_of::<u16>() + LENGTH;
const LENGTH: usize = size_of::<u64>();
const CHECKSUM: usize = size_of::<u128>();

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Manifest,
    Piece,
}

impl Kind {
    fn magic(self) -> &'static [u8; 8] {
        match self {
            Kind::Manifest => b"UPSWELLM",
            Kind::Piece => b"UPSWELLP",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Manifest => "manifest",
            Kind::Piece => "piece",
        }
    }
}

/// XXH3-128 with seed 0.
pub fn checksum(bytes: &[u8]) -> u128 {
    XxHash3_128::oneshot(bytes)
}

/// A file to which a body can be appended.
pub fn begin(kind: Kind) -> Vec<u8> {
    [kind.magic(), VERSION.to_le_bytes().as_slice(), &[0; LENGTH]].concat()
}

/// Completes a file begun with [`begin`].
pub fn seal(file: &mut Vec<u8>) {
    let length = (file.len() + CHECKSUM) as u64;
    file[HEADER - LENGTH..HEADER].copy_from_slice(&length.to_le_bytes());
    file.extend(checksum(file).to_le_bytes());
}

/// Whether a file begins as one of that kind.
pub fn is(kind: Kind, file: &[u8]) -> bool {
    file.starts_with(kind.magic())
}

/// The version and body of a whole file of that kind.
pub fn open(kind: Kind, file: &[u8]) -> Result<(u16, &[u8]), Damage> {
    let magic = kind.magic();
    let begun = file.len().min(magic.len());
    if file[..begun] != magic[..begun] {
        return Err(Damage::Foreign(kind.name()));
    }
    let found = file.len() as u64;
    let short = Damage::Length { expected: (HEADER + CHECKSUM) as u64, found };
    let (covered, stored) = file.split_last_chunk::<CHECKSUM>().ok_or(short.clone())?;
    let (header, body) = covered.split_first_chunk::<HEADER>().ok_or(short)?;
    let [.., v0, v1, l0, l1, l2, l3, l4, l5, l6, l7] = *header;
    let expected = u64::from_le_bytes([l0, l1, l2, l3, l4, l5, l6, l7]);
    if found != expected {
        return Err(Damage::Length { expected, found });
    }
    if checksum(covered) != u128::from_le_bytes(*stored) {
        return Err(Damage::Checksum);
    }
    match u16::from_le_bytes([v0, v1]) {
        0 => Err(Damage::Inconsistent("its format has version 0")),
        version if version > VERSION => Err(Damage::Newer { found: version, known: VERSION }),
        version => Ok((version, body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u16) -> Vec<u8> {
        let mut file = begin(Kind::Manifest);
        file[8..10].copy_from_slice(&version.to_le_bytes());
        file.extend(b"body");
        seal(&mut file);
        file
    }

    #[test]
    fn each_kind_of_damage_has_its_name() {
        let whole = file(VERSION);
        let mut flipped = whole.clone();
        flipped[20] ^= 1;
        let longer = [&whole, b"x".as_slice()].concat();
        let least = (HEADER + CHECKSUM) as u64;
        let expected = whole.len() as u64;
        for (bytes, found) in [
            (whole.as_slice(), Ok((VERSION, b"body".as_slice()))),
            (&[], Err(Damage::Length { expected: least, found: 0 })),
            (&whole[..5], Err(Damage::Length { expected: least, found: 5 })),
            (&whole[..expected as usize - 1], Err(Damage::Length { expected, found: expected - 1 })),
            (&longer, Err(Damage::Length { expected, found: expected + 1 })),
            (&flipped, Err(Damage::Checksum)),
            (&b"PK\x03\x04"[..], Err(Damage::Foreign("manifest"))),
            (&file(0), Err(Damage::Inconsistent("its format has version 0"))),
            (&file(VERSION + 1), Err(Damage::Newer { found: VERSION + 1, known: VERSION })),
        ] {
            assert_eq!(open(Kind::Manifest, bytes), found, "{bytes:?}");
        }
        assert_eq!(open(Kind::Piece, &whole), Err(Damage::Foreign("piece")));
    }

    #[test]
    fn a_version_too_new_is_told_with_the_one_known() {
        let told = open(Kind::Manifest, &file(9)).expect_err("too new").to_string();
        assert!(told.contains("version 9") && told.contains("up to 2"), "{told}");
    }
}
