//! A connection that is kept, to ask on again: curl makes one for each question.

use crate::site::Site;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use upswell_testkit::wait;

trait Line: Read + Write {}
impl<T: Read + Write> Line for T {}

pub struct Kept(Box<dyn Line>);

impl Kept {
    /// Over TLS, with the certificate `cert.pem`.
    pub fn open(site: &Site) -> Kept {
        let read = |name: &str| std::fs::read(site.files.path().join(name)).expect("a file");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&read("ca.pem")).expect("a certificate")).expect("an authority");
        let own = vec![CertificateDer::from_pem_slice(&read("cert.pem")).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_slice(&read("key.pem")).expect("a key");
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider knows them")
            .with_root_certificates(roots)
            .with_client_auth_cert(own, key)
            .expect("a certificate and its key");
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::new(config), name).expect("a configuration that can be used");
        Kept(Box::new(StreamOwned::new(session, connect(site))))
    }

    pub fn plain(site: &Site) -> Kept {
        Kept(Box::new(connect(site)))
    }

    /// Asks as `user:password`.
    pub fn ask(&mut self, path: &str, user: &str) {
        let credentials = STANDARD.encode(user);
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {credentials}\r\n\r\n");
        // A connection that has ended says so when it is read.
        let _ = self.0.write_all(request.as_bytes()).and_then(|()| self.0.flush());
    }

    /// Reads until a text is there; what was read, or `None` if the connection ended before.
    pub fn hear(&mut self, text: &str) -> Option<String> {
        let mut heard = String::new();
        let mut bytes = [0; 64 * 1024];
        while !heard.contains(text) {
            match self.0.read(&mut bytes) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => panic!("{heard}"),
                Ok(0) | Err(_) => return None,
                Ok(read) => heard.push_str(&String::from_utf8_lossy(&bytes[..read])),
            }
        }
        Some(heard)
    }

    /// The status of an answer; `None` from a connection that has ended.
    pub fn status(&mut self, path: &str) -> Option<u16> {
        self.ask(path, "nobody:");
        let head = self.hear("\r\n\r\n")?;
        let header = |name: &str| head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix(name).map(str::to_owned));
        let length: usize = header("content-length: ").expect("a length").parse().expect("a number");
        let body = head.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
        self.0.read_exact(&mut vec![0; length - body]).expect("the body");
        head.split(' ').nth(1)?.parse().ok()
    }

    /// Reads to the end of the connection.
    pub fn ends(&mut self) {
        let deadline = std::time::Instant::now() + wait::DEADLINE;
        while self.hear("\n").is_some() {
            assert!(std::time::Instant::now() < deadline, "the connection goes on and on");
        }
    }
}

fn connect(site: &Site) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", site.port())).expect("a connection");
    stream.set_read_timeout(Some(wait::DEADLINE)).expect("a time-out");
    stream
}
