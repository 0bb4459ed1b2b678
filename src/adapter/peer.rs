//! Questions to a running Upswell: one GET, bounded in time and size.
//!
//! No redirect is followed and no proxy asked, so a password goes only where the address says.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig};

const TIMEOUT: Duration = Duration::from_secs(10);
const MOST_READ: u64 = 64 << 20;

/// Who is asked, and what shows who asks. Texts of certificates and keys are PEM.
#[derive(Default)]
pub struct Peer {
    /// The address, without a slash at its end.
    pub url: String,
    /// User and password.
    pub credentials: Option<(String, String)>,
    /// Authority of its certificate, in place of the built-in ones.
    pub authority: Option<String>,
    /// Our certificate, with those between it and its authority, and its key.
    pub identity: Option<(String, String)>,
}

/// Never shows a secret.
impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What it answers.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Peer {
    /// Asks for a path.
    ///
    /// # Errors
    /// No answer, or certificates that cannot be used, as a sentence.
    pub fn get(&self, path: &str) -> Result<Answer, String> {
        // The service is near: a proxy of the environment is meant for what is far.
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(TIMEOUT))
            .proxy(None)
            .tls_config(self.tls()?);
        let mut request = config.build().new_agent().get(format!("{}{path}", self.url));
        if let Some((user, password)) = &self.credentials {
            request = request.header("Authorization", format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
        }
        let no_answer = |error: ureq::Error| format!("no answer ({error}); is the service running, and is this its address?");
        let mut response = request.call().map_err(no_answer)?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(MOST_READ).read_to_string().map_err(no_answer)?;
        Ok(Answer { status, body })
    }

    fn tls(&self) -> Result<TlsConfig, String> {
        let mut config = TlsConfig::builder();
        if let Some(pem) = &self.authority {
            config = config.root_certs(RootCerts::Specific(Arc::new(certificates("authority", pem)?)));
        }
        if let Some((certificate, key)) = &self.identity {
            let key = PrivateKey::from_pem(key.as_bytes()).map_err(|_| unusable("key"))?;
            config = config.client_cert(Some(ClientCert::new_with_certs(&certificates("certificate", certificate)?, key)));
        }
        Ok(config.build())
    }
}

fn certificates(what: &str, pem: &str) -> Result<Vec<Certificate<'static>>, String> {
    let found = ureq::tls::parse_pem(pem.as_bytes()).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
        Ok(_) => None,
        Err(_) => Some(Err(unusable(what))),
    });
    let found: Vec<_> = found.collect::<Result<_, _>>()?;
    if found.is_empty() { Err(unusable(what)) } else { Ok(found) }
}

fn unusable(what: &str) -> String {
    format!("the file of the {what} holds nothing usable; give one with PEM text")
}
