//! Golden files: the whole scrape, byte for byte, and promtool's opinion of it.

use crate::fixture;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use upswell::wire::exposition::Format;

fn compare(file: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, actual).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let difference = expected.split('\n').zip(actual.split('\n')).find(|(expected, actual)| expected != actual);
    assert!(expected == actual, "{file} differs, first at {difference:?}; BLESS=1 writes it anew");
}

#[test]
fn text_is_as_recorded() {
    compare("metrics.txt", &fixture::stable_scrape(Format::Text));
}

#[test]
fn openmetrics_is_as_recorded() {
    compare("metrics.openmetrics", &fixture::stable_scrape(Format::OpenMetrics));
}

#[test]
fn promtool_has_no_complaint() {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is missing: install Prometheus (Debian: apt-get install prometheus), or run `make test`, which does");
    let text = fixture::scrape(fixture::published(), fixture::telemetry(), Format::Text);
    let mut stdin = promtool.stdin.take().expect("stdin is piped");
    stdin.write_all(text.as_bytes()).expect("promtool reads to the end");
    drop(stdin);
    let output = promtool.wait_with_output().expect("promtool ends");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}
