//! What a place is asked to do, and what is said when it does not.

use crate::partition::{Owner, PARTITION};
use bytes::Bytes;
use std::sync::Arc;
use upswell::adapter::store::{Error, Settings, Store};
use upswell::engine::image::Scope;
use upswell_testkit::Faulty;
use upswell_testkit::faulty::Fault;

fn over(store: &Faulty) -> Store {
    Store::from_backend(Arc::new(store.clone()), "some/prefix").expect("threads")
}

#[test]
fn a_store_that_overwrites_is_found_out() {
    let store = Faulty::new();
    assert_eq!(over(&store).check(), Ok(()));
    store.forget_conditions();
    let error = over(&store).check().expect_err("no conditions");
    assert!(error.to_string().contains("conditional writes") && !error.is_transient(), "{error}");
    assert!(store.names().is_empty(), "a check leaves nothing behind");
}

#[test]
fn a_check_fails_where_any_of_its_operations_does() {
    for fault in [Fault::Refused, Fault::DiesBefore] {
        for n in 1.. {
            let store = Faulty::new();
            store.fail(n, fault);
            let checked = over(&store).check();
            if store.is_waiting_to_fail() {
                assert!(n > 5, "a creation, a second one, a read, a list, a deletion");
                break;
            }
            // A creation that fails without effect is found missing when it is read back.
            assert!(matches!(checked, Err(Error::Unavailable { .. })), "operation {n}: {checked:?}");
        }
    }
}

#[test]
fn the_answer_to_a_creation_may_be_lost() {
    let store = Faulty::new();
    let (over, bytes) = (over(&store), Bytes::from_static(b"content"));
    store.fail(1, Fault::ReplyLost);
    assert_eq!(over.create("a", &bytes), Ok(()), "it is there: read back");
    store.fail(1, Fault::Refused);
    assert!(matches!(over.create("b", &bytes), Err(Error::Unavailable { .. })), "it is not there");
    store.set("some/prefix/c", "other content");
    store.fail(1, Fault::ReplyLost);
    assert_eq!(over.create("c", &bytes), Err(Error::AlreadyExists { name: "c".to_owned() }), "another one is there");
    assert_eq!(store.bytes("some/prefix/c").expect("there"), "other content");
}

#[test]
fn a_directory_keeps_images_as_a_bucket_does() {
    let place = tempfile::tempdir().expect("a directory");
    let settings = Settings { url: format!("file://{}", place.path().display()) };
    let open = || Store::open(&settings).expect("a directory");
    let mut owner = Owner::in_store(open(), 1);
    for (events, scope) in [(40, Scope::Base), (60, Scope::Delta), (400, Scope::Delta)] {
        owner.work(events);
        owner.save(scope, || false).expect("saved");
    }
    let mut next = Owner::restored_in(open(), 2).expect("read").expect("an image");
    assert_eq!(next.events, 400);
    next.check();
    let candidates = next.archive.candidates(PARTITION).expect("a list");
    let folder = place.path().join("upswell/p00007");
    std::fs::write(folder.join(&candidates[0].name), "half a manifest").expect("written");
    let next = Owner::restored_in(open(), 3).expect("read").expect("an image");
    assert_eq!(next.events, 60);
    assert!(folder.join(format!("{}.unreadable", candidates[0].name)).exists());
}
