//! A schema registry that can be taken away, talk nonsense or be slow.

use crate::avro::{ALIAS_ID, SUBSCRIPTION_ID, USAGE_ID};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use upswell::adapter::registry;
use upswell::wire::avro::{SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};

/// The registry; it answers from a thread of its own until the process ends.
pub struct Registry {
    address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Well,
    /// Everything with 503.
    Away,
    /// 200, with a page that is no answer.
    Garbled,
    /// Not before the mood changes.
    Slow,
}

struct State {
    mood: Mood,
    schemas: HashMap<u32, &'static str>,
}

impl Registry {
    pub fn start() -> Registry {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let schemas =
            HashMap::from([(SUBSCRIPTION_ID, SUBSCRIPTION_SCHEMA), (ALIAS_ID, SUBSCRIPTION_SCHEMA), (USAGE_ID, USAGE_SCHEMA)]);
        let state = Arc::new((Mutex::new(State { mood: Mood::Well, schemas }), Condvar::new()));
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
        self.set_mood(if away { Mood::Away } else { Mood::Well });
    }

    pub fn set_mood(&self, mood: Mood) {
        self.state.0.lock().expect("no panic").mood = mood;
        self.state.1.notify_all();
    }
}

fn answer(stream: &TcpStream, (state, changed): &(Mutex<State>, Condvar)) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut request, mut header) = (String::new(), String::new());
    reader.by_ref().read_line(&mut request).ok()?;
    while reader.by_ref().read_line(&mut header).ok()? > 2 {
        header.clear();
    }
    let path = request.split(' ').nth(1)?.to_owned();
    let state = changed.wait_while(state.lock().expect("no panic"), |state| state.mood == Mood::Slow).expect("no panic");
    let id = path.strip_prefix("/schemas/ids/").and_then(|rest| rest.split('?').next()?.parse().ok());
    let (status, body) = match (state.mood, id.and_then(|id: u32| state.schemas.get(&id))) {
        (Mood::Away, _) => ("503 Service Unavailable", "away".to_owned()),
        (Mood::Garbled, _) => ("200 OK", "<html>Welcome to nginx!</html>".to_owned()),
        (Mood::Well | Mood::Slow, Some(schema)) => ("200 OK", serde_json::json!({ "schema": schema }).to_string()),
        (Mood::Well | Mood::Slow, None) => ("404 Not Found", r#"{"error_code":40403,"message":"Schema not found"}"#.to_owned()),
    };
    drop(state);
    let kind = "application/vnd.schemaregistry.v1+json";
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let mut stream = stream;
    stream.write_all((head + &body).as_bytes()).ok()
}
