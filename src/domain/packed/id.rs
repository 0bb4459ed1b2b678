//! Packed ids: the text as it came, or 16 bytes for a UUID in its usual form, which half of all event ids are.

use super::{Packing, Unread};
use std::cmp::Ordering;
use std::ops::Deref;

/// Says that a UUID follows.
const UUID: u8 = 254;
/// Says that a length of four bytes and so many bytes follow. Any lesser number is the length itself.
const LONG: u8 = 255;
/// Where a UUID has its dashes.
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// A packed id. Equal bytes are equal texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id<'a> {
    form: u8,
    body: &'a [u8],
}

/// The text of an id.
#[derive(Clone, Copy, Debug)]
pub enum IdText<'a> {
    Kept(&'a str),
    Uuid([u8; 36]),
}

impl Deref for IdText<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            IdText::Kept(text) => text,
            IdText::Uuid(text) => std::str::from_utf8(text).expect("hexadecimal digits and dashes are UTF-8"),
        }
    }
}

impl<'a> Id<'a> {
    #[inline]
    pub(super) fn read(unread: &mut Unread<'a>) -> Id<'a> {
        match unread.byte() {
            UUID => Id { form: UUID, body: unread.take(16) },
            LONG => {
                let length = u32::from_le_bytes(unread.array());
                Id { form: LONG, body: unread.take(length as usize) }
            }
            // Forms are told apart by what they are read as, and a length is that of its bytes.
            length => Id { form: 0, body: unread.take(length.into()) },
        }
    }

    pub fn text(self) -> IdText<'a> {
        match self.form {
            UUID => IdText::Uuid(uuid_text(self.body)),
            _ => IdText::Kept(std::str::from_utf8(self.body).expect("it was packed from a text")),
        }
    }
}

impl PartialOrd for Id<'_> {
    fn partial_cmp(&self, other: &Id) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of the texts' bytes. That of UUIDs is the order of their digits, which is that of their bytes.
impl Ord for Id<'_> {
    #[inline]
    fn cmp(&self, other: &Id) -> Ordering {
        match (self.form == UUID, other.form == UUID) {
            (false, false) | (true, true) => self.body.cmp(other.body),
            _ => self.text().as_bytes().cmp(other.text().as_bytes()),
        }
    }
}

/// Appends an id. Of one text there is one form.
pub fn put_id(out: &mut Packing, text: &str) {
    if let Some(uuid) = read_uuid(text) {
        out.push(UUID);
        out.extend_from_slice(&uuid);
        return;
    }
    match u8::try_from(text.len()) {
        Ok(length) if length < UUID => out.push(length),
        _ => {
            out.push(LONG);
            let length = u32::try_from(text.len()).expect("no event is longer than 16 MiB");
            out.extend_from_slice(&length.to_le_bytes());
        }
    }
    out.extend_from_slice(text.as_bytes());
}

/// The bytes of a UUID of 36 characters with lowercase digits; `None` for any other text.
pub fn read_uuid(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    if DASHES.iter().any(|dash| text[*dash] != b'-') {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => u8::MAX,
    };
    let (mut uuid, mut at, mut all) = ([0; 16], 0, 0);
    for byte in &mut uuid {
        at += usize::from(DASHES.contains(&at));
        let (high, low) = (digit(text[at]), digit(text[at + 1]));
        all |= high | low;
        *byte = high << 4 | low & 0xf;
        at += 2;
    }
    (all < 16).then_some(uuid)
}

/// The 36 characters of a UUID's 16 bytes.
pub fn uuid_text(uuid: &[u8]) -> [u8; 36] {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
    let (mut text, mut at) = ([b'-'; 36], 0);
    for byte in uuid {
        at += usize::from(DASHES.contains(&at));
        (text[at], text[at + 1]) = (digit(byte >> 4), digit(byte & 0xf));
        at += 2;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID_TEXT: &str = "018f3c2a-9b4d-7c11-8e22-0f1a2b3c4d5e";

    fn packed(text: &str) -> Packing {
        let mut bytes = Packing::new();
        put_id(&mut bytes, text);
        bytes
    }

    #[test]
    fn ids_come_back_and_keep_their_order() {
        let long = "x".repeat(300);
        let texts = [
            "",
            "a",
            "evt_1",
            "Ä",
            UUID_TEXT,
            "018f3c2a-9b4d-7c11-8e22-0f1a2b3c4d5f",
            "018F3C2A-9b4d-7c11-8e22-0f1a2b3c4d5e",
            "018f3c2a-9b4d-7c11-8e22-0f1a2b3c4d5",
            "018f3c2a-9b4d-7c11-8e22-0f1a2b3c4d5g",
            "018f3c2a-9b4d-7c11-8e2-20f1a2b3c4d5e",
            "018f3c2a--9b4d7c11-8e22-0f1a2b3c4d5e",
            "--------------------------------a---",
            &"y".repeat(253),
            &"y".repeat(254),
            &"y".repeat(255),
            &long,
        ];
        for first in texts {
            let bytes = packed(first);
            let mut unread = Unread(&bytes);
            let id = unread.id();
            assert_eq!((&*id.text(), unread.is_empty()), (first, true));
            for second in texts {
                let other = packed(second);
                let other = Unread(&other).id();
                assert_eq!(id.cmp(&other), first.as_bytes().cmp(second.as_bytes()), "{first} {second}");
                assert_eq!(id == other, first == second, "{first} {second}");
            }
        }
        assert_eq!((packed(UUID_TEXT).len(), packed("evt_1").len()), (17, 6));
    }
}
