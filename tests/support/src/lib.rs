//! Real parts for tests: a Kafka broker, a schema registry, Prometheus, Alertmanager, servers of buckets, and the built `upswell`
//! binary; and a server that takes notifications.
//!
//! A library of its own, so that every test binary uses what it needs of it. Everything listens on free loopback ports, keeps
//! its files in a temporary directory and ends with the test process, also when that panics or is killed: a guard process
//! holds the other end of a pipe and cleans up, by process id, when the pipe breaks. Helpers panic with a sentence that says
//! what went wrong, because a test that cannot go on has failed.

pub mod alertmanager;
pub mod authority;
pub mod avro;
pub mod bucket;
pub mod effort;
pub mod faulty;
pub mod figures;
pub mod http;
pub mod inbox;
pub mod kafka;
pub mod manifests;
pub mod memory;
pub mod parts;
pub mod program;
pub mod prometheus;
pub mod promtool;
pub mod registry;
pub mod samples;
pub mod series;
pub mod wait;

pub use alertmanager::Alertmanager;
pub use authority::Identity;
pub use faulty::Faulty;
pub use figures::Figures;
pub use inbox::{Inbox, Reply};
pub use kafka::RealKafka;
pub use program::Upswell;
pub use prometheus::Prometheus;
pub use registry::{Gate, Registry};
