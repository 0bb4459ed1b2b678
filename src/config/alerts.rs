//! The `alerts` section: rules, alerts about the service itself, and who is told.

use super::mapping::Mapping;
use super::reader::Reader;
use super::rules;
use super::types::Revenue;
use super::units::Millis;
use crate::domain::alert::{Limits, Rule};

const PATH: &str = "alerts";
const KEYS: [&str; 5] = ["interval", "shipped", "rules", "operational", "receivers"];
const OPERATIONAL_KEYS: [&str; 3] = ["enabled", "no_events", "lag"];

/// What is watched, and who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerts {
    /// How often rules are judged.
    pub interval: Millis,
    /// Those that are on.
    pub rules: Vec<Rule>,
    pub operational: Operational,
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
    let Some(node) = raw.get(PATH) else {
        return Alerts { interval: INTERVAL, rules: rules::read(reader, None, true, revenue), operational: OPERATIONAL };
    };
    let section = Mapping::of(reader, node, PATH, &KEYS);
    let shipped = section.flag(reader, "shipped").unwrap_or(true);
    Alerts {
        interval: section.value(reader, "interval", Millis::parse).unwrap_or(INTERVAL),
        rules: rules::read(reader, section.node("rules"), shipped, revenue),
        operational: operational(reader, &section),
    }
}

const INTERVAL: Millis = Millis(15_000);
const OPERATIONAL: Operational = Operational { enabled: true, no_events: Some(Millis(86_400_000)), lag: 10_000 };

fn operational(reader: &mut Reader, section: &Mapping) -> Operational {
    let Some(node) = section.node("operational") else { return OPERATIONAL };
    let mapping = Mapping::of(reader, node, "alerts.operational", &OPERATIONAL_KEYS);
    let silence = |text: &str| if text.is_empty() { Ok(None) } else { Millis::parse(text).map(Some) };
    let records = |text: &str| text.parse().map_err(|_| format!("{text:?} is no number of records"));
    Operational {
        enabled: mapping.flag(reader, "enabled").unwrap_or(OPERATIONAL.enabled),
        no_events: mapping.value(reader, "no_events", silence).unwrap_or(OPERATIONAL.no_events),
        lag: mapping.value(reader, "lag", records).unwrap_or(OPERATIONAL.lag),
    }
}
