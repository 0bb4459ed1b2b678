//! Basic authentication: everything but health asks for it.

use crate::site::{Choices, HASH, Site, USER, files};

fn users() -> String {
    format!("basic_auth_users:\n  ada: {HASH}\n")
}

#[test]
fn only_users_of_the_file_get_in_and_health_is_open() {
    let site = Site::with(&users());
    for path in ["/", "/metrics", "/api/v1/report", "/api/v1/customers", "/nothing/here"] {
        let refused = site.plain(path, &[]);
        assert!(refused.refusal(401).contains("basic authentication"), "{refused:?}");
        assert!(refused.head.contains("\nwww-authenticate: basic realm=\"upswell\""), "{}", refused.head);
    }
    for (user, status) in [(USER, 200), (USER, 200), ("ada:wrong", 401), ("bob:correct horse", 401), ("ada:", 401), (":", 401)] {
        assert_eq!(site.plain("/metrics", &["-u", user]).status(), status, "{user}");
    }
    assert_eq!(site.plain("/-/healthy", &[]).status(), 200);
    assert_eq!(site.plain("/-/healthy", &["-u", "ada:wrong"]).status(), 200);
    assert_eq!(site.plain("/-/ready", &[]).status(), 503, "asked, and not ready");
    for path in ["/-/healthy/", "/-/ready/..", "/-/%72eady", "//-/healthy", "/metrics?/-/healthy"] {
        assert_eq!(site.plain(path, &["--path-as-is"]).status(), 401, "{path}");
    }
    assert_eq!(site.plain("/-/reload", &["-X", "POST"]).status(), 401);
    assert_eq!(site.reloads(), 0);
    assert_eq!(site.plain("/-/reload", &["-X", "POST", "-u", USER]).status(), 200);
    assert_eq!(site.reloads(), 1);
}

#[test]
fn a_certificate_and_a_password_are_both_asked_for() {
    let tls = "tls_server_config: { cert_file: cert.pem, key_file: key.pem, client_ca_file: ca.pem, client_auth_type: \
               RequireAndVerifyClientCert }\n";
    let site = Site::start(files(), Some(&format!("{tls}{}", users())), &Choices::default());
    let certificate = ["--cert", "cert.pem", "--key", "key.pem"];
    site.tls("/metrics", &["-u", USER]).refusal(403);
    site.tls("/metrics", &certificate).refusal(401);
    assert_eq!(site.tls("/metrics", &[certificate.as_slice(), &["-u", USER]].concat()).status(), 200);
}

#[test]
fn without_a_file_nothing_is_asked() {
    assert_eq!(Site::start(files(), None, &Choices::default()).plain("/metrics", &[]).status(), 200);
}
