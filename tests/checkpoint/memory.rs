//! Files whose checksums are right and whose content is not: never a panic, and memory within bounds.

use crate::crafted::{Frame, HEADER, TRAILER, ZSTANDARD, manifest_of, piece_of, piece_of_body, section, varint};
use crate::fixture::{self, identity, piece, read, sections};
use proptest::collection::vec;
use proptest::prelude::*;
use upswell::wire::checkpoint::manifest::{decode, encode};
use upswell::wire::checkpoint::section::put;
use upswell::wire::checkpoint::{Damage, PieceRef, SectionRef, read_piece};
use upswell_testkit::memory::measured;

const MIB: usize = 1 << 20;

/// The result of reading an input of so many bytes, which must not take more than 64 MiB beyond it.
pub fn bounded<T>(input: usize, work: impl FnOnce() -> T) -> T {
    let mut result = None;
    let (most, _) = measured(|| result = Some(work()));
    assert!(most <= input + 64 * MIB, "{most} bytes for an input of {input}");
    result.expect("it was worked on")
}

/// Decodes everything and keeps nothing.
fn walk(file: &[u8], piece: &PieceRef) -> Result<(), Damage> {
    read_piece(file, piece, &identity(), |section| match section {
        SectionRef::Texts { mut texts, .. } => texts.try_for_each(|text| text.map(drop)),
        SectionRef::Ids { mut ids, .. } => ids.try_for_each(|id| id.map(drop)),
        SectionRef::Accounts(accounts) => accounts.each(u32::MAX, |_, _| Ok(())),
        SectionRef::Rejected { mut changes, .. } => changes.try_for_each(|change| change.map(drop)),
    })
}

