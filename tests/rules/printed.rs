//! What is printed, and what is shipped of it.

use super::{repository, rules};
use serde_json::Value;
use std::collections::BTreeSet;
use upswell::wire::exposition::catalog;
use upswell_testkit::promtool;

fn compare(config: &str, file: &str) {
    let (printed, file) = (rules(&repository(config), &[]), repository(file));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &printed).expect("the file is written");
    }
    let shipped = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = printed.lines().zip(shipped.lines()).find(|(printed, shipped)| printed != shipped);
    assert!(printed == shipped, "{} differs, first at {differs:?}; BLESS=1 writes it anew", file.display());
    promtool::check_rules(&file);
}

#[test]
fn the_shipped_rules_are_those_of_the_defaults() {
    compare("deploy/upswell.yaml", "deploy/prometheus/upswell.rules.yml");
}

#[test]
fn rules_of_ones_own_are_printed_as_written() {
    compare("tests/rules/own.yaml", "tests/rules/own.rules.yml");
}

#[test]
fn what_prometheus_cannot_evaluate_is_said() {
    let printed = rules(&repository("tests/rules/own.yaml"), &[]);
    for (rule, why) in [
        ("FarSegment", "trailing_365d is not among metrics.segment_windows"),
        ("SegmentCustomers", "customer_churn_rate is not among the metrics of segments"),
        ("SegmentMotion", "expansion by motion is not among the metrics of segments"),
        ("NoComparison", "month_to_date has no comparison window"),
    ] {
        assert!(printed.contains(&format!("# {rule} is evaluated by Upswell only: {why}.\n")), "{rule}");
        assert!(!printed.contains(&format!("alert: {rule}\n")), "{rule}");
    }
}

#[test]
fn the_labels_of_instances_can_be_named() {
    let printed = rules(&repository("deploy/upswell.yaml"), &["--instance-labels", "instance,task"]);
    assert!(printed.contains("sum without (instance, task) (upswell_live_partitions)"));
    assert!(!printed.contains("pod"));
}

#[test]
fn nothing_to_say_is_still_a_file_of_rules() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("upswell.yaml");
    std::fs::write(&config, "metrics: { segment_windows: [] }\nalerts: { shipped: false, operational: { enabled: false } }\n")
        .expect("a file");
    let printed = rules(&config, &[]);
    let read: Value = serde_saphyr::from_str(&printed).expect("YAML");
    let groups = read["groups"].as_array().expect("groups");
    assert_eq!(groups.iter().map(|group| group["name"].as_str()).collect::<Vec<_>>(), [Some("upswell.figures")]);
    let file = directory.path().join("upswell.rules.yml");
    std::fs::write(&file, printed).expect("a file");
    promtool::check_rules(&file);
}

#[test]
fn rules_speak_of_metrics_there_are() {
    let exported: BTreeSet<&str> = catalog::all().map(|metric| metric.name).collect();
    for config in ["deploy/upswell.yaml", "tests/rules/own.yaml"] {
        let read: Value = serde_saphyr::from_str(&rules(&repository(config), &[])).expect("YAML");
        let rules = read["groups"].as_array().expect("groups").iter().flat_map(|group| group["rules"].as_array().expect("rules"));
        let expressions: Vec<&str> = rules.clone().filter_map(|rule| rule["expr"].as_str()).collect();
        let recorded: BTreeSet<&str> = rules.filter_map(|rule| rule["record"].as_str()).collect();
        let names =
            expressions.iter().flat_map(|expr| expr.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')));
        let names: BTreeSet<&str> = names.filter(|name| name.starts_with("upswell_") || name.contains(':')).collect();
        assert!(names.len() > 40, "{names:?}");
        let unknown: Vec<&&str> = names.iter().filter(|name| !exported.contains(*name) && !recorded.contains(*name)).collect();
        assert!(unknown.is_empty(), "{config}: {unknown:?}");
    }
}
