//! What the numbers mean: pure values and functions. No I/O, no clock, no environment, no logging.

pub mod accept;
pub mod calendar;
pub mod currency;
pub mod facts;
pub mod money;
pub mod motion;
pub mod rates;
