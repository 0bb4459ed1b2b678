//! Answers: JSON errors with a sentence, and bodies of every type.

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

    pub fn unauthorized(sentence: impl Into<String>) -> Failure {
        Failure { status: StatusCode::UNAUTHORIZED, kind: "unauthorized", sentence: sentence.into() }
    }

    pub fn too_large(sentence: impl Into<String>) -> Failure {
        Failure { status: StatusCode::PAYLOAD_TOO_LARGE, kind: "too_large", sentence: sentence.into() }
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
        let mut answer = json(self.status, &json!({ "status": "error", "errorType": self.kind, "error": self.sentence }));
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"upswell\", charset=\"UTF-8\"");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        answer
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
