//! The primitives of both kinds of files.
//!
//! | name | form |
//! |---|---|
//! | u16, u32, u64, u128 | so many bytes, little-endian |
//! | varint | unsigned, 7 bits a byte, least significant first, the top bit set on all but the last byte; at most 128 bits |
//! | zigzag | a varint of 2n for n >= 0 and of -2n - 1 for n < 0 |
//! | text | a varint, its length in bytes; UTF-8 |
//! | currency | three capital letters |
//! | option of x | a byte 0; or a byte 1 and x |
//! | list of x | a varint, how many; each x |
//!
//! Reading believes nothing: every length and count is measured against the bytes there are, and memory is reserved for a few
//! elements at a time, so that a lying count costs nothing.

use super::damage::Damage;
use crate::domain::calendar::Instant;
use crate::domain::currency::Currency;

/// Memory reserved for the elements of a list before any of them was read.
const RESERVED_BYTES: usize = 64 << 10;
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// A zigzag of up to 128 bits.
pub fn put_wide(out: &mut Vec<u8>, value: i128) {
    let mut value = ((value << 1) ^ (value >> 127)) as u128;
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

pub fn put_currency(out: &mut Vec<u8>, currency: Currency) {
    out.extend_from_slice(currency.as_str().as_bytes());
}

pub fn put_instant(out: &mut Vec<u8>, instant: Instant) {
    put_zigzag(out, instant.0);
}

pub fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

pub fn put_list<T>(out: &mut Vec<u8>, values: &[T], mut put: impl FnMut(&mut Vec<u8>, &T)) {
    put_varint(out, values.len() as u64);
    values.iter().for_each(|value| put(out, value));
}

/// Bytes not read yet.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// An error unless everything was read.
    pub fn finish(self) -> Result<(), Damage> {
        if self.is_empty() { Ok(()) } else { Err(Damage::Inconsistent("there are bytes after its last field")) }
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub fn byte(&mut self) -> Result<u8, Damage> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u64(&mut self) -> Result<u64, Damage> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn u128(&mut self) -> Result<u128, Damage> {
        self.array().map(u128::from_le_bytes)
    }

    pub fn varint(&mut self) -> Result<u64, Damage> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => narrow(self.wide_varint()?),
        }
    }

    pub fn u32_varint(&mut self) -> Result<u32, Damage> {
        narrow(self.varint()?)
    }

    pub fn zigzag(&mut self) -> Result<i64, Damage> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A zigzag of up to 128 bits.
    pub fn wide(&mut self) -> Result<i128, Damage> {
        let value = self.wide_varint()?;
        Ok((value >> 1) as i128 ^ -((value & 1) as i128))
    }

    fn wide_varint(&mut self) -> Result<u128, Damage> {
        let mut value = 0u64;
        // What fits 63 bits, as nearly everything does, needs no wide arithmetic.
        for (index, &byte) in self.rest.iter().take(9).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(value.into());
            }
        }
        self.rest_of_varint(value)
    }

    /// A varint of more than nine bytes, whose first nine are `low`.
    fn rest_of_varint(&mut self, low: u64) -> Result<u128, Damage> {
        let mut value = u128::from(low);
        for (index, &byte) in self.rest.iter().enumerate().skip(9) {
            let (bits, shift) = (u128::from(byte & 0x7f), 7 * index as u32);
            if shift >= u128::BITS || bits > u128::MAX >> shift {
                return Err(WIDE);
            }
            value |= bits << shift;
            if byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(SHORT)
    }

    pub fn text(&mut self) -> Result<&'a str, Damage> {
        let length = narrow(self.varint()?)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Damage::Inconsistent("a text is not UTF-8"))
    }

    pub fn currency(&mut self) -> Result<Currency, Damage> {
        let code = self.array::<3>()?;
        let currency = std::str::from_utf8(&code).ok().and_then(Currency::parse);
        currency.ok_or(Damage::Inconsistent("a currency is not three capital letters"))
    }

    pub fn instant(&mut self) -> Result<Instant, Damage> {
        self.zigzag().map(Instant)
    }

    pub fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Damage>) -> Result<Option<T>, Damage> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(Damage::Inconsistent("what may be absent is neither there nor absent")),
        }
    }

    /// How many elements follow, each of so many bytes at least.
    pub fn count(&mut self, least_bytes: usize) -> Result<usize, Damage> {
        let count = narrow(self.varint()?)?;
        if count <= self.rest.len() / least_bytes { Ok(count) } else { Err(SHORT) }
    }

    /// A list whose elements take so many bytes at least.
    pub fn list<T>(
        &mut self,
        least_bytes: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, Damage>,
    ) -> Result<Vec<T>, Damage> {
        let count = self.count(least_bytes)?;
        let mut values = Vec::with_capacity(count.min(RESERVED_BYTES / size_of::<T>().max(1)));
        for _ in 0..count {
            values.push(read(self)?);
        }
        Ok(values)
    }
}

const SHORT: Damage = Damage::Inconsistent("a length or count says more than there is");
const WIDE: Damage = Damage::Inconsistent("a number is too large");

/// A number that must fit a smaller type.
pub fn narrow<A, B: TryFrom<A>>(value: A) -> Result<B, Damage> {
    B::try_from(value).map_err(|_| WIDE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_size_round_trip() {
        let powers = (0..127).flat_map(|bits| [-1, 0, 1].map(|by| (1i128 << bits) + by));
        for value in powers.chain([i128::MAX, i128::MIN]).flat_map(|value| [value, value.wrapping_neg()]) {
            let mut bytes = Vec::new();
            put_wide(&mut bytes, value);
            put_zigzag(&mut bytes, value as i64);
            put_varint(&mut bytes, value as u64);
            let mut cursor = Cursor::new(&bytes);
            assert_eq!(cursor.wide(), Ok(value));
            assert_eq!((cursor.zigzag(), cursor.varint()), (Ok(value as i64), Ok(value as u64)), "{value}");
            assert_eq!(cursor.finish(), Ok(()));
        }
    }

    #[test]
    fn what_is_too_large_or_too_short_is_refused() {
        let just_65_bits = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02];
        assert_eq!(Cursor::new(&just_65_bits).varint(), Err(WIDE));
        assert_eq!(Cursor::new(&[0xff; 19]).wide(), Err(WIDE));
        assert_eq!(Cursor::new(&[0xff; 18]).wide(), Err(SHORT));
        assert_eq!(Cursor::new(&[0x80; 3]).varint(), Err(SHORT));
        assert_eq!(Cursor::new(&[5, b'a']).text(), Err(SHORT));
        assert_eq!(Cursor::new(&[2, 0, 0, 0]).count(2), Err(SHORT));
        assert!(Cursor::new(&[1, 0xff]).text().is_err());
        assert!(Cursor::new(b"Eur").currency().is_err());
        assert!(Cursor::new(&[2, 0]).option(Cursor::byte).is_err());
        assert!(Cursor::new(&[0]).finish().is_err());
    }
}
