//! A door before an HTTP server: TLS, certificates of clients if wanted, and a password. What is asked with the right one is passed on.

use crate::authority::Identity;
use crate::http;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// See the head of the file. Its threads end with the test program.
#[derive(Debug)]
pub struct Wicket {
    port: u16,
}

impl Wicket {
    /// A door as `localhost` before `http://...`; `clients` asks every client for a certificate of the identity's authority, and
    /// `credentials` (`user:password`) for a password.
    pub fn before(server: &str, identity: &Identity, clients: bool, credentials: &str) -> Wicket {
        let config = Arc::new(identity.server_config(clients));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let (server, expected) = (server.to_owned(), format!("authorization: basic {}", STANDARD.encode(credentials)));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let session = rustls::ServerConnection::new(Arc::clone(&config)).expect("a configuration that can be used");
                let (server, expected) = (server.clone(), expected.clone());
                std::thread::spawn(move || pass_on(rustls::StreamOwned::new(session, stream), &server, &expected));
            }
        });
        Wicket { port }
    }

    /// `https://localhost:PORT`.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }
}

/// Serves one request; a client that breaks off is none of ours.
fn pass_on(stream: rustls::StreamOwned<rustls::ServerConnection, TcpStream>, server: &str, expected: &str) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        stream.read_line(&mut head).ok().filter(|read| *read > 0)?;
    }
    let path = head.split(' ').nth(1)?;
    // The scheme's name has no case, the credentials have.
    let credentials = |line: &str| line.split(" ").last().map(str::to_owned);
    let known = head.lines().any(|line| line.len() == expected.len() && credentials(line) == credentials(expected));
    let answer = if known { http::get(&format!("{server}{path}"))? } else { http::Answer::refused() };
    let head = format!(
        "HTTP/1.1 {} x\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.status,
        answer.content_type,
        answer.body.len()
    );
    stream.get_mut().write_all((head + &answer.body).as_bytes()).ok()?;
    stream.get_mut().conn.send_close_notify();
    stream.get_mut().flush().ok()
}
