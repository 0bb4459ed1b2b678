//! The outside world: Kafka, the schema registry, HTTP, the clock. Adapters never import each other.

pub mod clock;
pub mod http;
pub mod kafka;
pub mod machine;
pub mod registry;
pub mod store;
