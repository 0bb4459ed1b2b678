//! `inspect` over the golden checkpoint and damaged copies of it.

use super::{directory, run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const MANIFEST: &str = "m-0000000002-00000000025001000000-0123456789abcdef-0000000042";
const BASE: &str = "d-0123456789abcdef-0000000042-0000-0";
const DELTA: &str = "d-0123456789abcdef-0000000042-0001-0";

/// A place of checkpoints with the golden image in its partition's folder, and that folder.
fn copy() -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().expect("a directory");
    let folder = place.path().join("upswell/p00003");
    fs::create_dir_all(&folder).expect("a folder");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/checkpoint/v1");
    for name in [MANIFEST, BASE, DELTA] {
        fs::copy(golden.join(name), folder.join(name)).expect("a copy");
    }
    (place, folder)
}

fn inspect(path: &Path, more: &[&str]) -> (i32, String, String) {
    let nowhere = directory(&[]);
    let args = [&["inspect", path.to_str().expect("UTF-8")], more].concat();
    run(nowhere.path(), &args)
}

/// The JSON, whatever the exit code.
fn json(path: &Path, more: &[&str]) -> (i32, Value) {
    let (code, out, err) = inspect(path, &[&["--format", "json"], more].concat());
    (code, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out} {err}")))
}

#[test]
fn the_same_image_is_found_from_the_place_the_group_and_the_partition() {
    let (place, folder) = copy();
    for (path, shown) in [(place.path(), "upswell/p00003"), (folder.parent().expect("a group"), "p00003"), (&folder, "")] {
        let (code, found) = json(path, &[]);
        assert_eq!((code, &found["partitions"][0]["folder"]), (0, &Value::from(shown)));
        let images = found["partitions"][0]["images"].as_array().expect("images");
        assert_eq!(images.len(), 1);
        assert_eq!((&images[0]["image"], &images[0]["state"]), (&MANIFEST.into(), &"complete".into()));
    }
    let url = format!("file://{}", place.path().display());
    assert_eq!(json(Path::new(&url), &[]).0, 0);
    let before = fs::read_dir(&folder).expect("a folder").count();
    assert_eq!(before, 3, "nothing was added");
}

#[test]
fn an_image_is_shown_in_full() {
    let (_place, folder) = copy();
    let (code, image) = json(&folder.join(MANIFEST), &["--customers"]);
    assert_eq!(code, 0, "{image}");
    for (pointer, expected) in [
        ("/generation", Value::from(2)),
        ("/sum", 25_001_000_000_u64.into()),
        ("/writer", "0123456789abcdef".into()),
        ("/sequence", 42.into()),
        ("/taken_at", "2025-09-14T12:00:01.234Z".into()),
        ("/identity/cluster_id", "MkU3OEVBNTcwNTJENDM2Qg".into()),
        ("/identity/partition", 3.into()),
        ("/identity/partitions", 12.into()),
        ("/identity/time_zone", "Europe/Berlin".into()),
        ("/identity/topics/usage/id", "0y7tT8rAQzC5RkT1bOeXyA".into()),
        ("/positions/subscriptions/next", 1_000_000.into()),
        ("/positions/subscriptions/began", 5.into()),
        ("/positions/subscriptions/oldest_record", "2023-11-14T22:13:20Z".into()),
        ("/positions/usage/oldest_record", Value::Null),
        ("/positions/retries", Value::Null),
        ("/holds/accounts", 3.into()),
        ("/holds/texts", 6.into()),
        ("/holds/generations/1/ids", 3.into()),
        ("/holds/usage_from_day", "2024-06-26".into()),
        ("/holds/record_time", "2025-09-14T12:00:00Z".into()),
        ("/holds/usage_ahead", 1.into()),
        ("/placement/usage/crc32_only", 70_000.into()),
        ("/rejected/subscriptions/runs/0/first", 7.into()),
        ("/rejected/subscriptions/runs/0/reason", "decode".into()),
        ("/rejected/usage/runs/0/last", 2.into()),
        ("/pieces/0/part", "base".into()),
        ("/pieces/1/part", "delta".into()),
        ("/pieces/1/fault", Value::Null),
        ("/customers/1/customer_id", "Kundin Ä".into()),
        ("/customers/2/states", 6.into()),
    ] {
        assert_eq!(image.pointer(pointer), Some(&expected), "{pointer} of {image:#}");
    }
    let (code, table, _) = inspect(&folder, &[]);
    assert_eq!(code, 0);
    for part in ["complete", "3 of 12", "billing.usage", "from 2024-06-26 on", "verified", "25000000000", "future_usage"] {
        assert!(table.contains(part), "{part}\n{table}");
    }
    assert!(!table.contains("Kundin"), "ids of customers are shown only if they are asked for");
    assert!(inspect(&folder, &["--customers"]).1.contains("Kundin Ä"));
}

