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
    /// Seconds after which to ask again, where that is worth it.
    again_after: Option<u64>,
}

impl Failure {
    fn of(status: StatusCode, kind: &'static str, sentence: impl Into<String>) -> Failure {
        Failure { status, kind, sentence: sentence.into(), again_after: None }
    }

    /// What was here is not any more.
    pub fn gone(sentence: impl Into<String>) -> Failure {
        Failure::of(StatusCode::GONE, "gone", sentence)
    }

    pub fn too_many_requests(sentence: impl Into<String>) -> Failure {
        Failure::of(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", sentence).again_after(2)
    }

    /// Says when it is worth asking again.
    pub fn again_after(self, seconds: u64) -> Failure {
        Failure { again_after: Some(seconds), ..self }
    }

    pub fn bad_request(sentence: impl Into<String>) -> Failure {
        Failure::of(StatusCode::BAD_REQUEST, "bad_data", sentence)
    }

    pub fn unauthorized(sentence: impl Into<String>) -> Failure {
        Failure::of(StatusCode::UNAUTHORIZED, "unauthorized", sentence)
    }

    pub fn too_large(sentence: impl Into<String>) -> Failure {
        Failure::of(StatusCode::PAYLOAD_TOO_LARGE, "too_large", sentence)
    }

    pub fn forbidden(sentence: impl Into<String>) -> Failure {
        Failure::of(StatusCode::FORBIDDEN, "forbidden", sentence)
    }

    pub fn not_found(sentence: impl Into<String>) -> Failure {
        Failure::of(StatusCode::NOT_FOUND, "not_found", sentence)
    }

    pub fn method_not_allowed(sentence: impl Into<String>) -> Failure {
        Failure::of(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", sentence)
    }

    pub fn internal(sentence: impl Into<String>) -> Failure {
        Failure::of(StatusCode::INTERNAL_SERVER_ERROR, "internal", sentence)
    }

    pub fn unavailable(sentence: impl Into<String>) -> Failure {
        Failure::of(StatusCode::SERVICE_UNAVAILABLE, "unavailable", sentence)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut answer = json(self.status, &json!({ "status": "error", "errorType": self.kind, "error": self.sentence }));
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"upswell\", charset=\"UTF-8\"");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        let again = self.again_after.map(HeaderValue::from);
        again.into_iter().for_each(|again| drop(answer.headers_mut().insert(header::RETRY_AFTER, again)));
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
