//! The incremental aggregator: accounts, totals and the views drawn from them. No I/O, no clock, no logging.

mod accounts;
mod cells;
pub mod dedup;
mod generation;
mod ids;
pub mod image;
pub mod judgement;
mod key;
mod part;
mod places;
pub mod plan;
pub mod rejected;
pub mod report;
pub mod restoring;
pub mod shard;
pub mod survey;
mod today;
mod totals;
mod touch;
