//! How many series a scrape has, by the table in `docs/metrics.md`: what is there how often, and how many series each brings.

use crate::parts::repository;
use crate::samples::Samples;

/// What a scrape consists of, in the order of the table.
pub const PARTS: [&str; 12] = [
    "always",
    "window",
    "window with a comparison",
    "dimension of a window",
    "segment shown",
    "segment shown in a window with a comparison",
    "billing topic",
    "retries topic",
    "partition of a topic",
    "rule over revenue",
    "alert about the service",
    "receiver",
];

/// Ratios, absent where they are not defined: their families, and which part brings them.
const RATIOS: [(&str, usize, usize); 12] = [
    ("upswell_expansion_rate_ratio", 1, 1),
    ("upswell_net_revenue_retention_ratio", 1, 1),
    ("upswell_gross_revenue_retention_ratio", 1, 1),
    ("upswell_quick_ratio", 1, 1),
    ("upswell_customer_churn_ratio", 1, 1),
    ("upswell_customer_expansion_ratio", 1, 1),
    ("upswell_arpa", 1, 1),
    ("upswell_motion_expansion_rate_ratio", 1, 5),
    ("upswell_expansion_growth_ratio", 2, 1),
    ("upswell_segment_expansion_rate_ratio", 4, 1),
    ("upswell_segment_net_revenue_retention_ratio", 4, 1),
    ("upswell_segment_gross_revenue_retention_ratio", 4, 1),
];

/// How often each of [`PARTS`] is there.
pub type Shape = [usize; 12];

/// How many series each of [`PARTS`] brings, as the documentation says.
///
/// # Panics
/// It does not say.
pub fn documented() -> [usize; 12] {
    let text = std::fs::read_to_string(repository().join("docs/metrics.md")).expect("the documentation of the metrics");
    PARTS.map(|part| {
        let row = text.lines().find_map(|line| line.strip_prefix(&format!("| {part} | ")));
        let number = row.and_then(|row| row.split(' ').next()?.parse().ok());
        number.unwrap_or_else(|| panic!("docs/metrics.md does not say how many series there are for: {part}"))
    })
}

/// The series of a service of this shape, with everything defined.
pub fn most(shape: &Shape) -> usize {
    documented().iter().zip(shape).map(|(each, times)| each * times).sum()
}

/// The shape that a scrape shows.
pub fn shape(samples: &Samples) -> Shape {
    let count = |name: &str| samples.family(name).count();
    let (topics, rules) = (count("upswell_events_applied_total"), count("upswell_alert_threshold"));
    [
        1,
        count("upswell_opening_mrr"),
        count("upswell_comparison_start_timestamp_seconds"),
        count("upswell_segments_folded"),
        count("upswell_segment_opening_mrr"),
        count("upswell_segment_comparison_expansion_mrr"),
        topics.min(2),
        topics.saturating_sub(2),
        count("upswell_consumer_lag") + count("upswell_partition_stopped"),
        rules,
        count("upswell_alerts") / 3 - rules,
        count("upswell_notifications_total"),
    ]
}

/// The series that are absent from a scrape because they are not known or not defined: of these gauges without labels, times of topics' newest
/// records, and ratios.
pub fn absent<'a>(samples: &Samples, shape: &Shape, gauges: impl Iterator<Item = &'a str>) -> usize {
    let known = |name: &str| samples.family(name).count();
    let of_gauges = gauges.filter(|name| known(name) == 0).count();
    let of_ratios = RATIOS.iter().map(|(name, part, each)| shape[*part] * each - known(name)).sum::<usize>();
    let of_topics = shape[6] + shape[7] - known("upswell_last_event_timestamp_seconds");
    of_gauges + of_topics + of_ratios
}
