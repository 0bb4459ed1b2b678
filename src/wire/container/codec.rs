//! Decompression of blocks, bounded: a block may be large, but not out of proportion to what it was made from.

use std::io::Read;

/// How the blocks of a file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
    Bzip2,
    Xz,
}

/// A block may always decompress to so many bytes, which the largest record fits into ...
const ALWAYS: usize = 24 << 20;
/// ... or to so many times its own size, up to the size a block may have at all.
const TIMES: usize = 16;
/// Memory of the xz decoder; its strongest preset needs 65 MiB.
const XZ_MEMORY: u64 = 128 << 20;

impl Codec {
    /// The codec of that name in a file's header.
    pub fn named(name: &[u8]) -> Option<Codec> {
        Some(match name {
            b"null" => Codec::Null,
            b"deflate" => Codec::Deflate,
            b"snappy" => Codec::Snappy,
            b"zstandard" => Codec::Zstandard,
            b"bzip2" => Codec::Bzip2,
            b"xz" => Codec::Xz,
            _ => return None,
        })
    }

    /// Turns a block as stored into its data. The error says what is wrong with it.
    pub fn decompress(self, stored: Vec<u8>, max: usize) -> Result<Vec<u8>, String> {
        let limit = stored.len().saturating_mul(TIMES).max(ALWAYS).min(max);
        match self {
            Codec::Null => Ok(stored),
            Codec::Deflate => inflate(&stored, limit),
            Codec::Snappy => snappy(&stored, limit),
            Codec::Zstandard => bounded(zstd::Decoder::new(stored.as_slice()).map_err(broken)?, limit),
            Codec::Bzip2 => bounded(bzip2::read::BzDecoder::new(stored.as_slice()), limit),
            Codec::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, 0).map_err(broken)?;
                bounded(liblzma::read::XzDecoder::new_stream(stored.as_slice(), stream), limit)
            }
        }
    }
}

fn inflate(stored: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_with_limit};
    decompress_to_vec_with_limit(stored, limit).map_err(|error| match error.status {
        TINFLStatus::HasMoreOutput => too_large(limit),
        status => broken(format!("{status:?}")),
    })
}

/// Snappy's raw format, followed by the CRC-32 of the data, big-endian.
fn snappy(stored: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let (packed, checksum) = stored.split_last_chunk::<4>().ok_or_else(|| broken("it has no checksum"))?;
    let claimed = snap::raw::decompress_len(packed).map_err(broken)?;
    // The format's longest copy is 64 bytes for 3: what claims more than that is wrong, whatever the limit.
    if claimed > limit.min(packed.len().saturating_mul(22)) {
        return Err(too_large(limit));
    }
    let data = snap::raw::Decoder::new().decompress_vec(packed).map_err(broken)?;
    if crc32fast::hash(&data) == u32::from_be_bytes(*checksum) { Ok(data) } else { Err(broken("its checksum does not match")) }
}

fn bounded(decoder: impl Read, limit: usize) -> Result<Vec<u8>, String> {
    let mut data = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut data).map_err(broken)?;
    if data.len() <= limit { Ok(data) } else { Err(too_large(limit)) }
}

fn broken(why: impl std::fmt::Display) -> String {
    format!("the block does not decompress: {why}")
}

fn too_large(limit: usize) -> String {
    format!("the block decompresses to more than {limit} bytes, out of proportion to its size")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bombs_are_refused() {
        let zeros = vec![0u8; ALWAYS + 1];
        let mut deflated = miniz_oxide::deflate::compress_to_vec(&zeros, 1);
        let zipped = zstd::encode_all(zeros.as_slice(), 1).unwrap();
        let mut snapped = snap::raw::Encoder::new().compress_vec(&zeros).unwrap();
        snapped.extend(crc32fast::hash(&zeros).to_be_bytes());
        assert!(Codec::Zstandard.decompress(zipped, 1 << 30).unwrap_err().contains("out of proportion"));
        assert!(Codec::Deflate.decompress(deflated.clone(), 1 << 30).unwrap_err().contains("out of proportion"));
        assert_eq!(Codec::Snappy.decompress(snapped, 1 << 30).map(|data| data.len()), Err(too_large(ALWAYS)));
        let claims_a_gigabyte = vec![0x80, 0x80, 0x80, 0x80, 4, 0, 0, 0, 0, 0];
        assert!(Codec::Snappy.decompress(claims_a_gigabyte, 1 << 30).unwrap_err().contains("out of proportion"));
        deflated.truncate(100);
        assert!(Codec::Deflate.decompress(deflated, 1 << 30).unwrap_err().contains("does not decompress"));
    }

    #[test]
    fn nonsense_is_refused() {
        for codec in [Codec::Deflate, Codec::Snappy, Codec::Zstandard, Codec::Bzip2, Codec::Xz] {
            assert!(codec.decompress(b"\x07\xffcertainly not compressed".to_vec(), 1 << 30).is_err(), "{codec:?}");
        }
    }
}
