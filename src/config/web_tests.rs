//! The file of `http.web_config`: what it means, and every fault with its place; no secret is repeated.

use super::web::{read, reread};
use super::*;
use crate::adapter::http::{Clients, Version, Web};
use std::path::PathBuf;
use upswell_testkit::Identity;

const HASH: &str = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

/// A directory with a certificate, its key, its authority and another key.
fn place() -> tempfile::TempDir {
    let (identity, other) = (Identity::new(), Identity::new());
    let place = tempfile::tempdir().expect("a directory");
    for (name, text) in [
        ("cert.pem", &identity.certificate),
        ("key.pem", &identity.key),
        ("ca.pem", &identity.authority),
        ("other.pem", &other.key),
    ] {
        std::fs::write(place.path().join(name), text).expect("a file");
    }
    place
}

fn written(place: &tempfile::TempDir, text: &str) -> PathBuf {
    let file = place.path().join("web.yml");
    std::fs::write(&file, text).expect("a file");
    file
}

fn web(place: &tempfile::TempDir, text: &str) -> Web {
    read(&written(place, text)).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

#[test]
fn a_file_that_says_nothing_asks_for_nothing() {
    let place = place();
    for text in ["", "# nothing\n", "tls_server_config:\nbasic_auth_users: {}\nhttp_server_config: { http2: true }\n"] {
        assert_eq!(web(&place, text), Web::default(), "{text}");
    }
}

#[test]
fn every_key_is_read() {
    let place = place();
    let text = format!(
        "tls_server_config:
  cert_file: cert.pem
  key_file: key.pem
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [localhost, 10.0.0.1]
  min_version: TLS12
  max_version: TLS12
  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP256, X25519]
http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: sameorigin
basic_auth_users:
  ada: {HASH}
"
    );
    let found = web(&place, &text);
    assert!(found.authenticates() && found.requires_certificate());
    assert_eq!(found.headers.len(), 2);
    assert_eq!(found.users.0.get("ada").map(String::as_str), Some(HASH));
    let tls = found.tls.clone().expect("TLS");
    assert_eq!((tls.versions, tls.own_order, tls.http2), ((Version::Tls12, Version::Tls12), false, false));
    assert_eq!((tls.suites.len(), tls.groups.len()), (2, 2));
    assert!(matches!(tls.clients, Clients::Required { names, .. } if names == ["localhost", "10.0.0.1"]));
    let shown = format!("{found:?}");
    assert!(!shown.contains("PRIVATE KEY") && !shown.contains("$2y$"), "{shown}");
    let inline = |name: &str| std::fs::read_to_string(place.path().join(name)).expect("a file").replace('\n', "\n    ");
    let text = format!("tls_server_config:\n  cert: |\n    {}\n  key: |\n    {}\n", inline("cert.pem"), inline("key.pem"));
    let tls = web(&place, &text).tls.expect("TLS");
    assert!(tls.http2 && matches!(tls.clients, Clients::Anybody));
}

