//! What answers where.

use super::answer::{Failure, joined, json, text};
use super::guard::{self, CustomersWithheld};
use super::page::Page;
use super::pulse::Pulse;
use super::standing::Standing;
use super::{Reload, State, customers};
use crate::engine::report::Report;
use crate::wire::alerting;
use crate::wire::exposition::{Exposition, Format};
use crate::wire::gzip;
use crate::wire::readiness;
use crate::wire::report::{self, EventCounts, table::Style};
use axum::extract::{DefaultBodyLimit, Path, Query, State as Shared};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};

/// Scrapes and reports drawn at once: however many ask, they take no more than one core from those who take events in, and the
/// memory of one of them. The others wait some milliseconds.
const DRAWN_AT_ONCE: usize = 1;

pub(super) struct Server {
    pub(super) state: State,
    page: Page,
    pulse: Pulse,
    exposition: Exposition,
    drawing: Arc<Semaphore>,
}

impl Server {
    fn new(state: State, pulse: Pulse) -> Arc<Server> {
        let exposition = Exposition::new(Arc::clone(&state.published), Arc::clone(&state.telemetry));
        Arc::new(Server { state, page: Page::new(), pulse, exposition, drawing: Arc::new(Semaphore::new(DRAWN_AT_ONCE)) })
    }
}

/// All routes.
pub fn router(state: State, standing: &Arc<Standing>, pulse: Pulse) -> Router {
    Router::new()
        .route("/", get(async |Shared(server): Shared<Arc<Server>>, headers: HeaderMap| server.page.answer("", &headers)))
        .route("/page/{file}", get(file))
        .route("/metrics", get(metrics))
        .route("/-/healthy", get(async || text(StatusCode::OK, "text/plain; charset=utf-8", "Upswell is healthy.\n".to_owned())))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload).put(reload))
        .route("/api/v1/report", get(report))
        .route("/api/v1/now", get(now))
        .route("/api/v1/stream", get(stream))
        .route("/api/v1/customers", get(customers::customers))
        .route("/api/v1/customers/{*id}", get(customers::customer))
        .route("/api/v1/history", get(customers::history))
        .route("/api/v1/rules", get(rules))
        .route("/api/v1/alerts", get(alerts))
        .fallback(nothing_here)
        .method_not_allowed_fallback(other_method)
        .layer(DefaultBodyLimit::max(guard::BODY_BYTES as usize))
        .layer(from_fn_with_state(Arc::clone(standing), guard::admit))
        .with_state(Server::new(state, pulse))
}

async fn nothing_here(uri: Uri) -> Failure {
    Failure::not_found(format!("There is nothing at {}: GET / lists what there is.", uri.path()))
}

async fn other_method(method: Method, uri: Uri) -> Failure {
    Failure::method_not_allowed(format!("{} does not answer {method}: use a method the Allow header names.", uri.path()))
}

async fn metrics(Shared(server): Shared<Arc<Server>>, headers: HeaderMap) -> Result<Response, Failure> {
    let format = Format::accepted(&joined(&headers, header::ACCEPT));
    let pack = packing(&headers);
    let drawn = draw(&server, move |server| server.exposition.render(format).map(pack)).await?;
    let body = drawn.map_err(|error| {
        tracing::error!(%error, "encode metrics");
        Failure::internal(format!("The metrics cannot be encoded ({error}): please report this as a defect."))
    })?;
    Ok(packed(&headers, "Accept, Accept-Encoding", format.content_type(), body))
}

/// How a body is packed for whoever sent these headers.
fn packing(headers: &HeaderMap) -> impl Fn(String) -> Vec<u8> + Send + 'static {
    let taken = gzip::accepted(&joined(headers, header::ACCEPT_ENCODING));
    move |text| if taken { gzip::compress(text.as_bytes()) } else { text.into_bytes() }
}

