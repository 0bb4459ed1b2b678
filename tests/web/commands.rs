//! Upswell's own commands ask a service behind TLS, certificates and passwords, and keep the password to themselves.

use crate::site::{Choices, HASH, Site, files};
use std::path::Path;
use upswell_testkit::program::{Outcome, command, text};

const PROGRAM: &str = env!("CARGO_BIN_EXE_upswell");

/// A site that asks for everything.
fn site() -> Site {
    let web = format!(
        "tls_server_config: {{ cert_file: cert.pem, key_file: key.pem, client_ca_file: ca.pem, client_auth_type: \
         RequireAndVerifyClientCert }}\nbasic_auth_users: {{ ada: {HASH} }}\n"
    );
    Site::start(files(), Some(&web), &Choices::default())
}

/// Options with files of the site; `@` stands for their directory.
fn ask(site: &Site, options: &str) -> Outcome {
    let (at, url) = (format!("{}/", text(site.files.path())), format!("https://localhost:{}", site.port()));
    let options: Vec<String> = options.split(' ').map(|option| option.replace('@', &at)).collect();
    let options = options.iter().map(String::as_str).chain(["--url", &url, "--log-level", "trace"]);
    command(PROGRAM, &options.collect::<Vec<_>>())
}

fn write(directory: &Path, name: &str, contents: &str) {
    std::fs::write(directory.join(name), contents).expect("a file");
}

#[test]
fn a_health_check_needs_the_authority_and_nothing_else() {
    let site = site();
    assert_eq!(ask(&site, "healthcheck --tls-ca-file @ca.pem").code, Some(0));
    for (options, says) in [
        ("healthcheck", "no answer"),
        ("healthcheck --tls-ca-file @stranger-cert.pem", "no answer"),
        ("healthcheck --tls-ca-file @key.pem", "holds nothing usable"),
        ("healthcheck --ready --tls-ca-file @ca.pem", "503"),
    ] {
        let outcome = ask(&site, options);
        assert!(outcome.code == Some(1) && outcome.stderr.contains(says), "{options}: {outcome:?}");
    }
}

#[test]
fn alerts_are_shown_to_whoever_has_the_certificate_and_the_password() {
    let site = site();
    write(site.files.path(), "password", "correct horse\n");
    write(site.files.path(), "wrong", "battery staple\n");
    let certificate = "alerts list --tls-ca-file @ca.pem --tls-cert-file @cert.pem --tls-key-file @key.pem";
    let with = |password: &str| format!("{certificate} --user ada --password-file @{password}");
    let shown = ask(&site, &with("password"));
    assert!(shown.code == Some(0) && shown.stderr.contains("no alert is pending or firing"), "{shown:?}");
    for (options, says) in [
        ("alerts list --tls-ca-file @ca.pem".to_owned(), "--tls-cert-file"),
        (certificate.to_owned(), "--password-file"),
        (with("wrong"), "--password-file"),
    ] {
        let outcome = ask(&site, &options);
        assert!(outcome.code == Some(1) && outcome.stderr.contains(says), "{options}: {outcome:?}");
        for secret in ["battery", "YWRhOmJhdHRlcnkgc3RhcGxl", "PRIVATE KEY"] {
            assert!(!outcome.stderr.contains(secret) && !outcome.stdout.contains(secret), "{outcome:?}");
        }
    }
    for secret in ["correct horse", "YWRhOmNvcnJlY3QgaG9yc2U", "PRIVATE KEY"] {
        assert!(!shown.stderr.contains(secret) && !shown.stdout.contains(secret), "{shown:?}");
    }
}
