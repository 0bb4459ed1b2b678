//! Packed values: the form in which accounts keep what many millions of them hold.
//!
//! Numbers take as many bytes as they need, ids as few as they can. Packed bytes never leave the process and are only ever read by
//! what wrote them, so reading them cannot fail: whatever comes from outside is checked before it is packed.

mod block;
mod hint;
mod id;

pub use block::Block;
pub use hint::prefetch;
pub use id::{Id, IdText, put_id, read_uuid, uuid_text};

use smallvec::SmallVec;

/// Where values are packed before they are put into a block: most states need no memory for it.
pub type Packing = SmallVec<[u8; 256]>;

/// Appends an unsigned number: 7 bits a byte, least significant first, the top bit set on all but the last byte.
#[inline]
pub fn put_varint(out: &mut Packing, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed number: that of 2n for n >= 0 and of -2n - 1 for n < 0.
#[inline]
pub fn put_zigzag(out: &mut Packing, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Packed bytes not read yet.
#[derive(Clone, Copy, Debug)]
pub struct Unread<'a>(pub &'a [u8]);

impl<'a> Unread<'a> {
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    #[inline]
    pub fn byte(&mut self) -> u8 {
        let byte = self.0[0];
        self.0 = &self.0[1..];
        byte
    }

    #[inline]
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N));
        array
    }

    #[inline]
    pub fn varint(&mut self) -> u64 {
        let first = self.byte();
        if first < 0x80 {
            return first.into();
        }
        let (mut value, mut shift) = (u64::from(first & 0x7f), 7);
        loop {
            let byte = self.byte();
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
            shift += 7;
        }
    }

    #[inline]
    pub fn zigzag(&mut self) -> i64 {
        let value = self.varint();
        (value >> 1) as i64 ^ -((value & 1) as i64)
    }

    #[inline]
    pub fn id(&mut self) -> Id<'a> {
        Id::read(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let mut bytes = Packing::new();
        let unsigned = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        let signed = [0, -1, 1, 63, -64, 64, i64::MAX, i64::MIN];
        unsigned.iter().for_each(|value| put_varint(&mut bytes, *value));
        signed.iter().for_each(|value| put_zigzag(&mut bytes, *value));
        let mut unread = Unread(&bytes);
        assert_eq!(unsigned.map(|_| unread.varint()), unsigned);
        assert_eq!(signed.map(|_| unread.zigzag()), signed);
        assert!(unread.is_empty());
    }
}
