//! A schema registry inside the process, for the demo: as much of the Confluent API as a reader needs, on loopback.

use super::record::SchemaIds;
use crate::wire::avro::{SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};
use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;

/// The ids under which this registry knows the canonical schemas.
pub const IDS: SchemaIds = SchemaIds { subscription: 1, usage: 2 };

/// A running registry; it stops when this is dropped.
pub struct Registry {
    address: SocketAddr,
    /// Serves in the background; dropping it ends that.
    _runtime: tokio::runtime::Runtime,
}

impl Registry {
    /// Starts a registry on a free port of the loopback interface.
    pub fn start() -> std::io::Result<Registry> {
        let builder = || tokio::runtime::Builder::new_multi_thread();
        let runtime = builder().worker_threads(1).thread_name("demo-registry").enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let routes = Router::new().route("/schemas/ids/{id}", get(schema)).fallback(unknown);
        runtime.spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "the embedded schema registry ended");
            }
        });
        Ok(Registry { address, _runtime: runtime })
    }

    /// Base of its API.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn schema(Path(id): Path<String>) -> Response {
    match id.parse::<u32>() {
        Ok(id) if id == IDS.subscription => answer(StatusCode::OK, json!({ "schema": SUBSCRIPTION_SCHEMA })),
        Ok(id) if id == IDS.usage => answer(StatusCode::OK, json!({ "schema": USAGE_SCHEMA })),
        _ => answer(StatusCode::NOT_FOUND, json!({ "error_code": 40403, "message": format!("Schema {id} not found") })),
    }
}

async fn unknown() -> Response {
    answer(StatusCode::NOT_FOUND, json!({ "error_code": 404, "message": "HTTP 404 Not Found" }))
}

fn answer(status: StatusCode, body: Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/vnd.schemaregistry.v1+json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(url: &str) -> (u16, Value) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response = agent.get(url).call().expect("an answer");
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().expect("a body");
        (status, serde_json::from_str(&text).expect("JSON"))
    }

    #[test]
    fn the_registry_knows_two_schemas() {
        let registry = Registry::start().expect("a registry");
        let get = |path: &str| ask(&format!("{}{path}", registry.url()));
        assert_eq!(get("/schemas/ids/1"), (200, json!({ "schema": SUBSCRIPTION_SCHEMA })));
        assert_eq!(get("/schemas/ids/2"), (200, json!({ "schema": USAGE_SCHEMA })));
        for id in ["3", "-1", "99999999999", "x"] {
            let (status, body) = get(&format!("/schemas/ids/{id}"));
            assert_eq!((status, &body["error_code"]), (404, &json!(40403)), "{id}");
        }
        assert_eq!(get("/subjects").0, 404);
    }
}
