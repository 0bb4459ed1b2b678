//! Version 1 as it was written once: every later program reads it and finds the same values.

use crate::fixture::{TEXTS, accounts, identity, manifest, piece, read, sections};
use std::path::{Path, PathBuf};
use upswell::domain::account::Account;
use upswell::wire::checkpoint::manifest::{decode, encode};
use upswell::wire::checkpoint::{PieceRef, SectionRef, parse_name, read_piece};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/checkpoint/v1")
}

fn bless() {
    let (mut named, folder) = (Vec::new(), folder());
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

fn recorded() -> (String, Vec<u8>) {
    let names = std::fs::read_dir(folder()).expect("the folder is there").map(|file| file.expect("it is listed").file_name());
    let is_manifest = |name: &String| parse_name(name).is_some();
    let name = names.filter_map(|name| name.into_string().ok()).find(is_manifest).expect("a manifest; BLESS=1 writes one");
    let bytes = std::fs::read(folder().join(&name)).expect("it can be read");
    (name, bytes)
}

#[test]
fn version_1_is_read_as_recorded() {
    if std::env::var_os("BLESS").is_some() {
        bless();
    }
    let (name, bytes) = recorded();
    let found = decode(&bytes).expect("it is whole");
    // How well Zstandard compresses is not part of the format, so lengths and checksums are those that were recorded.
    assert_eq!(found, manifest(found.pieces.clone()));
    assert_eq!(found.file_name(), name);
    assert_eq!(encode(&found), bytes, "the form of a manifest has changed: that takes another version");
    assert_eq!(found.pieces.len(), 2);
    let mut decoded = Vec::new();
    for (piece, expected) in found.pieces.iter().zip(sections()) {
        let file = std::fs::read(folder().join(&piece.name)).expect("it can be read");
        assert_eq!(read(&file, piece, &identity()), Ok(expected), "{}", piece.name);
        decoded.extend(decoded_accounts(&file, piece));
    }
    assert_eq!(decoded, accounts());
}

fn decoded_accounts(file: &[u8], piece: &PieceRef) -> Vec<(String, Account)> {
    let mut found = Vec::new();
    let read = read_piece(file, piece, &identity(), |section| match section {
        SectionRef::Accounts(accounts) => accounts.each(TEXTS, |customer_id, account| {
            found.push((customer_id.into_string(), account));
            Ok(())
        }),
        _ => Ok(()),
    });
    assert_eq!(read, Ok(()));
    found
}
