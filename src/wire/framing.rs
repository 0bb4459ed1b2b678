//! What stands before the Avro datum in a Kafka record's value, and which writer schema it names.
//!
//! Confluent framing is a zero byte and a schema id of four bytes, big-endian; Avro's single-object encoding is `C3 01` and the
//! CRC-64-AVRO fingerprint of the writer schema, eight bytes, little-endian. The two cannot be confused: they differ in the first
//! byte. Everything else is a `framing` rejection; nothing is guessed from the bytes that follow.

use crate::domain::facts::{Reason, Rejection};

/// A record's value, split into the name of its writer schema and the datum. The datum may be empty; the decoder judges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The schema has this id in the schema registry.
    Confluent { schema_id: u32, datum: &'a [u8] },
    /// The schema has this fingerprint, see [`fingerprints`](crate::wire::avro::fingerprints).
    SingleObject { fingerprint: u64, datum: &'a [u8] },
}

/// Splits a record's value; `None` is a Kafka null (a tombstone). Fails only with [`Reason::Framing`].
pub fn parse(value: Option<&[u8]>) -> Result<Frame<'_>, Rejection> {
    match value {
        None => Err(framing("the record has no value (a tombstone); facts are never deleted".to_owned())),
        Some([]) => Err(framing("the record's value is empty".to_owned())),
        Some([0, rest @ ..]) => match rest.split_first_chunk() {
            Some((id, datum)) => Ok(Frame::Confluent { schema_id: u32::from_be_bytes(*id), datum }),
            None => Err(cut(rest.len() + 1, "Confluent", 5)),
        },
        Some([0xC3, 0x01, rest @ ..]) => match rest.split_first_chunk() {
            Some((print, datum)) => Ok(Frame::SingleObject { fingerprint: u64::from_le_bytes(*print), datum }),
            None => Err(cut(rest.len() + 2, "single-object", 10)),
        },
        Some(other) => {
            let start: Vec<String> = other.iter().take(4).map(|byte| format!("{byte:02X}")).collect();
            let start = start.join(" ");
            Err(framing(format!(
                "the value begins with {start}; expected 00 and a schema id (Confluent) or C3 01 and a fingerprint (single-object)"
            )))
        }
    }
}

fn cut(length: usize, form: &str, header: usize) -> Rejection {
    framing(format!("the value ends after {length} bytes inside its {form} header of {header} bytes"))
}

fn framing(detail: String) -> Rejection {
    Rejection::new(Reason::Framing, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_recognised() {
        let confluent = |schema_id, datum| Ok(Frame::Confluent { schema_id, datum });
        let single = |fingerprint, datum| Ok(Frame::SingleObject { fingerprint, datum });
        let table: [(&[u8], Result<Frame, ()>); 13] = [
            (&[], Err(())),
            (&[0], Err(())),
            (&[0, 0, 0, 1], Err(())),
            (&[0, 0, 0, 1, 2], confluent(258, &[])),
            (&[0, 0xFF, 0xFF, 0xFF, 0xFF, 7], confluent(u32::MAX, &[7])),
            (&[0, 0xC3, 1, 0, 0, 9, 9], confluent(0xC301_0000, &[9, 9])),
            (&[0xC3], Err(())),
            (&[0xC3, 0x02, 1, 2, 3, 4, 5, 6, 7, 8, 9], Err(())),
            (&[0xC3, 0x01, 1, 2, 3, 4, 5, 6, 7], Err(())),
            (&[0xC3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8], single(0x0807_0605_0403_0201, &[])),
            (&[0xC3, 0x01, 1, 0, 0, 0, 0, 0, 0, 0x80, 5], single(0x8000_0000_0000_0001, &[5])),
            (b"{\"event_id\":1}", Err(())),
            (&[1, 0, 0, 0, 1, 0], Err(())),
        ];
        for (bytes, expected) in table {
            let got = parse(Some(bytes)).map_err(|rejection| assert_eq!(rejection.reason, Reason::Framing));
            assert_eq!(got, expected, "{bytes:02X?}");
        }
        assert_eq!(parse(None).unwrap_err().reason, Reason::Framing);
    }
}
