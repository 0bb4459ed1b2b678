//! Answers: JSON errors with a sentence, and the headers every answer carries.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error for the client, in the shape of Prometheus' API.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    kind: &'static str,
    sentence: String,
}

impl Failure {
    pub fn bad_request(sentence: impl Into<String>) -> Failure {
        Failure { status: StatusCode::BAD_REQUEST, kind: "bad_data", sentence: sentence.into() }
    }

    pub fn forbidden(sentence: impl Into<String>) -> Failure {
        Failure { status: StatusCode::FORBIDDEN, kind: "forbidden", sentence: sentence.into() }
    }

    pub fn not_found(sentence: impl Into<String>) -> Failure {
        Failure { status: StatusCode::NOT_FOUND, kind: "not_found", sentence: sentence.into() }
    }

    pub fn method_not_allowed(sentence: impl Into<String>) -> Failure {
        Failure { status: StatusCode::METHOD_NOT_ALLOWED, kind: "method_not_allowed", sentence: sentence.into() }
    }

    pub fn internal(sentence: impl Into<String>) -> Failure {
        Failure { status: StatusCode::INTERNAL_SERVER_ERROR, kind: "internal", sentence: sentence.into() }
    }

    pub fn unavailable(sentence: impl Into<String>) -> Failure {
        Failure { status: StatusCode::SERVICE_UNAVAILABLE, kind: "unavailable", sentence: sentence.into() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        json(self.status, &json!({ "status": "error", "errorType": self.kind, "error": self.sentence }))
    }
}

/// A JSON document and a line feed.
pub fn json(status: StatusCode, document: &serde_json::Value) -> Response {
    text(status, "application/json", format!("{document}\n"))
}

/// A body of some type.
pub fn text(status: StatusCode, content_type: &'static str, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// All values of a header as one list.
pub fn joined(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",")
}

/// Figures change all the time and belong to whoever asked: nobody stores, guesses at or frames an answer, unless it says otherwise.
pub async fn with_common_headers(mut response: Response) -> Response {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
