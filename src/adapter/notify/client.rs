//! One call to a receiver: connect, post, judge.
//!
//! Bounded in time and size, and no redirect is followed: notices and credentials go only where the configuration says.

use std::sync::Arc;
use std::time::Instant as Moment;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ureq::http::{Response, Uri};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig};
use ureq::{Agent, Body, Proxy};

use super::settings::{Authorization, Receiver, To, Unusable};
use super::verdict::{Failure, judge, pause};
use crate::domain::calendar::Instant;
use crate::wire::notification::{Notice, alertmanager, pagerduty, slack, webhook};
use crate::wire::plain;
use crate::wire::telemetry::{ReceiverCounts, Telemetry};

/// How much of an answer is read, in bytes; how much of it is repeated, in characters.
const MOST_READ: u64 = 16 << 10;
const MOST_SAID: usize = 160;

/// A receiver that can be called. Every call is counted.
pub struct Client {
    receiver: Receiver,
    agent: Agent,
    authorization: Option<String>,
    /// Texts that are never shown.
    secrets: Vec<String>,
    pub(super) counts: Arc<ReceiverCounts>,
}

impl Client {
    /// Connects to nothing yet. From now on the receiver's counts are there.
    ///
    /// # Errors
    /// Certificates, an address or a proxy that cannot be used.
    pub fn new(receiver: Receiver, telemetry: &Telemetry) -> Result<Client, Unusable> {
        let unusable = |fault| Unusable { receiver: Arc::clone(&receiver.name), fault };
        let (scheme, credentials) = receiver.authorization.as_ref().map_or(("", None), |authorization| match authorization {
            Authorization::Basic { user, password } => ("Basic", Some(STANDARD.encode(format!("{user}:{password}")))),
            Authorization::Bearer(token) => ("Bearer", Some(token.clone())),
        });
        let authorization = credentials.as_ref().map(|credentials| format!("{scheme} {credentials}"));
        let secrets = receiver.secrets().into_iter().chain(credentials).collect();
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(receiver.timeout))
            .user_agent(concat!("upswell/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls(&receiver).map_err(unusable)?);
        if let Some(proxy) = &receiver.proxy {
            let proxy = Proxy::new(proxy).map_err(|_| unusable("proxy is no address; write http://host:port".to_owned()))?;
            config = config.proxy(Some(proxy));
        }
        for place in places(&receiver.to) {
            let valid = place.parse::<Uri>().is_ok_and(|uri| {
                uri.host().is_some_and(|host| !host.is_empty()) && matches!(uri.scheme_str(), Some("http" | "https"))
            });
            if !valid {
                return Err(unusable("its url is no address; write http:// or https:// and a host".to_owned()));
            }
        }
        let counts = telemetry.notifications.open(&receiver.name);
        Ok(Client { agent: config.build().new_agent(), authorization, secrets, counts, receiver })
    }

    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Where notices go, as it may be shown: schemes, hosts and ports.
    pub fn shown(&self) -> String {
        places(&self.receiver.to).into_iter().map(shown).collect::<Vec<_>>().join(" and ")
    }

    /// Delivers notices; `now` is the present instant. Blocks for at most the time-out for each call that it takes: one for each
    /// Alertmanager, one for each event of PagerDuty's, else one.
    ///
    /// # Errors
    /// Some notice was not taken. Of several Alertmanagers one is enough; the failures of the others are counted and logged.
    pub fn deliver(&self, notices: &[Notice], now: Instant) -> Result<(), Failure> {
        let receiver = &self.receiver;
        match &receiver.to {
            To::Alertmanager(urls) => self.to_any(urls, notices, now),
            To::PagerDuty { url, routing_key } => notices.iter().try_for_each(|notice| {
                let event = pagerduty::event(notice, routing_key, &receiver.external_url);
                self.post(url, event, now)
            }),
            To::Slack(url) => self.post(url, slack::message(notices), now),
            To::Webhook(url) => self.post(url, webhook::body(notices, &receiver.name, &receiver.external_url), now),
        }
    }

    /// Every Alertmanager is told, at the same time, so that one that hangs does not delay the others.
    fn to_any(&self, urls: &[String], notices: &[Notice], now: Instant) -> Result<(), Failure> {
        let tell = |url: &String| {
            let address = format!("{url}/api/v2/alerts");
            notices.chunks(self.receiver.to.batch()).try_for_each(|chunk| {
                let body = alertmanager::body(chunk, now, self.receiver.evaluation_interval);
                self.post(&address, body, now)
            })
        };
        let Some((first, others)) = urls.split_first() else { return Err(together(Vec::new())) };
        let told: Vec<Result<(), Failure>> = std::thread::scope(|scope| {
            let begin = |url| std::thread::Builder::new().spawn_scoped(scope, move || tell(url)).map_err(|_| url);
            let calls: Vec<_> = others.iter().map(begin).collect();
            let first = tell(first);
            // Where the system has no thread to give, one after the other has to do.
            let joined = calls.into_iter().map(|call| match call {
                Ok(call) => call.join().unwrap_or_else(|_| Err(broken())),
                Err(url) => tell(url),
            });
            std::iter::once(first).chain(joined).collect()
        });
        let taken = told.iter().any(Result::is_ok);
        let failures: Vec<Failure> = told.into_iter().filter_map(Result::err).collect();
        if taken {
            for failure in failures {
                tracing::warn!(receiver = %self.receiver.name, "one Alertmanager of several was not told: {}", failure.sentence);
            }
            return Ok(());
        }
        Err(together(failures))
    }

    fn post(&self, url: &str, body: String, now: Instant) -> Result<(), Failure> {
        let mut request = self.agent.post(url).header("Content-Type", "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let begun = Moment::now();
        let answer = request.send(body);
        let verdict = self.verdict(&shown(url), answer, now);
        self.counts.duration.observe(begun.elapsed());
        self.counts.attempts.add(1);
        self.counts.failures.add(u64::from(verdict.is_err()));
        verdict
    }

    fn verdict(&self, place: &str, answer: Result<Response<Body>, ureq::Error>, now: Instant) -> Result<(), Failure> {
        let mut response = answer.map_err(|error| {
            let sentence = format!("{place} does not answer ({})", self.redacted(&error.to_string()));
            Failure { transient: true, retry_after: None, sentence }
        })?;
        let status = response.status().as_u16();
        let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(|value| pause(value, now));
        // Also read after a success, so that the connection can be used again. A body cut short changes nothing about the status.
        let said = response.body_mut().with_config().limit(MOST_READ).lossy_utf8(true).read_to_string().unwrap_or_default();
        judge(place, status, retry_after, &self.redacted(&said))
    }

    /// The beginning of what somebody else said, on one line, without our secrets.
    fn redacted(&self, said: &str) -> String {
        let hidden = self.secrets.iter().fold(said.to_owned(), |said, secret| said.replace(secret.as_str(), "<secret>"));
        let line = hidden.split_whitespace().collect::<Vec<_>>().join(" ");
        plain::shown(&line.chars().take(MOST_SAID).collect::<String>())
    }
}

/// The failure of several: worth another try if one of them is, after the shortest pause that was asked for.
fn together(failures: Vec<Failure>) -> Failure {
    Failure {
        transient: failures.iter().any(|failure| failure.transient),
        retry_after: failures.iter().filter(|failure| failure.transient).map(|failure| failure.retry_after).min().flatten(),
        sentence: failures.into_iter().map(|failure| failure.sentence).collect::<Vec<_>>().join("; "),
    }
}

fn broken() -> Failure {
    Failure { transient: true, retry_after: None, sentence: "the call ended in a defect of Upswell".to_owned() }
}

fn places(to: &To) -> Vec<&str> {
    match to {
        To::Alertmanager(urls) => urls.iter().map(String::as_str).collect(),
        To::PagerDuty { url, .. } | To::Slack(url) | To::Webhook(url) => vec![url],
    }
}

/// Scheme, host and port of an address: what may be shown of one whose path is secret.
fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}")
}