/// Sections that claim more than they hold, or hold as much as can be with as few bytes as can be.
#[test]
fn sections_that_lie() {
    let huge = varint(u64::MAX >> 1);
    let most = varint(u32::MAX.into());
    let account = |fields: &[&[u8]]| section(3, &[&[1, 0, 0], fields.concat().as_slice()].concat());
    let count = |one: &[u8]| varint(((2 * MIB - 64) / one.len()) as u64);
    let many = |one: &[u8]| [count(one), one.repeat((2 * MIB - 64) / one.len())].concat();
    let id = |n: u32| [3, (n >> 14) as u8 & 0x7f, (n >> 7) as u8 & 0x7f, n as u8 & 0x7f];
    let with_ids =
        |count: u32, rest: &[u8]| [varint(count.into()), (0..count).flat_map(|n| [&id(n), rest].concat()).collect()].concat();
    // One subscription of one state, as far as its status.
    let state = [1, 0, 1, 0, 0, 0, 0].as_slice();
    let (short, order, unknown) = ("says more than there is", "not in order", "unknown");
    let table = [
        ("a count of texts", section(1, &[&[0], huge.as_slice(), &[0; 99]].concat()), short),
        ("a text's length", section(1, &[&[0, 1], huge.as_slice(), &[0; 99]].concat()), short),
        ("a count of ids", section(2, &[&[0], most.as_slice(), &[0; 99]].concat()), short),
        ("a count of accounts", section(3, &[most.as_slice(), &[0; 99]].concat()), short),
        ("a count of subscriptions", account(&[&huge, &[0; 99]]), short),
        ("a count of states", account(&[&[1, 0], &most, &[0; 99]]), short),
        ("a count of items", account(&[state, &most, &[0; 99]]), short),
        ("a count of attributes", account(&[state, &[0], &most, &[0; 99]]), short),
        ("a count of bins", account(&[&[0], &most, &[0; 99]]), short),
        ("a count of changes", section(4, &[&[0], most.as_slice(), &[0; 99]].concat()), short),
        ("a section's length", [&[1], u64::MAX.to_le_bytes().as_slice()].concat(), short),
        ("empty subscriptions", account(&[&many(&[0, 0])]), order),
        ("small subscriptions", account(&[&with_ids(400_000, &[0])]), short),
        ("small states", account(&[&[1, 0], &many(&[2, 0, 0, 0, 0, 0])]), short),
        ("equal states", account(&[&[1, 0, 2], &[0; 13]]), order),
        ("empty items", account(&[state, &many(&[0; 5])]), order),
        ("small items", account(&[state, &with_ids(250_000, &[0; 4])]), short),
        ("small attributes", account(&[state, &[0], &many(&[0, 0])]), short),
        ("small bins", account(&[&[0], &many(&[4, 2])]), "has no currency"),
        ("small bins of a currency", account(&[&[0], &count(&[0, 0]), &[3], b"EUR", &[2], &[4, 2].repeat(MIB - 40)]), short),
        ("equal bins", account(&[&[0, 2, 3], b"EUR", &[2, 0, 2]]), order),
        ("a bin of nothing", account(&[&[0, 1, 3], b"EUR", &[0]]), order),
        ("a first bin without a currency", account(&[&[0, 1, 2, 2]]), "has no currency"),
        ("a day beyond all days", account(&[&[0, 1], &varint((1 << 34) + 1), b"EUR", &[2]]), "too large"),
        ("an unknown kind", section(9, &[0; 99]), "no known kind"),
        ("an unknown reason", section(4, &[0, 1, 14, 0, 2]), unknown),
        ("an empty run", section(4, &[0, 1, 1, 2, 2]), "run of offsets is empty"),
        ("an unknown topic", section(4, &[2, 0]), unknown),
        ("an unknown status", account(&[&state[..6], &[5, 0, 0, 0]]), unknown),
        ("bytes after the last account", section(3, &[0; 9]), "after its last field"),
        ("bytes after the last text", section(1, &[0, 1, 0, 0]), "after its last field"),
    ];
    for (what, sections, expected) in table {
        assert!(sections.len() <= 2 * MIB, "{what}: {} bytes", sections.len());
        for frame in [Frame::compressed(&sections), Frame::stored(&sections)] {
            let method = frame.method;
            let (file, named) = piece_of(&[frame]);
            let found = bounded(file.len(), || walk(&file, &named));
            let told = found.as_ref().map_err(Damage::to_string);
            assert!(told.as_ref().is_err_and(|told| told.contains(expected)), "{what}, method {method}: {told:?}");
        }
    }
}

/// Frames whose lengths and methods are not what they hold.
#[test]
fn frames_that_lie() {
    let texts = section(1, &[0, 1, 1, b'a']);
    let frame = |method, length, stored: &[u8]| Frame { method, length, stored: stored.to_vec() };
    let small = Frame::compressed(&texts).stored;
    let bomb = zstd::bulk::compress(&vec![0; 100 * MIB], 1).expect("zeros compress");
    let length = texts.len() as u64;
    let table = [
        ("zeros without end", frame(ZSTANDARD, length, &bomb)),
        ("zeros said to be as many", frame(ZSTANDARD, 100 << 20, &bomb)),
        ("more than there is", frame(ZSTANDARD, length + 1, &small)),
        ("less than there is", frame(ZSTANDARD, length - 1, &small)),
        ("as much as can be", frame(ZSTANDARD, u64::MAX, &small)),
        ("not compressed at all", frame(ZSTANDARD, length, &texts)),
        ("half a frame", frame(ZSTANDARD, length, &small[..small.len() / 2])),
        ("stored, but longer", frame(0, length + 1, &texts)),
        ("an unknown method", frame(2, length, &texts)),
    ];
    for (what, lying) in table {
        let (file, named) = piece_of(&[Frame::stored(&texts), lying]);
        let found = bounded(file.len(), || walk(&file, &named));
        assert!(matches!(found, Err(Damage::Inconsistent(_))), "{what}: {found:?}");
    }
    let (file, named) = piece_of(&[Frame::stored(&texts), Frame::compressed(&texts)]);
    assert_eq!(walk(&file, &named), Ok(()), "the others are refused for what they lie about");
    let (file, named) = piece_of_body(&file[HEADER..file.len() - TRAILER - 1]);
    assert!(walk(&file, &named).is_err(), "a frame that is cut off");
}

