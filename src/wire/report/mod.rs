//! The report as people and programs read it: JSON, CSV and a table.
//!
//! All three show the same figures. JSON is the exact form (its shape is public); CSV is that JSON flattened, one row per
//! figure; the table is for reading, so it groups digits, rounds rates and shortens long lists, and says where it does.

pub mod csv;
pub(in crate::wire) mod grid;
pub mod json;
pub mod table;

use crate::domain::facts::{Reason, TopicKind};
use crate::wire::telemetry::Telemetry;
use std::collections::BTreeMap;

/// How the events behind a report were counted. Every event read is in exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Accepted subscription states, repeated and superseded ones included.
    pub subscriptions: u64,
    /// Accepted usage events, each once.
    pub usage: u64,
    /// Usage events already applied.
    pub duplicates: u64,
    /// Rejected events by reason, in order of precedence; only reasons that occurred.
    pub rejected: BTreeMap<Reason, u64>,
    /// Events that take effect at or after the report's instant. A running service leaves none out.
    pub after_as_of: u64,
}

impl EventCounts {
    /// Counts one rejected event.
    pub fn reject(&mut self, reason: Reason) {
        *self.rejected.entry(reason).or_default() += 1;
    }

    /// What a running service has counted since its start, of the two billing topics. Retries are left out: the event of a retry
    /// was counted as rejected when it was first read.
    pub fn since_start(telemetry: &Telemetry) -> EventCounts {
        let topics = [TopicKind::Subscriptions, TopicKind::Usage].map(|kind| telemetry.topic(kind));
        let of_reason = |reason: Reason| (reason, topics.iter().map(|topic| topic.rejected.get(reason)).sum());
        EventCounts {
            subscriptions: topics[0].applied.get(),
            usage: topics[1].applied.get(),
            duplicates: topics.iter().map(|topic| topic.duplicates.get()).sum(),
            rejected: Reason::ALL.map(of_reason).into_iter().filter(|(_, count)| *count > 0).collect(),
            after_as_of: 0,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::calendar::Instant;
    use crate::domain::rates::{Customers, Money, Sums};
    use crate::engine::report::{DimensionReport, Report, SegmentReport, WindowReport};

    /// The report of the documentation's example: one window, one segment.
    pub(crate) fn example() -> (Report, EventCounts) {
        let sums = Sums {
            money: Money {
                opening: 620_000_000,
                new: 30_000_000,
                expansion: [25_000_000, 0, 0, 0, 0],
                churn: 50_000_000,
                comparison_expansion: 10_000_000,
                ..Money::default()
            },
            customers: Customers { opening: 14, new: 1, expansion: 2, churn: 1, ..Customers::default() },
        };
        let segment = SegmentReport { value: "fintech".into(), sums };
        let window = WindowReport {
            window: "last_month".into(),
            opening_edge: Instant(1_785_542_400_000),
            closing_edge: Instant(1_788_220_800_000),
            comparison_opening: Some(Instant(1_782_864_000_000)),
            total: sums,
            dimensions: vec![DimensionReport { dimension: "vertical".into(), segments: vec![segment], folded: 0 }],
        };
        let report = Report {
            as_of: Instant(1_789_027_200_000),
            currency: "USD".into(),
            time_zone: "UTC".into(),
            mrr: 625_000_000,
            usage_today: Some(0),
            windows: vec![window],
        };
        (report, EventCounts { subscriptions: 121, ..EventCounts::default() })
    }

    #[test]
    fn counts_since_the_start_cover_both_topics_and_no_retries() {
        let telemetry = Telemetry::new("s", "u", "r");
        telemetry.open_retries();
        telemetry.topic(TopicKind::Retries).applied.add(1);
        telemetry.topic(TopicKind::Retries).duplicates.add(1);
        telemetry.topic(TopicKind::Retries).rejected.add(Reason::Decode, 1);
        telemetry.topic(TopicKind::Subscriptions).applied.add(3);
        telemetry.topic(TopicKind::Subscriptions).rejected.add(Reason::Decode, 1);
        telemetry.topic(TopicKind::Usage).applied.add(4);
        telemetry.topic(TopicKind::Usage).duplicates.add(5);
        telemetry.topic(TopicKind::Usage).rejected.add(Reason::Decode, 1);
        let mut expected = EventCounts { subscriptions: 3, usage: 4, duplicates: 5, ..EventCounts::default() };
        expected.reject(Reason::Decode);
        expected.reject(Reason::Decode);
        assert_eq!(EventCounts::since_start(&telemetry), expected);
    }
}
