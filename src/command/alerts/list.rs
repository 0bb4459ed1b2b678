//! `upswell alerts list`: what `/api/v1/alerts` of a running service says, for people or as it is.

use crate::command::columns::lay_out;
use crate::command::instance::Instance;
use crate::command::{Failure, print, say};
use crate::wire::plain;
use anyhow::anyhow;
use clap::ValueEnum;
use serde::Deserialize;
use std::collections::BTreeMap;

pub const NOTES: &str = "\
Firing alerts come first. With `--format json` the answer of the service is printed as it is.

Examples:
  upswell alerts list
  upswell alerts list --url http://upswell:9817 --format json
  upswell alerts list --url https://upswell:9817 --tls-ca-file ca.pem --user ada --password-file /run/secrets/ada";

/// Arguments of `upswell alerts list`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    instance: Instance,
    /// A table for people, or the JSON of the service
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Prometheus' form.
#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    alerts: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    state: String,
    #[serde(rename = "activeAt")]
    active_at: Option<String>,
    value: Option<String>,
}

/// Prints the alerts.
///
/// # Errors
/// The service does not answer, or not with alerts.
pub fn execute(args: &Args) -> Result<(), Failure> {
    let body = args.instance.get("/api/v1/alerts")?;
    let answer: Answer =
        serde_json::from_str(&body).map_err(|error| anyhow!("the answer is no list of alerts ({error}); is this an Upswell?"))?;
    match args.format {
        Format::Json => print(&body.lines().map(|line| plain::shown_json(line) + "\n").collect::<String>()),
        Format::Table if answer.data.alerts.is_empty() => {
            say("no alert is pending or firing");
            Ok(())
        }
        Format::Table => print(&table(answer.data.alerts)),
    }
}

const HEADING: [&str; 6] = ["STATE", "ALERT", "SEVERITY", "SINCE", "VALUE", "LABELS"];

fn table(mut alerts: Vec<Alert>) -> String {
    let rank = |state: &str| ["firing", "pending"].iter().position(|known| *known == state).unwrap_or(2);
    alerts.sort_by(|one, other| (rank(&one.state), &one.labels).cmp(&(rank(&other.state), &other.labels)));
    let rows = alerts.iter().flat_map(|alert| [row(alert)].into_iter().chain(summary(alert)));
    lay_out(&[HEADING.map(str::to_owned).to_vec()].into_iter().chain(rows).collect::<Vec<_>>())
}

fn row(alert: &Alert) -> Vec<String> {
    let label = |name: &str| alert.labels.get(name).map_or_else(|| "-".to_owned(), |value| plain::shown(value));
    let text = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), plain::shown);
    let others = alert.labels.iter().filter(|(name, _)| !["alertname", "severity"].contains(&name.as_str()));
    let others: Vec<_> = others.map(|(name, value)| plain::shown(&format!("{name}={value}"))).collect();
    vec![
        plain::shown(&alert.state),
        label("alertname"),
        label("severity"),
        text(&alert.active_at),
        text(&alert.value),
        others.join(" "),
    ]
}

/// A line of its own: it may be long.
fn summary(alert: &Alert) -> Option<Vec<String>> {
    let summary = alert.annotations.get("summary").filter(|summary| !summary.is_empty())?;
    Some(vec![String::new(), plain::shown(summary)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firing_alerts_come_first_and_nothing_hostile_reaches_the_terminal() {
        let alert = |state: &str, name: &str, extra: &str, summary: &str| {
            let labels = BTreeMap::from([
                ("alertname".to_owned(), name.to_owned()),
                ("severity".to_owned(), "critical".to_owned()),
                ("segment".to_owned(), extra.to_owned()),
            ]);
            let annotations = BTreeMap::from([("summary".to_owned(), summary.to_owned())]);
            let active_at = Some("2026-09-10T08:00:00Z".to_owned());
            Alert { labels, annotations, state: state.to_owned(), active_at, value: Some("0.09".to_owned()) }
        };
        let alerts = vec![alert("pending", "A", "x\u{1b}[2J", ""), alert("firing", "B", "y", "It fell.")];
        let expected = "\
STATE    ALERT  SEVERITY  SINCE                 VALUE  LABELS
firing   B      critical  2026-09-10T08:00:00Z  0.09   segment=y
         It fell.
pending  A      critical  2026-09-10T08:00:00Z  0.09   segment=x\\u{1b}[2J
";
        assert_eq!(table(alerts), expected);
    }
}
