//! What librdkafka says on the side: its log goes to `tracing`, its errors are kept for whoever asks why nothing moves.
//!
//! Errors of connections reach a program only as events, never as the result of a call, so a refused password and a dead host
//! both look like a timeout to the caller. [`Events`] tells them apart: credentials count as refused only when a broker answered
//! and said so.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

#[derive(Debug, Default)]
struct Heard {
    refused_credentials: Option<String>,
    last_error: Option<String>,
}

/// What one client has heard. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Events(Arc<Mutex<Heard>>);

impl Events {
    /// Keeps an error event of librdkafka. Call it from `ClientContext::error`.
    pub fn note(&self, error: &KafkaError, reason: &str) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if refuses_credentials(error.rdkafka_error_code(), reason) {
            heard.refused_credentials = Some(reason.to_owned());
        }
        // "All brokers are down" follows each broker's own error and says less.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) || heard.last_error.is_none() {
            heard.last_error = Some(reason.to_owned());
        }
    }

    /// Keeps a line of librdkafka's log if it is about a lost connection: some losses (TLS spoken to a plain port, or the other way)
    /// are not worth an error event to it. Call it from `ClientContext::log`.
    pub fn overhear(&self, facility: &str, message: &str) {
        if facility == "FAIL" {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).last_error = Some(message.to_owned());
        }
    }

    /// What a broker said when it refused our name, password, token or certificate.
    pub fn refused_credentials(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).refused_credentials.clone()
    }

    /// The newest error that says something.
    pub fn last_error(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last_error.clone()
    }

    /// Forgets what was heard, e.g. before a new attempt.
    pub fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Heard::default();
    }
}

/// TLS alerts by which a broker refuses the client's certificate (or its absence).
const CERTIFICATE_ALERTS: [u32; 8] = [42, 43, 44, 45, 46, 48, 49, 116];

/// Whether an error event means that a broker looked at our credentials and refused them. An error that librdkafka found by
/// itself on the way (lost connection, no token from the identity provider) is not a refusal.
fn refuses_credentials(code: Option<RDKafkaErrorCode>, reason: &str) -> bool {
    let alert = reason.split("SSL alert number ").nth(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
    if alert.and_then(|number: String| number.parse().ok()).is_some_and(|number| CERTIFICATE_ALERTS.contains(&number)) {
        return true;
    }
    let authentication = matches!(code, Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed));
    let on_the_way = ["failed: Local: ", "Failed to acquire SASL OAUTHBEARER token", "Disconnected"];
    authentication && !on_the_way.iter().any(|text| reason.contains(text))
}

/// Passes a line of librdkafka's log on. Its errors are warnings to us: it retries by itself, and whoever gives up says so.
pub fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    use RDKafkaLogLevel::{Alert, Critical, Debug, Emerg, Error, Info, Notice, Warning};
    match level {
        // A property for producers on a consumer and the like: every client gets all of the user's properties.
        _ if facility == "CONFWARN" => tracing::debug!(target: "librdkafka", facility, "{message}"),
        Emerg | Alert | Critical => tracing::error!(target: "librdkafka", facility, "{message}"),
        Error | Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
        Notice | Info => tracing::info!(target: "librdkafka", facility, "{message}"),
        Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}

/// Context of clients that need nothing else: log to `tracing`, errors to [`Events`].
#[derive(Clone, Debug, Default)]
pub struct LoggingContext {
    pub events: Events,
}

impl ClientContext for LoggingContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.events.overhear(facility, message);
        log(level, facility, message);
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.events.note(&error, reason);
    }
}

impl ConsumerContext for LoggingContext {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_broker_can_refuse_credentials() {
        use RDKafkaErrorCode::{Authentication, BrokerTransportFailure, SSL, SaslAuthenticationFailed};
        let table = [
            (Authentication, "sasl_ssl://b:1/1: SASL authentication error: Authentication failed: Invalid username", true),
            (SaslAuthenticationFailed, "SASL authentication error: expired", true),
            (
                Authentication,
                "SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's supported mechanisms: X",
                true,
            ),
            (
                Authentication,
                "SASL PLAIN mechanism handshake failed: Local: Broker transport failure: broker's supported mechanisms: (n/a)",
                false,
            ),
            (Authentication, "Failed to acquire SASL OAUTHBEARER token: timed out", false),
            (Authentication, "Disconnected: hung up from peer in state AUTH_LEGACY", false),
            (BrokerTransportFailure, "Connect to ipv4#127.0.0.1:1 failed: Connection refused", false),
            (SSL, "SSL handshake failed: certificate verify failed: broker certificate could not be verified", false),
            (SSL, "SSL handshake failed: error:0A000412: sslv3 alert bad certificate: SSL alert number 42 (after 3ms)", true),
            (BrokerTransportFailure, "Receive failed: tlsv13 alert certificate required: SSL alert number 116", true),
            (SSL, "SSL handshake failed: tlsv1 alert protocol version: SSL alert number 70", false),
        ];
        for (code, reason, expected) in table {
            assert_eq!(refuses_credentials(Some(code), reason), expected, "{reason}");
        }
    }

    #[test]
    fn events_are_shared_by_clones_and_can_be_forgotten() {
        let context = LoggingContext::default();
        let events = context.events.clone();
        context.error(KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure), "gone");
        context.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(events.last_error().as_deref(), Some("gone"));
        assert_eq!(events.refused_credentials(), None);
        context.log(RDKafkaLogLevel::Info, "FAIL", "b:1: Disconnected: connecting to a SSL listener?");
        context.log(RDKafkaLogLevel::Info, "OTHER", "hello");
        assert_eq!(events.last_error().as_deref(), Some("b:1: Disconnected: connecting to a SSL listener?"));
        context.error(KafkaError::Global(RDKafkaErrorCode::Authentication), "wrong password");
        assert_eq!(events.refused_credentials().as_deref(), Some("wrong password"));
        events.clear();
        assert_eq!(context.events.last_error(), None);
    }
}
