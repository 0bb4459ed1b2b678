//! Whether the receivers of notifications can be used: their certificates and addresses. Nobody is told anything: `upswell alerts test`
//! does that.

use super::Findings;
use crate::adapter::notify::Client;
use crate::config::Config;
use crate::wire::notification::alertmanager;
use crate::wire::telemetry::Telemetry;

/// Looks at each receiver.
pub fn look(config: &Config, findings: &mut Findings) {
    let topics = &config.kafka.topics;
    let telemetry = Telemetry::new(&topics.subscriptions, &topics.usage, &topics.retries);
    for receiver in &config.alerts.receivers {
        let settings = receiver.settings(config.http.external_url.as_deref(), alertmanager::RESEND);
        match Client::new(settings, &telemetry) {
            Ok(client) => findings.well.push(format!(
                "alerts: {} goes to {}; `upswell alerts test {}` tries it",
                receiver.name,
                client.shown(),
                receiver.name
            )),
            Err(unusable) => {
                findings.configuration = true;
                findings.troubles.push(format!("alerts: {unusable}"));
            }
        }
    }
}
