//! Formats: bytes in, bytes out. No sockets, no files, no clock.

pub mod avro;
pub mod container;
pub mod framing;
