//! OpenMetrics 1.0.0, which the client library does not have, from its metric families.
//!
//! What it asks for beyond the older text format: families are named without the suffix of their samples (`_total`, `_info`), a
//! unit may be declared only if the name ends in it (Prometheus fails a whole scrape over a wrong one), help is escaped like a
//! label value, and the last line is `# EOF`. Counters, gauges and histograms are written; there are no others here.

use prometheus::proto::{Histogram, LabelPair, Metric, MetricFamily, MetricType};
use std::fmt::Write;

/// Units that are declared; each is also the suffix of the names it belongs to.
const UNITS: [&str; 3] = ["seconds", "bytes", "ratio"];

/// The whole exposition.
pub fn encode(families: &[MetricFamily]) -> String {
    let mut out = String::with_capacity(super::room(families));
    for family in families {
        write_family(&mut out, family);
    }
    out.push_str("# EOF\n");
    out
}

fn write_family(out: &mut String, family: &MetricFamily) {
    let Some((kind, name)) = kind_and_name(family) else { return };
    let _ = writeln!(out, "# TYPE {name} {kind}");
    if let Some(unit) = UNITS.into_iter().find(|unit| name.strip_suffix(unit).is_some_and(|stem| stem.ends_with('_'))) {
        let _ = writeln!(out, "# UNIT {name} {unit}");
    }
    let _ = write!(out, "# HELP {name} ");
    escape(out, family.help());
    out.push('\n');
    for metric in family.get_metric() {
        write_metric(out, family, metric);
    }
}

/// The type and the family's name without the suffix of its samples; `None` for a type there is no use for.
fn kind_and_name(family: &MetricFamily) -> Option<(&'static str, &str)> {
    let name = family.name();
    match family.get_field_type() {
        MetricType::COUNTER => Some(("counter", name.strip_suffix("_total").unwrap_or(name))),
        MetricType::GAUGE => Some(name.strip_suffix("_info").map_or(("gauge", name), |stem| ("info", stem))),
        MetricType::HISTOGRAM => Some(("histogram", name)),
        _ => None,
    }
}

fn write_metric(out: &mut String, family: &MetricFamily, metric: &Metric) {
    let (name, labels) = (family.name(), metric.get_label());
    match family.get_field_type() {
        MetricType::COUNTER if name.ends_with("_total") => sample(out, name, "", labels, None, metric.get_counter().get_value()),
        MetricType::COUNTER => sample(out, name, "_total", labels, None, metric.get_counter().get_value()),
        MetricType::HISTOGRAM => write_histogram(out, name, labels, metric.get_histogram()),
        _ => gauge(out, metric, name),
    }
}

fn write_histogram(out: &mut String, name: &str, labels: &[LabelPair], histogram: &Histogram) {
    let finite = histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite());
    for bucket in finite {
        let bound = canonical(bucket.upper_bound());
        sample(out, name, "_bucket", labels, Some(&bound), bucket.cumulative_count() as f64);
    }
    let count = histogram.get_sample_count() as f64;
    sample(out, name, "_bucket", labels, Some("+Inf"), count);
    sample(out, name, "_count", labels, None, count);
    sample(out, name, "_sum", labels, None, histogram.get_sample_sum());
}

/// Bounds are written as floats, `1.0` and not `1`, so that they read the same from every producer.
fn canonical(bound: f64) -> String {
    if bound == bound.trunc() { format!("{bound:.1}") } else { bound.to_string() }
}

fn sample(out: &mut String, name: &str, suffix: &str, labels: &[LabelPair], bound: Option<&str>, value: f64) {
    series(out, name, suffix, labels, bound);
    // Display of a float is the shortest decimal that reads back the same, without an exponent.
    let _ = writeln!(out, " {value}");
}

/// A gauge, at an instant where it has one: in seconds.
fn gauge(out: &mut String, metric: &Metric, name: &str) {
    series(out, name, "", metric.get_label(), None);
    let _ = write!(out, " {}", metric.get_gauge().get_value());
    if metric.timestamp_ms() != 0 {
        let _ = write!(out, " {}", metric.timestamp_ms() as f64 / 1000.0);
    }
    out.push('\n');
}

fn series(out: &mut String, name: &str, suffix: &str, labels: &[LabelPair], bound: Option<&str>) {
    out.push_str(name);
    out.push_str(suffix);
    let mut separator = '{';
    for (label, text) in labels.iter().map(|pair| (pair.name(), pair.value())).chain(bound.map(|bound| ("le", bound))) {
        out.push(separator);
        out.push_str(label);
        out.push_str("=\"");
        escape(out, text);
        out.push('"');
        separator = ',';
    }
    if separator == ',' {
        out.push('}');
    }
}

/// Backslash, quote and line feed; everything else stands for itself.
fn escape(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '"', '\n']) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'\n' => "\\n",
            b'"' => "\\\"",
            _ => "\\\\",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::core::Collector;
    use prometheus::{Counter, Gauge, Histogram, HistogramOpts, Opts, Registry};

    fn encoded(collector: impl Collector + 'static) -> String {
        let registry = Registry::new();
        registry.register(Box::new(collector)).expect("a fresh name");
        encode(&registry.gather())
    }

    #[test]
    fn metadata_drops_the_suffix_of_counters_and_infos() {
        let counter = Counter::new("cpu_seconds_total", "Time.").expect("valid");
        counter.inc_by(1.5);
        let expected =
            "# TYPE cpu_seconds counter\n# UNIT cpu_seconds seconds\n# HELP cpu_seconds Time.\ncpu_seconds_total 1.5\n# EOF\n";
        assert_eq!(encoded(counter), expected);
        let info = Gauge::with_opts(Opts::new("build_info", "Say \"hi\".").const_label("v", "a\"b\\c\nd")).expect("valid");
        info.set(1.0);
        let expected = "# TYPE build info\n# HELP build Say \\\"hi\\\".\nbuild_info{v=\"a\\\"b\\\\c\\nd\"} 1\n# EOF\n";
        assert_eq!(encoded(info), expected);
    }

    #[test]
    fn units_only_where_the_name_ends_in_them() {
        for (name, unit) in [
            ("x_ratio", Some("ratio")),
            ("x_bytes", Some("bytes")),
            ("x_timestamp_seconds", Some("seconds")),
            ("x_customers", None),
            ("x_gigabytes", None),
            ("ratio", None),
        ] {
            let text = encoded(Gauge::new(name, "Help.").expect("valid"));
            let expected = unit.map(|unit| format!("# UNIT {name} {unit}"));
            assert_eq!(text.lines().find(|line| line.starts_with("# UNIT")), expected.as_deref(), "{name}");
        }
    }

    #[test]
    fn histograms_end_in_the_infinite_bucket() {
        let histogram = Histogram::with_opts(HistogramOpts::new("t_seconds", "Time.").buckets(vec![0.5, 1.0])).expect("valid");
        [0.2, 0.7, 9.0].into_iter().for_each(|value| histogram.observe(value));
        let samples: Vec<_> = encoded(histogram).lines().skip(3).map(str::to_owned).collect();
        let expected = [
            "t_seconds_bucket{le=\"0.5\"} 1",
            "t_seconds_bucket{le=\"1.0\"} 2",
            "t_seconds_bucket{le=\"+Inf\"} 3",
            "t_seconds_count 3",
            "t_seconds_sum 9.9",
            "# EOF",
        ];
        assert_eq!(samples, expected);
    }
}
