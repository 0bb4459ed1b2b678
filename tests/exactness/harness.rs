//! Runs events through the twin and the engine and demands equal views.

use crate::twin;
use crate::twin::calendar::Calendar;
use crate::twin::facts::{Event, Fact, accept};
use crate::twin::setup::Setup;
use upswell::engine::report::Report;

/// The view of `events` at `as_of`.
pub fn view(setup: &Setup, events: &[Event], as_of: i64) -> Report {
    let currencies = setup.currencies();
    let facts: Vec<Fact> = events.iter().filter_map(|event| accept(event, &currencies).ok()).collect();
    twin::report(setup, &Calendar::of(&setup.zone), &facts, as_of)
}
