//! What is fuzzed: everything that reads bytes which others wrote.

pub mod checkpoint;
pub mod config;
pub mod container;
pub mod http;
pub mod record;
pub mod schema;

use crate::runner::Target;
use std::time::Duration;

/// Between the parts of an input that has several.
pub const SEPARATOR: &[u8] = b"\n%%\n";

/// The parts of an input.
pub fn parts(input: &[u8]) -> Vec<&[u8]> {
    let (mut parts, mut rest) = (Vec::new(), input);
    while let Some(at) = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR) {
        parts.push(&rest[..at]);
        rest = &rest[at + SEPARATOR.len()..];
    }
    parts.push(rest);
    parts
}

/// All targets; an answer of the server is waited for however busy the machine is.
pub fn all() -> Vec<Target<'static>> {
    vec![
        record::target(),
        schema::target(),
        checkpoint::target(),
        container::target(),
        config::target(),
        http::target(Duration::from_secs(30)),
    ]
}

#[test]
fn parts_are_what_the_separators_leave() {
    assert_eq!(parts(b"a\n%%\n\n%%\nb\n"), [b"a".as_slice(), b"", b"b\n"]);
    assert_eq!(parts(b""), [b""]);
}
