//! Reading Avro's binary encoding from a slice: every step checks its bounds, nothing is copied, nothing is allocated.
//!
//! A declared length or count is never believed further than the bytes that are there.

use ascii::AsciiStr;

/// Why bytes do not decode. Small and without text: most are looked at by nobody but a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The bytes end too early.
    Cut,
    /// A number does not end, or does not fit 64 bits.
    Number,
    /// An `int` does not fit 32 bits.
    Int(i64),
    /// A length or block size is negative.
    Length(i64),
    /// A union has no such branch.
    Branch(i64),
    /// A block does not end where its size says.
    BlockSize,
    /// Text is not UTF-8.
    Utf8,
    /// An enum has no such symbol.
    Index(i64),
    /// The symbol (a position in the writer's enum) is none of ours; the table is the plan's.
    Symbol { table: u32, index: u32 },
    /// Nested too deep.
    Deep,
    /// The writer's type cannot be read as ours; the number is the plan's explanation.
    Refused(u32),
}

/// One block of an array or map.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// Number of elements, not 0. Nothing says that so many follow.
    pub count: u64,
    /// Bytes that must be left after the block, where its size was written.
    pub end: Option<usize>,
}

/// The bytes still to be read.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes }
    }

    /// Number of bytes left.
    #[inline]
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    fn take(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(length).map_err(|_| Fault::Cut)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Fault::Cut)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Passes over that many bytes.
    #[inline]
    pub fn skip(&mut self, length: u64) -> Result<(), Fault> {
        self.take(length).map(drop)
    }

    /// Passes over an int or a long, whatever its value: ten bytes at most.
    #[inline]
    pub fn skip_number(&mut self) -> Result<(), Fault> {
        match self.rest.iter().take(10).position(|byte| *byte < 0x80) {
            Some(last) => self.skip(last as u64 + 1),
            None if self.rest.len() < 10 => Err(Fault::Cut),
            None => Err(Fault::Number),
        }
    }

    /// Passes over bytes, a string or a map's key.
    #[inline]
    pub fn skip_text(&mut self) -> Result<(), Fault> {
        let length = self.length()?;
        self.skip(length)
    }

    /// A long: little-endian groups of seven bits, the sign in the lowest bit.
    #[inline]
    pub fn long(&mut self) -> Result<i64, Fault> {
        let [first, rest @ ..] = self.rest else { return Err(Fault::Cut) };
        if *first < 0x80 {
            self.rest = rest;
            return Ok(unsigned_to_signed(u64::from(*first)));
        }
        self.long_number()
    }

    fn long_number(&mut self) -> Result<i64, Fault> {
        let mut value = 0u64;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            let group = u64::from(byte & 0x7f);
            if index == 9 && *byte > 1 {
                return Err(Fault::Number);
            }
            value |= group << (7 * index);
            if *byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(unsigned_to_signed(value));
            }
        }
        Err(Fault::Cut)
    }

    /// An int, checked to be one.
    #[inline]
    pub fn int(&mut self) -> Result<i64, Fault> {
        let value = self.long()?;
        if i32::try_from(value).is_ok() { Ok(value) } else { Err(Fault::Int(value)) }
    }

    #[inline]
    fn length(&mut self) -> Result<u64, Fault> {
        let length = self.long()?;
        u64::try_from(length).map_err(|_| Fault::Length(length))
    }

    /// Text: a string, or bytes that must be UTF-8. Nearly all is ASCII, which is found out in a third of the time.
    #[inline]
    pub fn text(&mut self) -> Result<&'a str, Fault> {
        let length = self.length()?;
        let bytes = self.take(length)?;
        match AsciiStr::from_ascii(bytes) {
            Ok(text) => Ok(text.as_str()),
            Err(_) => std::str::from_utf8(bytes).map_err(|_| Fault::Utf8),
        }
    }

    /// The branch of a union, one of `branches`.
    #[inline]
    pub fn branch<'b, T>(&mut self, branches: &'b [T]) -> Result<&'b T, Fault> {
        let index = self.long()?;
        usize::try_from(index).ok().and_then(|index| branches.get(index)).ok_or(Fault::Branch(index))
    }

    /// The head of the next block of an array or map, `None` at its end.
    #[inline]
    pub fn block(&mut self) -> Result<Option<Block>, Fault> {
        let count = self.long()?;
        let end = if count < 0 { Some(self.left_after_size()?) } else { None };
        Ok((count != 0).then_some(Block { count: count.unsigned_abs(), end }))
    }

    fn left_after_size(&mut self) -> Result<usize, Fault> {
        let size = usize::try_from(self.length()?).map_err(|_| Fault::Cut)?;
        self.rest.len().checked_sub(size).ok_or(Fault::Cut)
    }

    /// Checks that a block that has been read ends here; `end` is its [`Block::end`].
    #[inline]
    pub fn close(&self, end: Option<usize>) -> Result<(), Fault> {
        if end.is_none_or(|end| end == self.rest.len()) { Ok(()) } else { Err(Fault::BlockSize) }
    }
}

