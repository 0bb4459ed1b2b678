//! The built binary against a real Kafka broker, schema registry and Prometheus.
//!
//! One broker and one registry serve all tests, which run side by side with topics and groups of their own (see `bench`).
//! The broker and registry are real, the events are encoded by libraries that are not ours, and numbers are compared with
//! `upswell replay`, whose engine the other tests prove.

mod alerting;
mod audit;
mod bench;
mod canaries;
mod changes;
mod chaos;
mod checkpoints;
mod drill;
mod exact;
mod flood;
mod group;
mod history;
mod identities;
mod letters;
mod letters_commands;
mod placement;
mod rebalances;
mod refusals;
mod registry_access;
mod restarts;
mod retries;
mod scrape;
mod security;
mod smoke;
mod verifier;
mod waiting;
