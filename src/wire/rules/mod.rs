//! The rules of the configuration as rules of Prometheus, for those who alert there: `upswell rules` prints them.
//!
//! One definition, two evaluators. What the built-in one suppresses has no value here; thresholds are compared as exactly as doubles
//! allow; and figures are sums over all instances, so that a group of several is judged as one. The text is a pure function of the
//! configuration, line for line.

mod alerting;
mod document;
mod figures;
mod service;
mod text;

pub use service::OUTSIDE;

use crate::domain::alert::{Limits, Rule};
use crate::domain::window::Window;
use document::{Entry, Group, print};
use figures::Level;

/// Labels that tell instances of one group apart, as scrape configurations usually set them.
pub const INSTANCE_LABELS: [&str; 4] = ["instance", "pod", "node", "host"];

/// What the rules are drawn from.
pub struct Settings<'a> {
    pub rules: &'a [Rule],
    /// Limits of the alerts about the service itself; `None` if they are off.
    pub limits: Option<Limits>,
    pub usage_topic: &'a str,
    /// Windows whose segments are exported.
    pub segment_windows: &'a [Window],
    /// Labels to sum over, at least one.
    pub instance_labels: &'a [String],
}

const HEAD: &str = "\
Rules for Prometheus 2.42 or newer, printed by `upswell rules` from the configuration: do not edit, print them again.
Load them, or give Upswell receivers of its own: one way, not both. See docs/alerting.md.";

/// The file of rules.
pub fn render(settings: &Settings) -> String {
    let (mut figures, mut alerts) = (whole(settings), Vec::new());
    for rule in settings.rules {
        match alerting::records(rule, settings) {
            Ok(records) => {
                figures.extend(records);
                alerts.push(alerting::alert(rule));
            }
            Err(why) => alerts.push(Entry::Comment(format!("{} is evaluated by Upswell only: {}.", rule.name, why.0))),
        }
    }
    let service = settings.limits.map(|limits| Group {
        name: "upswell.service",
        about: service::about(&limits),
        entries: service::alerts(settings, &limits),
    });
    let about = "Sums over all instances, ratios over the sums, and what each alert is judged by. One group: all of one instant.";
    let mut groups = vec![
        Group { name: "upswell.figures", about: about.to_owned(), entries: figures },
        Group { name: "upswell.alerts", about: "Alerts over revenue.".to_owned(), entries: alerts },
    ];
    groups.extend(service);
    print(HEAD, &groups)
}

/// Everything about the figures that does not depend on the alerts.
fn whole(settings: &Settings) -> Vec<Entry> {
    let mut out = figures::footing(settings);
    out.extend(figures::sums(settings, Level::Window));
    out.extend(figures::ratios(Level::Window));
    if !settings.segment_windows.is_empty() {
        out.extend(figures::sums(settings, Level::Segment));
        out.extend(figures::ratios(Level::Segment));
    }
    out
}
