//! A server that takes notifications as its receivers do: it notes what it is sent, and answers as it is told.
//!
//! HTTP/1.1 on a loopback port, plain or behind TLS. Answers are given in the order in which they were laid out; when none is left,
//! every request is answered 200. An answer can be held back until the test lets it go, which is how a receiver is slow.

use crate::authority::Identity;
use crate::wait;
use serde_json::Value;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What was sent.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    /// The value of a header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(header, _)| header == name).map_or("", |(_, value)| value)
    }

    /// The body as JSON; panics when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.body))
    }
}

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A status, further headers (each line ended), a body.
    Answer(u16, String, String),
    /// The same once it is let go, or never.
    Held(u16),
    /// A status, and everything that was sent as the body.
    Echo(u16),
    /// The connection is closed in the middle of the answer.
    Cut,
}

impl Reply {
    /// A status without anything to it.
    pub fn status(status: u16) -> Reply {
        Reply::Answer(status, String::new(), String::new())
    }
}

#[derive(Debug, Default)]
struct Desk {
    requests: Vec<Request>,
    replies: VecDeque<Reply>,
    /// Held answers that may go.
    let_go: usize,
}

#[derive(Debug, Default)]
struct Shared {
    desk: Mutex<Desk>,
    changed: Condvar,
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the head of the file. Its threads end with the test program.
#[derive(Debug)]
pub struct Inbox {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
}

impl Inbox {
    /// Without TLS.
    pub fn open() -> Inbox {
        Inbox::start("http", converse)
    }

    /// With TLS as `localhost`; `clients` asks every client for a certificate of the same authority.
    pub fn behind_tls(identity: &Identity, clients: bool) -> Inbox {
        let config = Arc::new(identity.server_config(clients));
        Inbox::start("https", move |stream, shared| {
            let session = rustls::ServerConnection::new(Arc::clone(&config)).expect("a configuration that can be used");
            converse(rustls::StreamOwned::new(session, stream), shared);
        })
    }

    fn start(scheme: &'static str, serve: impl Fn(TcpStream, &Shared) + Send + Sync + 'static) -> Inbox {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let (serve, of_threads) = (Arc::new(serve), Arc::clone(&shared));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (serve, shared) = (Arc::clone(&serve), Arc::clone(&of_threads));
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Inbox { address, scheme, shared }
    }

    /// `http://localhost:PORT`, or `https`.
    pub fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.address.port())
    }

    /// Lays out the answer to a coming request, after those that lie there.
    pub fn reply(&self, reply: Reply) {
        self.shared.desk().replies.push_back(reply);
    }

    /// Lets one held answer go, now or when it comes to be held.
    pub fn let_go(&self) {
        self.shared.desk().let_go += 1;
        self.shared.changed.notify_all();
    }

    /// What was sent so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.desk().requests.clone()
    }

    /// What was sent, once it is at least so many requests.
    pub fn wait(&self, count: usize) -> Vec<Request> {
        wait::until(&format!("{count} requests"), || Some(self.requests()).filter(|requests| requests.len() >= count))
    }
}

/// Answers the requests of one connection until it ends.
fn converse(stream: impl Read + Write, shared: &Shared) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream) {
        let reply = {
            let mut desk = shared.desk();
            desk.requests.push(request.clone());
            desk.replies.pop_front().unwrap_or_else(|| Reply::status(200))
        };
        let answer = match reply {
            Reply::Answer(status, headers, body) => {
                format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
            }
            Reply::Echo(status) => {
                let said = format!("{request:?}");
                format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n{said}", said.len())
            }
            Reply::Held(status) => {
                let held = |desk: &mut Desk| desk.let_go == 0;
                let mut desk = shared.changed.wait_while(shared.desk(), held).unwrap_or_else(PoisonError::into_inner);
                desk.let_go -= 1;
                format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n")
            }
            Reply::Cut => {
                // Whether it arrives is the client's affair.
                _ = stream.get_mut().write_all(b"HTTP/1.1 20").and_then(|()| stream.get_mut().flush());
                return;
            }
        };
        // A client that gave up is none of ours.
        if stream.get_mut().write_all(answer.as_bytes()).and_then(|()| stream.get_mut().flush()).is_err() {
            return;
        }
    }
}

/// The next request; `None` at the end of the connection, or when it breaks off.
fn read(stream: &mut impl BufRead) -> Option<Request> {
    let mut line = || {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { method, path, headers, body: String::new() };
    let mut body = vec![0; request.header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    Some(request)
}
