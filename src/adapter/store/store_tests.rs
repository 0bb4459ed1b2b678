//! The store against memory and real directories.

use super::*;
use std::fs;

fn directory() -> (tempfile::TempDir, Store) {
    let place = tempfile::tempdir().expect("a directory");
    let store = at(&place.path().join("a/b"));
    (place, store)
}

fn at(path: &std::path::Path) -> Store {
    Store::open(&Settings { url: format!("file://{}", path.display()) }).expect("a store")
}

fn memory() -> Store {
    Store::open(&Settings { url: "memory:///".to_owned() }).expect("a store")
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[test]
fn an_object_is_created_once_and_never_changed() {
    let (_place, on_disk) = directory();
    for store in [on_disk, memory()] {
        assert_eq!(store.list("f"), Ok(Vec::new()), "a folder that is not there is empty");
        assert_eq!(store.create("f/x", &bytes("one")), Ok(()));
        assert_eq!(store.create("f/x", &bytes("one")), Ok(()), "the same again");
        for other in ["two", "longer than one", ""] {
            assert_eq!(store.create("f/x", &bytes(other)), Err(Error::AlreadyExists { name: "f/x".to_owned() }), "{other:?}");
        }
        assert_eq!(store.get("f/x", 3), Ok(bytes("one")));
        assert_eq!(store.get("f/x", 2), Err(Error::TooLarge { name: "f/x".to_owned() }));
        assert_eq!(store.get("f/y", 3), Err(Error::NotFound { name: "f/y".to_owned() }));
    }
}

#[test]
fn a_listing_shows_the_objects_of_one_folder() {
    let (_place, on_disk) = directory();
    for store in [on_disk, memory()] {
        for name in ["f/x", "f/y", "f/deep/z", "g/x"] {
            store.create(name, &bytes("12345")).expect("created");
        }
        let mut found: Vec<_> = store.list("f").expect("a list").into_iter().map(|entry| (entry.name, entry.size)).collect();
        found.sort();
        assert_eq!(found, [("x".to_owned(), 5), ("y".to_owned(), 5)]);
        assert_eq!((store.delete("f/x"), store.delete("f/x")), (Ok(()), Ok(())), "gone is gone");
        assert_eq!(store.list("f").expect("a list").len(), 1);
    }
}

#[test]
fn a_check_leaves_nothing_behind() {
    let (place, store) = directory();
    assert_eq!(store.check(), Ok(()));
    assert_eq!(fs::read_dir(place.path().join("a/b")).expect("a directory").count(), 0);
    assert_eq!(memory().check(), Ok(()));
}

#[test]
fn a_file_in_place_of_a_directory_is_said() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("file");
    fs::write(&file, "").expect("a file");
    for path in [file.clone(), file.join("below")] {
        let error = Store::open(&Settings { url: format!("file://{}", path.display()) }).expect_err("no directory");
        assert!(error.to_string().contains("is no place for checkpoints") && !error.is_transient(), "{error}");
    }
    let store = at(&place.path().join("d"));
    fs::write(place.path().join("d/f"), "").expect("a file");
    let error = store.create("f/x", &bytes("one")).expect_err("f is a file");
    assert!(error.to_string().contains("is no place for checkpoints"), "{error}");
}

#[test]
fn a_directory_that_went_away_is_not_an_empty_one() {
    let (place, store) = directory();
    fs::remove_dir(place.path().join("a/b")).expect("removed");
    assert!(matches!(store.list("f"), Err(Error::Absent { .. })));
    assert!(
        matches!(store.create("f/x", &bytes("one")), Err(Error::Absent { .. })),
        "and is not made anew behind anybody's back"
    );
}

#[test]
fn litter_of_killed_writers_is_swept_but_not_a_writer_at_work() {
    let (place, store) = directory();
    store.create("f/x", &bytes("one")).expect("created");
    let folder = place.path().join("a/b/f");
    fs::write(folder.join("d-1#1"), "half").expect("a file");
    fs::write(folder.join("not#ours"), "").expect("a file");
    let now = store.list("f").expect("a list").iter().map(|entry| entry.modified).max().expect("an entry");
    store.sweep("f", Instant(now.0 - 60_000)).expect("swept");
    assert_eq!(fs::read_dir(&folder).expect("a directory").count(), 3, "too young");
    store.sweep("f", Instant(now.0 + 60_000)).expect("swept");
    assert_eq!(fs::read_dir(&folder).expect("a directory").count(), 2);
    assert_eq!(store.sweep("g", now), Ok(()), "nothing there, nothing to do");
}
