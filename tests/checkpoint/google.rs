//! A stand-in for Google Cloud Storage, for want of a server that knows the XML API with conditions: what that documents of putting,
//! getting, listing and deleting, with one bucket and no credentials.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

const BUCKET: &str = "checkpoints";

type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// An answer: status, further headers, body.
type Answer = (&'static str, &'static str, Vec<u8>);

/// Starts one that answers until the process ends; returns its address.
pub fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let objects = Objects::default();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let objects = objects.clone();
            std::thread::spawn(move || serve(stream, &objects));
        }
    });
    address
}

/// The account of a service that asks nobody for a token, as emulators have them.
pub fn account(address: &str) -> String {
    let (key, id, email) = ("canary", "none", "nobody@example.com");
    serde_json::json!({
        "private_key": key, "private_key_id": id, "client_email": email, "disable_oauth": true, "gcs_base_url": address,
    })
    .to_string()
}

/// A client of it.
pub fn client(address: &str) -> Arc<dyn object_store::ObjectStore> {
    let options = object_store::ClientOptions::new().with_allow_http(true);
    let builder = object_store::gcp::GoogleCloudStorageBuilder::new().with_bucket_name(BUCKET).with_client_options(options);
    Arc::new(builder.with_service_account_key(account(address)).build().expect("a client"))
}

/// One request and its answer; a client that goes away in between is none of its business.
fn serve(stream: TcpStream, objects: &Objects) -> Option<()> {
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let (mut length, mut is_conditional) = (0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "x-goog-if-generation-match" => is_conditional = value == "0",
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = line.split(' ');
    let (status, headers, body) = answer(words.next()?, words.next()?, is_conditional, body, objects);
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len());
    (&stream).write_all(&[head.into_bytes(), body].concat()).ok()
}

fn answer(method: &str, target: &str, is_conditional: bool, body: Vec<u8>, objects: &Objects) -> Answer {
    const MADE: &str = "ETag: \"1\"\r\nx-goog-generation: 1\r\n";
    const FOUND: &str = "ETag: \"1\"\r\nx-goog-generation: 1\r\nLast-Modified: Mon, 23 Nov 2026 09:00:00 GMT\r\n";
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = decoded(path);
    let mut objects = objects.lock().expect("nobody panics with it");
    let Some(rest) = path.strip_prefix(&format!("/{BUCKET}")) else {
        return ("404 Not Found", "", b"<Error><Code>NoSuchBucket</Code></Error>".to_vec());
    };
    let name = rest.trim_start_matches('/').to_owned();
    match method {
        "GET" if name.is_empty() => ("200 OK", "", listing(&objects, query)),
        "PUT" if is_conditional && objects.contains_key(&name) => ("412 Precondition Failed", "", Vec::new()),
        "PUT" => {
            objects.insert(name, body);
            ("200 OK", MADE, Vec::new())
        }
        "GET" if objects.contains_key(&name) => ("200 OK", FOUND, objects[&name].clone()),
        "DELETE" if objects.remove(&name).is_some() => ("204 No Content", "", Vec::new()),
        _ => ("404 Not Found", "", b"<Error><Code>NoSuchKey</Code></Error>".to_vec()),
    }
}

fn listing(objects: &BTreeMap<String, Vec<u8>>, query: &str) -> Vec<u8> {
    let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).map(decoded).unwrap_or_default();
    let listed = objects.iter().filter(|(name, _)| name.strip_prefix(&prefix).is_some_and(|rest| !rest.contains('/')));
    let entries: String = listed
        .map(|(name, bytes)| {
            let size = bytes.len();
            format!("<Contents><Key>{name}</Key><LastModified>2026-11-23T09:00:00Z</LastModified><Size>{size}</Size></Contents>")
        })
        .collect();
    format!("<?xml version=\"1.0\"?><ListBucketResult>{entries}</ListBucketResult>").into_bytes()
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at(2);
        out.push(u8::from_str_radix(code, 16).expect("a code").into());
        out.push_str(rest);
    }
    out
}
