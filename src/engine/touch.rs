//! Which spans a fact, or a move of the view's instant, can change for one account.
//!
//! Each answer may be too large, never too small: what is not touched is not assessed again.

use crate::domain::account::Account;
use crate::domain::calendar::{Day, Instant};
use crate::domain::facts::UsageFact;
use crate::domain::frame::{EdgeAt, Frame, QUIET_DAYS, RATE_DAYS, SpanSet};
use crate::domain::segment::Dimension;

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
    frame.spans_where(|edge| edge.at > at)
}

/// The spans that usage on a civil day can change.
pub fn by_usage(account: &Account, fact: &UsageFact, day: Day, frame: &Frame) -> SpanSet {
    // The day in progress is in no rate, and first revenue within it neither reclassifies a span nor moves a cohort.
    if day >= frame.today {
        return SpanSet::EMPTY;
    }
    if fact.amount > 0 && account.first_revenue().is_some_and(|first| fact.used_at < first) {
        return frame.all_spans();
    }
    let flips = account.usage().flips(day, fact.currency, fact.amount.into());
    let reach = if flips { RATE_DAYS + QUIET_DAYS } else { RATE_DAYS };
    frame.spans_where(|edge| (1..=reach).contains(&(edge.day.0 - day.0)))
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
fn lacks_attribute(account: &Account, at: Instant, dimensions: &[Dimension]) -> bool {
    let known = |key| {
        account.subscriptions().iter().any(|subscription| subscription.before(at).iter().any(|v| v.attribute(key).is_some()))
    };
    dimensions.iter().any(|dimension| matches!(dimension, Dimension::Attribute { key, .. } if !known(*key)))
}
