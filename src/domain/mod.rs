//! What the numbers mean: pure values and functions. No I/O, no clock, no environment, no logging.

pub mod accept;
pub mod account;
pub mod alert;
pub mod assess;
pub mod calendar;
pub mod currency;
pub mod facts;
pub mod frame;
pub mod money;
pub mod motion;
pub mod packed;
pub mod rates;
pub mod segment;
pub mod side;
pub mod symbol;
pub mod usage;
pub mod window;
