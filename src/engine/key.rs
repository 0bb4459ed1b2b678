//! Customer ids as keys of accounts: in place up to 22 bytes, as 16 bytes if they are UUIDs, and only otherwise in memory of their own.

use crate::domain::packed::{read_uuid, uuid_text};
use siphasher::sip::SipHasher13;

/// The longest id that is kept in place.
const SHORT: usize = 22;

/// A customer id. Of one text there is one form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    Short(Short),
    Uuid([u8; 16]),
    Long(Box<str>),
}

/// A short text: its length, and zeros after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Short {
    length: u8,
    bytes: [u8; SHORT],
}

/// A customer id that is looked for.
#[derive(Clone, Copy, Debug)]
pub enum Sought<'a> {
    Short(Short),
    Uuid([u8; 16]),
    Long(&'a str),
}

impl<'a> Sought<'a> {
    #[inline]
    pub fn of(id: &'a str) -> Sought<'a> {
        if id.len() <= SHORT {
            let mut bytes = [0; SHORT];
            bytes[..id.len()].copy_from_slice(id.as_bytes());
            return Sought::Short(Short { length: id.len() as u8, bytes });
        }
        read_uuid(id).map_or(Sought::Long(id), Sought::Uuid)
    }

    #[inline]
    pub fn is(&self, key: &Key) -> bool {
        match (self, key) {
            (Sought::Short(one), Key::Short(other)) => one == other,
            (Sought::Uuid(one), Key::Uuid(other)) => one == other,
            (Sought::Long(one), Key::Long(other)) => **one == **other,
            _ => false,
        }
    }

    pub fn to_key(self) -> Key {
        match self {
            Sought::Short(short) => Key::Short(short),
            Sought::Uuid(uuid) => Key::Uuid(uuid),
            Sought::Long(text) => Key::Long(text.into()),
        }
    }
}

impl Key {
    /// Does something with the text.
    #[inline]
    pub fn with_text<R>(&self, with: impl FnOnce(&str) -> R) -> R {
        let text = |bytes| std::str::from_utf8(bytes).expect("it was made of a text");
        match self {
            Key::Short(short) => with(text(&short.bytes[..usize::from(short.length)])),
            Key::Uuid(uuid) => with(text(&uuid_text(uuid))),
            Key::Long(text) => with(text),
        }
    }

    /// Memory beside the key.
    pub fn bytes(&self) -> usize {
        if let Key::Long(text) = self { text.len() } else { 0 }
    }
}

/// Keys the hashes of customer ids, which come from outside, so that nobody can choose ids that meet. An image goes through the
/// accounts in the order of their hashes: a shard restored under the same key builds one part after the other.
#[derive(Clone, Copy, Debug)]
pub struct Keyed(pub u64, pub u64);

impl Keyed {
    #[inline]
    pub fn hash(self, id: &str) -> u64 {
        SipHasher13::new_with_keys(self.0, self.1).hash(id.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_text() {
        let long = "customer-".repeat(9);
        let uuid = "018f3c2a-9b4d-7c11-8e22-0f1a2b3c4d5e";
        let texts = ["", "c", "c\0", "cus_000000000000000001", "cus_0000000000000000012", "Ä", uuid, &uuid.to_uppercase(), &long];
        for one in texts {
            let key = Sought::of(one).to_key();
            assert_eq!(
                (key.with_text(str::to_owned), key.bytes()),
                (one.to_owned(), if key_is_long(&key) { one.len() } else { 0 })
            );
            for other in texts {
                assert_eq!((Sought::of(other).is(&key), Sought::of(other).to_key() == key), (one == other, one == other));
            }
        }
        assert_eq!(size_of::<Key>(), 24);
    }

    fn key_is_long(key: &Key) -> bool {
        matches!(key, Key::Long(_))
    }
}
