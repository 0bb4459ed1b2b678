//! A real Prometheus scrapes both formats, and its linter finds nothing.

use crate::bench::Bench;
use crate::history::History;
use upswell_testkit::{Prometheus, prometheus, wait};

#[test]
fn prometheus_scrapes_text_and_openmetrics() {
    let history = History::generated();
    let bench = Bench::new("scraped", 2).revenue(&history.revenue());
    history.produce(&bench);
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(prometheus::lint(&service.exposition()), "");
    assert!(service.scrape().value("upswell_mrr", &[]).is_some_and(|mrr| mrr > 0.0), "the history is worth something");
    for openmetrics in [false, true] {
        let prometheus = Prometheus::start(service.address(), openmetrics);
        prometheus.wait_scraped();
        wait::holds("Prometheus has the service's value", || {
            let scraped = prometheus.query("upswell_mrr");
            scraped.is_some() && scraped == service.scrape().value("upswell_mrr", &[])
        });
        let families = prometheus.query("count(count by (__name__) ({__name__=~\"upswell_.*\"}))").expect("families");
        assert!(families > 30.0, "{families} families");
        let unit = prometheus.metadata("upswell_as_of_timestamp_seconds")["unit"].clone();
        assert_eq!(unit, if openmetrics { "seconds" } else { "" }, "only OpenMetrics says units");
        let applied = prometheus.query("sum(upswell_events_applied_total)").expect("counters are scraped");
        assert_eq!(applied, service.scrape().sum("upswell_events_applied_total", &[]));
    }
}
