//! `check` against an embedded broker and a small registry: what answers, what does not, and the exit code of each.

use super::{directory, run};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use upswell::demo::broker::Broker;
use upswell::wire::avro::SUBSCRIPTION_SCHEMA;

/// A registry that knows one subject with a good schema and one whose schema is not ours; it answers until the process ends.
fn registry() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            let path = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned();
            lines.for_each(drop);
            let (status, body) = match path.as_str() {
                "/subjects/good-value/versions/latest" => (200, serde_json::json!({ "id": 1, "schema": SUBSCRIPTION_SCHEMA })),
                "/subjects/foreign-value/versions/latest" => (200, serde_json::json!({ "id": 2, "schema": "\"string\"" })),
                path if path.starts_with("/schemas/ids/") => (404, serde_json::json!({ "error_code": 40403 })),
                _ => (404, serde_json::json!({ "error_code": 40401 })),
            };
            let body = body.to_string();
            let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        }
    });
    url
}

fn check(brokers: &str, registry: &str, topics: &str) -> (i32, String, String) {
    check_place(brokers, registry, topics, "file:///tmp")
}

fn check_place(brokers: &str, registry: &str, topics: &str, place: &str) -> (i32, String, String) {
    check_with(brokers, registry, topics, &format!("checkpoint: {{url: '{place}'}}\n"))
}

fn check_with(brokers: &str, registry: &str, topics: &str, more: &str) -> (i32, String, String) {
    let text = format!(
        "kafka: {{brokers: '{brokers}', topics: {{{topics}, dead_letters: dead}}}}\nschema_registry: {{url: '{registry}'}}\n{more}"
    );
    let directory = directory(&[("c.yaml", &text)]);
    run(directory.path(), &["check", "--config", "c.yaml", "--log-level", "error"])
}

fn broker() -> Broker {
    let topics = [("good", 2), ("usage", 2), ("foreign", 2), ("odd", 3), ("dead", 1), ("again", 2)];
    Broker::start(topics.iter().map(|(name, partitions)| ((*name).to_owned(), *partitions)).collect()).expect("a broker")
}

#[test]
fn what_answers_is_said_on_standard_output() {
    let broker = broker();
    let (code, out, err) = check(broker.servers(), &registry(), "subscriptions: good, usage: usage");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    for sentence in [
        "# kafka: good and usage have 2 partitions each and hold about 0 and 0 records\n",
        "# kafka: there is no topic billing.retries; `upswell dead-letters replay` needs it, with 2 partitions\n",
        "# schema registry: the newest schema of good-value can be read\n",
        "# schema registry: nothing is registered as usage-value yet\n",
        "# checkpoint: /tmp can be written to\n",
        "# The configuration is valid, and what it points to answers.\n",
    ] {
        assert!(out.contains(sentence), "{sentence}\n{out}");
    }
    let (code, out, err) = check(broker.servers(), &registry(), "subscriptions: good, usage: usage, retries: again");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("# kafka: again has 2 partitions too: dead letters can be put back\n"), "{out}");
}

#[test]
fn every_trouble_is_said_at_once_with_its_exit_code() {
    let broker = broker();
    let registry = registry();
    for (brokers, url, topics, expected, sentences) in [
        (
            broker.servers(),
            registry.as_str(),
            "subscriptions: missing, usage: foreign",
            1,
            &["kafka: ", "missing", "foreign-value would be rejected"][..],
        ),
        (
            broker.servers(),
            registry.as_str(),
            "subscriptions: good, usage: usage, retries: odd",
            78,
            &["kafka: ", "create it with 2"],
        ),
        (broker.servers(), "http://127.0.0.1:1", "subscriptions: good, usage: odd", 78, &["kafka: ", "odd", "schema registry: "]),
        ("127.0.0.1:1", registry.as_str(), "subscriptions: good, usage: usage", 1, &["kafka: no broker of kafka.brokers"]),
    ] {
        let (code, out, err) = check(brokers, url, topics);
        assert_eq!(code, expected, "{topics}: {err}");
        assert!(out.starts_with("kafka:\n"), "the effective configuration is printed all the same");
        for sentence in sentences {
            assert!(err.contains(sentence), "{sentence}\n{err}");
        }
    }
}

#[test]
fn a_place_where_no_checkpoint_can_be_kept_is_a_trouble() {
    let (broker, registry) = (broker(), registry());
    for (place, part) in [("file:///dev/null/upswell", "not a directory"), ("file:///proc", "checkpoint: /proc")] {
        let (code, out, err) = check_place(broker.servers(), &registry, "subscriptions: good, usage: usage", place);
        assert_eq!(code, 78, "{out}{err}");
        assert!(err.contains(part) && err.contains("checkpoint.url"), "{err}");
    }
}

#[test]
fn receivers_are_looked_at_and_told_nothing() {
    let (broker, registry) = (broker(), registry());
    let check = |tls: &str| {
        let receiver = format!("{{name: chat, slack: {{url: 'https://hooks.invalid/services/secret'}}, tls: {{{tls}}}}}");
        let more = format!("checkpoint: {{url: 'file:///tmp'}}\nalerts: {{receivers: [{receiver}]}}\n");
        check_with(broker.servers(), &registry, "subscriptions: good, usage: usage", &more)
    };
    let (code, out, err) = check("");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("# alerts: chat goes to https://hooks.invalid; `upswell alerts test chat` tries it\n"), "{out}");
    let (code, out, err) = check("ca: '-----BEGIN rubbish'");
    assert!(code == 78 && err.contains("alerts: receiver chat: tls.ca holds nothing usable"), "{out}{err}");
    assert!(!out.contains("services/secret") && !err.contains("services/secret"), "{out}{err}");
}
