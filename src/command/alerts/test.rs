//! `upswell alerts test`: one notice that says it is a test, to one receiver, and that it has ended where that is told.
//!
//! The notice goes the way of every other, in the same form; its alert is called `UpswellTest`, which no rule can be.

use crate::adapter::clock::Clock;
use crate::adapter::notify::{Client, To, Unusable};
use crate::command::{Failure, print};
use crate::config::{Config, Loaded, Purpose};
use crate::domain::calendar::Instant;
use crate::wire::notification::{Notice, alertmanager};
use crate::wire::telemetry::Telemetry;
use std::collections::BTreeMap;
use std::path::PathBuf;

pub const NOTES: &str = "\
The notice is called UpswellTest and says that it is a test. It is sent as firing and then as resolved, where the receiver is told of \
that (send_resolved; an Alertmanager always is). The receiver's own severities do not hold it back.

Exit code 1: the receiver did not answer, or failed for now. Exit code 78: it refused, or the configuration has faults.

Examples:
  upswell alerts test oncall --config upswell.yaml
  upswell alerts test oncall --severity critical --config upswell.yaml";

/// Arguments of `upswell alerts test`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of a receiver in alerts.receivers
    #[arg(value_name = "RECEIVER")]
    receiver: String,
    /// Configuration file (YAML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Severity of the test notice, which may decide whom it wakes
    #[arg(long, value_name = "SEVERITY", default_value = "info")]
    severity: String,
}

/// Sends it.
///
/// # Errors
/// The configuration has faults, there is no such receiver, or it did not take the notice.
pub fn execute(args: &Args) -> Result<(), Failure> {
    let Loaded { config, warnings } = Config::load(Some(&args.config), Purpose::Service)?;
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let client = client(&config, &args.receiver)?;
    let (clock, external_url) = (Clock::wall(), config.http.external_url.unwrap_or_default());
    let firing = notice(clock.now(), &args.severity, external_url);
    tell(&client, &firing, clock.now())?;
    let receiver = client.receiver();
    if !receiver.send_resolved && !matches!(receiver.to, To::Alertmanager(_)) {
        return print(&format!("{}: resolved notices are not sent to it (send_resolved)\n", receiver.name));
    }
    // Later than its beginning, so that it lasted.
    let ended = Instant(clock.now().0.max(firing.starts_at.0 + 1));
    tell(&client, &Notice { ends_at: Some(ended), ..firing }, ended)
}

fn client(config: &Config, name: &str) -> Result<Client, Failure> {
    let receivers = &config.alerts.receivers;
    let Some(receiver) = receivers.iter().find(|receiver| receiver.name == name) else {
        let names: Vec<_> = receivers.iter().map(|receiver| receiver.name.as_str()).collect();
        return Err(Failure::Usage(match names[..] {
            [] => format!("there is no receiver {name:?}: alerts.receivers is empty"),
            _ => format!("there is no receiver {name:?} in alerts.receivers; there are: {}", names.join(", ")),
        }));
    };
    let topics = &config.kafka.topics;
    let telemetry = Telemetry::new(&topics.subscriptions, &topics.usage, &topics.retries);
    let settings = receiver.settings(config.http.external_url.as_deref(), alertmanager::RESEND);
    Client::new(settings, &telemetry).map_err(|unusable: Unusable| Failure::Configuration(unusable.to_string()))
}

fn notice(now: Instant, severity: &str, external_url: String) -> Notice {
    let texts = |entries: &[(&str, &str)]| -> BTreeMap<String, String> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    Notice {
        labels: texts(&[("alertname", "UpswellTest"), ("severity", severity)]),
        annotations: texts(&[
            ("summary", "This is a test of Upswell's notifications. Nothing is wrong and nothing has to be done."),
            ("description", "Somebody asked for it with `upswell alerts test`."),
        ]),
        starts_at: now,
        ends_at: None,
        generator_url: external_url,
    }
}

fn tell(client: &Client, notice: &Notice, now: Instant) -> Result<(), Failure> {
    let (name, status) = (&client.receiver().name, notice.status().as_str());
    match client.deliver(std::slice::from_ref(notice), now) {
        Ok(()) => print(&format!("{name}: the {status} test notice was taken by {}\n", client.shown())),
        Err(failure) => {
            let sentence = format!("{name}: the {status} test notice was not delivered: {}", failure.sentence);
            Err(if failure.transient { anyhow::Error::msg(sentence).into() } else { Failure::Configuration(sentence) })
        }
    }
}
