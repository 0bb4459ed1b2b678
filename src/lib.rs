//! Upswell turns billing event streams into live revenue truth.
//!
//! Facts come in, an exact fold keeps them per customer, pure functions turn them into numbers for any instant, and a thin ring
//! around that talks to Kafka, disk, HTTP and people. Imports point inwards: adapter -> wire -> engine -> domain.

pub mod adapter;
pub mod cli;
pub mod command;
pub mod config;
pub mod demo;
pub mod domain;
pub mod engine;
pub mod service;
pub mod wire;
