//! Alerting: rules are judged over what is published, and receivers are told.
//!
//! One thread. It looks at the view every so often, takes the book of alerts one step further, shows it, and hands notices to one courier
//! for each receiver. Only the owner of partition 0 remembers and tells: its images hold the book, so a restart and a rebalance
//! change nothing. Others judge for themselves what is wrong with themselves, and show it.

mod book;
mod evaluator;
mod memo;
mod movers;
mod notices;
mod telling;
mod trends;

pub use memo::{Memo, PARTITION};

use super::{Control, Failure, Shared, spawn};
use crate::adapter::notify::Receiver;
use crate::domain::alert::{Limits, Rule};
use crate::domain::calendar::{Instant, Zone};
use crossbeam_channel::{Sender, unbounded};
use evaluator::Evaluator;
use std::time::Duration;

/// What is watched, and who is told.
#[derive(Clone, Debug)]
pub struct Settings {
    pub rules: Vec<Rule>,
    /// From when on the service itself is in trouble; `None` if nobody wants to know.
    pub limits: Option<Limits>,
    /// How often rules are judged.
    pub interval: Duration,
    /// The most milliseconds of the clock that count between two evaluations.
    pub longest: i64,
    pub receivers: Vec<Receiver>,
    /// Where this service is reached, for links.
    pub base: String,
    /// Since when the history is complete; `None`: from the day of the oldest record on.
    pub complete_since: Option<Instant>,
    /// The reporting zone, whose midnight that day begins at.
    pub zone: Zone,
}

/// What the thread is told.
pub enum Order {
    Reload(Box<Settings>),
}

/// Starts the thread. It ends when the sender is dropped.
///
/// # Errors
/// A receiver cannot be used, or the system has no thread to give.
pub(super) fn hire(settings: Settings, shared: Shared, control: Sender<Control>) -> Result<Sender<Order>, Failure> {
    let (order, orders) = unbounded();
    let evaluator = Evaluator::new(settings, shared, control.clone())?;
    spawn("alerting", control, move || evaluator.run(&orders))?;
    Ok(order)
}