/// The answer with such a body.
fn packed(headers: &HeaderMap, vary: &'static str, content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = ([(header::VARY, vary), (header::CONTENT_TYPE, content_type)], body).into_response();
    if gzip::accepted(&joined(headers, header::ACCEPT_ENCODING)) {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

async fn file(Shared(server): Shared<Arc<Server>>, Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Failure> {
    server.page.answer(&name, &headers)
}

async fn now(Shared(server): Shared<Arc<Server>>) -> Response {
    text(StatusCode::OK, "application/json", format!("{}\n", server.pulse.now()))
}

async fn stream(Shared(server): Shared<Arc<Server>>) -> Response {
    server.pulse.stream()
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

/// What is asked of the report.
struct Wanted {
    form: Form,
    /// Only these windows; all if empty.
    windows: Vec<String>,
}

impl Wanted {
    fn read(query: Vec<(String, String)>) -> Result<Wanted, Failure> {
        let mut wanted = Wanted { form: Form::Json, windows: vec![] };
        for (name, value) in query {
            match (name.as_str(), value.as_str()) {
                ("format", "json") => wanted.form = Form::Json,
                ("format", "csv") => wanted.form = Form::Csv,
                ("format", "table") => wanted.form = Form::Table,
                ("format", other) => {
                    return Err(Failure::bad_request(format!("There is no format {other:?}: use json, csv or table.")));
                }
                ("window", _) => wanted.windows.push(value),
                (other, _) => {
                    let sentence = format!("There is no parameter {other:?}: the report takes format and window only.");
                    return Err(Failure::bad_request(sentence));
                }
            }
        }
        Ok(wanted)
    }

    /// The report with the wanted windows only, in configured order.
    fn choose<'a>(&self, report: &'a Report) -> Result<Cow<'a, Report>, Failure> {
        if self.windows.is_empty() {
            return Ok(Cow::Borrowed(report));
        }
        let names: Vec<&str> = report.windows.iter().map(|window| window.window.as_str()).collect();
        if let Some(other) = self.windows.iter().find(|wanted| !names.contains(&wanted.as_str())) {
            let sentence = format!("There is no window {other:?}: this service has {}.", names.join(", "));
            return Err(Failure::bad_request(sentence));
        }
        let windows = report.windows.iter().filter(|window| self.windows.contains(&window.window)).cloned().collect();
        let Report { as_of, mrr, usage_today, .. } = *report;
        let (currency, time_zone) = (report.currency.clone(), report.time_zone.clone());
        Ok(Cow::Owned(Report { as_of, currency, time_zone, mrr, usage_today, windows }))
    }
}

impl Form {
    fn content_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Csv => "text/csv; charset=utf-8; header=present",
            Form::Table => "text/plain; charset=utf-8",
        }
    }

    fn draw(self, report: &Report, events: &EventCounts) -> String {
        match self {
            Form::Json => report::json::render(report, events),
            Form::Csv => report::csv::render(report, events),
            Form::Table => report::table::render(report, events, &Style::new(false, None, None)),
        }
    }
}

async fn report(
    Shared(server): Shared<Arc<Server>>,
    query: Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let query = query.map_err(|error| Failure::bad_request(format!("The query cannot be read ({error}): use ?format=json.")))?;
    let wanted = Wanted::read(query.0)?;
    let form = wanted.form;
    let view = server.state.published.view().ok_or_else(|| no_view(&server))?;
    let pack = packing(&headers);
    let body = draw(&server, move |server| {
        let report = wanted.choose(&view.report)?;
        Ok(pack(form.draw(&report, &EventCounts::since_start(&server.state.telemetry))))
    })
    .await??;
    Ok(packed(&headers, "Accept-Encoding", form.content_type(), body))
}

async fn rules(Shared(server): Shared<Arc<Server>>, withheld: Option<Extension<CustomersWithheld>>) -> Response {
    shown(alerting::json::rules(&server.state.published.alerts()), withheld.is_some())
}

async fn alerts(Shared(server): Shared<Arc<Server>>, withheld: Option<Extension<CustomersWithheld>>) -> Response {
    shown(alerting::json::alerts(&server.state.published.alerts()), withheld.is_some())
}

/// What is said of alerts can name the customers that moved most: where those are withheld, alerts come without annotations.
fn shown(mut document: Value, withheld: bool) -> Response {
    if withheld {
        let groups = document["data"]["groups"].as_array_mut().into_iter().flatten();
        let of_rules = groups.flat_map(|group| group["rules"].as_array_mut().into_iter().flatten());
        of_rules
            .flat_map(|rule| rule["alerts"].as_array_mut().into_iter().flatten())
            .for_each(|alert| alert["annotations"] = json!({}));
        document["data"]["alerts"].as_array_mut().into_iter().flatten().for_each(|alert| alert["annotations"] = json!({}));
    }
    json(StatusCode::OK, &document)
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
    let turn = Arc::clone(&server.drawing).acquire_owned().await.expect("the semaphore is never closed");
    let server = Arc::clone(server);
    // The turn lasts as long as the work, which goes on when whoever asked has hung up.
    let draw = move || {
        let drawn = drawing(&server);
        drop(turn);
        drawn
    };
    tokio::task::spawn_blocking(draw).await.map_err(|error| {
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
        let inquiries = crossbeam_channel::bounded(1).0;
        let state = State { published: Arc::new(Published::new()), telemetry, reload: None, inquiries };
        let server = Server::new(state.clone(), Pulse::new(state).0);
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
