//! A real schema registry, and a gate before it that can be shut.

use crate::http;
use crate::parts::{Place, free_ports};
use serde_json::json;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};

/// Apicurio with its Confluent-compatible API; it forgets everything when it ends.
#[derive(Debug)]
pub struct Registry {
    _place: Place,
    port: u16,
}

impl Registry {
    /// Returns when it answers.
    pub fn start() -> Registry {
        let (place, port) = (Place::new(), free_ports(1));
        place.real("registry", &[&port.to_string()]);
        Registry { _place: place, port }
    }

    /// The address of the Confluent API, as `schema_registry.url` wants it.
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// The id under which a schema is registered; the same schema gets the same id again.
    pub fn register(&self, subject: &str, schema: &str) -> u32 {
        let answer = http::post(&format!("{}/subjects/{subject}/versions", self.url()), &json!({ "schema": schema }));
        let answer = answer.expect("the registry answers");
        let id = answer.json()["id"].as_u64().unwrap_or_else(|| panic!("the registry refused {subject}: {}", answer.body));
        u32::try_from(id).expect("an id has 32 bits")
    }

    /// A closed gate before this registry.
    pub fn gate(&self) -> Gate {
        Gate { port: free_ports(1), behind: self.port }
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/apis/ccompat/v7")
}

/// Another address of the registry at which nothing listens until it is opened: a registry that is away, then comes.
#[derive(Debug)]
pub struct Gate {
    port: u16,
    behind: u16,
}

impl Gate {
    /// The address behind the gate.
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// From now on connections reach the registry, until the test process ends.
    pub fn open(&self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).expect("the gate's port is free");
        let behind = self.behind;
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if let Ok(far) = TcpStream::connect(("127.0.0.1", behind)) {
                    join(near, far);
                }
            }
        });
    }
}

/// Copies both ways until either side ends.
fn join(near: TcpStream, far: TcpStream) {
    if let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) {
        std::thread::spawn(move || pour(near, far));
        std::thread::spawn(move || pour(far_too, near_too));
    }
}

/// A side that went away is the normal end of a connection, so errors only end the copying.
fn pour(mut from: TcpStream, mut to: TcpStream) {
    let copied = io::copy(&mut from, &mut to).and_then(|_| to.shutdown(Shutdown::Write));
    if copied.is_err() {
        drop((from, to));
    }
}
