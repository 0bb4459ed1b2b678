//! Bytes of a file in order, with their offset. Nothing is allocated for bytes that a file only claims to have.

use super::Failure;
use std::io::{BufReader, Read};

/// A file being read, and how far.
pub struct Source<R> {
    input: BufReader<R>,
    /// Offset of the next byte.
    pub at: u64,
}

/// Why something could not be read: a sentence about the file, or the operating system's error.
pub enum Trouble {
    Damage(String),
    Io(std::io::Error),
}

impl Trouble {
    /// Names the place.
    pub fn at(self, at: u64) -> Failure {
        match self {
            Trouble::Damage(what) => Failure::Damage { at, what },
            Trouble::Io(error) => Failure::Io(error),
        }
    }
}

/// A sentence about the file.
pub fn damage(what: impl Into<String>) -> Trouble {
    Trouble::Damage(what.into())
}

impl<R: Read> Source<R> {
    pub fn new(input: R) -> Self {
        Source { input: BufReader::new(input), at: 0 }
    }

    /// The next byte, `None` at the end of the file.
    pub fn byte(&mut self) -> Result<Option<u8>, Trouble> {
        let mut byte = [0];
        loop {
            match self.input.read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) => {
                    self.at += 1;
                    return Ok(Some(byte[0]));
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Trouble::Io(error)),
            }
        }
    }

    /// A long that must be there.
    pub fn long(&mut self) -> Result<i64, Trouble> {
        match self.byte()? {
            Some(first) => self.long_from(first),
            None => Err(damage("the file ends too early")),
        }
    }

    /// A long whose first byte was read already.
    pub fn long_from(&mut self, first: u8) -> Result<i64, Trouble> {
        let (mut byte, mut value) = (first, 0);
        for shift in (0..64).step_by(7) {
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
            byte = self.byte()?.ok_or_else(|| damage("the file ends inside a number"))?;
        }
        Err(damage("a number is longer than 64 bits"))
    }

    /// Exactly so many bytes, appended to `into`, which grows only as they come.
    pub fn bytes(&mut self, length: u64, into: &mut Vec<u8>) -> Result<(), Trouble> {
        let read = (&mut self.input).take(length).read_to_end(into).map_err(Trouble::Io)? as u64;
        self.at += read;
        if read == length { Ok(()) } else { Err(damage(format!("the file ends {} bytes too early", length - read))) }
    }

    /// Exactly so many bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Trouble> {
        let mut bytes = Vec::with_capacity(N);
        self.bytes(N as u64, &mut bytes)?;
        bytes.try_into().map_err(|_| damage("the file ends too early"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longs() {
        let nines = |last: &[u8]| [&[0xff; 9], last].concat();
        let table = [
            (vec![], None),
            (vec![0x80], None),
            (vec![1], Some(-1)),
            (vec![0x80, 1], Some(64)),
            (nines(&[1]), Some(i64::MIN)),
            (nines(&[2]), None),
            (nines(&[0x81, 0]), None),
        ];
        for (bytes, expected) in table {
            assert_eq!(Source::new(bytes.as_slice()).long().ok(), expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn bytes_are_counted() {
        let mut source = Source::new([1u8, 2, 3].as_slice());
        assert_eq!(source.array::<2>().ok(), Some([1, 2]));
        assert_eq!(source.at, 2);
        assert!(source.array::<2>().is_err());
        assert_eq!(source.at, 3);
    }
}
