//! The number of series of a real scrape, and the limits that are derived from it.

use super::demo::Demo;
use super::{read, text};
use upswell::wire::exposition::catalog::{self, Kind};
use upswell_testkit::samples::Samples;
use upswell_testkit::{http, series, wait};

/// What the defaults give at most: 7 windows, 5 of them with a comparison; 3 dimensions; 100 values and `other` of each in two windows; the
/// retries topic; 8 partitions of each topic; the shipped rules; 2 receivers.
fn of_the_defaults() -> usize {
    let segments = 2 * 3 * 101;
    series::most(&[1, 7, 5, 7 * 3, segments, segments, 2, 1, 3 * 8, 5, 9, 2])
}

#[test]
fn a_scrape_of_the_demo_is_as_many_series_as_documented() {
    let demo = Demo::start();
    let url = format!("http://{}/metrics", demo.address());
    let samples = wait::until("figures by segment, and rules over them", || {
        let samples = Samples::parse(&http::get(&url)?.body);
        let there = |name: &str| samples.family(name).count() > 0;
        (there("upswell_segment_opening_mrr") && there("upswell_alerts")).then_some(samples)
    });
    let shape = series::shape(&samples);
    let (segments, partitions) = (shape[4], 2 * 8);
    // Seven windows and five dimensions; two windows, both with a comparison, show their segments; neither retries nor receivers, and the
    // demo is not alerted about itself.
    assert_eq!(shape, [1, 7, 5, 7 * 5, segments, segments, 2, 0, partitions, 5, 0, 0]);
    assert!(segments > 50, "{segments}");
    assert_eq!(samples.count(), series::most(&shape) - absent(&samples));
}

/// The series that are absent because they are not known or not defined.
pub fn absent(samples: &Samples) -> usize {
    let single = catalog::all().filter(|metric| metric.kind == Kind::Gauge && metric.labels.is_empty());
    series::absent(samples, &series::shape(samples), single.map(|metric| metric.name))
}

#[test]
fn the_limit_of_samples_leaves_room_for_twice_the_defaults() {
    let limit = |value: &serde_json::Value| usize::try_from(value.as_u64().expect("a limit")).expect("a number");
    let scrape = limit(&read("deploy/prometheus/scrape.yml")["scrape_configs"][0]["sample_limit"]);
    let chart = limit(&read("deploy/helm/upswell/values.yaml")["serviceMonitor"]["sampleLimit"]);
    let compose = limit(&read("deploy/compose/prometheus.yml")["scrape_configs"][0]["sample_limit"]);
    assert_eq!((chart, compose), (scrape, scrape));
    let most = of_the_defaults();
    assert!(scrape >= 2 * most && scrape < 3 * most, "{most}");
    for file in ["docs/metrics.md", "deploy/prometheus/scrape.yml"] {
        assert!(text(file).contains(&format!("{},{:03}", most / 1000, most % 1000)), "{file} does not say {most}");
    }
}
