//! What is wrong with a file of a checkpoint. Any of these means that an older checkpoint has to do.

use thiserror::Error;

/// Why bytes are not the manifest or piece they should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Damage {
    /// Cut off, or something was appended.
    #[error("it has {found} bytes, not the {expected} that were written")]
    Length { expected: u64, found: u64 },
    #[error("its checksum does not match: its bytes are not those that were written")]
    Checksum,
    /// It does not begin as such a file does.
    #[error("it is not a {0} of an Upswell checkpoint")]
    Foreign(&'static str),
    #[error(
        "its format has version {found}, and this program knows versions up to {known}: run the Upswell that wrote it, or a later one"
    )]
    Newer { found: u16, known: u16 },
    /// Whole, but of another partition or image. Says what differs.
    #[error("it belongs elsewhere: {0}")]
    Elsewhere(&'static str),
    /// Whole, but its fields cannot be true together. Says which.
    #[error("it contradicts itself: {0}")]
    Inconsistent(&'static str),
}
