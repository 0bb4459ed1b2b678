//! Each version as it was written once: every later program reads it and finds the same values.

use crate::fixture::{TEXTS, accounts, identity, manifest, piece, read, sections};
use std::path::{Path, PathBuf};
use upswell::domain::account::Account;
use upswell::wire::checkpoint::envelope::VERSION;
use upswell::wire::checkpoint::manifest::{decode, encode};
use upswell::wire::checkpoint::{Manifest, PieceRef, SectionRef, parse_name, read_piece};

fn folder(version: u16) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/checkpoint/v{version}"))
}

/// Only the version that is written can be recorded anew.
fn bless() {
    let (mut named, folder) = (Vec::new(), folder(VERSION));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let old = std::fs::read_dir(&folder).expect("the folder is there");
    old.for_each(|file| std::fs::remove_file(file.expect("it is listed").path()).expect("it can be removed"));
    for (number, sections) in (0..).zip(sections()) {
        let (piece, reference) = piece(number, &sections);
        std::fs::write(folder.join(&reference.name), piece.bytes).expect("the golden file can be written");
        named.push(reference);
    }
    let manifest = manifest(named);
    std::fs::write(folder.join(manifest.file_name()), encode(&manifest)).expect("the golden file can be written");
}

fn recorded(version: u16) -> (String, Vec<u8>) {
    let names =
        std::fs::read_dir(folder(version)).expect("the folder is there").map(|file| file.expect("it is listed").file_name());
    let is_manifest = |name: &String| parse_name(name).is_some();
    let name = names.filter_map(|name| name.into_string().ok()).find(is_manifest).expect("a manifest; BLESS=1 writes one");
    let bytes = std::fs::read(folder(version).join(&name)).expect("it can be read");
    (name, bytes)
}

#[test]
fn each_version_is_read_as_recorded() {
    if std::env::var_os("BLESS").is_some() {
        bless();
    }
    for version in 1..=VERSION {
        let (name, bytes) = recorded(version);
        assert_eq!(bytes[8..10], version.to_le_bytes(), "{name}");
        let found = decode(&bytes).expect("it is whole");
        // How well Zstandard compresses is not part of the format, so lengths and checksums are those that were recorded.
        let mut expected = manifest(found.pieces.clone());
        if version == 1 {
            expected.head.passed = expected.taken_at;
            expected.alerts.clear();
        }
        assert_eq!(found, expected);
        assert_eq!(found.file_name(), name);
        if version == VERSION {
            assert_eq!(encode(&found), bytes, "the form of a manifest has changed: that takes another version");
        }
        pieces_are_read(version, &found);
    }
}

fn pieces_are_read(version: u16, found: &Manifest) {
    assert_eq!(found.pieces.len(), 2);
    let mut decoded = Vec::new();
    for (piece, expected) in found.pieces.iter().zip(sections()) {
        let file = std::fs::read(folder(version).join(&piece.name)).expect("it can be read");
        assert_eq!(read(&file, piece, &identity()), Ok(expected), "{}", piece.name);
        decoded.extend(decoded_accounts(&file, piece));
    }
    assert_eq!(decoded, accounts());
}

fn decoded_accounts(file: &[u8], piece: &PieceRef) -> Vec<(String, Account)> {
    let mut found = Vec::new();
    let read = read_piece(file, piece, &identity(), |section| match section {
        SectionRef::Accounts(accounts) => accounts.each(TEXTS, |customer_id, account| {
            found.push((customer_id.to_owned(), account));
            Ok(())
        }),
        _ => Ok(()),
    });
    assert_eq!(read, Ok(()));
    found
}
