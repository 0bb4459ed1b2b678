//! The oracle: the slow twin, which recomputes every published figure from the definition of revenue and from all events that count.

use crate::deployment::Deployment;
use crate::shadow::Shadow;
use crate::twin::calendar::Calendar;
use crate::twin::facts::{Fact, accept};
use crate::twin::report;
use crate::twin::same::same;
use std::sync::Arc;
use upswell::engine::report::{Report, ShardTotals};

/// Compares the figures of some partitions together with what the twin makes of their shadows. `unknown` says that usage of the day
/// need not be known.
pub fn judge<'a>(
    deployment: &Deployment,
    shadows: impl Iterator<Item = &'a Shadow>,
    totals: &[ShardTotals],
    unknown: bool,
) -> Result<(), String> {
    let Some(as_of) = totals.first().map(|totals| totals.as_of) else { return Ok(()) };
    let (setup, plan) = (deployment.setup(), deployment.plan());
    let currencies = setup.currencies();
    let events = shadows.flat_map(|shadow| shadow.applied.values());
    let facts = events.map(|event| accept(&Arc::clone(event).told(), &currencies).map_err(|reason| format!("{reason:?}")));
    let facts: Vec<Fact> = facts.collect::<Result<_, _>>()?;
    let mut expected = report(&setup, &Calendar::of(deployment.zone), &facts, as_of.0);
    if unknown {
        expected.usage_today = None;
    }
    same(&expected, &Report::of(&plan, as_of, totals))
}
