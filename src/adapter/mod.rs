//! The outside world: Kafka, the schema registry, HTTP, receivers of notifications, the clock, the allocator. Adapters never import each other.

pub mod allocator;
pub mod clock;
pub mod http;
pub mod kafka;
pub mod machine;
pub mod notify;
pub mod peer;
pub mod registry;
pub mod store;
