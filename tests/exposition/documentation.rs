//! `docs/metrics.md` names exactly the metrics there are, with their labels.

use std::collections::BTreeMap;
use upswell::wire::exposition::catalog;
use upswell::wire::telemetry::StopReason;

const DOCUMENT: &str = include_str!("../../docs/metrics.md");

/// Name to labels, from the rows of its tables that begin with a metric's name.
fn documented() -> BTreeMap<String, String> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        Some((cells.next()?.trim_end_matches('`').to_owned(), cells.next()?.replace('`', "")))
    };
    DOCUMENT.lines().filter_map(row).filter(|(name, _)| name.starts_with("upswell_")).collect()
}

#[test]
fn every_metric_is_documented_with_its_labels() {
    let exported = catalog::all().map(|metric| (metric.name.to_owned(), metric.labels.join(", "))).collect();
    assert_eq!(documented(), exported);
}

#[test]
fn every_reason_to_stop_is_documented() {
    let row = DOCUMENT.lines().find(|line| line.starts_with("| `upswell_partition_stopped` ")).expect("a row");
    let (_, reasons) = row.split_once("Reasons: ").expect("a list of reasons");
    let expected = StopReason::ALL.map(|reason| format!("`{}`", reason.as_str())).join(", ");
    assert_eq!(reasons, format!("{expected}. |"));
}
