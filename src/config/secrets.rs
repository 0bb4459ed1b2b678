//! Every place of a configuration that holds a secret.
//!
//! A secret can only be read from a place that is listed here, which debug builds insist on, and a test plants a canary at each and looks
//! for it in everything that leaves the process. So a new secret cannot be forgotten.

/// Dotted paths; a sibling `x_file` that names a file with the value is understood. The last ones are those of the file of
/// `http.web_config`.
pub const SECRETS: [&str; 18] = [
    "kafka.properties",
    "kafka.properties_files",
    "schema_registry.password",
    "schema_registry.tls.ca",
    "schema_registry.tls.cert",
    "schema_registry.tls.key",
    "alerts.receivers.basic_auth.password",
    "alerts.receivers.bearer_token",
    "alerts.receivers.pagerduty.routing_key",
    "alerts.receivers.slack.url",
    "alerts.receivers.webhook.url",
    "alerts.receivers.tls.ca",
    "alerts.receivers.tls.cert",
    "alerts.receivers.tls.key",
    "tls_server_config.cert",
    "tls_server_config.key",
    "tls_server_config.client_ca",
    "basic_auth_users",
];
