//! Which spans a fact, or a move of the view's instant, can change for one account.
//!
//! Each answer may be too large, never too small: what is not touched is not assessed again.

use crate::domain::account::{Account, SubscriptionRef};
use crate::domain::assess::Reach;
use crate::domain::calendar::{Day, Instant};
use crate::domain::facts::UsageFact;
use crate::domain::frame::{EdgeAt, Frame, QUIET_DAYS, RATE_DAYS, SpanSet};
use crate::domain::segment::Dimension;
use crate::domain::usage::Bin;

/// The spans that a state beginning at `at` can change.
pub fn by_state(account: &Account, at: Instant, frame: &Frame, dimensions: &[Dimension]) -> SpanSet {
    if at >= frame.as_of {
        return SpanSet::EMPTY;
    }
    // An attribute not known before an edge is taken from the first state after it. First revenue needs no such care: a span
    // whose edges are not after the state has revenue only from before it, and then the first revenue is before it too.
    if lacks_attribute(account, frame.earliest_edge(), dimensions) {
        return frame.all_spans();
    }
    frame.spans_of(frame.edges_where(|edge| edge.at > at))
}

/// What usage on a civil day can change; `None` if nothing.
#[inline]
pub fn by_usage(account: &Account, fact: &UsageFact, day: Day, frame: &Frame) -> Option<Reach> {
    // The day in progress is in no rate, and first revenue within it neither reclassifies a span nor moves a cohort.
    if day >= frame.today {
        return None;
    }
    let added = Bin { day, currency: fact.currency, amount: fact.amount.into() };
    let flips = account.usage().flips(day, fact.currency, added.amount);
    let reach = if flips { RATE_DAYS + QUIET_DAYS } else { RATE_DAYS };
    let edges = frame.edges_where(|edge| (1..=reach).contains(&(edge.day.0 - day.0)));
    let moves_first = fact.amount > 0 && account.first_revenue().is_some_and(|first| fact.used_at < first);
    let spans = if moves_first { frame.all_spans() } else { frame.spans_of(edges) };
    (!spans.is_empty()).then_some(Reach { spans, edges, added: (!flips).then_some(added) })
}

/// Whether an account's contribution to some span can differ between two frames with equal rates. Days before the 28 that are
/// summed need no look: they only matter while one of the 28 is a usage day.
pub fn by_move(account: &Account, from: &Frame, to: &Frame) -> bool {
    let moved = |(old, new): (&EdgeAt, &EdgeAt)| {
        old != new
            && (account.usage().any(old.day.plus(-RATE_DAYS), new.day.plus(-1)) || account.has_change_between(old.at, new.at))
    };
    from.edges.iter().zip(&to.edges).any(moved)
}

/// Whether some attribute dimension has no value in the states before an instant.
pub fn lacks_attribute(account: &Account, at: Instant, dimensions: &[Dimension]) -> bool {
    let known = |key| {
        let before = |subscription: SubscriptionRef| {
            let mut states = subscription.states().take_while(|state| state.effective_at < at);
            states.any(|state| state.details().attribute(key).is_some())
        };
        account.subscriptions().iter().any(before)
    };
    dimensions.iter().any(|dimension| matches!(dimension, Dimension::Attribute { key, .. } if !known(*key)))
}
