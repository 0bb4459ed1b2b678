//! Recording rules: sums over all instances, and the ratios over them.
//!
//! A sum exists only while the instances together count each partition once; a ratio is drawn from sums only, so it exists no longer
//! than they do. Money is taken back to whole millionths before a division: both sides are then exact, the one division is rounded to the
//! nearest double, and a figure that is exactly at a threshold equals it.

use super::Settings;
use super::document::Entry;
use super::text::promql;

/// 1 while the instances' partitions add up to those of the topic, else 0.
pub const COMPLETE: &str = "job:upswell_figures_complete:bool";
/// 1 while that is so and the input can be relied on, else 0.
pub const SOUND: &str = "job:upswell_figures_sound:bool";
/// Seconds by which the history reaches back beyond a window's opening edge; negative where it does not.
pub const HISTORY: &str = "window:upswell_history_seconds:min";
/// The same for the comparison window's.
pub const COMPARISON_HISTORY: &str = "window:upswell_comparison_history_seconds:min";
/// Segments folded into `other`, at the instance that folds most.
const FOLDED: &str = "dimension:upswell_segments_folded:max";

/// Over what a figure is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Window,
    Segment,
}

impl Level {
    /// The first part of a recorded name.
    pub fn name(self) -> &'static str {
        match self {
            Level::Window => "window",
            Level::Segment => "segment",
        }
    }

    fn source(self) -> &'static str {
        match self {
            Level::Window => "upswell",
            Level::Segment => "upswell_segment",
        }
    }

    /// The labels of its figures.
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Level::Window => &["window"],
            Level::Segment => &["window", "dimension", "segment"],
        }
    }
}

/// Whether the figures can be relied on, and since when there is history.
pub fn footing(settings: &Settings) -> Vec<Entry> {
    let over = settings.instance_labels.join(", ");
    let topic = promql(settings.usage_topic);
    let start = "upswell_window_start_timestamp_seconds";
    let comparison = "upswell_comparison_start_timestamp_seconds";
    let since = format!("min without ({over}) (upswell_history_complete_since_timestamp_seconds)");
    // While instances disagree about an edge, between two scrapes around midnight, their sums are of different windows.
    let history = |edge: &str| {
        format!("(min without ({over}) ({edge}) == max without ({over}) ({edge}))\n- ignoring (window) group_left () {since}")
    };
    let complete = format!(
        "sum without ({over}) (upswell_live_partitions)\n== bool max without ({over}, topic) (upswell_topic_partitions{{topic={topic}}})"
    );
    let sound = format!(
        "{COMPLETE}\n* min without ({over}) (upswell_ready)\n* (max without ({over}) (upswell_input_stale) == bool 0)\n* (max without ({over}) (upswell_history_incomplete) == bool 0)"
    );
    vec![
        Entry::record(COMPLETE, complete),
        Entry::record(SOUND, sound),
        Entry::record(HISTORY, history(start)),
        Entry::record(COMPARISON_HISTORY, history(comparison)),
    ]
}

/// Sums of a gauge over all instances.
struct Sum {
    gauge: &'static str,
    /// The label besides those of the level.
    by: Option<&'static str>,
    is_money: bool,
}

const fn money(gauge: &'static str, by: Option<&'static str>) -> Sum {
    Sum { gauge, by, is_money: true }
}

const fn customers(gauge: &'static str, by: Option<&'static str>) -> Sum {
    Sum { gauge, by, is_money: false }
}

const WINDOW_SUMS: [Sum; 9] = [
    money("opening_mrr", None),
    money("closing_mrr", None),
    money("comparison_expansion_mrr", None),
    money("movement_mrr", Some("movement")),
    money("expansion_mrr", Some("motion")),
    money("contraction_mrr", Some("motion")),
    customers("opening_customers", None),
    customers("closing_customers", None),
    customers("movement_customers", Some("movement")),
];
const SEGMENT_SUMS: [Sum; 5] = [
    money("opening_mrr", None),
    money("closing_mrr", None),
    money("comparison_expansion_mrr", None),
    money("movement_mrr", Some("movement")),
    customers("opening_customers", None),
];

