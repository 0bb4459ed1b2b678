//! What can go wrong with a store, in sentences that say what to mend and never hold a secret.

use object_store::client::{HttpError, HttpErrorKind};
use std::io;

/// Why the store did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("checkpoint.url: {0}")]
    Url(String),
    #[error("{place} cannot be used: {detail}; set what the client needs in the environment")]
    Environment { place: String, detail: String },
    #[error("start the threads that talk to the checkpoint store ({0})")]
    Threads(String),
    #[error("{name} exists already, and is another one")]
    AlreadyExists { name: String },
    #[error("{name} does not exist")]
    NotFound { name: String },
    #[error("{name} is larger than it can be")]
    TooLarge { name: String },
    #[error("the disk of {place} is full, or its quota used up; make room")]
    Full { place: String },
    #[error(
        "{place} may not be used so: {detail}; give Upswell's user or credentials the right to list, read, create and delete there"
    )]
    Denied { place: String, detail: String },
    #[error("{place} is read-only; mount it writable, or write another place into checkpoint.url")]
    ReadOnly { place: String },
    #[error("{place} is no place for checkpoints: {detail}; make it, or correct checkpoint.url")]
    Absent { place: String, detail: String },
    #[error("{place} overwrites objects that it should only create; use a store with conditional writes (If-None-Match)")]
    NoConditionalPut { place: String },
    #[error("{place} did not answer within {seconds} s")]
    Timeout { place: String, seconds: u64 },
    #[error("{place} failed: {detail}")]
    Unavailable { place: String, detail: String },
}

impl Error {
    /// Whether it may pass by itself, without a change of the configuration or of what it names.
    pub fn is_transient(&self) -> bool {
        matches!(self, Error::Threads(_) | Error::Full { .. } | Error::Timeout { .. } | Error::Unavailable { .. })
    }
}

/// What an operation on `name` came to.
pub fn classified(error: &object_store::Error, place: &str, name: &str) -> Error {
    use object_store::Error as E;
    let owned = || place.to_owned();
    let detail = said(error);
    // A connection's errors are of this kind, too, and say nothing of a disk.
    if cause::<HttpError>(error).is_none()
        && let Some(error) = cause::<io::Error>(error)
    {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists => {}
            _ => return of_directory(error, place),
        }
    }
    // A listing's errors are all of one kind.
    if names_bucket(error) {
        return Error::Absent { place: owned(), detail };
    }
    if detail.starts_with("401") || detail.starts_with("403") {
        return Error::Denied { place: owned(), detail };
    }
    match error {
        E::NotFound { .. } => Error::NotFound { name: name.to_owned() },
        E::AlreadyExists { .. } | E::Precondition { .. } | E::NotModified { .. } => {
            Error::AlreadyExists { name: name.to_owned() }
        }
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => Error::Denied { place: owned(), detail },
        E::NotImplemented { .. } | E::NotSupported { .. } => Error::NoConditionalPut { place: owned() },
        _ => Error::Unavailable { place: owned(), detail },
    }
}

/// What an operation of the file system came to.
pub fn of_directory(error: &io::Error, place: &str) -> Error {
    use io::ErrorKind as K;
    let place = place.to_owned();
    match error.kind() {
        K::StorageFull | K::QuotaExceeded | K::FileTooLarge => Error::Full { place },
        K::ReadOnlyFilesystem => Error::ReadOnly { place },
        K::PermissionDenied => Error::Denied { place, detail: error.to_string() },
        K::NotFound | K::NotADirectory | K::AlreadyExists => Error::Absent { place, detail: error.to_string() },
        _ => Error::Unavailable { place, detail: error.to_string() },
    }
}

/// A missing bucket is answered like a missing object, and must not be taken for one.
fn names_bucket(error: &object_store::Error) -> bool {
    let text = error.to_string();
    ["NoSuchBucket", "ContainerNotFound", "specified bucket does not exist"].iter().any(|sign| text.contains(sign))
}

/// The first error of this type among the causes.
fn cause<'a, T: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a T> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref::<T>())
}

