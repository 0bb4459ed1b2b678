//! `/api/v1/customers` and `/api/v1/history`: questions that are passed on, and their answers in the form that is wanted.

use super::Inquiry;
use super::answer::{Failure, joined, text};
use super::routes::{Server, draw};
use crate::wire::customers::query::{self, Choices, Parameters};
use crate::wire::customers::{Answer, Asked, Page, Reason, Refusal, csv, json, portrait};
use crate::wire::exposition::{Format as Exposed, backfill};
use crate::wire::history;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What a page says beside its rows where the form has no place for it.
const AS_OF: HeaderName = HeaderName::from_static("upswell-as-of");
const TOTAL_AMOUNT: HeaderName = HeaderName::from_static("upswell-total-amount");
const TOTAL_CUSTOMERS: HeaderName = HeaderName::from_static("upswell-total-customers");
const NEXT_CURSOR: HeaderName = HeaderName::from_static("upswell-next-cursor");

type Asking = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// A form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
    Jsonl,
    OpenMetrics,
}

impl Form {
    const LISTINGS: [(&'static str, Form); 3] = [("json", Form::Json), ("csv", Form::Csv), ("jsonl", Form::Jsonl)];
    const HISTORIES: [(&'static str, Form); 3] = [("json", Form::Json), ("csv", Form::Csv), ("openmetrics", Form::OpenMetrics)];

    /// Types of media, as a client may accept them.
    const MEDIA: [(&'static str, Form); 6] = [
        ("application/json", Form::Json),
        ("text/csv", Form::Csv),
        ("application/jsonl", Form::Jsonl),
        ("application/x-ndjson", Form::Jsonl),
        ("application/ndjson", Form::Jsonl),
        ("application/openmetrics-text", Form::OpenMetrics),
    ];

    /// Takes `format` out of the parameters; without it, the first accepted type that there is decides, else it is JSON.
    fn wanted(
        parameters: &mut Vec<(String, String)>,
        headers: &HeaderMap,
        forms: &[(&'static str, Form)],
    ) -> Result<Form, Failure> {
        let mut form = None;
        for (_, name) in parameters.extract_if(.., |(name, _)| name == "format") {
            let found = forms.iter().find(|(known, _)| *known == name).map(|(_, form)| *form);
            let known = forms.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
            let unknown = || Failure::bad_request(format!("There is no format {}: use {known}.", query::shown(&name)));
            form = Some(found.ok_or_else(unknown)?);
        }
        Ok(form.unwrap_or_else(|| Form::accepted(headers, forms)))
    }

    fn accepted(headers: &HeaderMap, forms: &[(&'static str, Form)]) -> Form {
        let accepted = joined(headers, header::ACCEPT);
        let media = accepted.split(',').filter_map(|one| one.split(';').next()).map(str::trim);
        let known = |name: &str| Form::MEDIA.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, form)| *form);
        let offered = |form: &Form| forms.iter().any(|(_, known)| known == form);
        media.filter_map(known).find(offered).unwrap_or(Form::Json)
    }

    fn content_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Csv => "text/csv; charset=utf-8; header=present",
            Form::Jsonl => "application/jsonl; charset=utf-8",
            Form::OpenMetrics => Exposed::OpenMetrics.content_type(),
        }
    }
}

/// One customer.
pub async fn customer(
    Shared(server): Shared<Arc<Server>>,
    path: Result<Path<String>, PathRejection>,
    asking: Asking,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let wrong =
        |error| Failure::bad_request(format!("The customer's id cannot be read ({error}): write it in UTF-8, %-encoded."));
    let Path(customer_id) = path.map_err(wrong)?;
    let mut parameters = parameters(asking)?;
    Form::wanted(&mut parameters, &headers, &[("json", Form::Json)])?;
    query::none(&parameters).map_err(Failure::bad_request)?;
    answered(&server, Asked::Customer(customer_id), Form::Json).await
}

/// Who moved, and who is likely to expand.
pub async fn customers(Shared(server): Shared<Arc<Server>>, asking: Asking, headers: HeaderMap) -> Result<Response, Failure> {
    let mut parameters = parameters(asking)?;
    let form = Form::wanted(&mut parameters, &headers, &Form::LISTINGS)?;
    let asked = asked(&server, &parameters)?;
    answered(&server, asked, form).await
}

/// Closed periods.
pub async fn history(Shared(server): Shared<Arc<Server>>, asking: Asking, headers: HeaderMap) -> Result<Response, Failure> {
    let mut parameters = parameters(asking)?;
    let form = Form::wanted(&mut parameters, &headers, &Form::HISTORIES)?;
    let asked = query::history(&parameters).map_err(Failure::bad_request)?;
    answered(&server, asked, form).await
}

fn parameters(asking: Asking) -> Result<Vec<(String, String)>, Failure> {
    let wrong = |error| Failure::bad_request(format!("The query cannot be read ({error}): write it in UTF-8, %-encoded."));
    asking.map(|Query(parameters)| parameters).map_err(wrong)
}

/// What is asked of customers, out of what the present view shows. Before there is one, nothing can be right or wrong.
fn asked(server: &Server, parameters: &Parameters) -> Result<Asked, Failure> {
    let view = server.state.published.view().ok_or_else(|| super::routes::no_view(server))?;
    let windows = &view.report.windows;
    let dimensions = windows.first().map_or(&[][..], |window| &window.dimensions);
    let choices = Choices {
        windows: windows.iter().map(|window| window.window.clone()).collect(),
        dimensions: dimensions.iter().map(|dimension| dimension.dimension.clone()).collect(),
    };
    query::customers(parameters, &choices).map_err(Failure::bad_request)
}

/// Passes a question on, waits for the answer, and draws it off the async threads.
async fn answered(server: &Arc<Server>, asked: Asked, form: Form) -> Result<Response, Failure> {
    let (reply, answer) = oneshot::channel();
    server.state.inquiries.try_send(Inquiry { asked, reply }).map_err(|error| match error.is_full() {
        true => refused(Refusal::new(Reason::Busy, "Too many questions wait: ask again in a moment.")),
        false => gone(),
    })?;
    let answer = answer.await.map_err(|_| gone())?.map_err(refused)?;
    draw(server, move |_| drawn(&answer, form)).await
}

fn gone() -> Failure {
    Failure::unavailable("The service is shutting down: ask the next one.")
}

fn refused(Refusal { reason, sentence }: Refusal) -> Failure {
    match reason {
        Reason::Wrong => Failure::bad_request(sentence),
        Reason::NotFound => Failure::not_found(sentence),
        Reason::Gone => Failure::gone(sentence),
        Reason::Busy => Failure::too_many_requests(sentence),
        Reason::Unavailable => Failure::unavailable(sentence).again_after(2),
        Reason::Internal => Failure::internal(sentence),
    }
}

fn drawn(answer: &Answer, form: Form) -> Response {
    let body = match (answer, form) {
        (Answer::Customer(customer), _) => portrait::render(customer),
        (Answer::Page(page), Form::Csv) => csv::render(page),
        (Answer::Page(page), Form::Jsonl) => json::lines(page),
        (Answer::Page(page), _) => json::render(page),
        (Answer::History(history), Form::Csv) => history::csv::render(history),
        (Answer::History(history), Form::OpenMetrics) => backfill::render(history),
        (Answer::History(history), _) => history::json::render(history),
    };
    let mut response = text(StatusCode::OK, form.content_type(), body);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    if let Answer::Page(page) = answer {
        note(response.headers_mut(), page);
    }
    response
}

/// What rows alone do not say.
fn note(headers: &mut HeaderMap, page: &Page) {
    let listing = &page.listing;
    let said = [
        (AS_OF, Some(listing.version.as_of.to_rfc3339())),
        (TOTAL_AMOUNT, Some(crate::domain::money::decimal(listing.total.amount))),
        (TOTAL_CUSTOMERS, Some(listing.total.customers.to_string())),
        (NEXT_CURSOR, page.next().map(|cursor| cursor.to_string())),
    ];
    for (name, value) in said {
        let value = value.and_then(|value| HeaderValue::try_from(value).ok());
        value.into_iter().for_each(|value| drop(headers.insert(name.clone(), value)));
    }
}
