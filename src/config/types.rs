//! What a configuration means: typed, checked values. Built by `parse` only, so holding a [`Config`] means it is valid.

use super::alerts::Alerts;
use super::units::{Memory, Millis};
use crate::domain::calendar::{Day, Zone};
use crate::domain::currency::{Currency, ExchangeRates};
use crate::domain::window::Window;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// A valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    pub kafka: Kafka,
    pub schema_registry: SchemaRegistry,
    pub revenue: Revenue,
    /// Windows whose segments are exported as metrics; a subset of [`Revenue::windows`].
    pub segment_windows: Vec<Window>,
    pub checkpoint: Checkpoint,
    pub http: Http,
    /// Greatest memory to use.
    pub memory: Memory,
    pub alerts: Alerts,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: String,
    /// The file it was read from, if it was.
    pub file: Option<PathBuf>,
}

impl Secret {
    pub fn new(text: String, file: Option<PathBuf>) -> Secret {
        Secret { text, file }
    }

    /// The text itself: for the client that needs it, never for a log or a page.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// The Kafka client and the topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kafka {
    /// `host:port`, by comma. Empty only where no Kafka is needed (a replay).
    pub brokers: String,
    pub group_id: String,
    pub topics: Topics,
    pub group_protocol: GroupProtocol,
    /// `group.instance.id`, for static membership.
    pub instance_id: Option<String>,
    /// Start although the topics no longer reach back to offset 0.
    pub accept_truncated_log: bool,
    /// Passed to librdkafka; those of `properties_files` included. None is one that Upswell owns.
    pub properties: BTreeMap<String, Secret>,
}

/// Names of topics, all different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    pub subscriptions: String,
    pub usage: String,
    pub dead_letters: String,
    pub retries: String,
}

/// How the consumer group is coordinated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupProtocol {
    /// KIP-848 where every broker offers it, else classic.
    Auto,
    /// KIP-848.
    Consumer,
    Classic,
}

impl GroupProtocol {
    pub const NAMES: [(&'static str, GroupProtocol); 3] =
        [("auto", GroupProtocol::Auto), ("consumer", GroupProtocol::Consumer), ("classic", GroupProtocol::Classic)];
}

/// Where writer schemas come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaRegistry {
    /// Base of a Confluent-compatible API, without a slash at the end; `None` if there is none.
    pub url: Option<String>,
    pub user: Option<String>,
    /// Set only with a user.
    pub password: Option<Secret>,
    /// PEM text of the authorities to trust instead of the built-in ones.
    pub tls_ca: Option<Secret>,
    /// PEM text of the client's certificate; set if and only if `tls_key` is.
    pub tls_cert: Option<Secret>,
    pub tls_key: Option<Secret>,
    /// Directory of `*.avsc` files for single-object encoding.
    pub directory: Option<PathBuf>,
}

/// What is counted, and how.
#[derive(Clone, Debug)]
pub struct Revenue {
    pub time_zone: Zone,
    /// Reporting currency and exchange rates.
    pub rates: ExchangeRates,
    /// The same rates as written, by `from` ascending: currency to millionths.
    pub rate_tables: Vec<(Day, BTreeMap<Currency, i64>)>,
    /// The file the rates were read from, if they were.
    pub exchange_rates_file: Option<PathBuf>,
    /// Distinct, at least one, in configured order.
    pub windows: Vec<Window>,
    /// Distinct and not empty, in configured order.
    pub dimensions: Vec<String>,
    /// At least 1.
    pub max_values: usize,
    /// Date from which the topics hold the whole history.
    pub complete_since: Option<Day>,
    /// Record time for which usage ids are remembered at least.
    pub dedup_window: Millis,
    /// Closed months whose usage days are kept; windows may need more.
    pub history: u16,
}

/// Where and how often state is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// A valid [`Location`](crate::adapter::store::Location).
    pub url: String,
    pub interval: Millis,
}

/// The HTTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// `host:port`.
    pub listen: String,
    /// How the world reaches this server, if not by its address.
    pub external_url: Option<String>,
    /// TLS and passwords, in exporter-toolkit's format; it was valid when the configuration was read.
    pub web_config: Option<PathBuf>,
    /// Whether `POST /-/reload` is open.
    pub enable_reload: bool,
    /// Whether customer data is given to anybody who reaches an address that is not loopback.
    pub customer_data_without_auth: bool,
}
