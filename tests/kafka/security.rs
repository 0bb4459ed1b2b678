//! A broker behind TLS: each way to say who we are lets us in, and each way to be refused is told without the secret.

use crate::bench::{Bench, PROGRAM};
use crate::refusals::assert_refused;
use crate::waiting::check;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tempfile::TempDir;
use upswell_testkit::kafka::Outgoing;
use upswell_testkit::{Identity, Inbox, RealKafka, Reply, Upswell};

const SECRETS: [&str; 5] = ["plain-secret", "scram-secret", "client-secret", "wrong-secret", "PRIVATE KEY"];

/// The broker, and whom it knows by certificate.
pub struct Secure {
    pub kafka: RealKafka,
    identity: Identity,
    files: TempDir,
}

impl Secure {
    pub fn get() -> &'static Secure {
        static SECURE: OnceLock<Secure> = OnceLock::new();
        SECURE.get_or_init(|| {
            let identity = Identity::new();
            let kafka = RealKafka::start_secure(&identity);
            for topic in ["secure.subscriptions", "secure.usage", "secure.dead-letters"] {
                kafka.create_topic(topic, 1, &[]);
            }
            for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
                let writer = kafka.producer_with(&[("compression.type", codec)]);
                writer.send(Outgoing { topic: "secure.usage", value: Some(codec.as_bytes()), ..Outgoing::default() });
                writer.flush();
            }
            let files = tempfile::tempdir().expect("a directory");
            let stranger = Identity::new();
            for (name, text) in [
                ("cert.pem", &identity.certificate),
                ("key.pem", &identity.key),
                ("stranger.pem", &stranger.authority),
                ("stranger-cert.pem", &stranger.certificate),
                ("stranger-key.pem", &stranger.key),
                ("idp.pem", &identity.authority),
            ] {
                std::fs::write(files.path().join(name), text).expect("a file");
            }
            Secure { kafka, identity, files }
        })
    }

    fn file(&self, name: &str) -> String {
        self.files.path().join(name).display().to_string()
    }

    /// The configuration with these properties and the broker's certificate; each bench has a group of its own.
    fn config(&self, brokers: &str, properties: &serde_json::Value) -> String {
        let mut all = json!({ "ssl.ca.location": self.kafka.ca_file() });
        let given = properties.as_object().expect("a mapping").clone();
        all.as_object_mut().expect("a mapping").extend(given);
        static GROUPS: AtomicUsize = AtomicUsize::new(0);
        let group = format!("group_id: secure-{}\n", GROUPS.fetch_add(1, Relaxed));
        let config = Bench::without_topics("secure").kafka_key(&format!("properties: {all}")).config_at(brokers);
        config.replacen("group_id: secure\n", &group, 1)
    }
}

fn password(mechanism: &str, password: &str) -> serde_json::Value {
    json!({ "security.protocol": "SASL_SSL", "sasl.mechanism": mechanism, "sasl.username": "upswell", "sasl.password": password })
}

fn assert_let_in(config: &str) {
    let mut service = Upswell::run(PROGRAM, config);
    service.wait_ready();
    let rejected = service.scrape().sum("upswell_events_rejected_total", &[]);
    assert_eq!(rejected, 5.0, "a record of each codec was read, and is no event");
    assert_eq!(service.terminate(), 0);
    assert_silent(&service.log());
    let (code, said) = check(config);
    assert_eq!(code, Some(0), "{said}");
    assert_silent(&said);
}

fn assert_silent(said: &str) {
    for secret in SECRETS {
        assert!(!said.contains(secret), "{secret} is said: {said}");
    }
}

#[test]
fn passwords_are_taken_over_tls_or_refused() {
    let secure = Secure::get();
    let brokers = secure.kafka.bootstrap();
    for (mechanism, right) in [("PLAIN", "plain-secret"), ("SCRAM-SHA-512", "scram-secret")] {
        assert_let_in(&secure.config(&brokers, &password(mechanism, right)));
        let wrong = secure.config(&brokers, &password(mechanism, "wrong-secret"));
        assert_refused(&wrong, &["refuse our credentials", "kafka.properties"]);
        assert_silent(&check(&wrong).1);
    }
}

#[test]
fn certificates_are_taken_or_refused() {
    let secure = Secure::get();
    let brokers = secure.kafka.bootstrap_for_certificates();
    let with = |cert: &str, key: &str| {
        let files = (secure.file(cert), secure.file(key));
        json!({ "security.protocol": "SSL", "ssl.certificate.location": files.0, "ssl.key.location": files.1 })
    };
    assert_let_in(&secure.config(&brokers, &with("cert.pem", "key.pem")));
    let inline = json!({ "security.protocol": "SSL", "ssl.certificate.pem": secure.identity.certificate,
        "ssl.key.pem": secure.identity.key });
    assert_let_in(&secure.config(&brokers, &inline));
    assert_refused(&secure.config(&brokers, &json!({ "security.protocol": "SSL" })), &["refuse our credentials"]);
    assert_refused(&secure.config(&brokers, &with("stranger-cert.pem", "stranger-key.pem")), &["refuse our credentials"]);
}

