//! The HTTP server: the live page, metrics, health, readiness, reload, report, customers, history.
//!
//! Handlers read what is published and never wait for the engine; drawing a scrape or report happens off the async threads, a
//! few at a time. The server bounds what a client can hold: connections, header size, time to send a header, age of a
//! connection. The guard decides who is let in to what before a handler sees the request. Every error is JSON with a sentence that says what to do.

mod answer;
mod connection;
mod customers;
mod guard;
mod page;
mod passwords;
mod pulse;
mod routes;
mod standing;
mod tls;
mod web;

pub use guard::REQUEST_TIME;
pub use passwords::check_hash;
pub use standing::Standing;
pub use tls::{cipher_suite, group, server as tls_server, version};
pub use web::{Access, Clients, Tls, Users, Version, Web, WebFile};

use crate::wire::customers::{Answer, Asked, Refusal};
use crate::wire::published::Published;
use crate::wire::telemetry::Telemetry;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// What the handlers work with.
#[derive(Clone, Debug)]
pub struct State {
    pub published: Arc<Published>,
    pub telemetry: Arc<Telemetry>,
    /// Where requests to reload go; `None` while `http.enable_reload` is off.
    pub reload: Option<mpsc::Sender<Reload>>,
    /// Where questions about customers and closed periods go.
    pub inquiries: crossbeam_channel::Sender<Inquiry>,
}

/// A question that is not answered from what is published.
#[derive(Debug)]
pub struct Inquiry {
    pub asked: Asked,
    pub reply: oneshot::Sender<Result<Answer, Refusal>>,
}

/// A request to load the configuration anew. Whoever receives it answers with a sentence: what was taken over and which keys
/// need a restart, or why the old configuration stays.
#[derive(Debug)]
pub struct Reload {
    pub reply: oneshot::Sender<Result<String, String>>,
}

/// Serves until `shutdown` completes; then answers what is under way, for a few seconds at most, and returns.
pub async fn serve(listener: TcpListener, state: State, standing: Arc<Standing>, shutdown: impl Future<Output = ()>) {
    let (pulse, beating) = pulse::Pulse::new(state.clone());
    // Streams last as long as the pulse, so that they are over before the connections are waited for.
    let until = async {
        tokio::select! {
            () = shutdown => {}
            () = beating => {}
        }
    };
    let router = routes::router(state, &standing, pulse);
    tokio::select! {
        () = connection::serve(listener, router, &standing, until) => {}
        never = Arc::clone(&standing).keep_current() => match never {},
    }
}
