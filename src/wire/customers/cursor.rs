//! Cursors: which listing, and where in it. `1f0c9ab276d3e845-100`.
//!
//! Nothing in a cursor is trusted: whoever changes one gets another page of the same listing, or is told that there is none.

use std::fmt;

/// A place in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub listing: u64,
    /// Number of the first row.
    pub from: usize,
}

impl Cursor {
    /// `None` for whatever was not made by its `Display`.
    pub fn parse(text: &str) -> Option<Cursor> {
        let (listing, from) = text.split_once('-')?;
        let canonical = listing.len() == 16
            && listing.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && !from.starts_with('0')
            && from.bytes().all(|byte| byte.is_ascii_digit());
        let (listing, from) = (u64::from_str_radix(listing, 16).ok()?, from.parse().ok()?);
        canonical.then_some(Cursor { listing, from })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.listing, self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_and_nothing_else() {
        for cursor in [Cursor { listing: 7, from: 1 }, Cursor { listing: u64::MAX, from: usize::MAX }] {
            assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        }
        for text in [
            "",
            "-",
            "7-1",
            "0000000000000007",
            "0000000000000007-",
            "0000000000000007-0",
            "0000000000000007-01",
            "000000000000000G-1",
            "+000000000000007-1",
            "000000000000000A-1",
            "0000000000000007--1",
            "0000000000000007-+1",
            "0000000000000007-1-1",
            "0000000000000007-99999999999999999999999",
            "ü000000000000007-1",
            "0000000000000007-1\0",
        ] {
            assert_eq!(Cursor::parse(text), None, "{text:?}");
        }
    }
}
