//! The HTTP surface over a loopback listener: what answers where, with which status, type and sentence.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};
use upswell::adapter::http::{self, Access, Reload, Standing, State};
use upswell::domain::calendar::Instant;
use upswell::domain::facts::{FactKind, Reason, TopicKind};
use upswell::engine::report::{Report, WindowReport};
use upswell::wire::published::{Published, View};
use upswell::wire::readiness::{Phase, Readiness};
use upswell::wire::report::{EventCounts, json};
use upswell::wire::telemetry::Telemetry;

/// A server on a free port, stopped and joined when dropped.
struct Server {
    address: SocketAddr,
    published: Arc<Published>,
    telemetry: Arc<Telemetry>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(reload: Option<mpsc::Sender<Reload>>) -> Server {
        let (published, telemetry) = (Arc::new(Published::new()), Arc::new(Telemetry::new("subs", "usage", "retries")));
        let inquiries = crossbeam_channel::bounded(1).0;
        let state = State { published: Arc::clone(&published), telemetry: Arc::clone(&telemetry), reload, inquiries };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket can be set non-blocking");
        let address = listener.local_addr().expect("a bound address");
        let standing = Standing::new(Access::default(), address, Arc::clone(&telemetry)).expect("nothing to read");
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a non-blocking socket");
                http::serve(listener, state, Arc::new(standing), async { stopped.await.unwrap_or(()) }).await;
            });
        });
        Server { address, published, telemetry, stop: Some(stop), thread: Some(thread) }
    }

    /// Completes only once the server has returned.
    fn stop(&mut self) {
        drop(self.stop.take());
        self.thread.take().map(JoinHandle::join).transpose().expect("the server does not panic");
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = agent.run(request.body(()).expect("a valid request")).expect("an answer");
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
        let (status, content_type, allow) = (response.status().as_u16(), header("content-type"), header("allow"));
        // Figures are kept by nobody; files of the page are kept, and asked after each time.
        let is_file = status < 400 && (path == "/" || path.starts_with("/page/"));
        assert_eq!(header("cache-control"), if is_file { "no-cache" } else { "no-store" }, "{method} {path}");
        let body = response.into_body().read_to_string().expect("a text");
        Answer { status, content_type, allow, body }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Answer {
    status: u16,
    content_type: String,
    allow: String,
    body: String,
}

impl Answer {
    fn json(&self) -> serde_json::Value {
        assert_eq!(self.content_type, "application/json", "{}", self.body);
        serde_json::from_str(&self.body).expect("JSON")
    }

    fn sentence(&self) -> String {
        self.json()["error"].as_str().expect("an error").to_owned()
    }
}

fn view() -> View {
    let report = Report {
        as_of: Instant(1_789_027_200_000),
        currency: "USD".into(),
        time_zone: "UTC".into(),
        mrr: 1_500_000,
        usage_today: Some(0),
        windows: vec![],
    };
    View { report, live_partitions: 1, owns_all: true, segment_windows: Arc::new([]) }
}

#[test]
fn health_and_metrics_answer_from_the_first_moment() {
    let server = Server::start(None);
    let healthy = server.get("/-/healthy");
    assert_eq!((healthy.status, healthy.body.as_str()), (200, "Upswell is healthy.\n"));
    let metrics = server.get("/metrics");
    assert_eq!((metrics.status, metrics.content_type.as_str()), (200, "text/plain; version=0.0.4; charset=utf-8"));
    assert!(metrics.body.contains("\nupswell_ready 0\n") && !metrics.body.contains("upswell_mrr"), "{}", metrics.body);
    server.published.publish(view());
    let metrics = server.ask("GET", "/metrics", &[("Accept", "text/plain;q=0.5"), ("Accept", "application/openmetrics-text")]);
    assert_eq!(metrics.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(metrics.body.contains("\nupswell_mrr 1.5\n") && metrics.body.ends_with("\n# EOF\n"), "{}", metrics.body);
}

#[test]
fn a_scrape_is_packed_for_those_who_take_it() {
    let server = Server::start(None);
    let packed = raw(&server, "GET /metrics HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
    let plain = raw(&server, "GET /metrics HTTP/1.0\r\nAccept-Encoding: gzip;q=0\r\n\r\n");
    let head = |answer: &[u8]| String::from_utf8_lossy(&answer[..answer.len().min(400)]).to_ascii_lowercase();
    assert!(head(&packed).contains("content-encoding: gzip"), "{}", head(&packed));
    assert!(!head(&plain).contains("content-encoding"), "{}", head(&plain));
    assert!(packed.len() * 2 < plain.len(), "{} of {}", packed.len(), plain.len());
}

/// Everything the server sends for these bytes.
fn raw(server: &Server, request: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer and the end of the connection");
    answer
}

#[test]
fn readiness_says_what_is_waited_for() {
    let server = Server::start(None);
    server.telemetry.partitions.set_lag(FactKind::Usage, 0, 12);
    server.telemetry.partitions.set_lag(TopicKind::Retries, 0, 3);
    for phase in Phase::ALL.into_iter().filter(|phase| *phase != Phase::Live) {
        server.published.set_readiness(Readiness::new(phase, "15 records are left."));
        let waiting = server.get("/-/ready");
        assert_eq!(waiting.status, 503, "{phase:?}");
        assert_eq!((&waiting.json()["phase"], &waiting.json()["lag"]["records"]), (&phase.as_str().into(), &15.into()));
    }
    let lag = &server.get("/-/ready").json()["lag"]["partitions"][1];
    assert_eq!((&lag["topic"], &lag["records"]), (&"retries".into(), &3.into()));
    server.published.set_readiness(Readiness::new(Phase::Live, "All partitions have caught up."));
    let ready = server.get("/-/ready");
    assert_eq!((ready.status, ready.json()["ready"].as_bool()), (200, Some(true)));
}

#[test]
fn the_report_is_that_of_the_published_view() {
    let server = Server::start(None);
    let early = server.get("/api/v1/report");
    assert_eq!(early.status, 503);
    assert!(early.sentence().contains("/-/ready"), "{}", early.sentence());
    server.published.publish(view());
    server.telemetry.topic(FactKind::Usage).rejected.add(Reason::Decode, 2);
    let report = server.get("/api/v1/report");
    let events = EventCounts { rejected: [(Reason::Decode, 2)].into(), ..EventCounts::default() };
    assert_eq!((report.status, report.body), (200, json::render(&view().report, &events)));
    let csv = server.get("/api/v1/report?format=csv");
    assert_eq!((csv.status, csv.content_type.as_str()), (200, "text/csv; charset=utf-8; header=present"));
    assert!(csv.body.contains(",,,events.rejected.decode,2\r\n"), "{}", csv.body);
    let table = server.get("/api/v1/report?format=table");
    assert!(table.status == 200 && table.body.starts_with("Revenue in USD as of 2026-09-10T08:00:00Z"), "{}", table.body);
}

#[test]
fn errors_are_sentences_that_say_what_to_do() {
    let server = Server::start(None);
    for (method, path, status, hint) in [
        ("GET", "/nowhere", 404, "GET /"),
        ("GET", "/-/nowhere/%00%ff", 404, "GET /"),
        ("DELETE", "/metrics", 405, "Allow"),
        ("GET", "/-/reload", 405, "Allow"),
        ("GET", "/api/v1/report?format=xml", 400, "json, csv or table"),
        ("GET", "/api/v1/report?span=last_month", 400, "format and window only"),
        ("GET", "/page/old.js", 404, "anew"),
        ("POST", "/-/reload", 403, "http.enable_reload"),
        ("PUT", "/-/reload", 403, "SIGHUP"),
    ] {
        let answer = server.ask(method, path, &[]);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        assert!(answer.sentence().contains(hint), "{method} {path}: {}", answer.body);
    }
    assert_eq!(server.ask("DELETE", "/metrics", &[]).allow, "GET,HEAD");
    assert_eq!(server.get("/-/reload").allow.split(',').collect::<std::collections::BTreeSet<_>>(), ["POST", "PUT"].into());
}

#[test]
fn head_has_the_status_and_no_body() {
    let server = Server::start(None);
    for (path, status) in [
        ("/", 200),
        ("/page/app.js", 200),
        ("/api/v1/now", 200),
        ("/metrics", 200),
        ("/-/healthy", 200),
        ("/-/ready", 503),
        ("/api/v1/report", 503),
    ] {
        let answer = server.ask("HEAD", path, &[]);
        assert_eq!((answer.status, answer.body.as_str()), (status, ""), "{path}");
    }
}

#[test]
fn the_page_links_to_everything_there_is() {
    let server = Server::start(None);
    let page = server.get("/");
    assert_eq!((page.status, page.content_type.as_str()), (200, "text/html; charset=utf-8"));
    let links = |before: &str| page.body.split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect::<Vec<_>>();
    let links: Vec<_> = [links("href=\""), links("src=\"")].concat();
    let (inside, outside): (Vec<&str>, Vec<&str>) = links.into_iter().partition(|link| link.starts_with('#'));
    assert!(inside.len() >= 7 && outside.len() >= 20, "{inside:?} {outside:?}");
    for link in outside {
        assert_ne!(server.get(&format!("/{link}")).status, 404, "{link}");
    }
    for link in inside {
        assert!(page.body.contains(&format!("id=\"{}\"", &link[1..])), "{link}");
    }
}

#[test]
fn a_browser_keeps_the_files_of_the_page_until_they_change() {
    let server = Server::start(None);
    let agent = ureq::Agent::new_with_defaults();
    for path in ["/", "/page/style.css", "/page/app.js", "/page/icon.svg"] {
        let url = format!("http://{}{path}", server.address);
        let first = agent.get(&url).call().expect("an answer");
        let header = |name: &str| first.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
        let tag = header("etag");
        assert!(tag.len() == 34 && tag.starts_with('"'), "{path}: {tag}");
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'self'; ") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!((header("x-content-type-options").as_str(), header("vary").as_str()), ("nosniff", "Accept-Encoding"));
        let again = agent.get(&url).header("If-None-Match", &tag).call().expect("an answer");
        assert_eq!((again.status().as_u16(), again.headers().get("etag").and_then(|tag| tag.to_str().ok())), (304, Some(&*tag)));
        let other = agent.get(&url).header("If-None-Match", "\"other\"").call().expect("an answer");
        assert_eq!(other.status().as_u16(), 200, "{path}");
        let packed = raw(&server, &format!("GET {path} HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n"));
        assert!(String::from_utf8_lossy(&packed).to_ascii_lowercase().contains("content-encoding: gzip"), "{path}");
    }
}

#[test]
fn the_report_of_some_windows() {
    let server = Server::start(None);
    let window = |name: &str| WindowReport {
        window: name.to_owned(),
        opening_edge: Instant(0),
        closing_edge: Instant(1_789_027_200_000),
        comparison_opening: None,
        total: Default::default(),
        dimensions: vec![],
    };
    let mut view = view();
    view.report.windows = ["last_month", "last_quarter", "trailing_90d"].map(window).to_vec();
    server.published.publish(view);
    let names = |query: &str| {
        let report = server.get(&format!("/api/v1/report{query}")).json();
        let names = report["windows"].as_array().expect("windows").iter().map(|window| window["window"].to_string());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(""), "\"last_month\" \"last_quarter\" \"trailing_90d\"");
    assert_eq!(names("?window=last_quarter"), "\"last_quarter\"");
    assert_eq!(names("?window=trailing_90d&window=last_month"), "\"last_month\" \"trailing_90d\"");
    let unknown = server.get("/api/v1/report?window=trailing_9d&format=csv");
    assert!(unknown.status == 400 && unknown.sentence().contains("last_month, last_quarter, trailing_90d"), "{}", unknown.body);
    let packed = raw(&server, "GET /api/v1/report HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
    assert!(String::from_utf8_lossy(&packed).to_ascii_lowercase().contains("content-encoding: gzip"));
}

/// A client of the stream.
struct Listener(TcpStream);

impl Listener {
    fn connect(server: &Server) -> Listener {
        let mut stream = TcpStream::connect(server.address).expect("a connection");
        stream.write_all(b"GET /api/v1/stream HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
        Listener(stream)
    }

    /// Everything up to a text.
    fn hear(&mut self, text: &str) -> String {
        let mut heard = String::new();
        let mut buffer = [0; 4096];
        while !heard.contains(text) {
            let read = self.0.read(&mut buffer).expect("more");
            assert!(read > 0, "the stream ended before {text:?}: {heard}");
            heard.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        heard
    }
}

#[test]
fn a_stream_says_what_changes_and_ends_with_the_server() {
    let mut server = Server::start(None);
    let mut listener = Listener::connect(&server);
    let head = listener.hear("\r\n\r\n");
    assert!(
        head.starts_with("HTTP/1.1 200 OK") && head.to_ascii_lowercase().contains("content-type: text/event-stream"),
        "{head}"
    );
    let first = if head.contains("\"as_of\":null") { head } else { listener.hear("\"as_of\":null") };
    assert!(first.contains("event: now\n") && first.contains("data: {"), "{first}");
    let number = first.split("\"figures\":").nth(1).and_then(|rest| rest.split(',').next()).map(str::parse::<u64>);
    let next = format!("\"figures\":{},", number.and_then(Result::ok).expect("the number of the figures") + 1);
    server.published.publish(view());
    assert!(listener.hear(&next).contains("\"mrr\":\"1.500000\""));
    server.published.set_readiness(Readiness::new(Phase::WaitingForRegistry, "The registry is away."));
    let waiting = listener.hear("The registry is away.");
    assert!(waiting.contains(&next), "the figures are the same: {waiting}");
    assert_eq!(server.get("/api/v1/now").json()["readiness"]["phase"], "waiting_for_registry");
    server.stop();
    let mut rest = String::new();
    listener.0.read_to_string(&mut rest).expect("the end of the connection");
    assert!(rest.ends_with("0\r\n\r\n"), "the stream has an end of its own, so that the server need not cut it off: {rest:?}");
}

#[test]
fn streams_leave_room_for_everybody_else() {
    let server = Server::start(None);
    let mut listeners: Vec<Listener> = (0..64).map(|_| Listener::connect(&server)).collect();
    listeners.iter_mut().for_each(|listener| drop(listener.hear("event: now")));
    let refused = server.get("/api/v1/stream");
    assert_eq!(refused.status, 503);
    assert!(refused.sentence().contains("too many streams"), "{}", refused.body);
    assert_eq!(server.get("/-/healthy").status, 200);
    listeners.clear();
    upswell_testkit::wait::until("a place is free again", || {
        let mut listener = Listener::connect(&server);
        listener.hear("HTTP/1.1 ").contains("200 OK").then_some(())
    });
}

#[test]
fn a_reload_answers_with_what_came_of_it() {
    let (requests, mut received) = mpsc::channel::<Reload>(1);
    let server = Server::start(Some(requests));
    let outcomes = [Ok("Reloaded.".to_owned()), Err("Line 3: unknown key; the old configuration stays.".to_owned())];
    let service = std::thread::spawn(move || {
        for outcome in outcomes {
            let request = received.blocking_recv().expect("a request");
            request.reply.send(outcome).expect("the client waits");
        }
    });
    let done = server.ask("POST", "/-/reload", &[]);
    assert_eq!((done.status, done.json()["data"].as_str()), (200, Some("Reloaded.")));
    let refused = server.ask("PUT", "/-/reload", &[]);
    assert_eq!((refused.status, refused.sentence().as_str()), (500, "Line 3: unknown key; the old configuration stays."));
    service.join().expect("the service answers");
    assert_eq!(server.ask("POST", "/-/reload", &[]).status, 503, "nobody receives any more");
}

#[test]
fn a_client_that_misbehaves_hurts_nobody_else() {
    let server = Server::start(None);
    let mut unfinished = TcpStream::connect(server.address).expect("a connection");
    unfinished.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ").expect("sent");
    let mut huge = TcpStream::connect(server.address).expect("a connection");
    huge.write_all(format!("GET / HTTP/1.1\r\nHost: x\r\nX-Huge: {}\r\n\r\n", "x".repeat(20_000)).as_bytes()).expect("sent");
    let mut answer = String::new();
    huge.read_to_string(&mut answer).expect("an answer and the end of the connection");
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let mut garbage = TcpStream::connect(server.address).expect("a connection");
    garbage.write_all(b"\x16\x03\x01\x00\xa5 not HTTP\r\n\r\n").expect("sent");
    let mut answer = Vec::new();
    garbage.read_to_end(&mut answer).expect("the end of the connection");
    assert_eq!(server.get("/-/healthy").status, 200);
}

#[test]
fn shutdown_ends_idle_connections() {
    let mut server = Server::start(None);
    let mut idle = TcpStream::connect(server.address).expect("a connection");
    idle.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    let mut first = [0; 15];
    idle.read_exact(&mut first).expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    server.stop();
    idle.read_to_end(&mut Vec::new()).expect("the end of the connection");
    assert!(TcpStream::connect(server.address).is_err(), "nobody listens any more");
}
