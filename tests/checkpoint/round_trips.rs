//! What is written is read, whatever the values.

use crate::fixture;
use crate::values::{account, identity, manifest, section};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;
use upswell::engine::image::Chunk;
use upswell::wire::checkpoint::account::{decode, encode};
use upswell::wire::checkpoint::bytes::Cursor;
use upswell::wire::checkpoint::manifest as form;
use upswell::wire::checkpoint::{Damage, PieceWriter, Section, parse_name, piece_name};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn accounts(accounts in vec(account(), 0..5)) {
        let mut bytes = Vec::new();
        accounts.iter().for_each(|(customer_id, account)| encode(customer_id, account, &mut bytes));
        let mut cursor = Cursor::new(&bytes);
        for (customer_id, account) in accounts {
            prop_assert_eq!(decode(&mut cursor, u32::MAX), Ok((customer_id.as_str(), account)));
        }
        prop_assert_eq!(cursor.finish(), Ok(()));
    }

    #[test]
    fn manifests(manifest in manifest()) {
        prop_assert_eq!(form::decode(&form::encode(&manifest)), Ok(manifest.clone()));
        prop_assert_eq!(parse_name(&manifest.file_name()), Some(manifest.name()));
    }

    #[test]
    fn pieces(identity in identity(), of in any::<(u64, u64, u32, u32)>(), sections in vec(section(), 0..12)) {
        let (image, sequence, number, attempt) = of;
        let mut writer = PieceWriter::new(&identity, image, sequence, number);
        sections.iter().for_each(|section| writer.push(section));
        let piece = writer.finish();
        let named = piece.named(piece_name(image, sequence, number, attempt));
        prop_assert_eq!(fixture::read(&piece.bytes, &named, &identity), Ok(sections));
    }
}

fn ids(bytes: usize, random: bool) -> Section {
    let id = |n: u128| if random { n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) } else { 7 };
    Section::Chunk(Chunk::Ids { until: upswell::domain::calendar::Instant(5), ids: (0..bytes as u128 / 16).map(id).collect() })
}

/// Sections below, at and above the sizes at which frames are closed and not compressed.
#[test]
fn sections_of_every_size() {
    const MIB: usize = 1 << 20;
    let sizes = [16, MIB - 64, 16, MIB, 2 * MIB - 64, 2 * MIB, 16, 5 * MIB, MIB / 2, 2 * MIB - 64, 16];
    for random in [false, true] {
        let sections: Vec<Section> = sizes.iter().map(|size| ids(*size, random)).collect();
        let mut writer = PieceWriter::new(&fixture::identity(), 1, 2, 3);
        for (section, size) in sections.iter().zip(sizes) {
            let before = writer.raw_len();
            writer.push(section);
            let grown = writer.raw_len() - before;
            assert!((size as u64..size as u64 + 32).contains(&grown), "{size}: {grown}");
        }
        let piece = writer.finish();
        let named = piece.named(piece_name(1, 2, 3, 0));
        assert_eq!(named.length, piece.bytes.len() as u64);
        assert!(random || piece.bytes.len() < 8 * MIB, "all but the two largest are compressed: {}", piece.bytes.len());
        assert!(fixture::read(&piece.bytes, &named, &fixture::identity()) == Ok(sections), "random: {random}");
    }
}

#[test]
fn a_text_is_found_only_if_there_are_so_many() {
    let (customer_id, account) = fixture::accounts().remove(0);
    let mut bytes = Vec::new();
    encode(&customer_id, &account, &mut bytes);
    assert_eq!(decode(&mut Cursor::new(&bytes), fixture::TEXTS), Ok((customer_id.as_str(), account)));
    let missing = decode(&mut Cursor::new(&bytes), fixture::TEXTS - 1);
    assert_eq!(missing, Err(Damage::Inconsistent("an account names a text that there is not")));
}

#[test]
fn an_error_of_the_visitor_ends_the_reading() {
    let texts = Section::Chunk(Chunk::Texts { first: 0, texts: vec![Arc::from("a")] });
    let (piece, named) = fixture::piece(0, &[texts.clone(), texts]);
    let mut visits = 0;
    let read = upswell::wire::checkpoint::read_piece(&piece.bytes, &named, &fixture::identity(), |_| {
        visits += 1;
        Err(Damage::Inconsistent("enough"))
    });
    assert_eq!((read, visits), (Err(Damage::Inconsistent("enough")), 1));
}
