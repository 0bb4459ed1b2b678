//! Formats: bytes in, bytes out. No sockets, no files, no clock.

pub mod alerting;
pub mod avro;
pub mod checkpoint;
pub mod container;
pub mod customers;
pub mod encode;
pub mod exposition;
pub mod framing;
pub mod gzip;
pub mod history;
pub mod notification;
pub mod now;
pub mod page;
pub mod plain;
pub mod published;
pub mod readiness;
pub mod report;
pub mod rules;
pub mod runbook;
pub mod telemetry;
