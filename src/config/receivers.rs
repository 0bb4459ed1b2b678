//! `alerts.receivers`: who is told of alerts, how, and with which secrets.

use super::fault::Place;
use super::reader::Reader;
use super::tree::Fields;
use super::types::Secret;
use super::units::{Millis, url};
use super::yaml::{Node, Value};

const PATH: &str = "alerts.receivers";
const KINDS: [&str; 4] = ["alertmanager", "pagerduty", "slack", "webhook"];
const KEYS: [&str; 13] = [
    "name",
    "alertmanager",
    "pagerduty",
    "slack",
    "webhook",
    "basic_auth",
    "bearer_token",
    "bearer_token_file",
    "tls",
    "proxy",
    "timeout",
    "send_resolved",
    "severities",
];
const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";
const TIMEOUT: Millis = Millis(10_000);
/// Alertmanager is told every minute.
const MOST_TIMEOUT: Millis = Millis(60_000);
const MOST_NAME: usize = 64;

/// One receiver of notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Distinct; letters, digits, `_`, `-` and `.`.
    pub name: String,
    pub to: To,
    pub auth: Option<Auth>,
    /// PEM text of the authorities to trust instead of the built-in ones.
    pub tls_ca: Option<Secret>,
    /// PEM text of the client's certificate; set if and only if `tls_key` is.
    pub tls_cert: Option<Secret>,
    pub tls_key: Option<Secret>,
    /// Address of an HTTP proxy, without user and password.
    pub proxy: Option<String>,
    /// Of one call.
    pub timeout: Millis,
    /// Whether it is told that an alert has ended; always true for Alertmanager.
    pub send_resolved: bool,
    /// The severities it is told of; none: all.
    pub severities: Vec<String>,
}

/// Where notices go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// Base addresses, at least one, distinct.
    Alertmanager(Vec<String>),
    PagerDuty {
        routing_key: Secret,
        url: String,
    },
    Slack(Secret),
    Webhook(Secret),
}

/// How a receiver knows us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    Basic { user: String, password: Secret },
    Bearer(Secret),
}

/// Reads the list.
pub fn read(reader: &mut Reader, node: &Node) -> Vec<Receiver> {
    let Value::List(items) = &node.value else {
        reader.fault_at(&node.place, PATH, format!("write a list of receivers here, not {}", node.value.kind()));
        return Vec::new();
    };
    let mut names: Vec<(String, Place)> = Vec::new();
    let mut found = Vec::new();
    for item in items {
        let Some(fields) = Fields::of(reader, PATH, item, &KEYS) else { continue };
        let name = name(reader, &fields, &names);
        names.extend(name.iter().map(|name| (name.clone(), item.place.clone())));
        found.extend(receiver(reader, &fields, name));
    }
    found
}

/// Reads all of a receiver, so that all its faults are found; `None` where it cannot be one.
fn receiver(reader: &mut Reader, fields: &Fields, name: Option<String>) -> Option<Receiver> {
    let to = to(reader, fields);
    let auth = auth(reader, fields);
    let [tls_ca, tls_cert, tls_key] = tls(reader, fields);
    let proxy = fields.value(reader, "proxy", None, |text| url(text).map(Some));
    let timeout = fields.value(reader, "timeout", TIMEOUT, timeout);
    let send_resolved = send_resolved(reader, fields);
    let severities = severities(reader, fields);
    Some(Receiver { name: name?, to: to?, auth, tls_ca, tls_cert, tls_key, proxy, timeout, send_resolved, severities })
}

fn name(reader: &mut Reader, fields: &Fields, others: &[(String, Place)]) -> Option<String> {
    let Some(name) = fields.text(reader, "name") else {
        fields.fault(reader, "name", "this is missing; give each receiver a name of its own");
        return None;
    };
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if name.len() > MOST_NAME || !name.chars().all(plain) {
        let message = format!("{name:?} is no name; write at most {MOST_NAME} letters, digits, underscores, hyphens and dots");
        fields.fault(reader, "name", message);
        return None;
    }
    if let Some((_, first)) = others.iter().find(|(other, _)| other == name) {
        let message = format!("the receiver in line {} is called {name} too; give each a name of its own", first.line);
        fields.fault(reader, "name", message);
    }
    Some(name.to_owned())
}

fn to(reader: &mut Reader, fields: &Fields) -> Option<To> {
    let written: Vec<_> = KINDS.into_iter().filter(|kind| fields.get(kind).is_some()).collect();
    match written[..] {
        ["alertmanager"] => alertmanager(reader, fields),
        ["pagerduty"] => pagerduty(reader, fields),
        ["slack"] => Some(To::Slack(secret_url(reader, fields, "slack")?)),
        ["webhook"] => Some(To::Webhook(secret_url(reader, fields, "webhook")?)),
        [] => {
            reader.fault_at(fields.place, PATH, format!("this receiver goes nowhere; give it one of {}", KINDS.join(", ")));
            None
        }
        [.., last] => {
            let message = format!("{} are set; a receiver has one of them, write another receiver", written.join(" and "));
            fields.fault(reader, last, message);
            None
        }
    }
}

