//! The example configurations of Alertmanager and Prometheus: valid, and alerts go where the example says.

use super::repository;
use serde_json::Value;
use upswell::wire::runbook;
use upswell_testkit::promtool;

const FILE: &str = "deploy/alertmanager/alertmanager.yml";

#[test]
fn critical_alerts_page_and_warnings_go_to_the_chat() {
    let file = repository(FILE);
    promtool::check_alertmanager(&file);
    for (alert, severity, receiver) in [
        ("UpswellExpansionRateLow", "critical", "page"),
        ("UpswellAbsent", "critical", "page"),
        ("UpswellPartitionStopped", "critical", "page"),
        ("UpswellExpansionRateLow30d", "warning", "chat"),
        ("UpswellNotReady", "warning", "chat"),
        ("SeatsInRetail", "info", "chat"),
        ("SeatsInRetail", "critical", "page"),
    ] {
        let labels = [format!("alertname={alert}"), format!("severity={severity}"), "job=upswell".to_owned()];
        assert_eq!(promtool::route(&file, &labels.each_ref().map(String::as_str)), receiver, "{alert}");
    }
}

#[test]
fn inhibition_and_routes_name_alerts_there_are() {
    let text = std::fs::read_to_string(repository(FILE)).expect("the example");
    let config: Value = serde_saphyr::from_str(&text).expect("YAML");
    let rules = config["inhibit_rules"].as_array().expect("rules").iter();
    let of_rules = rules.flat_map(|rule| [&rule["source_matchers"], &rule["target_matchers"]]);
    let of_routes = config["route"]["routes"].as_array().expect("routes").iter().map(|route| &route["matchers"]);
    let matchers = of_rules.chain(of_routes).flat_map(|matchers| matchers.as_array().expect("matchers"));
    let matchers: Vec<&str> = matchers.filter_map(Value::as_str).filter(|matcher| matcher.starts_with("alertname")).collect();
    assert!(matchers.len() > 5);
    let names = runbook::alerts();
    for name in matchers.iter().flat_map(|matcher| matcher.split('"').nth(1).expect("a value").split('|')) {
        let known = |known: &String| name.strip_suffix(".*").map_or(known == name, |prefix| known.starts_with(prefix));
        assert!(names.iter().any(known), "{name}");
    }
}

#[test]
fn the_scrape_configuration_is_valid() {
    let text = std::fs::read_to_string(repository("deploy/prometheus/scrape.yml")).expect("the example");
    let installed = "/etc/prometheus/upswell.rules.yml";
    assert!(text.contains(installed));
    let rules = repository("deploy/prometheus/upswell.rules.yml");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("prometheus.yml");
    std::fs::write(&file, text.replace(installed, &rules.to_string_lossy())).expect("a file");
    promtool::check_prometheus(&file);
}