/// The sums of a level; of the whole at the level of windows too.
pub fn sums(settings: &Settings, level: Level) -> Vec<Entry> {
    let sum = |sum: &Sum| {
        let labels: Vec<&str> = level.labels().iter().copied().chain(sum.by).collect();
        let by = sum.by.map_or(String::new(), |by| format!("_{by}"));
        let record = format!("{}{by}:upswell_{}:sum", level.name(), sum.gauge);
        record_sum(settings, record, &format!("{}_{}", level.source(), sum.gauge), &labels, sum.is_money)
    };
    match level {
        Level::Window => {
            let whole = |gauge: &str| record_sum(settings, format!("job:{gauge}:sum"), gauge, &[], true);
            [whole("upswell_mrr"), whole("upswell_usage_today")].into_iter().chain(WINDOW_SUMS.iter().map(sum)).collect()
        }
        Level::Segment => {
            let over = settings.instance_labels.join(", ");
            let folded = Entry::record(FOLDED, format!("max without ({over}) (upswell_segments_folded)"));
            std::iter::once(folded).chain(SEGMENT_SUMS.iter().map(sum)).collect()
        }
    }
}

fn record_sum(settings: &Settings, record: String, gauge: &str, labels: &[&str], is_money: bool) -> Entry {
    let sum = format!("sum without ({}) ({gauge})", settings.instance_labels.join(", "));
    let exact = if is_money { format!("round(1e6 * {sum}) / 1e6") } else { sum };
    let but = |labels: &[&str]| if labels.is_empty() { String::new() } else { format!("ignoring ({}) ", labels.join(", ")) };
    // One instance may name a value that another folds.
    let beyond: Vec<&str> = labels.iter().copied().filter(|label| !["window", "dimension"].contains(label)).collect();
    let unfolded = match labels.contains(&"segment") {
        true => format!("\nand {}{FOLDED} == 0", but(&beyond)),
        false => String::new(),
    };
    Entry::record(record, format!("{exact}\nand {}{COMPLETE} == 1{unfolded}", but(labels)))
}

/// The ratios of a level.
pub fn ratios(level: Level) -> Vec<Entry> {
    let at = level.name();
    let sum = |gauge: &str| format!("{at}:upswell_{gauge}:sum");
    let moved = |movements: &str| {
        let equals = if movements.contains('|') { "=~" } else { "=" };
        format!("sum without (movement) ({at}_movement:upswell_movement_mrr:sum{{movement{equals}\"{movements}\"}})")
    };
    let ratio = |name: &str, numerator: &str, denominator: &str| {
        Entry::record(
            format!("{at}:upswell_{name}:ratio"),
            format!("round(1e6 * {numerator})\n/ round(1e6 * ({denominator} > 0))"),
        )
    };
    let (opening, comparison) = (sum("opening_mrr"), sum("comparison_expansion_mrr"));
    let lost = format!("-{}", moved("contraction|churn"));
    let mut out = vec![
        ratio("expansion_rate", &moved("expansion"), &opening),
        ratio("expansion_growth", &format!("({} - {comparison})", moved("expansion")), &comparison),
        ratio("net_revenue_retention", &format!("({opening} + {})", moved("expansion|contraction|churn")), &opening),
        ratio("gross_revenue_retention", &format!("({opening} + {})", moved("contraction|churn")), &opening),
        ratio("quick", &moved("new|reactivation|expansion"), &lost),
    ];
    if level == Level::Window {
        out.extend(window_ratios());
    }
    out
}

/// Those that exist for the total only.
fn window_ratios() -> Vec<Entry> {
    let existing = |movement: &str| {
        let moved = format!("window_movement:upswell_movement_customers:sum{{movement=\"{movement}\"}}");
        format!("sum without (movement) ({moved})\n/ (window:upswell_opening_customers:sum > 0)")
    };
    let arpa = "round(1e6 * window:upswell_closing_mrr:sum)\n/ (1e6 * (window:upswell_closing_customers:sum > 0))";
    let motion = "round(1e6 * window_motion:upswell_expansion_mrr:sum)\n/ ignoring (motion) group_left () round(1e6 * (window:upswell_opening_mrr:sum > 0))";
    vec![
        Entry::record("window:upswell_customer_churn:ratio", existing("churn")),
        Entry::record("window:upswell_customer_expansion:ratio", existing("expansion")),
        Entry::record("window:upswell_arpa:ratio", arpa),
        Entry::record("window_motion:upswell_expansion_rate:ratio", motion),
    ]
}
