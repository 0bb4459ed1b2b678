//! Every metric there is: name, kind, labels and help, in one list.
//!
//! The families, the descriptors and the documentation are all checked against this list, so a metric cannot exist without a
//! help text or be documented without existing.

/// What the samples of a metric are. A gauge whose name ends in `_info` is an info metric in OpenMetrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    /// Its buckets have one more label, their bound.
    Histogram,
}

/// One metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// Declares each metric once, as a static and as an entry of its list.
macro_rules! metrics {
    ($list:ident: $($id:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub static $id: Metric = Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };)*
        pub static $list: &[&Metric] = &[$(&$id),*];
    };
}

metrics! { BUSINESS:
    MRR = Gauge "upswell_mrr" [] "Recurring revenue a month right now, in major units of the reporting currency.";
    USAGE_TODAY = Gauge "upswell_usage_today" [] "Usage of the civil day in progress, in major units; no rate counts it yet.";
    OPENING_MRR = Gauge "upswell_opening_mrr" ["window"] "Recurring revenue at the start of the window, in major units.";
    CLOSING_MRR = Gauge "upswell_closing_mrr" ["window"] "Recurring revenue at the end of the window, in major units.";
    COMPARISON_EXPANSION_MRR = Gauge "upswell_comparison_expansion_mrr" ["window"]
        "Expansion of the comparison window, in major units.";
    MOVEMENT_MRR = Gauge "upswell_movement_mrr" ["window", "movement"]
        "Change of recurring revenue within the window, in major units; contraction and churn are negative.";
    EXPANSION_MRR = Gauge "upswell_expansion_mrr" ["window", "motion"] "Expansion by motion, in major units.";
    CONTRACTION_MRR = Gauge "upswell_contraction_mrr" ["window", "motion"] "Contraction by motion, in major units, positive.";
    OPENING_CUSTOMERS = Gauge "upswell_opening_customers" ["window"] "Customers with revenue at the start of the window.";
    CLOSING_CUSTOMERS = Gauge "upswell_closing_customers" ["window"] "Customers with revenue at the end of the window.";
    MOVEMENT_CUSTOMERS = Gauge "upswell_movement_customers" ["window", "movement"] "Customers by how they moved in the window.";
    EXPANSION_RATE = Gauge "upswell_expansion_rate_ratio" ["window"] "Expansion divided by opening revenue.";
    EXPANSION_GROWTH = Gauge "upswell_expansion_growth_ratio" ["window"] "Growth of expansion against the comparison window.";
    NET_REVENUE_RETENTION = Gauge "upswell_net_revenue_retention_ratio" ["window"]
        "Opening revenue with expansion, contraction and churn, divided by opening revenue.";
    GROSS_REVENUE_RETENTION = Gauge "upswell_gross_revenue_retention_ratio" ["window"]
        "Opening revenue less contraction and churn, divided by opening revenue.";
    QUICK_RATIO = Gauge "upswell_quick_ratio" ["window"] "Revenue gained divided by revenue lost in the window.";
    CUSTOMER_CHURN = Gauge "upswell_customer_churn_ratio" ["window"] "Churned customers divided by opening customers.";
    CUSTOMER_EXPANSION = Gauge "upswell_customer_expansion_ratio" ["window"] "Expanded customers divided by opening customers.";
    ARPA = Gauge "upswell_arpa" ["window"] "Recurring revenue per customer at the end of the window, in major units.";
    MOTION_EXPANSION_RATE = Gauge "upswell_motion_expansion_rate_ratio" ["window", "motion"]
        "Expansion of the motion divided by opening revenue.";
    SEGMENT_OPENING_MRR = Gauge "upswell_segment_opening_mrr" ["window", "dimension", "segment"]
        "Recurring revenue of the segment at the start of the window, in major units.";
    SEGMENT_CLOSING_MRR = Gauge "upswell_segment_closing_mrr" ["window", "dimension", "segment"]
        "Recurring revenue of the segment at the end of the window, in major units.";
    SEGMENT_COMPARISON_EXPANSION_MRR = Gauge "upswell_segment_comparison_expansion_mrr" ["window", "dimension", "segment"]
        "Expansion of the segment in the comparison window, in major units.";
    SEGMENT_OPENING_CUSTOMERS = Gauge "upswell_segment_opening_customers" ["window", "dimension", "segment"]
        "Customers of the segment with revenue at the start of the window.";
    SEGMENT_EXPANSION_RATE = Gauge "upswell_segment_expansion_rate_ratio" ["window", "dimension", "segment"]
        "Expansion of the segment divided by its opening revenue.";
    SEGMENT_NET_REVENUE_RETENTION = Gauge "upswell_segment_net_revenue_retention_ratio" ["window", "dimension", "segment"]
        "Net revenue retention of the segment.";
    SEGMENT_GROSS_REVENUE_RETENTION = Gauge "upswell_segment_gross_revenue_retention_ratio" ["window", "dimension", "segment"]
        "Gross revenue retention of the segment.";
    SEGMENT_MOVEMENT_MRR = Gauge "upswell_segment_movement_mrr" ["window", "dimension", "segment", "movement"]
        "Change of the segment's recurring revenue, in major units; contraction and churn are negative.";
    SEGMENTS_FOLDED = Gauge "upswell_segments_folded" ["window", "dimension"] "Values summed into the segment called other.";
    WINDOW_START = Gauge "upswell_window_start_timestamp_seconds" ["window"] "Start of the window, in Unix time.";
    COMPARISON_START = Gauge "upswell_comparison_start_timestamp_seconds" ["window"]
        "Start of the comparison window, in Unix time.";
    WINDOW_END = Gauge "upswell_window_end_timestamp_seconds" ["window"] "End of the window, in Unix time.";
    AS_OF = Gauge "upswell_as_of_timestamp_seconds" [] "The instant all business gauges are exact for, in Unix time.";
    REPORTING_CURRENCY = Gauge "upswell_reporting_currency_info" ["currency"] "The currency all money is shown in.";
}

