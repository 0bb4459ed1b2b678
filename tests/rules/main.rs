//! Rules for Prometheus: what `upswell rules` prints is what is shipped, does what it should in Prometheus' own unit tests, and each alert
//! has its page.
//!
//! `BLESS=1 cargo test --test rules` writes the printed files anew; read the difference before keeping it.

mod alertmanager;
mod exact;
mod printed;
mod runbooks;

use assert_cmd::Command;
use std::path::{Path, PathBuf};
use upswell_testkit::promtool;

/// A file of the repository.
fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// What `upswell rules` prints.
fn rules(config: &Path, more: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_upswell"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("UPSWELL_") {
            command.env_remove(name);
        }
    }
    let output = command.args(["rules", "--config"]).arg(config).args(more).output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_alert_that_pages_fires_when_it_must_and_only_then() {
    promtool::test_rules(&repository("deploy/prometheus/tests/expansion.test.yml"));
}

#[test]
fn the_alerts_that_warn_fire_beyond_their_thresholds() {
    promtool::test_rules(&repository("deploy/prometheus/tests/pace.test.yml"));
}

#[test]
fn several_instances_are_judged_by_their_sums() {
    promtool::test_rules(&repository("deploy/prometheus/tests/instances.test.yml"));
}

#[test]
fn alerts_about_the_service_fire_and_do_not() {
    promtool::test_rules(&repository("deploy/prometheus/tests/service.test.yml"));
}

#[test]
fn alerts_that_take_days() {
    promtool::test_rules(&repository("deploy/prometheus/tests/days.test.yml"));
}

#[test]
fn rules_of_ones_own_with_hysteresis_segments_and_every_figure() {
    promtool::test_rules(&repository("tests/rules/own.test.yml"));
}
