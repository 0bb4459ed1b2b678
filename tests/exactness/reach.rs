//! The random histories reach what the semantics speak of; a property over histories that do not is worth nothing.

use crate::faults::fault;
use crate::harness::{Twin, property};
use crate::history::history;
use proptest::collection::vec;
use std::cell::RefCell;
use std::collections::BTreeMap;
use upswell::domain::facts::Reason;
use upswell::domain::rates::{Band, Sums};
use upswell::engine::report::Report;

const MOTIONS: [&str; 5] = ["upsell", "cross_sell", "seats", "usage", "price"];

/// What a view shows, by name.
fn shown(report: &Report) -> Vec<(String, bool)> {
    let mut shown = vec![("usage today".to_owned(), report.usage_today != Some(0))];
    for window in &report.windows {
        let Sums { money, customers } = &window.total;
        let mut add = |name: &str, yes: bool| shown.push((name.to_owned(), yes));
        add("new", customers.new > 0);
        add("reactivation", customers.reactivation > 0);
        add("expansion", customers.expansion > 0);
        add("contraction", customers.contraction > 0);
        add("churn", customers.churn > 0);
        add("retained", money.opening > 0 && money.opening == money.closing());
        add("comparison", money.comparison_expansion > 0);
        add("more than 64 bits", money.closing() > i128::from(u64::MAX));
        add("several motions", money.expansion.iter().filter(|amount| **amount > 0).count() > 1);
        for (motion, name) in MOTIONS.iter().enumerate() {
            add(&format!("expansion by {name}"), money.expansion[motion] > 0);
            add(&format!("contraction by {name}"), money.contraction[motion] > 0);
        }
        for band in [Band::Strong, Band::Moderate, Band::Lagging] {
            add(band.as_str(), window.total.band() == Some(band));
        }
        for dimension in &window.dimensions {
            add("several segments", dimension.segments.len() > 1);
            add("folded segments", dimension.folded > 1);
            for value in ["other", "unknown", "usage", ""] {
                add(&format!("segment {value:?}"), dimension.segments.iter().any(|segment| segment.value == value));
            }
        }
    }
    shown
}

#[test]
fn histories_reach_every_movement_motion_and_segment() {
    let tally: RefCell<BTreeMap<String, usize>> = RefCell::default();
    property(400, history(50, None), |history| {
        let report = Twin::of(&history.setup, &history.events()).report(history.end());
        for (name, yes) in shown(&report) {
            *tally.borrow_mut().entry(name).or_default() += usize::from(yes);
        }
        Ok(())
    });
    let missed: Vec<String> = tally.into_inner().into_iter().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect();
    assert_eq!(missed, Vec::<String>::new());
}

#[test]
fn faults_reach_every_reason_that_events_themselves_can_have() {
    let seen: RefCell<BTreeMap<Reason, usize>> = RefCell::default();
    property(400, (history(10, None), vec(fault(), 1..3)), |(history, faults)| {
        let mut twin = Twin::new(&history.setup);
        for mut event in history.events() {
            faults.iter().for_each(|fault| fault.spoil(&mut event));
            if let Err(reason) = twin.apply(&event) {
                *seen.borrow_mut().entry(reason).or_default() += 1;
            }
        }
        Ok(())
    });
    let of_bytes_or_records = [Reason::Framing, Reason::UnknownSchema, Reason::TrailingBytes, Reason::FutureUsage];
    let mut reasons: Vec<Reason> = seen.into_inner().into_keys().chain(of_bytes_or_records).collect();
    reasons.sort();
    assert_eq!(reasons, Reason::ALL);
}
