//! Formats: bytes in, bytes out. No sockets, no files, no clock.

pub mod published;
pub mod readiness;
pub mod report;
pub mod telemetry;
