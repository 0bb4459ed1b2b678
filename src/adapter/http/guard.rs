//! Who is let in to what, before any handler sees the request.
//!
//! In this order: what is too large, clients without the certificate or password that is asked for (health excepted: probes have
//! neither), what another site's page sends in a browser's name, customer data where nobody has to say who they are, and more streams
//! than there is room for. Every refusal is JSON with a sentence; every answer carries the headers that keep browsers from guessing,
//! framing and loading from elsewhere.

use super::answer::Failure;
use super::standing::{Armed, Standing};
use super::web::Web;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State as Shared};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use rustls::pki_types::CertificateDer;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// Time for a handler to begin its answer. A body may take longer: a stream goes on for as long as its connection may.
pub const REQUEST_TIME: Duration = Duration::from_secs(60);
/// Bytes of a request's body; nothing here needs one.
pub const BODY_BYTES: u64 = 64 * 1024;
/// Streams of server-sent events at once; further ones are told to come again. Far fewer than there are connections, so that
/// forgotten pages keep nobody from a scrape.
pub const STREAMS: usize = 64;

/// What is open to everybody: answers that say only how the service is.
const HEALTH: [&str; 2] = ["/-/healthy", "/-/ready"];
/// Where server-sent events are. An answer from there may go on for ever, and holds one of [`STREAMS`] until it ends.
const STREAM: &str = "/api/v1/stream";
/// Where customers are; everything below is customer data.
const CUSTOMERS: &str = "/api/v1/customers";

/// Sent with every answer unless the handler or the file of `http.web_config` says otherwise. Figures change all the time and belong
/// to whoever asked; the page has its script and its style in files of its own, and asks nobody else for anything.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
    ),
];

/// What is known of a request's connection. The connection puts it into every request's extensions.
#[derive(Default)]
pub struct Peer {
    /// What was in force when the connection was made; `None` without TLS.
    armed: Option<Arc<Armed>>,
    /// The certificates that the client showed, its own first.
    shown: Vec<CertificateDer<'static>>,
    /// Whether those let it in by what was in force.
    certified: bool,
    /// Whether a stream was begun: such a connection may become older.
    pub streams: AtomicBool,
}

