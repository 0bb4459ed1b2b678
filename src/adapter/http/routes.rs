//! What answers where.

use super::answer::{Failure, json, text, with_common_headers};
use super::{Reload, State, customers};
use crate::wire::alerting;
use crate::wire::exposition::{Exposition, Format};
use crate::wire::gzip;
use crate::wire::published::View;
use crate::wire::readiness;
use crate::wire::report::{self, EventCounts, table::Style};
use axum::Router;
use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};

/// Scrapes and reports drawn at once: however many ask, they take no more than one core from those who take events in, and the
/// memory of one of them. The others wait some milliseconds.
const DRAWN_AT_ONCE: usize = 1;

/// The front page: links only.
const INDEX: &str = include_str!("index.html");

pub(super) struct Server {
    pub(super) state: State,
    exposition: Exposition,
    drawing: Semaphore,
}

impl Server {
    fn new(state: State) -> Arc<Server> {
        let exposition = Exposition::new(Arc::clone(&state.published), Arc::clone(&state.telemetry));
        Arc::new(Server { state, exposition, drawing: Semaphore::new(DRAWN_AT_ONCE) })
    }
}

/// All routes.
pub fn router(state: State) -> Router {
    Router::new()
        .route("/", get(async || text(StatusCode::OK, "text/html; charset=utf-8", INDEX.to_owned())))
        .route("/metrics", get(metrics))
        .route("/-/healthy", get(async || text(StatusCode::OK, "text/plain; charset=utf-8", "Upswell is healthy.\n".to_owned())))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload).put(reload))
        .route("/api/v1/report", get(report))
        .route("/api/v1/customers", get(customers::customers))
        .route("/api/v1/customers/{*id}", get(customers::customer))
        .route("/api/v1/history", get(customers::history))
        .route("/api/v1/rules", get(rules))
        .route("/api/v1/alerts", get(alerts))
        .fallback(nothing_here)
        .method_not_allowed_fallback(other_method)
        .layer(map_response(with_common_headers))
        .with_state(Server::new(state))
}

async fn nothing_here(uri: Uri) -> Failure {
    Failure::not_found(format!("There is nothing at {}: GET / lists what there is.", uri.path()))
}

async fn other_method(method: Method, uri: Uri) -> Failure {
    Failure::method_not_allowed(format!("{} does not answer {method}: use a method the Allow header names.", uri.path()))
}

async fn metrics(Shared(server): Shared<Arc<Server>>, headers: HeaderMap) -> Result<Response, Failure> {
    let format = Format::accepted(&joined(&headers, header::ACCEPT));
    let packed = gzip::accepted(&joined(&headers, header::ACCEPT_ENCODING));
    let pack = move |text: String| if packed { gzip::compress(text.as_bytes()) } else { text.into_bytes() };
    let drawn = draw(&server, move |server| server.exposition.render(format).map(pack)).await?;
    let body = drawn.map_err(|error| {
        tracing::error!(%error, "encode metrics");
        Failure::internal(format!("The metrics cannot be encoded ({error}): please report this as a defect."))
    })?;
    let mut response =
        ([(header::VARY, "Accept, Accept-Encoding"), (header::CONTENT_TYPE, format.content_type())], body).into_response();
    if packed {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// All values of a header as one list.
pub(super) fn joined(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",")
}

async fn ready(Shared(server): Shared<Arc<Server>>) -> Response {
    let readiness = server.state.published.readiness();
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &readiness::document(&readiness, &server.state.telemetry))
}

/// A form of the report.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Csv,
    Table,
}

impl Form {
    fn asked_for(query: Query<Vec<(String, String)>>) -> Result<Form, Failure> {
        let mut form = Form::Json;
        for (name, value) in query.0 {
            form = match (name.as_str(), value.as_str()) {
                ("format", "json") => Form::Json,
                ("format", "csv") => Form::Csv,
                ("format", "table") => Form::Table,
                ("format", other) => {
                    return Err(Failure::bad_request(format!("There is no format {other:?}: use json, csv or table.")));
                }
                (other, _) => {
                    return Err(Failure::bad_request(format!("There is no parameter {other:?}: the report takes format only.")));
                }
            };
        }
        Ok(form)
    }