#[test]
fn a_piece_is_shown_by_itself() {
    let (_place, folder) = copy();
    let (code, piece) = json(&folder.join(BASE), &["--customers"]);
    assert_eq!((code, &piece["number"], &piece["holds"]["accounts"]), (0, &0.into(), &2.into()), "{piece}");
    assert_eq!(piece["customers"][0]["customer_id"], "cus-1");
    let (code, table, _) = inspect(&folder.join(DELTA), &[]);
    assert!(code == 0 && table.contains("1 of image 42 of writer 0123456789abcdef"), "{table}");
}

#[test]
fn damage_of_the_newest_image_is_told_and_is_exit_code_1() {
    let older = "m-0000000001-00000000025001000000-0123456789abcdef-0000000042";
    let flip = |file: PathBuf| {
        let mut bytes = fs::read(&file).expect("a file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&file, bytes).expect("written");
    };
    type Damage<'d> = (&'d str, &'d dyn Fn(&Path), &'d str);
    let table: [Damage; 6] = [
        ("a flipped bit in a piece", &|folder| flip(folder.join(DELTA)), "checksum does not match"),
        ("a flipped bit in the manifest", &|folder| flip(folder.join(MANIFEST)), "checksum does not match"),
        ("a piece that is gone", &|folder| fs::remove_file(folder.join(BASE)).expect("gone"), "it is missing"),
        ("a piece cut short", &|folder| fs::write(folder.join(BASE), b"UPSWELLP").expect("written"), "it has 8 bytes"),
        ("a foreign file", &|folder| fs::write(folder.join(MANIFEST), b"\x1b[2Jhello").expect("written"), "not a manifest"),
        (
            "another image's name",
            &|folder| fs::rename(folder.join(MANIFEST), folder.join(older)).expect("moved"),
            "another image's",
        ),
    ];
    for (what, damage, told) in table {
        let (place, folder) = copy();
        damage(&folder);
        let (code, out, err) = inspect(place.path(), &[]);
        assert_eq!(code, 1, "{what}: {out}");
        assert!(out.contains("damaged: ") && out.contains(told) && err.contains(told), "{what}: {out} {err}");
        assert!(!out.contains('\u{1b}'), "{what}");
        assert_eq!(json(place.path(), &[]).1["partitions"][0]["images"][0]["state"], "damaged", "{what}");
    }
}

#[test]
fn an_older_image_that_is_damaged_or_marked_is_told_and_no_failure() {
    let (place, folder) = copy();
    let older = folder.join("m-0000000001-00000000000000000001-0123456789abcdef-0000000001");
    fs::write(&older, b"UPSWELLM and nothing").expect("written");
    fs::write(older.with_extension("unreadable"), "cut \u{202e}off").expect("written");
    fs::write(folder.join("d-0123456789abcdef-0000000043-0000-0"), b"12345").expect("written");
    let (code, found) = json(place.path(), &[]);
    let partition = &found["partitions"][0];
    assert_eq!((code, &partition["unnamed_pieces"]["bytes"]), (0, &5.into()), "{found:#}");
    assert_eq!(partition["images"][0]["image"], MANIFEST, "newest first");
    assert_eq!(partition["images"][1]["unreadable"], "cut \u{202e}off");
    let (code, table, _) = inspect(place.path(), &[]);
    assert!(
        code == 0 && table.contains("marked unreadable: cut \\u{202e}off") && table.contains("1 pieces of 5 bytes"),
        "{table}"
    );
}

#[test]
fn where_nothing_is_nothing_is_made() {
    let place = tempfile::tempdir().expect("a directory");
    for (path, code, told) in [
        (place.path().join("missing"), 1, "cannot be read"),
        (place.path().to_owned(), 1, "holds no checkpoint"),
        (PathBuf::from("file:///no/such/place"), 1, "cannot be read"),
        (PathBuf::from("ftp://somewhere/else"), 2, "s3://"),
    ] {
        let (found, out, err) = inspect(&path, &[]);
        assert_eq!((found, out.as_str()), (code, ""), "{err}");
        assert!(err.contains(told), "{err}");
    }
    assert_eq!(fs::read_dir(place.path()).expect("a directory").count(), 0);
    let text = directory(&[("notes.txt", "no checkpoint")]);
    let (code, out, _) = inspect(&text.path().join("notes.txt"), &[]);
    assert!(code == 1 && out.contains("not a manifest"), "{out}");
}