#[inline]
fn unsigned_to_signed(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longs() {
        let ones = |last: u8| [[0xff; 9].as_slice(), &[last]].concat();
        let table = [
            (vec![0], Ok(0)),
            (vec![1], Ok(-1)),
            (vec![2], Ok(1)),
            (vec![0x7f], Ok(-64)),
            (vec![0x80, 1], Ok(64)),
            (vec![0x80, 0x80, 0], Ok(0)),
            (ones(1), Ok(i64::MIN)),
            ([&[0xfe], ones(1).as_slice()].concat()[..9].iter().copied().chain([1]).collect(), Ok(i64::MAX)),
            (ones(2), Err(Fault::Number)),
            (ones(0x7f), Err(Fault::Number)),
            (ones(0x81), Err(Fault::Number)),
            (vec![0xff; 11], Err(Fault::Number)),
            (vec![], Err(Fault::Cut)),
            (vec![0x80], Err(Fault::Cut)),
            (vec![0xff; 9], Err(Fault::Cut)),
        ];
        for (bytes, expected) in table {
            let mut cursor = Cursor::new(&bytes);
            assert_eq!(cursor.long(), expected, "{bytes:02x?}");
            assert!(expected.is_err() || cursor.left() == 0, "{bytes:02x?}");
        }
    }

    #[test]
    fn ints_and_skipped_numbers() {
        let encoded = |value: i64| {
            let mut value = ((value << 1) ^ (value >> 63)) as u64;
            let mut bytes = Vec::new();
            while value > 0x7f {
                bytes.push(value as u8 | 0x80);
                value >>= 7;
            }
            bytes.push(value as u8);
            bytes
        };
        for value in [0, 1, -1, i32::MAX as i64, i32::MIN as i64, i32::MAX as i64 + 1, i32::MIN as i64 - 1, i64::MAX, i64::MIN] {
            let bytes = encoded(value);
            let expected = if i32::try_from(value).is_ok() { Ok(value) } else { Err(Fault::Int(value)) };
            assert_eq!(Cursor::new(&bytes).int(), expected);
            assert_eq!(Cursor::new(&bytes).long(), Ok(value));
            let mut cursor = Cursor::new(&bytes);
            assert_eq!((cursor.skip_number(), cursor.left()), (Ok(()), 0));
        }
        assert_eq!(Cursor::new(&[0xff; 10]).skip_number(), Err(Fault::Number));
        assert_eq!(Cursor::new(&[0xff; 9]).skip_number(), Err(Fault::Cut));
    }

    #[test]
    fn texts() {
        let table: [(&[u8], Result<&str, Fault>); 6] = [
            (&[0], Ok("")),
            (&[4, b'a', b'b', b'c'], Ok("ab")),
            (&[6, b'a', b'b'], Err(Fault::Cut)),
            (&[1], Err(Fault::Length(-1))),
            (&[2, 0xff], Err(Fault::Utf8)),
            (&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], Err(Fault::Cut)),
        ];
        for (bytes, expected) in table {
            assert_eq!(Cursor::new(bytes).text(), expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn blocks() {
        let table = [
            (vec![0], Ok(None)),
            (vec![6], Ok(Some(3))),
            (vec![5, 4, 9, 9], Ok(Some(3))),
            (vec![5, 4, 9], Err(Fault::Cut)),
            (vec![5, 1], Err(Fault::Length(-1))),
            ([[0xff; 9].as_slice(), &[1, 0]].concat(), Ok(Some(1 << 63))),
        ];
        for (bytes, expected) in table {
            assert_eq!(Cursor::new(&bytes).block().map(|block| block.map(|block| block.count)), expected, "{bytes:02x?}");
        }
        let mut cursor = Cursor::new(&[1, 4, 9, 9]);
        let block = cursor.block().unwrap().unwrap();
        assert_eq!(cursor.close(block.end), Err(Fault::BlockSize));
        assert_eq!(cursor.skip(2).and_then(|()| cursor.close(block.end)), Ok(()));
    }
}
