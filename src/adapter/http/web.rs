//! What the file of `http.web_config` says, checked and with certificates and keys read.
//!
//! The file is in the format of Prometheus' exporter-toolkit, so that one file fits every server of a fleet. Reading it is the
//! configuration's business; [`WebFile`] carries how, because it is read again while the service runs.

use axum::http::{HeaderName, HeaderValue};
use rustls::{CipherSuite, NamedGroup};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The file's contents. Empty: no TLS, no passwords.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Web {
    pub tls: Option<Tls>,
    /// Added to every answer, in place of our own of the same name.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub users: Users,
}

/// User names to bcrypt hashes, each of which can be used. Never printed: a hash can be guessed at.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Users(pub BTreeMap<String, String>);

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} users", self.0.len())
    }
}

/// `tls_server_config`.
#[derive(Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM text of our certificate, with those between it and the authority.
    pub certificate: String,
    /// PEM text of its key.
    pub key: String,
    pub clients: Clients,
    /// Lowest and highest version that is spoken.
    pub versions: (Version, Version),
    /// Suites of TLS 1.2, best first; empty for all. Those of TLS 1.3 are not a choice, as in Go.
    pub suites: Vec<CipherSuite>,
    /// Groups of the key exchange, best first; empty for all.
    pub groups: Vec<NamedGroup>,
    /// Whether our order of suites counts, not the client's.
    pub own_order: bool,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("versions", &self.versions).field("http2", &self.http2).finish_non_exhaustive()
    }
}

/// `client_auth_type`: which clients are let in by their certificate.
#[derive(Clone, PartialEq, Eq)]
pub enum Clients {
    /// Nobody is asked for one.
    Anybody,
    /// Whoever shows one shows one of these authorities (PEM text).
    IfGiven { authorities: String },
    /// Whoever asks for more than health shows one of these authorities; with names, one that holds such a subject alternative name.
    Required { authorities: String, names: Vec<String> },
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    Tls12,
    Tls13,
}

impl Web {
    /// Whether nobody unknown gets in: there are passwords, or certificates are required.
    pub fn authenticates(&self) -> bool {
        !self.users.0.is_empty() || self.requires_certificate()
    }

    /// Whether clients have to show a certificate.
    pub fn requires_certificate(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| matches!(tls.clients, Clients::Required { .. }))
    }
}

impl Web {
    /// What this asks for and `other` does not any more; `None` while `other` lets in nobody unknown whom this keeps out.
    ///
    /// A file that is read half written, or that was emptied by accident, looks just like one that no longer wants it.
    pub fn loses_to(&self, other: &Web) -> Option<&'static str> {
        let named = |web: &Web| {
            web.tls.as_ref().is_some_and(|tls| matches!(&tls.clients, Clients::Required { names, .. } if !names.is_empty()))
        };
        if *self != Web::default() && *other == Web::default() {
            Some("the file is empty")
        } else if !self.users.0.is_empty() && other.users.0.is_empty() {
            Some("basic_auth_users is gone")
        } else if self.requires_certificate() && !other.requires_certificate() {
            Some("client certificates are not required any more")
        } else if named(self) && !named(other) {
            Some("client_allowed_sans is gone")
        } else {
            None
        }
    }
}

/// The file, and how it is read.
#[derive(Clone, Debug)]
pub struct WebFile {
    pub path: PathBuf,
    /// A sentence where the file has faults; it never repeats a secret.
    pub read: fn(&Path) -> Result<Web, String>,
}

/// Who may ask for what.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// TLS and passwords; `None` for neither.
    pub file: Option<WebFile>,
    /// Whether customer data is given to anybody who reaches the server.
    pub customer_data_without_auth: bool,
    /// How the world reaches this server, if not by its address.
    pub external_url: Option<String>,
}
