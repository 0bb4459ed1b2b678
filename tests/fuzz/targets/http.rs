//! What a client sends: raw bytes over a loopback connection, to the whole server, which runs in the thread that measures.

use crate::runner::Target;
use crate::trail::Trail;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use upswell::adapter::http::{self, Access, Reload, Standing, State};
use upswell::domain::calendar::Instant;
use upswell::engine::report::Report;
use upswell::wire::published::{Published, View};
use upswell::wire::telemetry::Telemetry;

const WORDS: [&str; 38] = [
    "GET ",
    "HEAD ",
    "POST ",
    "PUT ",
    "OPTIONS ",
    "/metrics",
    "/-/ready",
    "/-/healthy",
    "/-/reload",
    "/api/v1/report",
    "/api/v1/now",
    "/api/v1/stream",
    "/page/app.js",
    "?window=",
    "?format=",
    "json",
    "csv",
    "table",
    "&",
    "%00",
    "%",
    "%ff",
    "//",
    "..",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    "\r\n\r\n",
    "\r\n",
    "Host: h\r\n",
    "Accept: ",
    "application/openmetrics-text;version=1.0.0;q=0.5",
    "text/plain;version=0.0.4",
    "Accept-Encoding: ",
    "gzip;q=0, *;q=1",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: keep-alive\r\n",
    "Expect: 100-continue\r\n",
];

/// How long an answer is waited for before the connection is closed from this side, which the server takes for a client that has
/// gone. Most inputs are no whole request, and there are many.
const PATIENCE: Duration = Duration::from_millis(5);

pub fn target(patience: Duration) -> Target<'static> {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let address = runtime.block_on(start());
    let read = move |input: &[u8], trail: &mut Trail| {
        let answer = ask(&runtime, address, input, patience);
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 500"), "{answer}");
        if answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.0 200") {
            trail.whole();
        }
        let head = answer.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("date"));
        head.for_each(|line| trail.say(line));
        trail.count("bytes", answer.len());
    };
    Target { name: "http", words: &WORDS, read: Box::new(read) }
}

/// The server, with a view published and reloads answered.
async fn start() -> SocketAddr {
    let (published, telemetry) = (Arc::new(Published::new()), Arc::new(Telemetry::new("subs", "usage", "retries")));
    let report = Report {
        as_of: Instant(0),
        currency: "USD".into(),
        time_zone: "UTC".into(),
        mrr: 1,
        usage_today: Some(0),
        windows: vec![],
    };
    published.publish(View { report, live_partitions: 1, owns_all: true, segment_windows: Arc::new([]) });
    let (reload, mut reloads) = mpsc::channel::<Reload>(1);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    let standing = Standing::new(Access::default(), address, Arc::clone(&telemetry)).expect("nothing to read");
    let inquiries = crossbeam_channel::bounded(1).0;
    let state = State { published, telemetry, reload: Some(reload), inquiries };
    tokio::spawn(http::serve(listener, state, Arc::new(standing), std::future::pending()));
    tokio::spawn(async move {
        while let Some(request) = reloads.recv().await {
            drop(request.reply.send(Ok("nothing changed".to_owned())));
        }
    });
    address
}

/// Sends all bytes, then no more, and takes what comes until the connection ends.
fn ask(runtime: &Runtime, address: SocketAddr, input: &[u8], patience: Duration) -> Vec<u8> {
    runtime.block_on(async {
        let mut answer = Vec::new();
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let (mut from, mut to) = stream.split();
        let answered = Notify::new();
        // The server may end the connection before it has read everything.
        let send = async {
            drop(to.write_all(input).await);
            drop(timeout(patience, answered.notified()).await);
            drop(to.shutdown().await);
        };
        let receive = async {
            drop(from.read_to_end(&mut answer).await);
            answered.notify_one();
        };
        tokio::join!(send, receive);
        answer
    })
}

#[test]
fn requests() {
    target(PATIENCE).run();
}
