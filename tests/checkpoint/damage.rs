//! Damage of every kind to whole files: all of it is found, and nothing is visited before.

use crate::crafted::{Frame, piece_of};
use crate::fixture::{self, SEQUENCE, WRITER, identity, piece, read, sections};
use crate::memory::bounded;
use proptest::prelude::*;
use std::sync::LazyLock;
use upswell::domain::calendar::Instant;
use upswell::engine::image::Chunk;
use upswell::wire::checkpoint::manifest::{decode, encode};
use upswell::wire::checkpoint::{Damage, Identity, Piece, PieceRef, PieceWriter, Section, piece_name, read_piece};

fn whole_manifest() -> Vec<u8> {
    encode(&fixture::manifest(vec![piece(0, &sections()[0]).1]))
}

/// Every file that differs from the whole one in one bit, or lacks its end, or has one byte more.
fn damaged(whole: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> {
    let flipped = (0..8 * whole.len()).map(|bit| {
        let mut file = whole.to_vec();
        file[bit / 8] ^= 1 << (bit % 8);
        (format!("bit {bit}"), file)
    });
    let truncated = (0..whole.len()).map(|length| (format!("only {length} bytes"), whole[..length].to_vec()));
    let longer = std::iter::once(("a byte more".to_owned(), [whole, &[0]].concat()));
    flipped.chain(truncated).chain(longer)
}

#[test]
fn every_bit_and_every_length_of_a_manifest_matters() {
    for (what, file) in damaged(&whole_manifest()) {
        let found = bounded(file.len(), || decode(&file).map(drop));
        let expected = |damage: &Damage| matches!(damage, Damage::Length { .. } | Damage::Checksum | Damage::Foreign("manifest"));
        assert!(found.as_ref().is_err_and(expected), "{what}: {found:?}");
    }
}

#[test]
fn every_bit_and_every_length_of_a_piece_matters() {
    let (piece, named) = piece(0, &sections()[0]);
    for (what, file) in damaged(&piece.bytes) {
        let mut visited = false;
        let found = bounded(file.len(), || {
            read_piece(&file, &named, &identity(), |_| {
                visited = true;
                Ok(())
            })
        });
        let expected = |damage: &Damage| matches!(damage, Damage::Length { .. } | Damage::Checksum | Damage::Foreign("piece"));
        assert!(found.as_ref().is_err_and(expected), "{what}: {found:?}");
        assert!(!visited, "{what}: a section was believed");
    }
}

/// Some three mebibytes that do not compress.
static LARGE: LazyLock<(Piece, PieceRef)> = LazyLock::new(|| {
    let id = |n: u128| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let chunk = |from: u128| Section::Chunk(Chunk::Ids { until: Instant(5), ids: (from..from + 40_000).map(id).collect() });
    piece(0, &(0..5).map(|n| chunk(1 + 40_000 * n)).collect::<Vec<_>>())
});

#[derive(Clone, Debug)]
enum Blow {
    /// A block was not written.
    Zeroed,
    /// A block was written to the place of another.
    Replaced,
    Swapped,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn blocks_of_a_large_piece(
        blow in prop_oneof![Just(Blow::Zeroed), Just(Blow::Replaced), Just(Blow::Swapped)],
        size in prop_oneof![Just(512usize), Just(4096), 1..70_000usize],
        places in any::<[prop::sample::Index; 2]>(),
    ) {
        let (piece, named) = &*LARGE;
        let mut file = piece.bytes.clone();
        let [a, b] = places.map(|place| place.index(file.len() / size) * size);
        match blow {
            Blow::Zeroed => file[a..a + size].fill(0),
            Blow::Replaced => file.copy_within(a..a + size, b),
            Blow::Swapped => (0..size).for_each(|at| file.swap(a + at, b + at)),
        }
        prop_assume!(file != piece.bytes);
        let found = read_piece(&file, named, &identity(), |_| Ok(()));
        prop_assert!(found.is_err(), "{:?}", found);
    }
}

/// How a whole piece differs from the one asked for, and what is said of it.
fn others() -> Vec<(&'static str, Identity, [u64; 3], bool)> {
    let other = |change: fn(&mut Identity)| {
        let mut identity = identity();
        change(&mut identity);
        identity
    };
    let place = [WRITER, SEQUENCE, 0];
    let rename = |identity: &mut Identity| {
        identity.topics[1].iter_mut().for_each(|topic| topic.name.push('2'));
    };
    let recreate = |identity: &mut Identity| {
        identity.topics[1].iter_mut().for_each(|topic| topic.id = None);
    };
    vec![
        ("the piece itself", identity(), place, true),
        ("another partition", other(|identity| identity.partition = 4), place, false),
        ("another number of partitions", other(|identity| identity.partitions = 13), place, false),
        ("another cluster", other(|identity| identity.cluster_id = None), place, false),
        ("another time zone", other(|identity| identity.time_zone = "UTC".into()), place, false),
        ("another topic", other(rename), place, false),
        ("a topic made anew", other(recreate), place, false),
        ("topics the other way round", other(|identity| identity.topics.swap(0, 1)), place, false),
        ("another writer", identity(), [WRITER + 1, SEQUENCE, 0], false),
        ("another image", identity(), [WRITER, SEQUENCE + 1, 0], false),
        ("another piece of this image", identity(), [WRITER, SEQUENCE, 1], false),
    ]
}

#[test]
fn a_whole_piece_of_something_else_is_refused() {
    for (what, of, [image, sequence, number], fits) in others() {
        let mut writer = PieceWriter::new(&of, image, sequence, number as u32);
        sections()[1].iter().for_each(|section| writer.push(section));
        let piece = writer.finish();
        let found = read(&piece.bytes, &piece.named(piece_name(WRITER, SEQUENCE, 0, 7)), &identity());
        match found {
            Ok(found) => assert!(fits && found == sections()[1], "{what}"),
            Err(damage) => assert!(!fits && matches!(damage, Damage::Elsewhere(_)), "{what}: {damage:?}"),
        }
    }
}

#[test]
fn a_whole_piece_that_the_manifest_does_not_name_is_refused() {
    let (there, _) = piece_of(&[Frame::stored(b"")]);
    let (_, mut named) = piece_of(&[]);
    named.length = there.len() as u64;
    let found = read(&there, &named, &identity());
    assert_eq!(found, Err(Damage::Elsewhere("it is not the piece that its manifest names")));
}