/// A list of the smallest elements, and counts beyond all bounds, at every place of a manifest.
#[test]
fn manifests_that_lie() {
    let whole = encode(&fixture::manifest(vec![piece(0, &sections()[0]).1]));
    let body = &whole[HEADER..whole.len() - TRAILER];
    assert_eq!(manifest_of(body), whole);
    for at in 0..body.len() {
        for claim in [varint(u64::MAX), varint(u32::MAX.into()), varint(1 << 20), vec![0xff; 19], vec![0; 9]] {
            let lying = manifest_of(&[&body[..at], &claim, &body[at + 1..]].concat());
            let (most, _) = measured(|| decode(&lying));
            assert!(most <= 16 * lying.len() + MIB, "{claim:?} at {at}: {most} bytes");
        }
        let cut = manifest_of(&body[..at]);
        assert!(decode(&cut).is_err(), "cut off at {at}");
    }
}

/// Random changes of a body: bytes replaced, taken out, put in.
fn changed(body: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), 0..3usize, vec(prop_oneof![any::<u8>(), Just(0xff), Just(0)], 0..12));
    vec(edit, 1..6).prop_map(move |edits| {
        let mut body = body.clone();
        for (at, removed, inserted) in edits {
            let at = at.index(body.len() + 1);
            let end = (at + removed).min(body.len());
            body.splice(at..end, inserted);
        }
        body
    })
}

fn forms_of_sections() -> Vec<u8> {
    let mut bytes = Vec::new();
    sections().iter().flatten().for_each(|section| put(&mut bytes, section));
    bytes
}

fn manifest_body() -> Vec<u8> {
    let whole = encode(&fixture::manifest(vec![piece(0, &sections()[0]).1]));
    whole[HEADER..whole.len() - TRAILER].to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is read of a changed manifest can be written, and is then read as the same.
    #[test]
    fn changed_manifests(body in changed(manifest_body())) {
        let file = manifest_of(&body);
        if let Ok(manifest) = bounded(file.len(), || decode(&file)) {
            prop_assert_eq!(decode(&encode(&manifest)), Ok(manifest));
        }
    }

    #[test]
    fn changed_sections(sections in changed(forms_of_sections())) {
        let (file, named) = piece_of(&[Frame::stored(&sections)]);
        if let Ok(sections) = bounded(file.len(), || read(&file, &named, &identity())) {
            let mut bytes = Vec::new();
            sections.iter().for_each(|section| put(&mut bytes, section));
            let (file, named) = piece_of(&[Frame::compressed(&bytes)]);
            prop_assert_eq!(read(&file, &named, &identity()), Ok(sections));
        }
    }

    /// Compressed bytes changed beneath a right checksum decompress to anything, or not at all.
    #[test]
    fn changed_frames(stored in changed(Frame::compressed(&forms_of_sections()).stored)) {
        let (file, named) = piece_of(&[Frame { method: ZSTANDARD, length: forms_of_sections().len() as u64, stored }]);
        if let Ok(found) = bounded(file.len(), || read(&file, &named, &identity())) {
            prop_assert!(found.len() <= forms_of_sections().len());
        }
    }

    #[test]
    fn random_bytes(bytes in vec(any::<u8>(), 0..300)) {
        let named = piece(0, &[]).1;
        prop_assert!(bounded(bytes.len(), || decode(&bytes)).is_err());
        prop_assert!(bounded(bytes.len(), || walk(&bytes, &named)).is_err());
        prop_assert!(bounded(bytes.len(), || decode(&manifest_of(&bytes))).is_err());
        let (file, named) = piece_of_body(&bytes);
        prop_assert!(bounded(file.len(), || walk(&file, &named)).is_err());
    }
}
