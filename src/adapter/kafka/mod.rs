//! Kafka.

pub mod consumer;
