//! Notifications: what is told to people about an alert, and the bodies in which each kind of receiver takes it.
//!
//! A [`Notice`] is one alert at one moment. Its labels are its identity: two notices with the same labels are about the same alert,
//! in every instance and after every restart, which is what the receivers' deduplication rests on. So nothing that changes from
//! one moment to the next (a value, a count) belongs into a label; it belongs into an annotation.

pub mod alertmanager;
pub mod pagerduty;
pub mod slack;
pub mod webhook;

use crate::domain::calendar::Instant;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// One alert that fires, or that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// `alertname`, `severity` and whatever tells this alert from others. An empty value is the same as no label.
    pub labels: BTreeMap<String, String>,
    /// `summary`, `description`, `runbook_url` and other texts for people.
    pub annotations: BTreeMap<String, String>,
    /// When it began to fire.
    pub starts_at: Instant,
    /// When it ended; `None` while it fires.
    pub ends_at: Option<Instant>,
    /// Where to look, for people; empty if nowhere.
    pub generator_url: String,
}

/// What a notice says of its alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Firing,
    Resolved,
}

impl Status {
    /// As Alertmanager writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Firing => "firing",
            Status::Resolved => "resolved",
        }
    }
}

impl Notice {
    pub fn status(&self) -> Status {
        if self.ends_at.is_some() { Status::Resolved } else { Status::Firing }
    }

    /// The alert's name; empty if it has none.
    pub fn name(&self) -> &str {
        self.labels.get("alertname").map_or("", String::as_str)
    }

    /// `critical`, `warning`, `info` or what the rule says instead.
    pub fn severity(&self) -> Option<&str> {
        self.labels.get("severity").map(String::as_str).filter(|severity| !severity.is_empty())
    }

    /// The fingerprint Prometheus and Alertmanager give this label set: FNV-1a of the sorted labels, 16 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let hash = self
            .identity()
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
        format!("{hash:016x}")
    }

    /// The name of this alert for a receiver that tells alerts apart by a key of ours: 64 hexadecimal digits, a digest of the sorted
    /// labels. Unlike a fingerprint nobody can make two alerts share it.
    pub fn dedup_key(&self) -> String {
        Sha256::digest(self.identity()).iter().fold(String::with_capacity(64), |mut key, byte| {
            let _ = write!(key, "{byte:02x}");
            key
        })
    }

    /// The labels that are not empty, sorted, as bytes of which no other label set has the same.
    fn identity(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, value) in self.identifying() {
            for text in [name, value] {
                bytes.extend_from_slice(text.as_bytes());
                bytes.push(0xff); // never part of UTF-8
            }
        }
        bytes
    }

    /// The labels that are not empty, sorted.
    fn identifying(&self) -> impl Iterator<Item = (&String, &String)> {
        self.labels.iter().filter(|(_, value)| !value.is_empty())
    }

    /// One line for people: the alert's name, what its summary says, and which of its like it is.
    fn headline(&self) -> String {
        let summary = self.annotations.get("summary").filter(|summary| !summary.is_empty());
        let mut line = match (self.name(), summary) {
            ("", Some(summary)) => summary.clone(),
            ("", None) => "Alert".to_owned(),
            (name, Some(summary)) => format!("{name}: {summary}"),
            (name, None) => name.to_owned(),
        };
        let told = |name: &str| ["alertname", "severity"].contains(&name);
        let which: Vec<_> =
            self.identifying().filter(|(name, _)| !told(name)).map(|(name, value)| format!("{name}={value}")).collect();
        if !which.is_empty() {
            let _ = write!(line, " ({})", which.join(", "));
        }
        line
    }
}

/// At most so many characters of a text; one that is longer ends in an ellipsis.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
