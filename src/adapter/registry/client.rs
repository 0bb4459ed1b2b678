//! Questions to a schema registry over HTTP, one at a time.
//!
//! Bounded in time and size, and no redirect is followed: our credentials go only where the configuration says.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ureq::Agent;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig};

use super::answer::{self, Answer, Entry, Lack, Reference};
use super::{Error, Schema, Settings};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From the first byte sent to the last byte read.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A schema's text, and all that it refers to, is far smaller.
const MAX_BODY: u64 = 4 << 20;
/// Schemas that one schema may refer to, directly and indirectly.
const MAX_REFERENCES: usize = 100;

/// A registry with a Confluent-compatible API.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    base: String,
    shown: String,
    authorization: Option<String>,
}

impl Client {
    /// `None` without an address. Fails over one that is none, or certificates that are none.
    pub fn new(settings: &Settings) -> Result<Option<Client>, Error> {
        let Some(url) = &settings.url else { return Ok(None) };
        let base = url.trim_end_matches('/').to_owned();
        let valid = base.parse::<ureq::http::Uri>().is_ok_and(|uri| {
            uri.host().is_some_and(|host| !host.is_empty()) && matches!(uri.scheme_str(), Some("http" | "https"))
        });
        if !valid {
            return Err(Error::Url(without_credentials(url)));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("upswell/", env!("CARGO_PKG_VERSION")))
            .accept("application/vnd.schemaregistry.v1+json, application/json")
            .tls_config(tls(settings)?);
        let authorization = settings.user.as_ref().map(|user| {
            let password = settings.password.as_deref().unwrap_or_default();
            format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        });
        let shown = without_credentials(&base);
        Ok(Some(Client { agent: config.build().new_agent(), base, shown, authorization }))
    }

    /// The address, without a password in it.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The schema with this id, with all that it refers to.
    pub fn schema(&self, id: u32) -> Answer {
        let entry = match self.ask(id, &format!("/schemas/ids/{id}")) {
            Ok(entry) => entry,
            Err(Lack::Missing) => return Answer::Missing,
            Err(Lack::Outage(fault)) => return Answer::Outage(fault),
        };
        let mut found = Vec::new();
        match self.resolve(&entry.references, &mut HashSet::new(), &mut found) {
            Ok(()) => Answer::Schema(Schema::new(&entry.text, found)),
            Err(fault) => Answer::Outage(fault),
        }
    }

    /// Fetches schemas that are referred to, each after those that it refers to itself.
    fn resolve(&self, references: &[Reference], seen: &mut HashSet<Reference>, found: &mut Vec<Arc<str>>) -> Result<(), String> {
        for reference in references {
            if !seen.insert(reference.clone()) {
                continue;
            }
            if seen.len() > MAX_REFERENCES {
                return Err(format!("its schema refers to over {MAX_REFERENCES} others"));
            }
            let path = format!("/subjects/{}/versions/{}", escaped(&reference.subject), reference.version);
            let Entry { text, references } = self.ask(0, &path).map_err(|lack| {
                let fault = if let Lack::Outage(fault) = lack { fault } else { "it has no such schema".to_owned() };
                format!("the schema refers to version {} of {}, and of that {fault}", reference.version, reference.subject)
            })?;
            self.resolve(&references, seen, found)?;
            found.push(text);
        }
        Ok(())
    }

    /// Whether the API is where the address says: an id that exists and one that does not both prove it.
    pub fn check(&self) -> Result<(), String> {
        match self.ask(1, "/schemas/ids/1") {
            Ok(_) | Err(Lack::Missing) => Ok(()),
            Err(Lack::Outage(fault)) => Err(format!("the schema registry at {} cannot be used: {fault}", self.shown)),
        }
    }

    /// The newest schema of a subject; `None` if there is no such subject. Only after [`check`](Client::check) has shown that the
    /// address is right does a 404 mean that.
    pub fn latest(&self, subject: &str) -> Result<Option<Schema>, String> {
        let path = format!("/subjects/{}/versions/latest", escaped(subject));
        let (status, location, body) = self.fetch(&path)?;
        if status == 404 {
            return Ok(None);
        }
        let lacking = |lack| if let Lack::Outage(fault) = lack { fault } else { "it has no such schema".to_owned() };
        let entry = answer::read(0, status, location.as_deref(), &body).map_err(lacking)?;
        let mut found = Vec::new();
        self.resolve(&entry.references, &mut HashSet::new(), &mut found)?;
        Ok(Some(Schema::new(&entry.text, found)))
    }

