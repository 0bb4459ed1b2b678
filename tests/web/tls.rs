//! TLS as the file says: versions, suites, HTTP/2, and certificates of clients.

use crate::site::{Choices, Site, files};

const SERVER: &str = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n";
const CERTIFICATE: [&str; 4] = ["--cert", "cert.pem", "--key", "key.pem"];

/// `SERVER` with further lines of its section.
fn with(lines: &[&str]) -> String {
    lines.iter().fold(SERVER.to_owned(), |file, line| format!("{file}  {line}\n"))
}

#[test]
fn whoever_knows_the_authority_gets_an_answer_and_others_do_not_trust_us() {
    let site = Site::with(SERVER);
    let answer = site.tls("/metrics", &[]);
    assert_eq!((answer.status(), answer.version.as_str()), (200, "2"));
    assert!(!answer.head.contains("strict-transport-security"), "{}", answer.head);
    assert_eq!(site.tls("/metrics", &["--cacert", "stranger-cert.pem"]).code, Some(60), "curl does not know the authority");
    assert_ne!(site.plain("/metrics", &[]).code, Some(0), "nothing is said in clear");
}

#[test]
fn http2_is_offered_unless_the_file_turns_it_off() {
    let site = Site::with(&format!("{SERVER}http_server_config: {{ http2: false }}\n"));
    let answer = site.tls("/metrics", &[]);
    assert_eq!((answer.status(), answer.version.as_str()), (200, "1.1"));
    let site = Site::with(SERVER);
    assert_eq!(site.tls("/metrics", &["--http1.1"]).version, "1.1");
    let several = ["--http2", "--header", &format!("X-Long: {}", "x".repeat(20_000))];
    assert_eq!(site.tls("/metrics", &several).status, 431, "a header that is too long");
}

#[test]
fn versions_and_suites_are_those_of_the_file() {
    let old = ["--tls-max", "1.2"];
    assert_eq!(Site::with(SERVER).tls("/metrics", &old).status(), 200);
    assert_ne!(Site::with(&with(&["min_version: TLS13"])).tls("/metrics", &old).code, Some(0));
    let only_old = Site::with(&with(&["max_version: TLS12"]));
    assert_eq!(only_old.tls("/metrics", &[]).status(), 200);
    assert_ne!(only_old.tls("/metrics", &["--tlsv1.3"]).code, Some(0));
    let suite =
        Site::with(&with(&["cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]", "curve_preferences: [CurveP384]"]));
    let offering = |suite: &'static str| ["--tls-max", "1.2", "--ciphers", suite];
    assert_eq!(suite.tls("/metrics", &offering("ECDHE-ECDSA-AES256-GCM-SHA384")).status(), 200);
    assert_ne!(suite.tls("/metrics", &offering("ECDHE-ECDSA-AES128-GCM-SHA256")).code, Some(0));
    assert_ne!(suite.tls("/metrics", &["--curves", "X25519"]).code, Some(0), "a curve that is not allowed");
    assert_eq!(suite.tls("/metrics", &[]).status(), 200, "TLS 1.3 has its own suites");
}

#[test]
fn a_required_certificate_is_asked_of_everybody_but_probes() {
    let required = ["client_auth_type: RequireAndVerifyClientCert", "client_ca_file: ca.pem"];
    let site = Site::with(&with(&required));
    assert_eq!(site.tls("/metrics", &CERTIFICATE).status(), 200);
    for version in ["1.2", "1.3"] {
        let sentence = site.tls("/metrics", &["--tls-max", version]).refusal(403);
        assert!(sentence.contains("client certificate"), "{sentence}");
    }
    assert_eq!(site.tls("/-/healthy", &[]).status(), 200);
    assert_eq!(site.tls("/-/ready", &[]).status(), 503, "asked, and not ready");
    assert_ne!(site.tls("/-/healthx", &[]).status(), 200);
    let stranger = ["--cert", "stranger-cert.pem", "--key", "stranger-key.pem"];
    assert_ne!(site.tls("/metrics", &stranger).code, Some(0), "a stranger's certificate ends the handshake");
}

#[test]
fn names_in_certificates_choose_who_is_let_in() {
    let named = |name: &str| {
        with(&[
            "client_auth_type: RequireAndVerifyClientCert",
            "client_ca_file: ca.pem",
            &format!("client_allowed_sans: [10.0.0.1, {name}]"),
        ])
    };
    assert_eq!(Site::with(&named("localhost")).tls("/metrics", &CERTIFICATE).status(), 200);
    let site = Site::with(&named("prometheus"));
    site.tls("/metrics", &CERTIFICATE).refusal(403);
    assert_eq!(site.tls("/-/healthy", &CERTIFICATE).status(), 200);
}

#[test]
fn a_certificate_that_is_not_required_is_still_verified() {
    let site = Site::with(&with(&["client_auth_type: VerifyClientCertIfGiven", "client_ca_file: ca.pem"]));
    assert_eq!(site.tls("/metrics", &[]).status(), 200);
    assert_eq!(site.tls("/metrics", &CERTIFICATE).status(), 200);
    assert_ne!(site.tls("/metrics", &["--cert", "stranger-cert.pem", "--key", "stranger-key.pem"]).code, Some(0));
}

#[test]
fn headers_of_the_file_replace_ours() {
    let headers = "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=63072000\n    X-Frame-Options: sameorigin\n    \
                   Content-Security-Policy: default-src 'self' https://cdn.example.com\n";
    let site = Site::start(files(), Some(&format!("{SERVER}{headers}")), &Choices::default());
    for path in ["/metrics", "/nothing/here"] {
        let head = site.tls(path, &["--http1.1"]).head;
        for line in [
            "strict-transport-security: max-age=63072000",
            "x-frame-options: sameorigin",
            "content-security-policy: default-src 'self' https://cdn.example.com",
            "x-content-type-options: nosniff",
        ] {
            assert_eq!(head.matches(line).count(), 1, "{line}\n{head}");
        }
        assert_eq!(head.matches("x-frame-options").count(), 1, "{head}");
    }
}
