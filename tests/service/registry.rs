//! A schema registry that can be taken away: then it answers everything with 503.

use crate::avro::{ALIAS_ID, SUBSCRIPTION_ID, USAGE_ID};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use upswell::adapter::registry;
use upswell::wire::avro::{SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};

/// The registry; it answers from a thread of its own until the process ends.
pub struct Registry {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    away: bool,
    schemas: HashMap<u32, &'static str>,
}

impl Registry {
    pub fn start() -> Registry {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let schemas =
            HashMap::from([(SUBSCRIPTION_ID, SUBSCRIPTION_SCHEMA), (ALIAS_ID, SUBSCRIPTION_SCHEMA), (USAGE_ID, USAGE_SCHEMA)]);
        let state = Arc::new(Mutex::new(State { away: false, schemas }));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || answer(&stream, &shared));
            }
        });
        Registry { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn settings(&self) -> registry::Settings {
        registry::Settings { url: Some(self.url()), ..registry::Settings::default() }
    }

    /// Every request fails with 503 from now on, or no longer does.
    pub fn set_away(&self, away: bool) {
        self.state.lock().expect("no panic").away = away;
    }
}

fn answer(stream: &TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut request, mut header) = (String::new(), String::new());
    reader.by_ref().read_line(&mut request).ok()?;
    while reader.by_ref().read_line(&mut header).ok()? > 2 {
        header.clear();
    }
    let path = request.split(' ').nth(1)?.to_owned();
    let state = state.lock().expect("no panic");
    let id = path.strip_prefix("/schemas/ids/").and_then(|rest| rest.split('?').next()?.parse().ok());
    let (status, body) = match (state.away, id.and_then(|id: u32| state.schemas.get(&id))) {
        (true, _) => ("503 Service Unavailable", "away".to_owned()),
        (false, Some(schema)) => ("200 OK", serde_json::json!({ "schema": schema }).to_string()),
        (false, None) => ("404 Not Found", r#"{"error_code":40403,"message":"Schema not found"}"#.to_owned()),
    };
    let kind = "application/vnd.schemaregistry.v1+json";
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let mut stream = stream;
    stream.write_all((head + &body).as_bytes()).ok()
}