#[test]
fn a_broker_whose_authority_is_unknown_is_not_talked_to() {
    let secure = Secure::get();
    let mut properties = password("PLAIN", "plain-secret");
    properties["ssl.ca.location"] = json!(secure.file("stranger.pem"));
    let config = secure.config(&secure.kafka.bootstrap(), &properties);
    let (code, said) = check(&config);
    assert_eq!(code, Some(1), "it may pass: {said}");
    assert!(said.contains("certificate verify failed") && said.contains("kafka.properties"), "{said}");
    assert_silent(&said);
    let mut service = Upswell::run(PROGRAM, &config);
    service.wait_not_ready("certificate verify failed");
    assert_eq!(service.terminate(), 0);
    assert_silent(&service.log());
}

/// A token as an identity provider gives it, without a signature, which this broker takes.
fn token(lifetime: i64) -> String {
    let now = crate::bench::now() / 1000;
    let part = |document: serde_json::Value| URL_SAFE_NO_PAD.encode(document.to_string());
    let claims = json!({ "sub": "upswell", "iat": now - 60, "exp": now + lifetime });
    format!("{}.{}.", part(json!({ "alg": "none" })), part(claims))
}

/// Properties that fetch tokens from an identity provider behind TLS.
fn oidc(secure: &Secure, provider: &Inbox, secret: &str) -> serde_json::Value {
    json!({ "security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": "upswell", "sasl.oauthbearer.client.secret": secret, "sasl.oauthbearer.scope": "kafka",
        "sasl.oauthbearer.token.endpoint.url": format!("{}/token", provider.url()), "https.ca.location": secure.file("idp.pem") })
}

fn answer(status: u16, body: &serde_json::Value) -> Reply {
    Reply::Answer(status, "Content-Type: application/json\r\n".to_owned(), body.to_string())
}

#[test]
fn tokens_of_an_identity_provider_are_taken() {
    let secure = Secure::get();
    let provider = Inbox::behind_tls(&secure.identity, false);
    (0..100).for_each(|_| provider.reply(answer(200, &json!({ "access_token": token(3_600), "token_type": "Bearer" }))));
    assert_let_in(&secure.config(&secure.kafka.bootstrap(), &oidc(secure, &provider, "client-secret")));
    let asked = provider.requests();
    let first = asked.first().expect("a request for a token");
    assert_eq!((first.method.as_str(), first.path.as_str()), ("POST", "/token"));
    assert!(
        first.header("authorization").starts_with("Basic ") && first.body.contains("grant_type=client_credentials"),
        "{first:?}"
    );
}

#[test]
fn checking_the_file_alone_asks_no_identity_provider() {
    let secure = Secure::get();
    let provider = Inbox::behind_tls(&secure.identity, false);
    let config = secure.config("127.0.0.1:1", &oidc(secure, &provider, "client-secret"));
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("upswell.yaml");
    std::fs::write(&file, &config).expect("the configuration can be written");
    let arguments = ["check", "--offline", "--config", upswell_testkit::program::text(&file)];
    let outcome = upswell_testkit::program::command(PROGRAM, &arguments);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_silent(&(outcome.stdout + &outcome.stderr));
    assert_eq!(provider.requests().len(), 0);
}

#[test]
fn an_identity_provider_that_refuses_us_is_told_and_asked_again() {
    let secure = Secure::get();
    let provider = Inbox::behind_tls(&secure.identity, false);
    (0..100).for_each(|_| provider.reply(answer(401, &json!({ "error": "invalid_client" }))));
    let mut service = Upswell::run(PROGRAM, &secure.config(&secure.kafka.bootstrap(), &oidc(secure, &provider, "wrong-secret")));
    service.wait_not_ready("OAUTHBEARER");
    assert_eq!(service.terminate(), 0);
    assert_silent(&service.log());
}

#[test]
fn a_token_that_has_expired_is_refused() {
    let secure = Secure::get();
    let token = token(-30);
    let provider = Inbox::behind_tls(&secure.identity, false);
    (0..100).for_each(|_| provider.reply(answer(200, &json!({ "access_token": token }))));
    let mut service = Upswell::run(PROGRAM, &secure.config(&secure.kafka.bootstrap(), &oidc(secure, &provider, "client-secret")));
    service.wait_not_ready("OAUTHBEARER");
    assert_eq!(service.terminate(), 0);
    assert_silent(&service.log());
    assert!(!service.log().contains(&token), "the log holds a token");
}
