//! Connections and their limits.
//!
//! axum's own server has none, so hyper is driven here. A client that sends its header slowly, sends a huge one, never reads its
//! answer, or opens connections without end is cut off; everybody else notices nothing.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connections at once; further ones wait in the listen queue.
const CONNECTIONS: usize = 256;
/// Bytes of a request's header; more is answered with 431.
const HEADER_BYTES: usize = 16 * 1024;
/// Bytes read ahead on one connection.
const BUFFER_BYTES: usize = 64 * 1024;
/// Time for a header to arrive, the wait for the next request included. Not a usual scrape interval, so that a scraper's
/// connection is not closed at the moment it is used again.
const HEADER_TIME: Duration = Duration::from_secs(67);
/// Age at which a connection is asked to end after the answer under way.
const CONNECTION_AGE: Duration = Duration::from_secs(600);
/// Time for the answers under way once the end was asked for.
const GRACE: Duration = Duration::from_secs(5);
/// Pause after a connection could not be accepted (no file descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown`, then for [`GRACE`] at most what is under way.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, permit) = accept(&listener, &permits) => {
                connections.spawn(converse(stream, router.clone(), stopped.clone(), permit));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop((listener, stop));
    // What has not ended by then is aborted with the set.
    let _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
}

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) => {
                tracing::warn!(%error, "accept an HTTP connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One connection, to its end. What goes wrong on it is the client's affair: it is not logged.
async fn converse(stream: TcpStream, router: Router, mut stopped: watch::Receiver<()>, _permit: OwnedSemaphorePermit) {
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_header_size(HEADER_BYTES)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.changed() => {}
        () = sleep(CONNECTION_AGE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(GRACE, connection).await;
}
