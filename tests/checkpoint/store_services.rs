//! Real servers: what the clients send is what they understand, and what they answer is understood.

use crate::partition::{Owner, PARTITION};
use bytes::Bytes;
use std::process::{Command, Stdio};
use upswell::adapter::store::{Error, Store};
use upswell::domain::calendar::Instant;
use upswell::engine::image::Scope;
use upswell_testkit::bucket::Bucket;

fn open(bucket: &Bucket) -> Store {
    Store::from_backend(bucket.client(), "a/folder").expect("threads")
}

/// Standard output and error of a check of a configuration that names this place, and no broker that answers.
fn check(bucket: &Bucket, place: &str) -> (String, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("upswell.yaml");
    let text = format!(
        "kafka: {{brokers: '127.0.0.1:1'}}\nschema_registry: {{url: 'http://127.0.0.1:1'}}\ncheckpoint: {{url: '{place}'}}\n"
    );
    std::fs::write(&file, text).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_upswell"))
        .args(["check", "--log-level", "error", "--config"])
        .arg(&file)
        .envs(bucket.environment())
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr))
}

fn keeps_images(bucket: &Bucket) {
    let store = open(bucket);
    assert_eq!(store.check(), Ok(()), "with conditions");
    let (one, other) = (Bytes::from_static(b"one"), Bytes::from_static(b"other"));
    assert_eq!((store.create("f/x", &one), store.create("f/x", &one)), (Ok(()), Ok(())));
    assert_eq!(store.create("f/x", &other), Err(Error::AlreadyExists { name: "f/x".to_owned() }));
    assert_eq!((store.get("f/x", 10), store.get("f/y", 10)), (Ok(one), Err(Error::NotFound { name: "f/y".to_owned() })));
    assert_eq!((store.delete("f/x"), store.delete("f/x"), store.list("f")), (Ok(()), Ok(()), Ok(Vec::new())));

    let mut owner = Owner::in_store(open(bucket), 1);
    for (events, scope) in [(40, Scope::Base), (60, Scope::Delta), (90, Scope::Delta)] {
        owner.work(events);
        owner.save(scope, || false).expect("saved");
    }
    let mut next = Owner::restored_in(open(bucket), 2).expect("read").expect("an image");
    assert_eq!(next.events, 90);
    next.check();
    let cleaned = next.archive.clean(PARTITION, Instant(i64::MAX)).expect("cleaned");
    assert_eq!((cleaned.manifests, cleaned.pieces), (0, 0), "all is young");
}

fn is_checked(bucket: &Bucket) {
    let place = bucket.url("another/folder");
    let (out, err) = check(bucket, &place);
    assert!(out.contains(&format!("# checkpoint: {place} can be written to\n")), "{out}{err}");
    let missing = bucket.elsewhere("missing", "folder");
    let (out, err) = check(bucket, &missing);
    assert!(err.contains(&format!("checkpoint: {missing} is no place for checkpoints: 404")), "{err}");
    for (_, secret) in bucket.environment().iter().filter(|(key, _)| key.contains("KEY") && !key.ends_with("ID")) {
        assert!(!out.contains(secret) && !err.contains(secret), "{out}{err}");
    }
}

fn may_be_away(bucket: &Bucket) {
    bucket.kill();
    let error = Owner::restored_in(open(bucket), 3).err().expect("nobody answers");
    assert!(matches!(&error, Error::Unavailable { detail, .. } if detail == "no connection") && error.is_transient(), "{error}");
}

#[test]
fn a_server_of_s3() {
    let bucket = Bucket::s3();
    keeps_images(&bucket);
    is_checked(&bucket);
    may_be_away(&bucket);
}

#[test]
fn a_server_of_azure() {
    let bucket = Bucket::azure();
    keeps_images(&bucket);
    is_checked(&bucket);
    may_be_away(&bucket);
}