impl Peer {
    /// A client that showed these certificates in its handshake, which went well with `armed` in force.
    pub fn over_tls(armed: Arc<Armed>, shown: Option<&[CertificateDer<'static>]>) -> Peer {
        let shown = shown.unwrap_or_default().to_vec();
        Peer { certified: armed.lets_in(&shown), armed: Some(armed), shown, streams: AtomicBool::default() }
    }

    /// Whether the client showed the certificate that is asked for by what is in force now.
    fn is_certified(&self, now: &Arc<Armed>) -> bool {
        match &self.armed {
            None => false,
            Some(armed) if Arc::ptr_eq(armed, now) => self.certified,
            Some(_) => now.still_lets_in(&self.shown),
        }
    }
}

/// Put into a request's extensions where customers must not be named to whoever asks.
#[derive(Clone, Copy, Debug)]
pub struct CustomersWithheld;

/// The guard, as a layer around all routes.
pub async fn admit(Shared(standing): Shared<Arc<Standing>>, request: Request, next: Next) -> Response {
    let armed = standing.current();
    let (mut parts, body) = request.into_parts();
    let answer = match judge(&standing, &armed, &parts).await {
        Err(refusal) => refusal.into_response(),
        Ok(room) => {
            if withheld(&standing, &armed.web, &parts).is_some() {
                parts.extensions.insert(CustomersWithheld);
            }
            let request = Request::from_parts(parts, body);
            let late = "The answer took too long: ask again, and look at /-/ready if it happens again.";
            let answer = timeout(REQUEST_TIME, next.run(request)).await;
            let answer = answer.unwrap_or_else(|_| Failure::unavailable(late).into_response());
            match room {
                Some(room) => answer.map(|body| Body::new(Occupied { body, _room: room })),
                None => answer,
            }
        }
    };
    with_headers(answer, &armed.web)
}

/// Lets a request pass, with room for its stream if it asks for one.
async fn judge(standing: &Standing, armed: &Arc<Armed>, request: &Parts) -> Result<Option<OwnedSemaphorePermit>, Failure> {
    let (path, headers) = (request.uri.path(), &request.headers);
    if declared_length(headers).is_some_and(|length| length > BODY_BYTES) {
        return Err(Failure::too_large(format!("The request's body is too large: send at most {BODY_BYTES} bytes.")));
    }
    if !HEALTH.contains(&path) {
        authenticate(standing, armed, request).await?;
    }
    if changes_something(&request.method) && is_cross_site(headers, &request.uri, standing.own_host()) {
        return Err(Failure::forbidden(
            "A page of another site sent this: send it yourself, or set http.external_url to the address of this page.",
        ));
    }
    if is_customer_data(path)
        && let Some(sentence) = withheld(standing, &armed.web, request)
    {
        return Err(Failure::forbidden(sentence));
    }
    if path != STREAM {
        return Ok(None);
    }
    if let Some(peer) = request.extensions.get::<Arc<Peer>>() {
        peer.streams.store(true, Relaxed);
    }
    let full = "There are too many streams: close pages that are not needed, or poll /api/v1/now.";
    standing.room().map(Some).ok_or_else(|| Failure::unavailable(full))
}

/// The length that a request says its body has.
fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn authenticate(standing: &Standing, armed: &Arc<Armed>, request: &Parts) -> Result<(), Failure> {
    let web = &armed.web;
    let certified = || request.extensions.get::<Arc<Peer>>().is_some_and(|peer| peer.is_certified(armed));
    if web.requires_certificate() && !certified() {
        let sentence = "This server asks for a client certificate of an authority that it knows, with a name that it lets in: \
                        only /-/healthy and /-/ready answer without.";
        return Err(Failure::forbidden(sentence));
    }
    let header = request.headers.get(header::AUTHORIZATION);
    match web.users.0.is_empty() || standing.passwords().admit(&web.users, header).await {
        true => Ok(()),
        false => Err(Failure::unauthorized("This server asks for user and password: send them as basic authentication.")),
    }
}

fn changes_something(method: &Method) -> bool {
    ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// Whether a browser sends this for a page that is not ours. What is no browser says nothing about it, and passes.
fn is_cross_site(headers: &HeaderMap, uri: &Uri, own: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let origin = text("origin");
    let ours = |origin: &str| {
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        asked_host(headers, uri).is_some_and(|asked| host.eq_ignore_ascii_case(asked))
            || own.is_some_and(|own| host.eq_ignore_ascii_case(own))
    };
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => false,
        Some(_) => true,
        None => origin.is_some_and(|origin| !ours(origin)),
    }
}

/// `host:port` as the client calls us.
fn asked_host<'r>(headers: &'r HeaderMap, uri: &'r Uri) -> Option<&'r str> {
    let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    named.or_else(|| uri.authority().map(|authority| authority.as_str()))
}

/// Whether a path leads to customer data.
pub fn is_customer_data(path: &str) -> bool {
    path.strip_prefix(CUSTOMERS).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Why customer data is not given to whoever sends this, and what to do about it.
fn withheld(standing: &Standing, web: &Web, request: &Parts) -> Option<&'static str> {
    if web.authenticates() || standing.gives_customers_to_anybody() {
        return None;
    }
    if !standing.on_loopback() {
        return Some(
            "Customer data is not given to everybody who reaches this address: set http.web_config to a file with passwords or \
             client certificates, or http.listen to a loopback address, or http.customer_data_without_auth to true if something else \
             keeps strangers away.",
        );
    }
    // A page of any site can have its name point here; the browser then takes our answers for its own.
    let host = asked_host(&request.headers, &request.uri);
    let ours = host.is_none_or(|host| is_local(host) || standing.own_host().is_some_and(|own| own.eq_ignore_ascii_case(host)));
    let sentence = "Customer data is not given under this name: ask 127.0.0.1 or localhost, or set http.external_url to the address \
                    that browsers use.";
    (!ours).then_some(sentence)
}

/// Whether `host` or `host:port` is an address or `localhost`: names that nobody else can have point here.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.to_ascii_lowercase();
    name.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

fn with_headers(mut answer: Response, web: &Web) -> Response {
    let headers = answer.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    for (name, value) in &web.headers {
        headers.insert(name, value.clone());
    }
    answer
}

/// A body that holds its room until it ends or is given up.
struct Occupied {
    body: Body,
    _room: OwnedSemaphorePermit,
}

impl HttpBody for Occupied {
    type Data = <Body as HttpBody>::Data;
    type Error = <Body as HttpBody>::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod guard_tests;

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn everything_below_customers_is_customer_data() {
        for (path, expected) in [
            ("/api/v1/customers", true),
            ("/api/v1/customers/", true),
            ("/api/v1/customers/a/b", true),
            ("/api/v1/customers%2Fa", false),
            ("/api/v1/customersx", false),
            ("/api/v1/report", false),
        ] {
            assert_eq!(is_customer_data(path), expected, "{path}");
        }
    }

    #[test]
    fn only_a_browser_on_another_site_is_cross_site() {
        let uri = Uri::from_static("/-/reload");
        for (lines, expected) in [
            (vec![("host", "h:1")], false),
            (vec![("host", "h:1"), ("origin", "http://h:1")], false),
            (vec![("host", "h:1"), ("origin", "https://H:1")], false),
            (vec![("host", "h:1"), ("origin", "http://evil:1")], true),
            (vec![("host", "h:1"), ("origin", "http://h:2")], true),
            (vec![("host", "h:1"), ("origin", "null")], true),
            (vec![("host", "h:1"), ("origin", "https://own.example.com")], false),
            (vec![("host", "h:1"), ("sec-fetch-site", "cross-site")], true),
            (vec![("host", "h:1"), ("sec-fetch-site", "same-site"), ("origin", "http://h:1")], true),
            (vec![("host", "proxied"), ("sec-fetch-site", "same-origin"), ("origin", "http://h:1")], false),
            (vec![("host", "h:1"), ("sec-fetch-site", "none")], false),
        ] {
            assert_eq!(is_cross_site(&headers(&lines), &uri, Some("own.example.com")), expected, "{lines:?}");
        }
        let absolute = Uri::from_static("https://h:1/-/reload");
        assert!(!is_cross_site(&headers(&[("origin", "https://h:1")]), &absolute, None));
    }

    #[test]
    fn names_that_anybody_can_have_point_here_are_not_local() {
        for (host, expected) in [
            ("localhost:9817", true),
            ("127.0.0.1", true),
            ("[::1]:9817", true),
            ("LOCALHOST", true),
            ("a.localhost:1", true),
            ("evil.example:9817", false),
            ("localhost.evil.example", false),
            ("", false),
            ("[evil", false),
        ] {
            assert_eq!(is_local(host), expected, "{host}");
        }
    }
}
