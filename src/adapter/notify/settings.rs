//! What a receiver is: the settings of delivery, checked by the configuration, files read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::wire::notification::{Notice, Status, slack};

/// One receiver of notifications.
#[derive(Clone)]
pub struct Receiver {
    /// Distinct among the receivers.
    pub name: Arc<str>,
    pub to: To,
    pub authorization: Option<Authorization>,
    /// PEM text of the authorities to trust instead of the built-in ones.
    pub ca: Option<String>,
    /// PEM text of the client's certificate and key.
    pub cert: Option<String>,
    pub key: Option<String>,
    /// `http://host:port` of a proxy that is asked to CONNECT; without it, that of `HTTPS_PROXY` and its like, if any.
    pub proxy: Option<String>,
    /// Of one call, from resolving the name to the last byte read.
    pub timeout: Duration,
    /// Whether it is told that an alert has ended. Alertmanager always is.
    pub send_resolved: bool,
    /// The severities it is told of; none: all.
    pub severities: Vec<String>,
    /// Where this service is reached, for people; empty if nobody said.
    pub external_url: String,
    /// How often rules are evaluated, for the end that Alertmanager is told of an alert that fires.
    pub evaluation_interval: Duration,
}

/// Where notices go, and in which form.
#[derive(Clone)]
pub enum To {
    /// Base addresses, at least one. All are told; they tell each other what was told already.
    Alertmanager(Vec<String>),
    PagerDuty {
        url: String,
        /// Secret.
        routing_key: String,
    },
    /// An incoming webhook: the address is secret.
    Slack(String),
    /// The address is secret.
    Webhook(String),
}

/// How a receiver knows us. Secret.
#[derive(Clone)]
pub enum Authorization {
    Basic { user: String, password: String },
    Bearer(String),
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("name", &self.name).field("kind", &self.to.kind()).finish_non_exhaustive()
    }
}

impl To {
    /// The key of the configuration that says so.
    pub fn kind(&self) -> &'static str {
        match self {
            To::Alertmanager(_) => "alertmanager",
            To::PagerDuty { .. } => "pagerduty",
            To::Slack(_) => "slack",
            To::Webhook(_) => "webhook",
        }
    }

    /// Whether it is told the state again and again, so that only the newest matters; else it is told each change once.
    pub fn is_level_triggered(&self) -> bool {
        matches!(self, To::Alertmanager(_))
    }

    /// Notices that one call may carry.
    pub(super) fn batch(&self) -> usize {
        match self {
            // As many as Prometheus sends.
            To::Alertmanager(_) => 256,
            To::Slack(_) => slack::MOST_ALERTS,
            // One event is one alert; and a webhook's group is then one alert with a key of its own.
            To::PagerDuty { .. } | To::Webhook(_) => 1,
        }
    }
}

impl Receiver {
    /// Whether this receiver is told of this.
    pub fn wants(&self, notice: &Notice) -> bool {
        let severity = notice.severity().unwrap_or_default();
        let heard = self.severities.is_empty() || self.severities.iter().any(|wanted| wanted == severity);
        heard && (notice.status() == Status::Firing || self.send_resolved || self.to.is_level_triggered())
    }

    /// Every text that must not be shown, whole ones before their parts.
    pub(super) fn secrets(&self) -> Vec<String> {
        let of_place = match &self.to {
            To::Alertmanager(_) => Vec::new(),
            To::PagerDuty { routing_key, .. } => vec![routing_key.clone()],
            To::Slack(url) | To::Webhook(url) => address_and_parts(url),
        };
        let of_authorization = self.authorization.as_ref().map(|authorization| match authorization {
            Authorization::Basic { password, .. } => password.clone(),
            Authorization::Bearer(token) => token.clone(),
        });
        of_place.into_iter().chain(of_authorization).chain(self.key.clone()).filter(|secret| !secret.is_empty()).collect()
    }
}

/// A secret address, and what is secret in it by itself: segments of its path and values of its query that are long enough not to be
/// words of every other sentence.
fn address_and_parts(url: &str) -> Vec<String> {
    const SHORTEST: usize = 8;
    let path = url.split_once("://").and_then(|(_, rest)| rest.find(['/', '?', '#']).map(|at| &rest[at..])).unwrap_or_default();
    let parts = path.split(['/', '?', '&', '=', '#']).filter(|part| part.len() >= SHORTEST);
    [url, path].into_iter().filter(|text| text.len() >= SHORTEST).chain(parts).map(str::to_owned).collect()
}

/// Why nothing can be delivered with these settings: the configuration, or a file it names, has to be changed.
#[derive(Debug, thiserror::Error)]
#[error("receiver {receiver}: {fault}")]
pub struct Unusable {
    pub receiver: Arc<str>,
    pub fault: String,
}
