//! Metric families built from plain values, without the client library's `*Vec` types.
//!
//! Those types find a child by a hash of its label values run together, so two label sets can share one child. Here every
//! sample carries its own label values.

use super::catalog::{Kind, Metric};
use crate::wire::telemetry::{Bucket, Snapshot};
use prometheus::proto;

/// A family under construction.
pub struct Family {
    metric: &'static Metric,
    samples: Vec<proto::Metric>,
}

impl Family {
    pub fn new(metric: &'static Metric) -> Family {
        Family::sized(metric, 0)
    }

    /// One with room for so many samples.
    pub fn sized(metric: &'static Metric, samples: usize) -> Family {
        Family { metric, samples: Vec::with_capacity(samples) }
    }

    /// A family of at most one sample, without labels; absent while the value is not known.
    pub fn single(metric: &'static Metric, value: Option<f64>) -> proto::MetricFamily {
        let mut family = Family::new(metric);
        family.add_known([], value);
        family.done()
    }

    /// A histogram without labels; there from the start, as a counter is.
    pub fn histogram(metric: &'static Metric, snapshot: &Snapshot) -> proto::MetricFamily {
        let mut family = Family::new(metric);
        family.add_histogram([], snapshot);
        family.done()
    }

    /// Adds one histogram; label values are in the order of the metric's labels.
    pub fn add_histogram<const N: usize>(&mut self, labels: [&str; N], snapshot: &Snapshot) {
        debug_assert_eq!(self.metric.kind, Kind::Histogram, "{}", self.metric.name);
        let mut sample = proto::Metric::from_label(self.pairs(labels));
        sample.set_histogram(histogram(snapshot));
        self.samples.push(sample);
    }

    /// Adds one sample of a counter or gauge; label values are in the order of the metric's labels.
    pub fn add<const N: usize>(&mut self, labels: [&str; N], value: f64) {
        let mut sample = proto::Metric::from_label(self.pairs(labels));
        match self.metric.kind {
            Kind::Counter => sample.set_counter(counter(value)),
            Kind::Gauge => sample.set_gauge(gauge(value)),
            Kind::Histogram => debug_assert!(false, "{} is made of many values", self.metric.name),
        }
        self.samples.push(sample);
    }

    fn pairs<const N: usize>(&self, labels: [&str; N]) -> Vec<proto::LabelPair> {
        debug_assert_eq!(N, self.metric.labels.len(), "labels of {}", self.metric.name);
        self.metric.labels.iter().zip(labels).map(|(name, value)| pair(name, value)).collect()
    }

    /// Adds a sample only where there is a value.
    pub fn add_known<const N: usize>(&mut self, labels: [&str; N], value: Option<f64>) {
        if let Some(value) = value {
            self.add(labels, value);
        }
    }

    /// The family; a registry leaves it out if it has no samples.
    pub fn done(self) -> proto::MetricFamily {
        let mut family = proto::MetricFamily::default();
        family.set_name(self.metric.name.to_owned());
        family.set_help(self.metric.help.to_owned());
        family.set_field_type(match self.metric.kind {
            Kind::Counter => proto::MetricType::COUNTER,
            Kind::Gauge => proto::MetricType::GAUGE,
            Kind::Histogram => proto::MetricType::HISTOGRAM,
        });
        family.set_metric(self.samples);
        family
    }
}

fn pair(name: &str, value: &str) -> proto::LabelPair {
    let mut pair = proto::LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

fn counter(value: f64) -> proto::Counter {
    let mut counter = proto::Counter::default();
    counter.set_value(value);
    counter
}

fn gauge(value: f64) -> proto::Gauge {
    let mut gauge = proto::Gauge::default();
    gauge.set_value(value);
    gauge
}

/// Both encoders add the bucket of everything, `+Inf`, from the count.
fn histogram(snapshot: &Snapshot) -> proto::Histogram {
    let mut histogram = proto::Histogram::default();
    histogram.set_bucket(snapshot.buckets.iter().map(bucket).collect());
    histogram.set_sample_count(snapshot.count);
    histogram.set_sample_sum(snapshot.sum);
    histogram
}

fn bucket(one: &Bucket) -> proto::Bucket {
    let mut bucket = proto::Bucket::default();
    bucket.set_upper_bound(one.bound);
    bucket.set_cumulative_count(one.count);
    bucket
}
