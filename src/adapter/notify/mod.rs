//! Delivery of notifications: to Alertmanagers, PagerDuty, Slack and webhooks.
//!
//! A [`Client`] makes one call; a [`Courier`] makes calls until they are taken. Alertmanager is told the whole state again and again,
//! so only the newest list matters; the others are told each change once, in order, and rather twice than never. No
//! secret reaches a log or a sentence: what a server or a library says goes through the client's own redaction first.

mod client;
mod courier;
mod queue;
mod settings;
mod verdict;

pub use client::Client;
pub use courier::{Courier, Delivered};
pub use settings::{Authorization, Receiver, To, Unusable};
pub use verdict::Failure;
