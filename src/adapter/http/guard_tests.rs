//! Time and room: answers that never begin, streams that never end.

use super::*;
use crate::adapter::http::connection;
use crate::adapter::http::web::Access;
use crate::wire::telemetry::Telemetry;
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A body that sends one word and then nothing for ever.
struct Endless(bool);

impl HttpBody for Endless {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match std::mem::replace(&mut self.0, true) {
            false => Poll::Ready(Some(Ok(Frame::data(bytes::Bytes::from_static(b"data: 1\n\n"))))),
            true => Poll::Pending,
        }
    }
}

fn standing(address: SocketAddr) -> Arc<Standing> {
    let telemetry = Arc::new(Telemetry::new("s", "u", "r"));
    Arc::new(Standing::new(Access::default(), address, telemetry).expect("nothing to read"))
}

fn router(standing: &Arc<Standing>) -> Router {
    Router::new()
        .route(STREAM, get(async || Response::new(Body::new(Endless(false)))))
        .route("/late", get(async || std::future::pending::<Response>().await))
        .route("/metrics", get(async || "figures"))
        .layer(from_fn_with_state(Arc::clone(standing), admit))
}

async fn asked(standing: &Arc<Standing>, path: &str) -> Response {
    let request = axum::http::Request::builder().uri(path).body(Body::empty()).expect("a request");
    TowerToHyperService::new(router(standing)).call(request).await.unwrap_or_else(|never| match never {})
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_begin_is_given_up_and_a_stream_goes_on() {
    let standing = standing(([127, 0, 0, 1], 1).into());
    let begun = tokio::time::Instant::now();
    assert_eq!(asked(&standing, "/late").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(begun.elapsed().as_secs(), REQUEST_TIME.as_secs());
    let mut stream = asked(&standing, STREAM).await.into_body();
    let mut next = async || std::future::poll_fn(|context| Pin::new(&mut stream).poll_frame(context)).await;
    assert!(matches!(next().await, Some(Ok(frame)) if frame.is_data()));
    assert!(timeout(REQUEST_TIME * 10, next()).await.is_err(), "still under way");
}

#[tokio::test]
async fn streams_are_counted_until_they_end() {
    let standing = standing(([127, 0, 0, 1], 1).into());
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        streams.push(asked(&standing, STREAM).await);
    }
    assert!(streams.iter().all(|answer| answer.status() == StatusCode::OK));
    assert_eq!(asked(&standing, STREAM).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(asked(&standing, "/metrics").await.status(), StatusCode::OK);
    streams.pop();
    assert_eq!(asked(&standing, STREAM).await.status(), StatusCode::OK);
}

/// Asks over a connection of its own, and reads until a text is there.
async fn connected(address: SocketAddr, path: &str, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await.expect("sent");
    let mut answer = String::new();
    while !answer.contains(text) {
        let mut bytes = [0; 1024];
        let read = stream.read(&mut bytes).await.expect("an answer");
        assert_ne!(read, 0, "{path}: the connection ended after {answer}");
        answer.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    stream
}

#[tokio::test]
async fn pages_that_went_away_make_room() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    let standing = standing(address);
    let served = Arc::clone(&standing);
    tokio::spawn(async move { connection::serve(listener, router(&served), &served, std::future::pending()).await });
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        streams.push(connected(address, STREAM, "data: 1").await);
    }
    connected(address, STREAM, "too many streams").await;
    connected(address, "/metrics", "figures").await;
    streams.clear();
    while standing.room().is_none() {
        tokio::task::yield_now().await;
    }
    connected(address, STREAM, "data: 1").await;
}
