//! The registry's client against a scripted server on loopback: whatever it answers, only a schema or the API's own 404 counts.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::wire::avro::USAGE_SCHEMA;

const PATIENCE: Duration = Duration::from_secs(30);

/// What the server says to one path, by the number of the request to it.
type Script = Box<dyn Fn(usize) -> (u16, Vec<u8>) + Send + Sync>;

/// A server that answers by a script and keeps the requests it got.
struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    scripts: Mutex<HashMap<String, Script>>,
    requests: Mutex<Vec<(String, String)>>,
    closed: AtomicBool,
}

impl Server {
    fn start() -> Server {
        Server::at("127.0.0.1:0".parse().unwrap())
    }

    fn at(address: SocketAddr) -> Server {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if served.closed.load(Ordering::SeqCst) {
                    return;
                }
                let served = Arc::clone(&served);
                std::thread::spawn(move || _ = serve(&stream, &served));
            }
        });
        Server { address, shared, thread: Some(thread) }
    }

    fn on(&self, path: &str, script: impl Fn(usize) -> (u16, Vec<u8>) + Send + Sync + 'static) {
        self.shared.scripts.lock().unwrap().insert(path.to_owned(), Box::new(script));
    }

    fn asked(&self, path: &str) -> usize {
        self.shared.requests.lock().unwrap().iter().filter(|(asked, _)| asked == path).count()
    }

    fn registry(&self) -> Registry {
        let settings = Settings { url: Some(format!("http://{}/api/", self.address)), ..Settings::default() };
        Registry::with_grace(&settings, Duration::from_millis(300)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        _ = TcpStream::connect(self.address);
        _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let path = lines.next().unwrap()?.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut authorization = String::new();
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("authorization:") {
            authorization = line[line.len() - value.len()..].trim().to_owned();
        }
    }
    let number = shared.requests.lock().unwrap().iter().filter(|(asked, _)| *asked == path).count();
    shared.requests.lock().unwrap().push((path.clone(), authorization));
    let (status, body) = match shared.scripts.lock().unwrap().get(&path) {
        Some(script) => script(number),
        None => (404, b"<html>not found</html>".to_vec()),
    };
    let mut stream = stream;
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nlocation: http://other/\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}

fn schema_answer(schema: &str) -> (u16, Vec<u8>) {
    (200, serde_json::json!({ "schema": schema }).to_string().into_bytes())
}

fn denial() -> (u16, Vec<u8>) {
    (404, br#"{"error_code":40403,"message":"Schema not found"}"#.to_vec())
}

/// Looks up until the answer is as wanted.
fn wait_for(mut look: impl FnMut() -> Lookup, wanted: impl Fn(&Lookup) -> bool) -> Lookup {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let lookup = look();
        if wanted(&lookup) {
            return lookup;
        }
        assert!(Instant::now() < deadline, "still {lookup:?}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

fn is_schema(lookup: &Lookup) -> bool {
    matches!(lookup, Lookup::Schema(_))
}

#[test]
fn misses_at_the_same_time_are_one_question_and_the_answer_is_kept() {
    let server = Server::start();
    server.on("/api/schemas/ids/7", |_| schema_answer(USAGE_SCHEMA));
    let registry = server.registry();
    assert!(matches!(registry.by_id(7), Lookup::Pending(_)));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let registry = registry.clone();
            scope.spawn(move || wait_for(|| registry.by_id(7), is_schema));
        }
    });
    let Lookup::Schema(schema) = registry.by_id(7) else { panic!("not kept") };
    assert_eq!(schema.decoder(FactKind::Usage).fault(), None);
    assert_eq!(server.asked("/api/schemas/ids/7"), 1);
    assert_eq!(registry.status(), None);
}

#[test]
fn whatever_goes_wrong_is_waited_out() {
    let server = Server::start();
    let failures: [(u16, Vec<u8>); 8] = [
        (404, b"<html>404</html>".to_vec()),
        (404, br#"{"error_code":404,"message":"HTTP 404 Not Found"}"#.to_vec()),
        (500, br#"{"error_code":50001}"#.to_vec()),
        (200, b"<html>Please log in</html>".to_vec()),
        (200, br#"{"id":7}"#.to_vec()),
        (301, Vec::new()),
        (403, Vec::new()),
        (200, vec![b' '; 5 << 20]),
    ];
    for (id, failure) in failures.into_iter().enumerate() {
        let path = format!("/api/schemas/ids/{id}");
        server.on(&path, move |number| if number < 2 { failure.clone() } else { schema_answer(USAGE_SCHEMA) });
    }
    let registry = server.registry();
    for id in 0..8 {
        wait_for(
            || registry.by_id(id),
            |lookup| {
                assert!(!matches!(lookup, Lookup::Unknown(_)), "{id}: {lookup:?}");
                is_schema(lookup)
            },
        );
    }
}

#[test]
fn an_outage_shows_and_ends_when_the_registry_comes_back() {
    let server = Server::start();
    let address = server.address;
    let registry = server.registry();
    drop(server);
    let shows = |lookup: &Lookup| matches!(lookup, Lookup::Pending(sentence) if sentence.contains("no answer"));
    wait_for(|| registry.by_id(7), shows);
    assert!(registry.status().is_some_and(|status| status.contains("Schema 7")), "{:?}", registry.status());
    assert!(registry.check().unwrap_err().is_transient());
    let server = Server::at(address);
    server.on("/api/schemas/ids/7", |_| schema_answer(USAGE_SCHEMA));
    wait_for(|| registry.by_id(7), is_schema);
    assert_eq!(registry.status(), None);
}

#[test]
fn a_schema_the_registry_denies_for_long_enough_is_unknown_until_it_is_registered() {
    let server = Server::start();
    server.on("/api/schemas/ids/7", |_| denial());
    let registry = server.registry();
    wait_for(|| registry.by_id(7), |lookup| matches!(lookup, Lookup::Unknown(_)));
    assert!(server.asked("/api/schemas/ids/7") >= 2);
    server.on("/api/schemas/ids/7", |_| schema_answer(USAGE_SCHEMA));
    wait_for(|| registry.by_id(7), is_schema);
}

#[test]
fn schemas_that_are_referred_to_are_fetched_too() {
    let server = Server::start();
    let part = r#"{"type":"record","name":"a.Part","fields":[{"name":"x","type":"a.Deep"}]}"#;
    let deep = r#"{"type":"enum","name":"a.Deep","symbols":["A"]}"#;
    let whole = r#"{"type":"record","name":"Usage","fields":[{"name":"event_id","type":"string"},{"name":"p","type":"a.Part"},
        {"name":"q","type":"a.Deep"},{"name":"customer_id","type":"string"}]}"#;
    let answer = |schema: &str, references: &[&str]| {
        let list: Vec<_> =
            references.iter().map(|name| serde_json::json!({"name": name, "subject": name, "version": 2})).collect();
        let body = serde_json::json!({"schema": schema, "references": list}).to_string().into_bytes();
        move |_| (200, body.clone())
    };
    server.on("/api/schemas/ids/7", answer(whole, &["a.Part", "a.Deep"]));
    server.on("/api/subjects/a.Part/versions/2", answer(part, &["a.Deep"]));
    let then = answer(deep, &[]);
    server.on("/api/subjects/a.Deep/versions/2", move |number| if number < 1 { denial() } else { then(number) });
    let registry = server.registry();
    let Lookup::Schema(schema) = wait_for(|| registry.by_id(7), is_schema) else { panic!("no schema") };
    assert_eq!(schema.references.iter().map(|text| &**text).collect::<Vec<_>>(), [deep, part]);
    assert_eq!(schema.decoder(FactKind::Usage).fault(), None);
}

#[test]
fn user_and_password_are_sent_and_the_check_tells_a_wrong_path() {
    let server = Server::start();
    server.on("/api/schemas/ids/1", |_| denial());
    let settings = Settings {
        url: Some(format!("http://{}/api", server.address)),
        user: Some("me".to_owned()),
        password: Some("pass:word".to_owned()),
        ..Settings::default()
    };
    assert!(Registry::new(&settings).unwrap().check().is_ok());
    assert_eq!(server.shared.requests.lock().unwrap()[0].1, "Basic bWU6cGFzczp3b3Jk");
    let settings = Settings { url: Some(format!("http://{}/", server.address)), ..settings };
    let error = Registry::new(&settings).unwrap().check().unwrap_err();
    assert!(error.to_string().contains("the path in schema_registry.url is wrong"), "{error}");
    assert!(!format!("{settings:?}").contains("pass"));
}

#[test]
fn a_directory_gives_schemas_by_fingerprint() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings { directory: Some(directory.path().to_owned()), ..Settings::default() };
    let registry = Registry::with_grace(&settings, Duration::from_millis(300)).unwrap();
    let name = crate::wire::avro::fingerprints(USAGE_SCHEMA).unwrap()[0];
    wait_for(|| registry.by_fingerprint(name), |lookup| matches!(lookup, Lookup::Unknown(_)));
    std::fs::write(directory.path().join("usage.avsc"), USAGE_SCHEMA).unwrap();
    wait_for(|| registry.by_fingerprint(name), is_schema);
    assert!(registry.check().is_ok());
    std::fs::write(directory.path().join("broken.avsc"), "{").unwrap();
    assert!(registry.check().unwrap_err().to_string().contains("broken.avsc"));
}
