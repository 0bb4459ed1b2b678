//! The number of series, counted: a scrape of everything there can be has as many as `docs/metrics.md` says.

use super::fixture;
use upswell::wire::exposition::Format;
use upswell::wire::exposition::catalog::{self, Kind};
use upswell_testkit::samples::Samples;
use upswell_testkit::series;

#[test]
fn everything_there_can_be_is_as_many_series_as_documented() {
    for format in [Format::Text, Format::OpenMetrics] {
        let samples = Samples::parse(&fixture::scrape(fixture::published(), fixture::telemetry(), format));
        let shape = series::shape(&samples);
        // Two windows, one of them with a comparison and with segments shown: one cohort and nine verticals.
        assert_eq!(shape[..6], [1, 2, 1, 4, 10, 10]);
        // Two billing topics and that of retries, with three, three and one partitions, one of them stopped; two rules; two receivers.
        assert_eq!(shape[6..], [2, 1, 8, 1, 1, 2]);
        let single = catalog::all().filter(|metric| metric.kind == Kind::Gauge && metric.labels.is_empty());
        let absent = series::absent(&samples, &shape, single.map(|metric| metric.name));
        // The cohort has no opening revenue, so none of its three ratios; and the newest retry has no timestamp.
        assert_eq!(absent, 4);
        assert_eq!(samples.count(), series::most(&shape) - absent);
    }
}
