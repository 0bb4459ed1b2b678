//! Names of files within the folder of a partition.
//!
//! - manifest: `m-GENERATION-SUM-WRITER-SEQUENCE`: 10 digits, 20 digits (the sum of the next offsets), 16 hexadecimal digits,
//!   10 digits
//! - piece: `d-WRITER-SEQUENCE-NUMBER-ATTEMPT`: 16 hexadecimal digits, 10 digits, 4 digits, as many digits as it takes
//!
//! Numbers have leading zeros; a sequence or number that needs more digits has more. Hexadecimal digits are lower case. Only what
//! would be written is read, so a name has one spelling, and never a path in it.

use super::Manifest;
use std::fmt;

/// What the name of a manifest says. The greatest is the newest image: at equal offsets the accounts are the same, and alerts are
/// those of the greatest sequence, which a writer takes up where the image it restored left off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    pub generation: u32,
    /// Of the next offsets of all topics.
    pub sum: u64,
    pub sequence: u64,
    pub writer: u64,
}

/// What the name of a piece says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PieceName {
    pub writer: u64,
    pub sequence: u64,
    /// Counts the pieces of one image.
    pub number: u32,
    /// Counts how often the piece was written: one that failed is written anew under another name.
    pub attempt: u32,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Name { generation, sum, writer, sequence } = self;
        write!(f, "m-{generation:010}-{sum:020}-{writer:016x}-{sequence:010}")
    }
}

impl fmt::Display for PieceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PieceName { writer, sequence, number, attempt } = self;
        write!(f, "d-{writer:016x}-{sequence:010}-{number:04}-{attempt}")
    }
}

impl Manifest {
    pub fn name(&self) -> Name {
        let next = |position: &super::Position| u64::try_from(position.next).unwrap_or(0);
        let sum = self.positions.iter().flatten().map(next).fold(0, u64::saturating_add);
        Name { generation: self.generation, sum, writer: self.writer, sequence: self.sequence }
    }

    /// Its file's name within the partition's folder.
    pub fn file_name(&self) -> String {
        self.name().to_string()
    }
}

/// `None` unless it is the name of a manifest.
pub fn parse_name(text: &str) -> Option<Name> {
    let mut fields = text.strip_prefix("m-")?.split('-');
    let generation = fields.next()?.parse().ok()?;
    let sum = fields.next()?.parse().ok()?;
    let (writer, sequence) = writer_and_sequence(&mut fields)?;
    let name = Name { generation, sum, writer, sequence };
    (name.to_string() == text).then_some(name)
}

/// The name of a piece.
pub fn piece_name(writer: u64, sequence: u64, number: u32, attempt: u32) -> String {
    PieceName { writer, sequence, number, attempt }.to_string()
}

/// `None` unless it is the name of a piece.
pub fn parse_piece_name(text: &str) -> Option<PieceName> {
    let mut fields = text.strip_prefix("d-")?.split('-');
    let (writer, sequence) = writer_and_sequence(&mut fields)?;
    let number = fields.next()?.parse().ok()?;
    let attempt = fields.next()?.parse().ok()?;
    let name = PieceName { writer, sequence, number, attempt };
    (name.to_string() == text).then_some(name)
}

fn writer_and_sequence<'a>(fields: &mut impl Iterator<Item = &'a str>) -> Option<(u64, u64)> {
    Some((u64::from_str_radix(fields.next()?, 16).ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let name = Name { generation: 7, sum: 123, writer: 0xabc, sequence: 9 };
        assert_eq!(name.to_string(), "m-0000000007-00000000000000000123-0000000000000abc-0000000009");
        let greatest = Name { generation: u32::MAX, sum: u64::MAX, writer: u64::MAX, sequence: u64::MAX };
        for name in [name, greatest] {
            assert_eq!(parse_name(&name.to_string()), Some(name));
        }
        assert_eq!(piece_name(0xabc, 9, 3, 0), "d-0000000000000abc-0000000009-0003-0");
        let greatest = PieceName { writer: u64::MAX, sequence: u64::MAX, number: u32::MAX, attempt: u32::MAX };
        assert_eq!(parse_piece_name(&greatest.to_string()), Some(greatest));
    }

    #[test]
    fn other_names_are_not_read() {
        for text in [
            "",
            "m-",
            "m-0000000007-00000000000000000123-0000000000000abc-0000000009.unreadable",
            "m-0000000007-00000000000000000123-0000000000000ABC-0000000009",
            "m-7-123-abc-9",
            "m-0000000007-00000000000000000123-0000000000000abc-+000000009",
            "m-0000000007-00000000000000000123-0000000000000abc-0000000009-1",
            "d-0000000007-00000000000000000123-0000000000000abc-0000000009",
        ] {
            assert_eq!(parse_name(text), None, "{text}");
        }
        for text in ["", "../x", "d-0000000000000abc-0000000009-0003", "d-0000000000000abc-0000000009-0003-0/x", "d-abc-9-3-0"] {
            assert_eq!(parse_piece_name(text), None, "{text}");
        }
    }

    #[test]
    fn the_greatest_name_is_the_newest_image() {
        let name = |generation, sum, writer, sequence| Name { generation, sum, writer, sequence };
        let in_order =
            [name(1, 9, 10, 1), name(1, 9, 9, 9), name(1, 9, 9, 10), name(1, 9, 11, 10), name(1, 10, 1, 1), name(2, 0, 0, 0)];
        assert!(in_order.is_sorted(), "generation, offsets, sequence; the writer only so that there is an order");
    }
}
