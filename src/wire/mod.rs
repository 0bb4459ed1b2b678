//! Formats: bytes in, bytes out. No sockets, no files, no clock.

pub mod encode;
