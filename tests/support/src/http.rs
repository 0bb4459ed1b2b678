//! HTTP as the tests need it: any status is an answer, nothing is retried.

use serde_json::Value;
use std::time::Duration;

/// An answer of any status.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

impl Answer {
    /// What a server says that wants to know who asks.
    pub(crate) fn refused() -> Answer {
        let body = "{\"error_code\": 40101, \"message\": \"Unauthorized\"}";
        Answer { status: 401, content_type: "application/json".to_owned(), body: body.to_owned() }
    }

    /// The body as JSON; panics when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.body))
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(30))).build().into()
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Option<Answer> {
    let mut response = response.ok()?;
    let content_type =
        response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    Some(Answer { status: response.status().as_u16(), content_type, body: response.body_mut().read_to_string().ok()? })
}

/// `None` while nothing answers there.
pub fn get(url: &str) -> Option<Answer> {
    answer(agent().get(url).call())
}

/// A GET that asks for one format.
pub fn get_as(url: &str, accept: &str) -> Option<Answer> {
    answer(agent().get(url).header("Accept", accept).call())
}

/// A POST of JSON.
pub fn post(url: &str, body: &Value) -> Option<Answer> {
    answer(agent().post(url).header("Content-Type", "application/json").send(body.to_string()))
}
