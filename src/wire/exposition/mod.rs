//! `/metrics`: what is published and counted, as Prometheus text or OpenMetrics.
//!
//! A scrape takes the current view and the telemetry as they are and never waits for the engine. Families are made afresh from
//! them, so a segment or partition that is gone leaves no series behind. Families come sorted by name, samples by label values,
//! so the order is the same in every scrape.

mod alerting;
pub mod backfill;
mod business;
pub mod catalog;
mod family;
mod format;
mod openmetrics;
mod operational;

pub use format::Format;

use super::published::Published;
use super::telemetry::Telemetry;
use prometheus::core::{Collector, Desc};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{Registry, TextEncoder};
use std::collections::HashMap;
use std::sync::Arc;

/// Renders scrapes. Any number of threads may render at once.
#[derive(Debug)]
pub struct Exposition {
    registry: Registry,
}

impl Exposition {
    /// An exposition of these, and of the process.
    pub fn new(published: Arc<Published>, telemetry: Arc<Telemetry>) -> Exposition {
        let registry = Registry::new();
        let collectors: [Box<dyn Collector>; 2] =
            [Box::new(Service::new(published, telemetry)), Box::new(ProcessCollector::for_self())];
        for collector in collectors {
            registry.register(collector).expect("the names of the catalog are distinct and none begins with process_");
        }
        Exposition { registry }
    }

    /// One scrape. Fails only if a family breaks the text format, which none of the catalog does.
    pub fn render(&self, format: Format) -> Result<String, prometheus::Error> {
        let families = self.registry.gather();
        match format {
            Format::Text => {
                let mut text = String::with_capacity(room(&families));
                TextEncoder::new().encode_utf8(&families, &mut text).map(|()| text)
            }
            Format::OpenMetrics => Ok(openmetrics::encode(&families)),
        }
    }
}

/// About how many bytes the families take as text.
fn room(families: &[MetricFamily]) -> usize {
    8192 + 128 * families.iter().map(|family| family.get_metric().len()).sum::<usize>()
}

/// The collector of everything but the process.
struct Service {
    published: Arc<Published>,
    telemetry: Arc<Telemetry>,
    descriptors: Vec<Desc>,
}

impl Service {
    fn new(published: Arc<Published>, telemetry: Arc<Telemetry>) -> Service {
        let descriptors = catalog::all().map(descriptor).collect();
        Service { published, telemetry, descriptors }
    }
}

fn descriptor(metric: &catalog::Metric) -> Desc {
    let labels = metric.labels.iter().map(|label| (*label).to_owned()).collect();
    Desc::new(metric.name.to_owned(), metric.help.to_owned(), labels, HashMap::new())
        .expect("names and labels of the catalog are valid and its help texts are not empty")
}

impl Collector for Service {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptors.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // Taken once: every figure of a scrape that comes from a view comes from the same one.
        let view = self.published.view();
        let mut families = operational::families(&self.telemetry, &self.published.readiness(), view.as_deref());
        families.extend(view.iter().flat_map(|view| business::families(view)));
        families.extend(alerting::families(&self.published.alerts()));
        families
    }
}