metrics! { OPERATIONAL:
    READY = Gauge "upswell_ready" [] "1 when every assigned partition has caught up and intake runs, else 0.";
    BUILD = Gauge "upswell_build_info" ["version"] "The version that is running.";
    EVENTS_APPLIED = Counter "upswell_events_applied_total" ["topic"] "Events that entered the state.";
    EVENTS_IGNORED = Counter "upswell_events_ignored_total" ["topic", "reason"] "Events that change nothing.";
    EVENTS_REJECTED = Counter "upswell_events_rejected_total" ["topic", "reason"] "Events that cannot be used.";
    DEAD_LETTERS = Counter "upswell_dead_letters_total" ["reason"] "Rejected records the dead-letter topic has acknowledged.";
    CONSUMER_LAG = Gauge "upswell_consumer_lag" ["topic", "partition"] "Records of an assigned partition not applied yet.";
    REBALANCES = Counter "upswell_rebalances_total" [] "Changes of the partitions assigned to this instance.";
    CONSUMER_GROUP = Gauge "upswell_consumer_group_info" ["protocol", "assignor"] "How the group shares its partitions.";
    LAST_EVENT = Gauge "upswell_last_event_timestamp_seconds" ["topic"] "Newest record timestamp of the topic, in Unix time.";
    ACCOUNTS = Gauge "upswell_accounts" [] "Customers held by this instance.";
    DEDUP_ENTRIES = Gauge "upswell_dedup_entries" [] "Usage ids remembered.";
    TRACKED_BYTES = Gauge "upswell_tracked_bytes" [] "Memory of the state, estimated from what it holds.";
    MEMORY_LIMIT = Gauge "upswell_memory_limit_bytes" [] "Memory the state may take before intake waits.";
    MEMORY_FULL = Gauge "upswell_memory_full" [] "1 while intake waits because the memory limit is reached, else 0.";
    PARTITION_STOPPED = Gauge "upswell_partition_stopped" ["partition", "reason"] "1 for a partition whose intake has stopped.";
    MISPLACED_CUSTOMERS = Counter "upswell_misplaced_customers_total" ["topic"]
        "Customers found in a partition that is not theirs.";
    HISTORY_INCOMPLETE = Gauge "upswell_history_incomplete" [] "1 while the topics no longer reach back to their first record.";
    HISTORY_COMPLETE_SINCE = Gauge "upswell_history_complete_since_timestamp_seconds" []
        "Since when the topics hold the whole history, in Unix time.";
    INPUT_STALE = Gauge "upswell_input_stale" [] "1 while the input is more than five minutes behind, else 0.";
    PHASE = Gauge "upswell_phase" ["phase"] "1 for what the service does or waits for, 0 for all else.";
    ALERT_THRESHOLD = Gauge "upswell_alert_threshold" ["rule", "metric", "window"] "Threshold of an alerting rule.";
    ALERTS = Gauge "upswell_alerts" ["rule", "state"] "Alerts of a rule by state.";
    ALERTS_SUPPRESSED = Gauge "upswell_alerts_suppressed" ["rule", "reason"] "Alerts of a rule that cannot be judged.";
    CHECKPOINTS = Counter "upswell_checkpoints_total" [] "Attempts to write a checkpoint of a partition.";
    CHECKPOINT_FAILURES = Counter "upswell_checkpoint_failures_total" [] "Attempts to write a checkpoint that failed.";
    CHECKPOINT_LAST_SUCCESS = Gauge "upswell_checkpoint_last_success_timestamp_seconds" []
        "When a checkpoint was last completed, in Unix time.";
    CHECKPOINT_DURATION = Histogram "upswell_checkpoint_duration_seconds" [] "How long completed checkpoints took, their failed attempts included.";
    CHECKPOINT_WRITTEN = Counter "upswell_checkpoint_written_bytes_total" [] "Bytes written into the checkpoint store.";
    CHECKPOINTS_UNREADABLE = Counter "upswell_checkpoints_unreadable_total" []
        "Checkpoints passed over at a restore because they could not be used.";
    RESTORE_DURATION = Gauge "upswell_restore_duration_seconds" [] "How long the latest restore of a partition took.";
    REBUILDS = Counter "upswell_rebuilds_total" [] "Partitions begun anew from the log.";
    ROLLOVER_DURATION = Gauge "upswell_rollover_duration_seconds" [] "How long the latest move to a new civil day took.";
    INVARIANT_VIOLATIONS = Counter "upswell_invariant_violations_total" [] "Totals that differed from their recomputation.";
    CONFIG_LAST_RELOAD = Gauge "upswell_config_last_reload_successful" [] "1 if the latest configuration was taken over, else 0.";
    NOTIFICATIONS = Counter "upswell_notifications_total" ["receiver"] "Attempts to deliver notifications: one for each call.";
    NOTIFICATIONS_FAILED = Counter "upswell_notifications_failed_total" ["receiver"]
        "Attempts to deliver notifications that failed.";
    NOTIFICATIONS_DROPPED = Counter "upswell_notifications_dropped_total" ["receiver"]
        "Notices given up: refused for good, too old, or too many waiting.";
    NOTIFICATION_DURATION = Histogram "upswell_notification_duration_seconds" ["receiver"]
        "How long attempts to deliver notifications took.";
    TOPIC_PARTITIONS = Gauge "upswell_topic_partitions" ["topic"] "Partitions the topic has.";
    ASSIGNED_PARTITIONS = Gauge "upswell_assigned_partitions" ["topic"] "Partitions of the topic assigned to this instance.";
    LIVE_PARTITIONS = Gauge "upswell_live_partitions" [] "Partitions counted in the business gauges of this instance.";
}

/// Every metric of the service itself; the `process_*` ones come with the client library.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    BUSINESS.iter().chain(OPERATIONAL).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_labels_and_help_follow_the_conventions() {
        const CLASHING: [&str; 12] =
            ["instance", "job", "region", "zone", "cluster", "env", "service", "owner", "customer", "type", "le", "quantile"];
        for metric in all() {
            let name = metric.name;
            let plain = |text: &str| text.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
            assert!(name.starts_with("upswell_") && plain(name), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            for ending in ["_percent", "_ms", "_cents", "_sum", "_count", "_bucket", "_created", "_minutes", "_days"] {
                assert!(!name.ends_with(ending), "{name}");
            }
            assert!(metric.kind != Kind::Histogram || name.ends_with("_seconds"), "{name}");
            assert!(metric.help.ends_with('.') && metric.help.len() < 110, "help of {name}");
            for label in metric.labels {
                assert!(plain(label) && !CLASHING.contains(label), "{label} of {name}");
            }
        }
    }

    #[test]
    fn names_are_distinct() {
        let mut names: Vec<_> = all().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().count());
    }
}