    fn ask(&self, id: u32, path: &str) -> Result<Entry, Lack> {
        let (status, location, body) = self.fetch(path).map_err(Lack::Outage)?;
        answer::read(id, status, location.as_deref(), &body)
    }

    /// Status, redirect and body of an answer; a sentence if there is none.
    fn fetch(&self, path: &str) -> Result<(u16, Option<String>, Vec<u8>), String> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let no_answer = |error: ureq::Error| format!("no answer ({error})");
        let mut response = request.call().map_err(no_answer)?;
        let location = response.headers().get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = response.body_mut().with_config().limit(MAX_BODY).read_to_vec().map_err(no_answer)?;
        Ok((response.status().as_u16(), location, body))
    }
}

fn tls(settings: &Settings) -> Result<TlsConfig, Error> {
    let mut config = TlsConfig::builder();
    if let Some(pem) = &settings.ca {
        config = config.root_certs(RootCerts::Specific(Arc::new(certificates("ca", pem)?)));
    }
    if let (Some(cert), Some(key)) = (&settings.cert, &settings.key) {
        let key = PrivateKey::from_pem(key.as_bytes()).map_err(|error| unusable("key", &error))?;
        config = config.client_cert(Some(ClientCert::new_with_certs(&certificates("cert", cert)?, key)));
    }
    Ok(config.build())
}

fn certificates(key: &'static str, pem: &str) -> Result<Vec<Certificate<'static>>, Error> {
    let mut found = Vec::new();
    for item in ureq::tls::parse_pem(pem.as_bytes()) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| unusable(key, &error))? {
            found.push(certificate);
        }
    }
    if found.is_empty() { Err(Error::Certificate { key, fault: "no certificate in it".to_owned() }) } else { Ok(found) }
}

fn unusable(key: &'static str, error: &ureq::Error) -> Error {
    Error::Certificate { key, fault: error.to_string() }
}

/// An address as it may be shown: without user and password.
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((credentials, _)) => format!("{scheme}://{}", &rest[credentials.len() + 1..]),
        None => url.to_owned(),
    }
}

/// A subject as one segment of a path.
fn escaped(segment: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    segment.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> Settings {
        Settings { url: Some(url.to_owned()), ..Settings::default() }
    }

    #[test]
    fn addresses_and_certificates_are_checked_at_once() {
        for good in ["http://localhost:8081", "https://h/apis/ccompat/v7/", "http://u:p@[::1]:8081"] {
            assert!(Client::new(&settings(good)).is_ok(), "{good}");
        }
        for bad in ["localhost:8081", "ftp://h", "http://", "", "http://a b"] {
            assert!(matches!(Client::new(&settings(bad)), Err(Error::Url(_))), "{bad}");
        }
        let rubbish = Settings { ca: Some("rubbish".to_owned()), ..settings("https://h") };
        assert!(matches!(Client::new(&rubbish), Err(Error::Certificate { key: "ca", .. })));
        let (cert, key) = (Some("-----BEGIN".to_owned()), Some("rubbish".to_owned()));
        let rubbish = Settings { cert, key, ..settings("https://h") };
        assert!(matches!(Client::new(&rubbish), Err(Error::Certificate { key: "key", .. })));
        assert!(Client::new(&Settings::default()).unwrap().is_none());
    }

    #[test]
    fn passwords_are_not_shown() {
        let table = [
            ("http://u:p@h:1/a@b", "http://h:1/a@b"),
            ("https://h/a", "https://h/a"),
            ("http://u:p@ss@h", "http://h"),
            ("x", "x"),
        ];
        for (url, expected) in table {
            assert_eq!(without_credentials(url), expected);
        }
        let client = Client::new(&settings("http://u:secret@h/")).unwrap().unwrap();
        assert_eq!(client.shown(), "http://h");
    }

    #[test]
    fn subjects_are_escaped() {
        assert_eq!(escaped("a/b c-é.value"), "a%2Fb%20c-%C3%A9.value");
    }
}
