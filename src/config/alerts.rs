//! The `alerts` section: rules, alerts about the service itself, and who is told.

use super::reader::Reader;
use super::receivers::{self, Receiver};
use super::rules;
use super::tree::Fields;
use super::types::Revenue;
use super::units::Millis;
use crate::domain::alert::{Limits, Rule};

const PATH: &str = "alerts";
const KEYS: [&str; 5] = ["interval", "shipped", "rules", "operational", "receivers"];
const OPERATIONAL_KEYS: [&str; 3] = ["enabled", "no_events", "lag"];
const INTERVAL: Millis = Millis(15_000);
const OPERATIONAL: Operational = Operational { enabled: true, no_events: Some(Millis(86_400_000)), lag: 10_000 };

/// What is watched, and who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerts {
    /// How often rules are judged.
    pub interval: Millis,
    /// Those that are on.
    pub rules: Vec<Rule>,
    pub operational: Operational,
    /// With distinct names, in the order written.
    pub receivers: Vec<Receiver>,
}

/// Alerts about the service itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operational {
    pub enabled: bool,
    /// Longest silence of all topics; `None` if silence is fine.
    pub no_events: Option<Millis>,
    /// Records behind that are no trouble.
    pub lag: u64,
}

/// A checkpoint is late after so many intervals.
const LATE_INTERVALS: i64 = 10;
/// And not before ten minutes.
const LATE_MILLIS: i64 = 600_000;

impl Operational {
    /// From when on something is trouble, where checkpoints are taken this often.
    pub fn limits(&self, interval: Millis) -> Limits {
        let checkpoint_age = interval.0.saturating_mul(LATE_INTERVALS).max(LATE_MILLIS);
        Limits { no_events: self.no_events.map(|silence| silence.0), lag: self.lag, checkpoint_age }
    }
}

/// Reads the section.
pub fn read(reader: &mut Reader, revenue: &Revenue) -> Alerts {
    let raw = reader.raw;
    let section = raw.get(PATH).and_then(|node| Fields::of(reader, PATH, node, &KEYS));
    let shipped = section.as_ref().and_then(|section| section.flag(reader, "shipped")).unwrap_or(true);
    let interval = section.as_ref().and_then(|section| section.parsed(reader, "interval", Millis::parse));
    Alerts {
        interval: interval.unwrap_or(INTERVAL),
        rules: rules::read(reader, section.as_ref(), shipped, revenue),
        operational: section.as_ref().map_or(OPERATIONAL, |section| operational(reader, section)),
        receivers: section.and_then(|section| Some(receivers::read(reader, section.get("receivers")?))).unwrap_or_default(),
    }
}

fn operational(reader: &mut Reader, section: &Fields) -> Operational {
    let Some(fields) = section.section(reader, "operational", &OPERATIONAL_KEYS) else { return OPERATIONAL };
    let silent = fields.get("no_events").is_some_and(|node| node.as_text() == Some(""));
    let records = |text: &str| text.parse().map_err(|_| format!("{text:?} is no number of records"));
    let no_events = fields.parsed(reader, "no_events", Millis::parse).or(OPERATIONAL.no_events);
    Operational {
        enabled: fields.flag(reader, "enabled").unwrap_or(OPERATIONAL.enabled),
        no_events: no_events.filter(|_| !silent),
        lag: fields.value(reader, "lag", OPERATIONAL.lag, records),
    }
}
