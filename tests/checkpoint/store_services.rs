//! Real servers: what the clients send is what they understand, and what they answer is understood.

use crate::google;
use crate::partition::{Owner, PARTITION};
use bytes::Bytes;
use object_store::ObjectStore;
use std::process::{Command, Stdio};
use std::sync::Arc;
use upswell::adapter::store::{Error, Store};
use upswell::domain::calendar::Instant;
use upswell::engine::image::Scope;
use upswell_testkit::bucket::Bucket;

fn open(client: Arc<dyn ObjectStore>) -> Store {
    Store::from_backend(client, "a/folder").expect("threads")
}

/// Standard output and error of a check of a configuration that names this place, and no broker that answers.
fn check(environment: &[(&str, String)], place: &str) -> (String, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("upswell.yaml");
    let text = format!(
        "kafka: {{brokers: '127.0.0.1:1'}}\nschema_registry: {{url: 'http://127.0.0.1:1'}}\ncheckpoint: {{url: '{place}'}}\n"
    );
    std::fs::write(&file, text).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_upswell"))
        .args(["check", "--log-level", "error", "--config"])
        .arg(&file)
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr))
}

fn keeps_images(client: impl Fn() -> Arc<dyn ObjectStore>) {
    let store = open(client());
    assert_eq!(store.check(), Ok(()), "with conditions");
    let (one, other) = (Bytes::from_static(b"one"), Bytes::from_static(b"other"));
    assert_eq!((store.create("f/x", &one), store.create("f/x", &one)), (Ok(()), Ok(())));
    assert_eq!(store.create("f/x", &other), Err(Error::AlreadyExists { name: "f/x".to_owned() }));
    assert_eq!((store.get("f/x", 10), store.get("f/y", 10)), (Ok(one), Err(Error::NotFound { name: "f/y".to_owned() })));
    assert_eq!((store.delete("f/x"), store.delete("f/x"), store.list("f")), (Ok(()), Ok(()), Ok(Vec::new())));

    let mut owner = Owner::in_store(open(client()), 1);
    for (events, scope) in [(40, Scope::Base), (60, Scope::Delta), (90, Scope::Delta)] {
        owner.work(events);
        owner.save(scope, || false).expect("saved");
    }
    let mut next = Owner::restored_in(open(client()), 2).expect("read").expect("an image");
    assert_eq!(next.events, 90);
    next.check();
    let cleaned = next.archive.clean(PARTITION, Instant(i64::MAX)).expect("cleaned");
    assert_eq!((cleaned.manifests, cleaned.pieces), (0, 0), "all is young");
}

fn is_checked(environment: &[(&str, String)], place: &str, missing: &str) {
    let (out, err) = check(environment, place);
    assert!(out.contains(&format!("# checkpoint: {place} can be written to\n")), "{out}{err}");
    let (out, err) = check(environment, missing);
    assert!(err.contains(&format!("checkpoint: {missing} is no place for checkpoints: 404")), "{err}");
    for (_, secret) in environment.iter().filter(|(key, _)| key.contains("KEY") && !key.ends_with("ID")) {
        assert!(!out.contains(secret) && !err.contains(secret), "{out}{err}");
    }
}

fn may_be_away(bucket: &Bucket) {
    bucket.kill();
    let error = Owner::restored_in(open(bucket.client()), 3).err().expect("nobody answers");
    assert!(matches!(&error, Error::Unavailable { detail, .. } if detail == "no connection") && error.is_transient(), "{error}");
}

fn serves(bucket: &Bucket) {
    keeps_images(|| bucket.client());
    is_checked(&bucket.environment(), &bucket.url("another/folder"), &bucket.elsewhere("missing", "folder"));
    may_be_away(bucket);
}

#[test]
fn a_server_of_s3() {
    serves(&Bucket::s3());
}

#[test]
fn a_server_of_azure() {
    serves(&Bucket::azure());
}

#[test]
fn what_google_documents() {
    let address = google::start();
    keeps_images(|| google::client(&address));
    let environment = [("GOOGLE_SERVICE_ACCOUNT_KEY", google::account(&address)), ("GOOGLE_ALLOW_HTTP", "true".to_owned())];
    is_checked(&environment, "gs://checkpoints/another/folder", "gs://missing/folder");
}
