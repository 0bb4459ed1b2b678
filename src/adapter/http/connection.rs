//! Connections and their limits.
//!
//! axum's own server has none, so hyper is driven here. A client that sends its header slowly, sends a huge one, never reads its
//! answer, drags a handshake out, or opens connections without end is cut off; everybody else notices nothing.

use super::guard::{Peer, REQUEST_TIME};
use super::standing::Standing;
use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connections at once; further ones wait in the listen queue.
const CONNECTIONS: usize = 256;
/// Requests under way at once on one connection of HTTP/2.
const STREAMS_OF_A_CONNECTION: u32 = 16;
/// Bytes of a request's header; more is answered with 431.
const HEADER_BYTES: usize = 16 * 1024;
/// Bytes read ahead on one connection.
const BUFFER_BYTES: usize = 64 * 1024;
/// Time for a TLS handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Time for a header to arrive, the wait for the next request included. Not a usual scrape interval, so that a scraper's
/// connection is not closed at the moment it is used again. On a connection of HTTP/2 that is silent for so long, the client is
/// asked for a sign of life.
const HEADER_TIME: Duration = Duration::from_secs(67);
/// Age at which a connection is asked to end after the answer under way.
const CONNECTION_AGE: Duration = Duration::from_secs(600);
/// The same for a connection on which a stream of events was begun: the stream ends then, and the page opens another.
const STREAM_AGE: Duration = Duration::from_secs(3_600);
/// Time for the answers under way once the server's end was asked for, and for a stream once its connection's was.
const GRACE: Duration = Duration::from_secs(5);
/// Pause after a connection could not be accepted (no file descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown`, then for [`GRACE`] at most what is under way.
pub async fn serve(listener: TcpListener, router: Router, standing: &Arc<Standing>, shutdown: impl Future<Output = ()>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, permit) = accept(&listener, &permits) => {
                connections.spawn(converse(stream, router.clone(), Arc::clone(standing), stopped.clone(), permit));
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

/// What ends a connection beside its client and its age.
struct Ends {
    /// The server's end.
    stopped: watch::Receiver<()>,
    /// A change of the file of `http.web_config`: who was let in before may not be any more, a stream that was begun included.
    changes: watch::Receiver<()>,
}

/// One connection, to its end. What goes wrong on it is the client's affair: it is not logged.
async fn converse(
    stream: TcpStream,
    router: Router,
    standing: Arc<Standing>,
    stopped: watch::Receiver<()>,
    _permit: OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true);
    let ends = Ends { stopped, changes: standing.changes() };
    let armed = standing.current();
    let Some(acceptor) = &armed.acceptor else {
        return talk(stream, false, router, Peer::default(), ends).await;
    };
    match timeout(HANDSHAKE_TIME, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let (_, session) = stream.get_ref();
            let http2 = session.alpn_protocol() == Some(b"h2");
            let peer = Peer::over_tls(armed.clone(), session.peer_certificates());
            talk(stream, http2, router, peer, ends).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => {}
    }
}

/// Speaks HTTP over a connection that is made.
async fn talk<S>(stream: S, http2: bool, router: Router, peer: Peer, ends: Ends)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let peer = Arc::new(peer);
    let (of_requests, router) = (Arc::clone(&peer), TowerToHyperService::new(router));
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Arc::clone(&of_requests));
        router.call(request)
    });
    let stream = TokioIo::new(stream);
    if http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).keep_alive_interval(HEADER_TIME).max_concurrent_streams(STREAMS_OF_A_CONNECTION);
        builder.max_header_list_size(HEADER_BYTES as u32).max_send_buf_size(BUFFER_BYTES);
        attend(builder.serve_connection(stream, service), &peer, ends).await;
    } else {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME);
        builder.max_header_size(HEADER_BYTES).max_buf_size(BUFFER_BYTES);
        attend(builder.serve_connection(stream, service), &peer, ends).await;
    }
}

/// Drives a connection until its client, its age, a change of who is let in, or the server's end ends it.
async fn attend(connection: impl GracefulConnection, peer: &Peer, mut ends: Ends) {
    tokio::pin!(connection);
    let old = async {
        sleep(CONNECTION_AGE).await;
        if peer.streams.load(Relaxed) {
            sleep(STREAM_AGE - CONNECTION_AGE).await;
        }
    };
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = ends.stopped.changed() => {}
        _ = ends.changes.changed() => {}
        () = old => {}
    }
    connection.as_mut().graceful_shutdown();
    // The server's own end waits for nobody longer than [`GRACE`].
    let time = if peer.streams.load(Relaxed) { GRACE } else { REQUEST_TIME };
    let _ = timeout(time, connection).await;
}
