//! Golden files: the whole scrape, byte for byte, and promtool's opinion of it.

use crate::fixture;
use std::path::Path;
use upswell::wire::exposition::Format;
use upswell_testkit::prometheus;

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
    let text = fixture::scrape(fixture::published(), fixture::telemetry(), Format::Text);
    assert_eq!(prometheus::lint(&text), "");
}
