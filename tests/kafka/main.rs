//! The built binary against a real Kafka broker, schema registry and Prometheus.
//!
//! All tests share one broker and one registry, with topics and groups of their own.

mod smoke;
