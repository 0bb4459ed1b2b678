//! The file of `http.web_config`, in the format of Prometheus' exporter-toolkit, as it stands there.
//!
//! Everything the format knows is either done or refused with a sentence: TLS 1.0 and 1.1, certificates that nobody verifies and limits
//! of rate are refused. Its paths are relative to its own directory. It is read at start, by `upswell check`, and again and again while
//! the service runs.

use super::fault::{Fault, Faults, Place};
use super::raw::RawConfig;
use super::reader::Reader;
use super::tree::Fields;
use super::yaml;
use crate::adapter::http::{self, Clients, Tls, Users, Version, Web};
use axum::http::{HeaderName, HeaderValue};
use std::path::Path;
use std::sync::Arc;

const KEYS: [&str; 4] = ["tls_server_config", "http_server_config", "rate_limit", "basic_auth_users"];
const TLS_KEYS: [&str; 13] = [
    "cert",
    "cert_file",
    "key",
    "key_file",
    "client_ca",
    "client_ca_file",
    "client_auth_type",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
];
/// The headers that can be set, each with its values where only some make sense.
const HEADERS: [(&str, &[&str]); 5] = [
    (HSTS, &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];
const HSTS: &str = "Strict-Transport-Security";

/// Reads the file, and what it names.
///
/// # Errors
/// Every fault of the file, or that it cannot be read.
pub fn read(file: &Path) -> Result<Web, Faults> {
    let source: Arc<str> = Arc::from(file.display().to_string());
    let start = Place::start_of(&source);
    let text = std::fs::read_to_string(file).map_err(|error| {
        let sentence = format!("{source} cannot be read: {error}; name a readable file");
        Faults::from(Fault::new(&start, "http.web_config", sentence))
    })?;
    let (root, faults) = yaml::parse(&text, &source);
    let (raw, _) = RawConfig::read("", &source, &[]);
    let base = file.parent().unwrap_or(Path::new(""));
    let mut reader = Reader { raw: &raw, base, read_secrets: true, faults };
    let root = root.filter(|root| !matches!(root.value, yaml::Value::Null));
    let fields = root.as_ref().and_then(|root| Fields::of(&mut reader, "", root, &KEYS));
    let web = fields.map(|fields| whole(&mut reader, &fields)).unwrap_or_default();
    Faults::or(reader.faults, web)
}

/// The same with faults on one line.
///
/// # Errors
/// Every fault, as one sentence.
pub fn reread(file: &Path) -> Result<Web, String> {
    read(file).map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn whole(reader: &mut Reader, fields: &Fields) -> Web {
    if fields.get("rate_limit").is_some() {
        fields.fault(
            reader,
            "rate_limit",
            "requests are bounded by number and time, not by rate, see docs/security.md; remove this",
        );
    }
    let (http2, headers) = server(reader, fields);
    let tls = fields.section(reader, "tls_server_config", &TLS_KEYS).and_then(|fields| tls(reader, &fields, http2));
    if tls.is_none() && headers.iter().any(|(name, _)| name.as_str().eq_ignore_ascii_case(HSTS)) {
        fields.fault(
            reader,
            "http_server_config",
            format!("{HSTS} means something over TLS only; remove it, or set tls_server_config"),
        );
    }
    Web { tls, headers, users: users(reader, fields) }
}

/// Whether HTTP/2 is offered, and the headers.
fn server(reader: &mut Reader, fields: &Fields) -> (bool, Vec<(HeaderName, HeaderValue)>) {
    let Some(fields) = fields.section(reader, "http_server_config", &["http2", "headers"]) else { return (true, Vec::new()) };
    let http2 = fields.flag(reader, "http2").unwrap_or(true);
    let mut headers = Vec::new();
    for (place, name, value) in fields.names(reader, "headers") {
        match header(name, value) {
            Ok(header) => headers.push(header),
            Err(message) => reader.fault_at(place, &fields.path("headers"), message),
        }
    }
    (http2, headers)
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let Some((_, values)) = HEADERS.iter().find(|(known, _)| *known == name) else {
        return Err(format!("{name} cannot be set; the headers that can are {}", HEADERS.map(|(name, _)| name).join(", ")));
    };
    if !values.is_empty() && !values.contains(&value) {
        return Err(format!("{name} cannot be {value:?}; write {}", values.join(" or ")));
    }
    let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
    header.ok_or_else(|| format!("the value of {name} holds a line break or the like; write it on one line"))
}

fn users(reader: &mut Reader, fields: &Fields) -> Users {
    let mut users = Users::default();
    for (place, name, hash) in fields.names(reader, "basic_auth_users") {
        let judged = if name.contains(':') { Err("no user's name holds a colon".to_owned()) } else { http::check_hash(hash) };
        match judged {
            Ok(()) => _ = users.0.insert(name.to_owned(), hash.to_owned()),
            Err(message) => reader.fault_at(place, "basic_auth_users", format!("{name}: {message}")),
        }
    }
    users
}

/// `None` where nothing asks for TLS, or what does has faults.
fn tls(reader: &mut Reader, fields: &Fields, http2: bool) -> Option<Tls> {
    if !TLS_KEYS.iter().any(|key| fields.get(key).is_some()) {
        return None;
    }
    let before = reader.faults.len();
    let [certificate, key, authorities] = ["cert", "key", "client_ca"].map(|key| fields.secret(reader, key));
    for (name, found) in [("cert", &certificate), ("key", &key)] {
        if found.is_none() && reader.faults.len() == before {
            fields.fault(
                reader,
                name,
                format!("this is missing; set {name}_file, or remove tls_server_config to serve without TLS"),
            );
        }
    }
    let text = |secret: Option<super::Secret>| secret.map(|secret| secret.expose().to_owned());
    let tls = Tls {
        clients: clients(reader, fields, text(authorities)),
        versions: versions(reader, fields),
        suites: names(reader, fields, "cipher_suites", http::cipher_suite),
        groups: names(reader, fields, "curve_preferences", http::group),
        own_order: fields.flag(reader, "prefer_server_cipher_suites").unwrap_or(true),
        certificate: text(certificate).unwrap_or_default(),
        key: text(key).unwrap_or_default(),
        http2,
    };
    if reader.faults.len() == before
        && let Err(sentence) = http::tls_server(&tls)
    {
        reader.fault_at(fields.place, "tls_server_config", sentence);
    }
    Some(tls)
}

fn clients(reader: &mut Reader, fields: &Fields, authorities: Option<String>) -> Clients {
    let kind = fields.text(reader, "client_auth_type").unwrap_or("NoClientCert");
    let names: Vec<String> = fields.list(reader, "client_allowed_sans").into_iter().map(|(_, name)| name).collect();
    if !names.is_empty() && kind != "RequireAndVerifyClientCert" {
        fields.fault(
            reader,
            "client_allowed_sans",
            "names mean something where certificates are required; set client_auth_type: RequireAndVerifyClientCert",
        );
    }
    match (kind, authorities) {
        ("NoClientCert", None) => Clients::Anybody,
        ("VerifyClientCertIfGiven", Some(authorities)) => Clients::IfGiven { authorities },
        ("RequireAndVerifyClientCert", Some(authorities)) => Clients::Required { authorities, names },
        (kind, authorities) => {
            let message = match kind {
                "NoClientCert" => {
                    "client_ca_file is set too, and nobody would be asked; set RequireAndVerifyClientCert, or remove it"
                        .to_owned()
                }
                "VerifyClientCertIfGiven" | "RequireAndVerifyClientCert" if authorities.is_none() => {
                    "client_ca_file is missing; set it to the authority of the clients' certificates".to_owned()
                }
                "RequestClientCert" | "RequireClientCert" | "RequireAnyClientCert" => {
                    format!("{kind} takes certificates that nobody verifies, which prove nothing; set RequireAndVerifyClientCert")
                }
                _ => format!(
                    "there is no client_auth_type {kind:?}; use NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert"
                ),
            };
            fields.fault(reader, "client_auth_type", message);
            Clients::Anybody
        }
    }
}

fn versions(reader: &mut Reader, fields: &Fields) -> (Version, Version) {
    let least = fields.value(reader, "min_version", Version::Tls12, http::version);
    let most = fields.value(reader, "max_version", Version::Tls13, http::version);
    if least > most {
        fields.fault(reader, "max_version", "this is below min_version; exchange the two");
    }
    (least, most)
}

/// The items of a list, each judged.
fn names<T>(reader: &mut Reader, fields: &Fields, key: &str, judge: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
    let mut found = Vec::new();
    for (place, name) in fields.list(reader, key) {
        match judge(&name) {
            Ok(value) => found.push(value),
            Err(message) => reader.fault_at(&place, &fields.path(key), message),
        }
    }
    found
}
