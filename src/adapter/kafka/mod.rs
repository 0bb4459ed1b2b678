//! Everything Upswell says to Kafka, and all it hears.
//!
//! [`preflight`](preflight::preflight) looks before anything is read: topics, partition counts, where the logs begin.
//! [`settle`](protocol::settle) finds the group protocol the whole cluster speaks. [`Letters`](letters::Letters) carries rejected
//! records to the dead-letter topic. Every client is built from one [`Settings`], so what Upswell owns (offsets, isolation,
//! assignment) is written down once and cannot be overridden by a passed-through property.

pub mod bounds;
pub mod client;
pub mod consumer;
pub mod describe;
pub mod letters;
pub mod preflight;
pub mod protocol;
pub mod queue;
pub mod rereading;
pub mod settings;
mod trouble;

pub use preflight::{Severity, Trouble};
pub use settings::{FetchBudget, GroupProtocol, Protocol, Settings, Topics};
