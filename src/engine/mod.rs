//! The incremental aggregator: accounts, totals and the views drawn from them. No I/O, no clock, no logging.

pub mod report;