fn alertmanager(reader: &mut Reader, fields: &Fields) -> Option<To> {
    let fields = fields.section(reader, "alertmanager", &["urls"])?;
    let mut urls: Vec<String> = Vec::new();
    let written = fields.list(reader, "urls");
    if written.is_empty() {
        fields.fault(reader, "urls", "no address is named; write those of all Alertmanagers, such as [\"http://host:9093\"]");
    }
    for (place, text) in written {
        match url(&text) {
            Ok(url) if urls.contains(&url) => reader.fault_at(&place, &fields.path("urls"), "this address is listed twice"),
            Ok(url) => urls.push(url),
            Err(message) => reader.fault_at(&place, &fields.path("urls"), message),
        }
    }
    (!urls.is_empty()).then_some(To::Alertmanager(urls))
}

fn pagerduty(reader: &mut Reader, fields: &Fields) -> Option<To> {
    let fields = fields.section(reader, "pagerduty", &["routing_key", "routing_key_file", "url"])?;
    let url = fields.value(reader, "url", PAGERDUTY_URL.to_owned(), url);
    let routing_key = secret(reader, &fields, "routing_key", one_line)?;
    Some(To::PagerDuty { routing_key, url })
}

/// The address of a webhook: whoever has it can post there.
fn secret_url(reader: &mut Reader, fields: &Fields, kind: &str) -> Option<Secret> {
    let fields = fields.section(reader, kind, &["url", "url_file"])?;
    secret(reader, &fields, "url", |text| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
        let valid = text.parse::<ureq::http::Uri>().is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()));
        match valid && !authority.is_empty() && !authority.contains('@') {
            true => Ok(()),
            false => Err("this is no URL; write http:// or https://, a host and a path, without user and password".to_owned()),
        }
    })
}

/// A secret that has to be there.
fn secret(reader: &mut Reader, fields: &Fields, key: &str, check: impl FnOnce(&str) -> Result<(), String>) -> Option<Secret> {
    if !fields.is_written(key) {
        fields.fault(reader, key, format!("this is missing; write {key}, or {key}_file with the name of a file that holds it"));
        return None;
    }
    fields.checked_secret(reader, key, check)
}

/// A secret that is sent in a header or a field cannot have line breaks.
fn one_line(text: &str) -> Result<(), String> {
    match text.chars().any(char::is_control) {
        true => Err("this holds a line break or another control character; write it on one line".to_owned()),
        false => Ok(()),
    }
}

fn auth(reader: &mut Reader, fields: &Fields) -> Option<Auth> {
    let bearer = fields.checked_secret(reader, "bearer_token", one_line);
    let basic = fields.section(reader, "basic_auth", &["user", "password", "password_file"]).map(|fields| {
        let user = fields.text(reader, "user").map(str::to_owned);
        if user.as_ref().is_none_or(|user| user.contains(':') || one_line(user).is_err()) {
            fields.fault(reader, "user", "this is missing or holds a colon; write the user's name");
        }
        let password = secret(reader, &fields, "password", one_line);
        user.zip(password).map(|(user, password)| Auth::Basic { user, password })
    });
    if bearer.is_some() && basic.is_some() {
        fields.fault(reader, "basic_auth", format!("{} is set too; remove one of them", fields.path("bearer_token")));
    }
    bearer.map(Auth::Bearer).or(basic.flatten())
}

/// `ca`, `cert` and `key`.
fn tls(reader: &mut Reader, fields: &Fields) -> [Option<Secret>; 3] {
    const NAMES: [&str; 3] = ["ca", "cert", "key"];
    let Some(fields) = fields.section(reader, "tls", &["ca", "ca_file", "cert", "cert_file", "key", "key_file"]) else {
        return [None, None, None];
    };
    let pem = |text: &str| match text.contains("-----BEGIN ") {
        true => Ok(()),
        false => Err("this is no PEM text; ca, cert and key hold the text itself, their _file siblings name files".to_owned()),
    };
    let pems = NAMES.map(|name| fields.checked_secret(reader, name, pem));
    if fields.is_written("cert") != fields.is_written("key") {
        reader.fault_at(fields.place, &format!("{PATH}.tls"), "cert and key go together; set both or neither");
    }
    pems
}

fn timeout(text: &str) -> Result<Millis, String> {
    let timeout = Millis::parse(text)?;
    let wrong = || format!("{timeout} is too long; a call takes at most {}s", MOST_TIMEOUT.0 / 1000);
    if timeout > MOST_TIMEOUT { Err(wrong()) } else { Ok(timeout) }
}

/// As in Alertmanager: a chat is not told that an alert has ended unless asked for; others are.
fn send_resolved(reader: &mut Reader, fields: &Fields) -> bool {
    let default = fields.get("slack").is_none();
    if fields.get("alertmanager").is_some() && fields.get("send_resolved").is_some() {
        fields.fault(reader, "send_resolved", "an Alertmanager always is told, and decides itself; remove this");
        return true;
    }
    fields.value(reader, "send_resolved", default, |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false; write one of them")),
    })
}

fn severities(reader: &mut Reader, fields: &Fields) -> Vec<String> {
    let written = fields.list(reader, "severities");
    for (place, _) in written.iter().filter(|(_, name)| name.is_empty()) {
        reader.fault_at(place, &fields.path("severities"), "a severity has no name; write critical, warning or info");
    }
    written.into_iter().map(|(_, name)| name).collect()
}