    fn content_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Csv => "text/csv; charset=utf-8; header=present",
            Form::Table => "text/plain; charset=utf-8",
        }
    }

    fn draw(self, view: &View, events: &EventCounts) -> String {
        match self {
            Form::Json => report::json::render(&view.report, events),
            Form::Csv => report::csv::render(&view.report, events),
            Form::Table => report::table::render(&view.report, events, &Style::new(false, None, None)),
        }
    }
}

async fn report(
    Shared(server): Shared<Arc<Server>>,
    query: Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Failure> {
    let query = query.map_err(|error| Failure::bad_request(format!("The query cannot be read ({error}): use ?format=json.")))?;
    let form = Form::asked_for(query)?;
    let view = server.state.published.view().ok_or_else(|| no_view(&server))?;
    let body = draw(&server, move |server| form.draw(&view, &EventCounts::since_start(&server.state.telemetry))).await?;
    Ok(text(StatusCode::OK, form.content_type(), body))
}

async fn rules(Shared(server): Shared<Arc<Server>>) -> Response {
    json(StatusCode::OK, &alerting::json::rules(&server.state.published.alerts()))
}

async fn alerts(Shared(server): Shared<Arc<Server>>) -> Response {
    json(StatusCode::OK, &alerting::json::alerts(&server.state.published.alerts()))
}

pub(super) fn no_view(server: &Server) -> Failure {
    let readiness = server.state.published.readiness();
    let phase = readiness.phase.as_str();
    Failure::unavailable(format!("There is no report yet ({phase}): {} Ask again when /-/ready answers 200.", readiness.detail))
}

/// Draws something large off the async threads, so that health checks answer meanwhile.
pub(super) async fn draw<T: Send + 'static>(
    server: &Arc<Server>,
    drawing: impl FnOnce(&Server) -> T + Send + 'static,
) -> Result<T, Failure> {
    let _turn = server.drawing.acquire().await.expect("the semaphore is never closed");
    let server = Arc::clone(server);
    tokio::task::spawn_blocking(move || drawing(&server)).await.map_err(|error| {
        tracing::error!(%error, "draw an answer");
        Failure::internal("The answer could not be drawn: please report this as a defect, with the log.")
    })
}

async fn reload(Shared(server): Shared<Arc<Server>>) -> Result<Response, Failure> {
    let requests = server.state.reload.as_ref().ok_or_else(|| {
        Failure::forbidden("Reloading over HTTP is off: set http.enable_reload to true and restart, or send SIGHUP.")
    })?;
    let (reply, answer) = oneshot::channel();
    let gone = || Failure::unavailable("The service is shutting down: ask the next one.");
    requests.send(Reload { reply }).await.map_err(|_| gone())?;
    match answer.await.map_err(|_| gone())? {
        Ok(sentence) => Ok(json(StatusCode::OK, &json!({ "status": "success", "data": sentence }))),
        Err(sentence) => Err(Failure::internal(sentence)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::published::Published;
    use crate::wire::telemetry::Telemetry;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::thread;

    /// Each drawing waits to be let on, so that all that could be drawn beside it have begun meanwhile.
    #[test]
    fn drawing_takes_one_core_and_never_an_async_thread() {
        let telemetry = Arc::new(Telemetry::new("s", "u", "r"));
        let server = Server::new(State {
            published: Arc::new(Published::new()),
            telemetry,
            reload: None,
            inquiries: crossbeam_channel::bounded(1).0,
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (let_on, gate) = std::sync::mpsc::channel();
        let (drawing, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(gate)));
        let one = |_| {
            let (server, drawing, gate) = (Arc::clone(&server), Arc::clone(&drawing), Arc::clone(&gate));
            runtime.spawn(async move {
                let drawn = draw(&server, move |_| {
                    let before = drawing.fetch_add(1, SeqCst);
                    gate.lock().unwrap().recv().unwrap();
                    (before, drawing.fetch_sub(1, SeqCst) - 1, thread::current().id())
                });
                drawn.await.unwrap()
            })
        };
        let asked: Vec<_> = (0..16).map(one).collect();
        for answer in asked {
            let_on.send(()).unwrap();
            let (before, after, drawer) = runtime.block_on(answer).unwrap();
            assert_eq!((before, after), (0, 0), "another was being drawn");
            assert_ne!(drawer, thread::current().id(), "the thread that answers everybody is busy drawing");
        }
    }
}
