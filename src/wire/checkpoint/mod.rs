//! Checkpoints: the form of an image on disk.
//!
//! A checkpoint is a manifest and the pieces it names. A *piece* holds sections (accounts, remembered ids, texts, rejected
//! offsets); the manifest names, in order, the pieces of a base and of all deltas since, with length and checksum, and holds what is
//! small. All pieces of a manifest have its identity, so an image whose identity differs from the one before it is a base.
//!
//! Both begin with a magic and a format version and end with a checksum over everything before it ([`envelope`]), so a flipped
//! bit, a truncation and a foreign file are found before any field is believed. The format is written down where its parts are:
//! [`bytes`], [`envelope`], [`identity`], [`manifest`], [`piece`], [`section`], [`account`], [`name`].

pub mod account;
pub mod alert;
pub mod bytes;
pub mod damage;
pub mod envelope;
pub mod identity;
pub mod manifest;
pub mod name;
pub mod piece;
pub mod section;

pub use damage::Damage;
pub use name::{Name, PieceName, parse_name, parse_piece_name, piece_name};
pub use piece::{Label, Piece, PieceWriter, read_lone_piece, read_piece};
pub use section::SectionRef;

use crate::domain::alert::Record;
use crate::domain::calendar::Instant;
use crate::domain::facts::FactKind;
use crate::engine::image::{Chunk, Head};
use crate::engine::rejected::Change;

/// Topics whose positions an image holds, in this order: subscriptions, usage, retries.
pub const TOPICS: usize = 3;

/// Whose image it is. What differs here belongs to something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Kafka's id of the cluster; `None` if it told none.
    pub cluster_id: Option<String>,
    pub partition: i32,
    /// Partitions each topic has.
    pub partitions: u32,
    /// Subscriptions, usage, retries; `None` where there is no such topic.
    pub topics: [Option<TopicIdentity>; TOPICS],
    /// The reporting zone that civil days were cut by, IANA name.
    pub time_zone: String,
}

/// A topic, and Kafka's id of it if the cluster has such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicIdentity {
    pub name: String,
    pub id: Option<String>,
}

/// How far a topic's partition was taken, and what was seen of its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The next offset: everything before it is in the image, and nothing else is.
    pub next: i64,
    /// Where the log began when reading began; above 0 the image misses what was deleted before.
    pub began: i64,
    /// Oldest and newest record timestamp.
    pub oldest_record: Option<Instant>,
    pub newest_record: Option<Instant>,
}

/// The head of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    pub identity: Identity,
    /// How often the state was begun anew from the log; an image of a later generation counts before all of earlier ones.
    pub generation: u32,
    /// Random name of the process that wrote it, and a number that it counts up for each image of a partition.
    pub writer: u64,
    pub sequence: u64,
    /// When the moment was fixed, by the writer's wall clock.
    pub taken_at: Instant,
    /// Subscriptions, usage, retries; `None` where there is no such topic.
    pub positions: [Option<Position>; TOPICS],
    /// Customers by what explains their partition, per topic (subscriptions, usage): only murmur2, only CRC32, neither.
    pub placement: [[u64; 3]; 2],
    pub head: Head,
    /// Pieces of the base, then those of each delta, in order.
    pub pieces: Vec<PieceRef>,
    /// How many of the pieces are the base's.
    pub base_pieces: u32,
    /// Of partition 0 only: the alerts that are not quiet.
    pub alerts: Vec<Record>,
}

/// A piece, as a manifest names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PieceRef {
    /// File name within the partition's folder.
    pub name: String,
    /// Bytes of the file.
    pub length: u64,
    /// XXH3-128 over the whole file.
    pub checksum: u128,
}

/// A part of a piece.
#[derive(Clone, Debug, PartialEq)]
pub enum Section {
    Chunk(Chunk),
    /// Changes of the rejected offsets of one topic; those of a base begin with the empty set.
    Rejected {
        topic: FactKind,
        changes: Vec<Change>,
    },
}
