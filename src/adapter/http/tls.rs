//! TLS for the server: what rustls makes of `tls_server_config`, by the names that Go, and so exporter-toolkit, uses.
//!
//! TLS 1.2 and 1.3 with authenticated ciphers and forward secrecy; rustls has nothing else. A client without a certificate is let
//! into the conversation even where one is required, and refused by the guard: a probe has none and asks for health only.

use super::web::{Clients, Tls, Version};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, NamedGroup, ProtocolVersion, RootCertStore, ServerConfig, SupportedCipherSuite};
use std::sync::Arc;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

/// Go's names of the groups that there are.
const GROUPS: [(&str, NamedGroup); 3] =
    [("X25519", NamedGroup::X25519), ("CurveP256", NamedGroup::secp256r1), ("CurveP384", NamedGroup::secp384r1)];
/// How the names of TLS 1.3's suites begin in rustls and in Go.
const TLS13_NAMES: (&str, &str) = ("TLS13_", "TLS_");

/// A cipher suite by Go's name.
///
/// # Errors
/// A sentence with the names there are.
pub fn cipher_suite(name: &str) -> Result<CipherSuite, String> {
    let suites = ring::default_provider().cipher_suites;
    let found = suites.iter().map(SupportedCipherSuite::suite).find(|suite| go_name(*suite) == name);
    found.ok_or_else(|| {
        let names: Vec<String> = suites.iter().map(|suite| go_name(suite.suite())).collect();
        format!("there is no cipher suite {name:?} here; use some of {}", names.join(", "))
    })
}

fn go_name(suite: CipherSuite) -> String {
    suite.as_str().unwrap_or_default().replacen(TLS13_NAMES.0, TLS13_NAMES.1, 1)
}

/// A group by Go's name.
///
/// # Errors
/// A sentence with the names there are.
pub fn group(name: &str) -> Result<NamedGroup, String> {
    let found = GROUPS.iter().find(|(known, _)| *known == name).map(|(_, group)| *group);
    found.ok_or_else(|| {
        let names = GROUPS.map(|(name, _)| name).join(", ");
        format!("there is no curve {name:?} here; use some of {names}")
    })
}

/// A version by Go's name.
///
/// # Errors
/// A sentence with the names there are.
pub fn version(name: &str) -> Result<Version, String> {
    match name {
        "TLS12" => Ok(Version::Tls12),
        "TLS13" => Ok(Version::Tls13),
        "TLS10" | "TLS11" => Err(format!("{name} is broken and not spoken here; use TLS12 or TLS13")),
        _ => Err(format!("there is no version {name:?}; use TLS12 or TLS13")),
    }
}

/// What a server with these settings needs.
///
/// # Errors
/// A sentence about a certificate, a key or a choice that cannot be used.
pub fn server(tls: &Tls) -> Result<Arc<ServerConfig>, String> {
    let provider = Arc::new(provider(tls));
    let versions: Vec<_> = [(Version::Tls12, &TLS12), (Version::Tls13, &TLS13)]
        .into_iter()
        .filter_map(|(version, known)| (tls.versions.0 <= version && version <= tls.versions.1).then_some(known))
        .collect();
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&versions);
    let config =
        config.map_err(|_| "no version, suite and curve of those that are allowed go together; allow more".to_owned())?;
    let config = match verifier(&tls.clients, provider)? {
        Some(verifier) => config.with_client_cert_verifier(verifier),
        None => config.with_no_client_auth(),
    };
    let key = PrivateKeyDer::from_pem_slice(tls.key.as_bytes())
        .map_err(|_| "the key holds no PEM text of a private key; write an unencrypted one".to_owned())?;
    let mut config = config.with_single_cert(certificates("the certificate", &tls.certificate)?, key).map_err(|error| {
        format!("certificate and key cannot be used together ({error}); give the key that belongs to the certificate")
    })?;
    config.ignore_client_order = tls.own_order;
    let http2: &[&[u8]] = if tls.http2 { &[b"h2"] } else { &[] };
    config.alpn_protocols = http2.iter().copied().chain([b"http/1.1".as_slice()]).map(<[u8]>::to_vec).collect();
    Ok(Arc::new(config))
}

/// The suites and groups that are allowed, best first.
fn provider(tls: &Tls) -> CryptoProvider {
    let all = ring::default_provider();
    let suite = |wanted: &CipherSuite| all.cipher_suites.iter().find(|suite| suite.suite() == *wanted).copied();
    let is_13 = |suite: &SupportedCipherSuite| suite.version().version == ProtocolVersion::TLSv1_3;
    let group = |wanted: &NamedGroup| all.kx_groups.iter().find(|group| group.name() == *wanted).copied();
    let cipher_suites = match tls.suites[..] {
        [] => all.cipher_suites.clone(),
        _ => {
            let chosen = tls.suites.iter().filter_map(suite).filter(|suite| !is_13(suite));
            all.cipher_suites.iter().copied().filter(is_13).chain(chosen).collect()
        }
    };
    let kx_groups: Vec<&'static dyn SupportedKxGroup> =
        if tls.groups.is_empty() { all.kx_groups.clone() } else { tls.groups.iter().filter_map(group).collect() };
    CryptoProvider { cipher_suites, kx_groups, ..all }
}

/// What judges the certificates of clients, if any are asked for.
///
/// # Errors
/// A sentence about the authority.
pub fn judge(tls: &Tls) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    verifier(&tls.clients, Arc::new(provider(tls)))
}

fn verifier(clients: &Clients, provider: Arc<CryptoProvider>) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    let (Clients::IfGiven { authorities } | Clients::Required { authorities, .. }) = clients else { return Ok(None) };
    let mut roots = RootCertStore::empty();
    for authority in certificates("the clients' authority", authorities)? {
        roots.add(authority).map_err(|error| format!("the clients' authority cannot be used ({error}); give its certificate"))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).allow_unauthenticated().build();
    verifier.map(Some).map_err(|error| format!("the clients' authority cannot be used ({error}); give its certificate"))
}

fn certificates(what: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let found = found.ok().filter(|found| !found.is_empty());
    found
        .ok_or_else(|| format!("{what} holds no PEM text of a certificate; write it, beginning with -----BEGIN CERTIFICATE-----"))
}

/// Whether a client that showed these certificates, the first of which was verified to be its own, is one of those that are let in.
pub fn lets_in(clients: &Clients, shown: &[CertificateDer<'_>]) -> bool {
    match (clients, shown.first()) {
        (Clients::Anybody | Clients::IfGiven { .. }, _) => true,
        (Clients::Required { .. }, None) => false,
        (Clients::Required { names, .. }, Some(_)) if names.is_empty() => true,
        (Clients::Required { names, .. }, Some(own)) => alternative_names(own).iter().any(|name| names.contains(name)),
    }
}

/// Host names, mail addresses, IP addresses and URIs, as the toolkit writes them.
fn alternative_names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => Some((*text).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv4Addr::from(bytes).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        },
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}
