//! Which changes of a configuration a running service can take over, and which need a restart.
//!
//! Taken over: windows, dimensions, `max_values`, `history`, exchange rates, the windows of segment metrics, `complete_since`, and all
//! of alerting but its receivers and interval. They change what is looked at, never what was stored. All else is tied to connections,
//! to stored sums or to accepted facts.

use super::types::Config;

impl Config {
    /// The keys in which `new` differs and that need a restart, by dotted path, in the order of the reference file.
    pub fn changes_needing_restart(&self, new: &Config) -> Vec<&'static str> {
        let changed = [self.kafka_changes(new), self.registry_changes(new), self.other_changes(new)];
        changed.into_iter().flatten().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }

    fn kafka_changes(&self, new: &Config) -> Vec<(&'static str, bool)> {
        let (a, b) = (&self.kafka, &new.kafka);
        vec![
            ("kafka.brokers", a.brokers != b.brokers),
            ("kafka.group_id", a.group_id != b.group_id),
            ("kafka.topics", a.topics != b.topics),
            ("kafka.group_protocol", a.group_protocol != b.group_protocol),
            ("kafka.instance_id", a.instance_id != b.instance_id),
            ("kafka.accept_truncated_log", a.accept_truncated_log != b.accept_truncated_log),
            ("kafka.properties", a.properties != b.properties),
        ]
    }

    fn registry_changes(&self, new: &Config) -> Vec<(&'static str, bool)> {
        let (a, b) = (&self.schema_registry, &new.schema_registry);
        let tls = (&a.tls_ca, &a.tls_cert, &a.tls_key) != (&b.tls_ca, &b.tls_cert, &b.tls_key);
        vec![
            ("schema_registry.url", a.url != b.url),
            ("schema_registry.user", a.user != b.user),
            ("schema_registry.password", a.password != b.password),
            ("schema_registry.tls", tls),
            ("schema_registry.directory", a.directory != b.directory),
        ]
    }

    fn other_changes(&self, new: &Config) -> Vec<(&'static str, bool)> {
        let (a, b) = (&self.revenue, &new.revenue);
        vec![
            ("revenue.currency", a.rates.reporting() != b.rates.reporting()),
            ("revenue.time_zone", a.time_zone.name() != b.time_zone.name()),
            ("revenue.exchange_rates", self.drops_a_currency(new)),
            ("revenue.dedup_window", a.dedup_window != b.dedup_window),
            ("checkpoint.url", self.checkpoint.url != new.checkpoint.url),
            ("checkpoint.interval", self.checkpoint.interval != new.checkpoint.interval),
            ("http.listen", self.http.listen != new.http.listen),
            ("http.external_url", self.http.external_url != new.http.external_url),
            ("http.web_config", self.http.web_config != new.http.web_config),
            ("http.enable_reload", self.http.enable_reload != new.http.enable_reload),
            ("http.customer_data_without_auth", self.http.customer_data_without_auth != new.http.customer_data_without_auth),
            ("limits.memory", self.memory != new.memory),
            ("alerts.interval", self.alerts.interval != new.alerts.interval),
            ("alerts.receivers", self.alerts.receivers != new.alerts.receivers),
        ]
    }

    /// Facts in a currency that is no longer in any table were accepted and cannot be valued any more; only reading the topics
    /// again rejects them.
    fn drops_a_currency(&self, new: &Config) -> bool {
        let mut known = self.revenue.rate_tables.iter().flat_map(|(_, rates)| rates.keys());
        known.any(|currency| !new.revenue.rates.knows(*currency))
    }
}