fn tls(receiver: &Receiver) -> Result<TlsConfig, String> {
    let mut config = TlsConfig::builder();
    if let Some(pem) = &receiver.ca {
        config = config.root_certs(RootCerts::Specific(Arc::new(certificates("ca", pem)?)));
    }
    if let (Some(cert), Some(key)) = (&receiver.cert, &receiver.key) {
        let key = PrivateKey::from_pem(key.as_bytes()).map_err(|_| nothing_usable("key"))?;
        config = config.client_cert(Some(ClientCert::new_with_certs(&certificates("cert", cert)?, key)));
    }
    Ok(config.build())
}

fn certificates(key: &str, pem: &str) -> Result<Vec<Certificate<'static>>, String> {
    let mut found = Vec::new();
    for item in ureq::tls::parse_pem(pem.as_bytes()) {
        if let PemItem::Certificate(certificate) = item.map_err(|_| nothing_usable(key))? {
            found.push(certificate);
        }
    }
    if found.is_empty() { Err(nothing_usable(key)) } else { Ok(found) }
}

fn nothing_usable(key: &str) -> String {
    format!("tls.{key} holds nothing usable; give it PEM text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_in_an_address_is_not_shown() {
        for (url, expected) in [
            ("https://hooks.slack.com/services/T0/B0/secret", "https://hooks.slack.com"),
            ("http://user:secret@h:9093/x", "http://h:9093"),
            ("https://h?token=secret", "https://h"),
            ("http://[::1]:9/x", "http://[::1]:9"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }

    #[test]
    fn failures_together_are_worth_a_try_if_one_is() {
        let failure = |transient, seconds: Option<u64>, sentence: &str| Failure {
            transient,
            retry_after: seconds.map(Duration::from_secs),
            sentence: sentence.to_owned(),
        };
        use std::time::Duration;
        let both = together(vec![failure(false, None, "a"), failure(true, Some(9), "b"), failure(true, Some(5), "c")]);
        assert_eq!(both, failure(true, Some(5), "a; b; c"));
        assert_eq!(together(vec![failure(true, None, "a"), failure(true, Some(5), "b")]), failure(true, None, "a; b"));
        assert_eq!(together(vec![failure(false, None, "a")]), failure(false, None, "a"));
    }
}
