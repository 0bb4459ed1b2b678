//! Files of a checkpoint: as they are, and with length and checksum made right, so that what lies deeper is reached.
//!
//! An input is a manifest, a piece, or, if it begins as neither, the sections of a piece's only frame.

use super::record;
use crate::runner::Target;
use crate::trail::Trail;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use upswell::domain::calendar::Zone;
use upswell::engine::dedup::Memory;
use upswell::engine::image::Head;
use upswell::engine::plan::Plan;
use upswell::engine::restoring::Restoring;
use upswell::wire::checkpoint::envelope::{Kind, begin, checksum, seal};
use upswell::wire::checkpoint::manifest::{decode, encode};
use upswell::wire::checkpoint::{Damage, Manifest, PieceRef, SectionRef, parse_name, read_piece};

/// Bytes before and after the body of a file.
const HEADER: usize = 18;
const TRAILER: usize = 16;
/// Bytes of a piece's body that say where it belongs.
const BELONGS: usize = 36;

const WORDS: [&str; 10] =
    ["UPSWELLM", "UPSWELLP", "EUR", "USD", "\x01\x01", "\0", "cus-1", "\x03\x01", "Europe/Berlin", "\x02\0"];

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/checkpoint/v1")
}

/// The manifest of the recorded image.
pub fn recorded() -> (PathBuf, Manifest) {
    let mut files = std::fs::read_dir(folder()).expect("the folder is there").map(|file| file.expect("it is listed").path());
    let is_manifest =
        |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| parse_name(name).is_some());
    let path = files.find(is_manifest).expect("a manifest is recorded");
    let manifest = decode(&std::fs::read(&path).expect("it can be read")).expect("it is whole");
    (path, manifest)
}

pub fn target() -> Target<'static> {
    let (_, recorded) = recorded();
    let reader = Reader { recorded, plan: plan() };
    let read = move |input: &[u8], trail: &mut Trail| reader.read(input, trail);
    Target { name: "checkpoint", words: &WORDS, read: Box::new(read) }
}

fn plan() -> Arc<Plan> {
    let zone = Zone::named("Europe/Berlin").expect("a zone");
    Arc::new(Plan { zone, rates: record::rates(), windows: vec![], dimensions: vec![], max_values: 10, history: 0 })
}

struct Reader {
    recorded: Manifest,
    plan: Arc<Plan>,
}

impl Reader {
    fn read(&self, input: &[u8], trail: &mut Trail) {
        let body = input.get(HEADER..input.len().saturating_sub(TRAILER)).unwrap_or_default();
        if input.starts_with(b"UPSWELLM") {
            told(decode(input).map(drop), trail);
            self.manifest(&sealed(Kind::Manifest, &[body]), trail);
        } else if input.starts_with(b"UPSWELLP") {
            self.piece(&[body], trail);
            self.piece(&[&self.belongs(), body.get(BELONGS..).unwrap_or_default()], trail);
        } else {
            let length = (input.len() as u64).to_le_bytes();
            self.piece(&[&self.belongs(), &[0], &length, &length, input], trail);
        }
    }

    fn manifest(&self, file: &[u8], trail: &mut Trail) {
        match decode(file) {
            Err(damage) => told(Err(damage), trail),
            Ok(manifest) => {
                assert_eq!(decode(&encode(&manifest)).as_ref(), Ok(&manifest), "what is read can be written, and is read again");
                trail.whole();
                trail.count("pieces", manifest.pieces.len());
                self.restore(&manifest.head, None, trail);
            }
        }
    }

    fn piece(&self, body: &[&[u8]], trail: &mut Trail) {
        let file = sealed(Kind::Piece, body);
        let named = PieceRef { length: file.len() as u64, checksum: checksum(&file), ..self.recorded.pieces[0].clone() };
        self.restore(&self.recorded.head, Some((&file, &named)), trail);
    }

    /// Takes a piece up as the service does.
    fn restore(&self, head: &Head, piece: Option<(&[u8], &PieceRef)>, trail: &mut Trail) {
        let restoring = Restoring::new(Arc::clone(&self.plan), Memory::All, head);
        if let Some((file, named)) = piece {
            let read =
                read_piece(file, named, &self.recorded.identity, |section| taken_up(&restoring, head.texts, section, trail));
            told(read, trail);
        }
        match restoring.finish() {
            Err(mismatch) => trail.say(&mismatch.to_string()),
            Ok(shard) => trail.count("restored", shard.accounts()),
        }
    }

    /// What the recorded image's first piece says of where it belongs.
    fn belongs(&self) -> Vec<u8> {
        let Manifest { identity, writer, sequence, .. } = &self.recorded;
        let (fingerprint, number) = (identity.fingerprint().to_le_bytes(), 0u32.to_le_bytes());
        [fingerprint.as_slice(), &writer.to_le_bytes(), &sequence.to_le_bytes(), &number].concat()
    }
}

/// The files of the recorded image, and the sections of its pieces.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let (path, manifest) = recorded();
    let pieces: Vec<Vec<u8>> =
        manifest.pieces.iter().map(|piece| std::fs::read(folder().join(&piece.name)).expect("it can be read")).collect();
    vec![
        ("valid-base-sections", sections(&pieces[0])),
        ("valid-delta-sections", sections(&pieces[1])),
        ("valid-base", pieces[0].clone()),
        ("valid-delta", pieces[1].clone()),
        ("valid-manifest", std::fs::read(path).expect("it can be read")),
        ("odd-section", b"\x09\x01\0\0\0\0\0\0\0x".to_vec()),
    ]
}

/// The sections of a piece's only frame, not compressed.
fn sections(piece: &[u8]) -> Vec<u8> {
    let (head, stored) = piece[HEADER + BELONGS..piece.len() - TRAILER].split_at(17);
    match head[0] {
        0 => stored.to_vec(),
        _ => zstd::bulk::decompress(stored, 1 << 20).expect("a whole frame"),
    }
}

fn sealed(kind: Kind, body: &[&[u8]]) -> Vec<u8> {
    let mut file = begin(kind);
    body.iter().for_each(|part| file.extend_from_slice(part));
    seal(&mut file);
    file
}

fn told(read: Result<(), Damage>, trail: &mut Trail) {
    match read {
        Err(damage) => trail.say(&damage.to_string()),
        Ok(()) => trail.whole(),
    }
}

fn taken_up(restoring: &Restoring, texts: u32, section: SectionRef, trail: &mut Trail) -> Result<(), Damage> {
    match section {
        SectionRef::Texts { first, texts } => {
            let texts: Vec<Arc<str>> = texts.map(|text| text.map(Arc::from)).collect::<Result<_, _>>()?;
            trail.count("texts", texts.len());
            restoring.texts(first, texts);
        }
        SectionRef::Ids { until, ids } => {
            let ids: Vec<u128> = ids.collect::<Result<_, _>>()?;
            trail.count("ids", ids.len());
            restoring.ids(until, &ids);
        }
        SectionRef::Accounts(accounts) => accounts.each(texts, |customer_id, account| {
            trail.count("subscriptions", account.subscriptions().iter().count());
            trail.count("bins", account.usage().len());
            restoring.account(customer_id, account).map_err(|_| Damage::Inconsistent("an account names a text that there is not"))
        })?,
        SectionRef::Rejected { changes, .. } => {
            let changes: Vec<_> = changes.collect::<Result<_, _>>()?;
            trail.count("changes", changes.len());
        }
    }
    Ok(())
}

#[test]
fn checkpoints() {
    target().run();
}