/// What the store said, short: addresses can hold signatures and bodies can hold keys, so only what is known to be harmless.
fn said(error: &object_store::Error) -> String {
    let text = error.to_string();
    if let Some((_, status)) = text.split_once("status code: ") {
        let status = status.split(':').next().unwrap_or_default().trim().to_owned();
        let code = ["Code", "code"].iter().find_map(|tag| element(&text, tag));
        return code.map_or(status.clone(), |code| format!("{status}, {code}"));
    }
    match cause::<HttpError>(error).map(HttpError::kind) {
        Some(HttpErrorKind::Connect) => "no connection".to_owned(),
        Some(HttpErrorKind::Timeout) => "no answer in time".to_owned(),
        Some(HttpErrorKind::Interrupted | HttpErrorKind::Decode) => "the answer broke off".to_owned(),
        Some(_) => "no answer".to_owned(),
        None => harmless(&text),
    }
}

/// The text of an XML element that is a bare word.
fn element(text: &str, tag: &str) -> Option<String> {
    let rest = text.split_once(&format!("<{tag}>"))?.1;
    let word = rest.split_once(&format!("</{tag}>"))?.0;
    (word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| word.to_owned())
}

/// The text without the queries of addresses and without what stands before an `@` in one, at most 300 characters of it.
pub fn harmless(text: &str) -> String {
    let word = |word: &str| {
        let word = word.split_once('?').map_or(word, |(path, _)| path);
        match (word.split_once("://"), word.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
            _ => word.to_owned(),
        }
    };
    text.split_whitespace().map(word).collect::<Vec<_>>().join(" ").chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sentence_holds_a_secret() {
        for (text, expected) in [
            ("error for url (https://a.blob/c/p?sig=SECRET)", "error for url (https://a.blob/c/p"),
            ("see s3://key:SECRET@host/bucket now", "see s3://host/bucket now"),
            ("plain words", "plain words"),
        ] {
            assert_eq!(harmless(text), expected);
        }
        let body = "Error performing PUT http://h/b?X-Amz-Signature=SECRET in 1s - Server returned non-2xx status code: 403 Forbidden: \
                    <Error><Code>SignatureDoesNotMatch</Code><StringToSign>SECRET</StringToSign></Error>";
        let denied = object_store::Error::PermissionDenied { path: "p".to_owned(), source: body.into() };
        let sentence = classified(&denied, "s3://b", "p").to_string();
        assert!(sentence.contains("403 Forbidden, SignatureDoesNotMatch") && !sentence.contains("SECRET"), "{sentence}");
    }

    #[test]
    fn each_fault_of_a_file_system_has_its_sentence() {
        for (kind, part, transient) in [
            (io::ErrorKind::StorageFull, "make room", true),
            (io::ErrorKind::QuotaExceeded, "make room", true),
            (io::ErrorKind::ReadOnlyFilesystem, "read-only", false),
            (io::ErrorKind::PermissionDenied, "give Upswell's user", false),
            (io::ErrorKind::NotADirectory, "no place for checkpoints", false),
            (io::ErrorKind::Other, "failed", true),
        ] {
            let wrapped = object_store::Error::Generic { store: "x", source: Box::new(io::Error::from(kind)) };
            let error = classified(&wrapped, "/d", "n");
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(error.is_transient(), transient, "{error}");
        }
    }

    #[test]
    fn a_missing_bucket_is_no_missing_object() {
        let missing = |body: &str| object_store::Error::NotFound { path: "p".to_owned(), source: body.to_owned().into() };
        assert!(matches!(classified(&missing("<Code>NoSuchBucket</Code>"), "s3://b", "p"), Error::Absent { .. }));
        assert!(matches!(classified(&missing("<Code>NoSuchKey</Code>"), "s3://b", "p"), Error::NotFound { .. }));
        let listing = |body: &str| object_store::Error::Generic { store: "S3", source: format!("status code: {body}").into() };
        for (body, part) in
            [("403 Forbidden: <Code>AccessDenied</Code>", "the right to"), ("404: <Code>NoSuchBucket</Code>", "no place")]
        {
            assert!(classified(&listing(body), "s3://b", "").to_string().contains(part), "{body}");
        }
    }
}
