//! gzip (RFC 1952) for answers that are large and repetitive: scrapes shrink to about a twentieth.
//!
//! Deflate and the checksum are libraries; the frame around them is 18 bytes, so it is written here.

use miniz_oxide::deflate::compress_to_vec;

/// Magic, deflate, no flags, no time, fastest, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];
/// Scrapes are frequent: the fastest level, which takes most of the repetition out already.
const LEVEL: u8 = 1;

/// One gzip member.
pub fn compress(plain: &[u8]) -> Vec<u8> {
    let mut out = HEADER.to_vec();
    out.extend(compress_to_vec(plain, LEVEL));
    out.extend(crc32fast::hash(plain).to_le_bytes());
    // The length field counts modulo 2^32.
    out.extend((plain.len() as u32).to_le_bytes());
    out
}

/// Whether an `Accept-Encoding` header takes gzip.
pub fn accepted(header: &str) -> bool {
    let quality_of = |coding: &str| {
        let mut codings = header.split(',').map(|part| part.split(';').map(str::trim).collect::<Vec<_>>());
        let found = codings.find(|parts| parts[0].eq_ignore_ascii_case(coding))?;
        let quality = found.iter().find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        Some(quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0)))
    };
    quality_of("gzip").or_else(|| quality_of("*")).is_some_and(|quality: f64| quality > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_comes_back() {
        for plain in [String::new(), "upswell_mrr 1\n".repeat(10_000)] {
            let packed = compress(plain.as_bytes());
            let (body, trailer) = packed[HEADER.len()..].split_at(packed.len() - HEADER.len() - 8);
            assert_eq!(miniz_oxide::inflate::decompress_to_vec(body).ok(), Some(plain.clone().into_bytes()));
            assert_eq!(trailer[4..], (plain.len() as u32).to_le_bytes());
            assert!(packed.len() < 64 + plain.len() / 20, "{} of {}", packed.len(), plain.len());
        }
    }

    #[test]
    fn only_for_those_who_take_it() {
        for (header, taken) in [
            ("", false),
            ("identity", false),
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000, *", false),
            ("*", true),
            ("*;q=0", false),
            ("gzip;q=lots", false),
        ] {
            assert_eq!(accepted(header), taken, "{header}");
        }
    }
}