#[test]
fn faults_have_a_place_and_say_what_to_do() {
    let place = place();
    const TLS: &str = "tls_server_config: {cert_file: cert.pem, key_file: key.pem, ";
    for (text, start, sentence) in [
        ("tls_server_config: {cert_file: cert.pem}".to_owned(), "1:20: tls_server_config.key", "key_file"),
        ("tls_server_config: {key_file: key.pem}".to_owned(), "1:20: tls_server_config.cert", "cert_file"),
        ("tls_server_config: {min_version: TLS13, cert_file: cert.pem}".to_owned(), "1:20: tls_server_config.key", "is missing"),
        ("tls_server_config: {cert_file: cert.pem, key_file: other.pem}".to_owned(), "1:20: tls_server_config", "belongs to"),
        ("tls_server_config: {cert_file: cert.pem, key_file: ca.pem}".to_owned(), "1:20: tls_server_config", "private key"),
        ("tls_server_config: {cert_file: key.pem, key_file: key.pem}".to_owned(), "1:20: tls_server_config", "of a certificate"),
        (
            "tls_server_config: {cert_file: gone.pem, key_file: key.pem}".to_owned(),
            "1:32: tls_server_config.cert_file",
            "cannot be read",
        ),
        (format!("{TLS}min_version: TLS11}}"), "1:74: tls_server_config.min_version", "TLS12 or TLS13"),
        (format!("{TLS}min_version: TLS13, max_version: TLS12}}"), "1:94: tls_server_config.max_version", "below"),
        (
            format!("{TLS}cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]}}"),
            "1:77: tls_server_config.cipher_suites",
            "use some of TLS_",
        ),
        (format!("{TLS}curve_preferences: [CurveP521]}}"), "1:81: tls_server_config.curve_preferences", "X25519"),
        (format!("{TLS}client_auth_type: RequireAnyClientCert}}"), "1:79: tls_server_config.client_auth_type", "prove nothing"),
        (format!("{TLS}client_auth_type: Sometimes}}"), "1:79: tls_server_config.client_auth_type", "VerifyClientCertIfGiven"),
        (
            format!("{TLS}client_auth_type: RequireAndVerifyClientCert}}"),
            "1:79: tls_server_config.client_auth_type",
            "client_ca_file",
        ),
        (format!("{TLS}client_ca_file: ca.pem}}"), "1:20: tls_server_config.client_auth_type", "nobody would be asked"),
        (format!("{TLS}client_allowed_sans: [a]}}"), "1:82: tls_server_config.client_allowed_sans", "RequireAndVerify"),
        (format!("{TLS}client_auth_typ: x}}"), "1:61: tls_server_config.client_auth_typ", "did you mean"),
        ("tls_server_conf: {}".to_owned(), "1:1: tls_server_conf", "did you mean tls_server_config"),
        ("rate_limit: {burst: 1}".to_owned(), "1:13: rate_limit", "remove"),
        ("http_server_config: {headers: {Server: x}}".to_owned(), "1:32: http_server_config.headers", "X-Frame-Options"),
        (
            "http_server_config: {headers: {X-Frame-Options: all}}".to_owned(),
            "1:32: http_server_config.headers",
            "deny or sameorigin",
        ),
        ("http_server_config: {headers: {Strict-Transport-Security: x}}".to_owned(), "1:21: http_server_config", "over TLS only"),
        ("http_server_config: {http2: yes}".to_owned(), "1:29: http_server_config.http2", "true nor false"),
        ("basic_auth_users: {ada: canary}".to_owned(), "1:20: basic_auth_users", "ada: this is no bcrypt hash"),
        (format!("basic_auth_users: {{'a:b': {HASH}}}"), "1:20: basic_auth_users", "colon"),
        ("basic_auth_users: [a]".to_owned(), "1:19: basic_auth_users", "mapping"),
        ("a: [".to_owned(), "1:", "not YAML"),
    ] {
        let file = written(&place, &text);
        let found: Vec<String> = read(&file).expect_err(&text).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 1, "{text}\n{found:#?}");
        let start = format!("{}:{start}", file.display());
        assert!(found[0].starts_with(&start) && found[0].contains(sentence), "{}\nis not\n{start}...{sentence}", found[0]);
        assert!(!found[0].contains("canary"), "{}", found[0]);
    }
    let both = reread(&written(&place, "a: 1\nbasic_auth_users: {ada: x}\n")).expect_err("two faults");
    assert!(both.contains("; ") && !both.contains('\n'), "{both}");
}

#[test]
fn the_configuration_finds_the_faults_of_the_file() {
    let place = place();
    let parse = |file: &Path| {
        let text = format!("kafka: {{brokers: b}}\nhttp: {{web_config: {}}}\n", file.display());
        Config::parse(&text, "f", &[], Purpose::Service)
    };
    let file = written(&place, "basic_auth_users: {ada: plain}");
    let faults = parse(&file).expect_err("a fault").to_string();
    assert!(faults.contains("web.yml:1:20: basic_auth_users"), "{faults}");
    let missing = parse(Path::new("missing.yml")).expect_err("a fault").to_string();
    assert!(missing.contains("http.web_config: missing.yml cannot be read"), "{missing}");
    let config = parse(&written(&place, "")).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.http.web_config.as_deref(), Some(file.as_path()));
    assert!(config.effective().contains("web.yml"), "{}", config.effective());
}
