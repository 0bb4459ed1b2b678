//! The file is read again while the server runs, and a faulty one changes nothing.

use crate::kept::Kept;
use crate::site::{Choices, HASH, OTHER, Site, USER, files, lay_out};
use upswell_testkit::{Identity, wait};

fn file(hash: &str) -> String {
    format!("tls_server_config: {{ cert_file: cert.pem, key_file: key.pem }}\nbasic_auth_users: {{ ada: {hash} }}\n")
}

#[test]
fn changed_users_are_in_force_soon() {
    let site = Site::with(&file(HASH));
    assert_eq!(site.tls("/metrics", &["-u", USER]).status(), 200);
    site.rewrite(&file(OTHER));
    wait::holds("the old password is refused", || site.tls("/metrics", &["-u", USER]).status() == 401);
    assert_eq!(site.tls("/metrics", &["-u", "ada:other"]).status(), 200);
}

#[test]
fn a_faulty_file_keeps_the_last_good_one_and_is_told_of() {
    let site = Site::with(&file(HASH));
    let is_current = || site.telemetry.configuration_is_current();
    for faulty in [
        "basic_auth_users: { ada: plain }\n".to_owned(),
        "tls_server_config: [".to_owned(),
        format!("basic_auth_users: {{ ada: {OTHER} }}\n"),
        file(OTHER).replace("key.pem", "stranger-key.pem"),
    ] {
        site.rewrite(&faulty);
        wait::holds("the fault is told of", || is_current() == Some(false));
        let metrics = site.tls("/metrics", &["-u", USER]);
        assert_eq!(metrics.status(), 200, "{faulty}");
        assert!(metrics.body.contains("\nupswell_config_last_reload_successful 0\n"), "{}", metrics.body);
        site.rewrite(&file(HASH));
        wait::holds("the file is mended", || is_current() == Some(true));
    }
}

#[test]
fn a_new_certificate_is_shown_to_new_connections() {
    let site = Site::with(&file(HASH));
    assert_eq!(site.tls("/-/healthy", &[]).status(), 200);
    let new = Identity::new();
    std::fs::copy(site.files.path().join("ca.pem"), site.files.path().join("old.pem")).expect("a copy");
    lay_out(site.files.path(), &new);
    // ca.pem is the new one's authority: curl trusts the server again once it shows the new certificate.
    wait::holds("the new certificate is shown", || site.tls("/-/healthy", &[]).code == Some(0));
    assert_ne!(site.tls("/-/healthy", &["--cacert", "old.pem"]).code, Some(0), "the old authority did not sign it");
}

#[test]
fn a_file_that_loses_what_it_asks_for_opens_nothing() {
    let tls = "tls_server_config: { cert_file: cert.pem, key_file: key.pem }\n";
    let plain = format!("basic_auth_users: {{ ada: {HASH} }}\n");
    for (whole, halves) in [(file(HASH), vec!["", tls]), (plain, vec!["\n# users\n", "basic_auth_users:\n"])] {
        let site = Site::with(&whole);
        let ask = |arguments: &[&str]| match whole.starts_with("tls") {
            true => site.tls("/metrics", arguments),
            false => site.plain("/metrics", arguments),
        };
        for half in halves {
            site.rewrite(half);
            wait::holds("the fault is told of", || site.telemetry.configuration_is_current() == Some(false));
            assert_eq!((ask(&[]).status(), ask(&["-u", USER]).status()), (401, 200), "{half:?}");
            site.rewrite(&whole);
            wait::holds("the file is mended", || site.telemetry.configuration_is_current() == Some(true));
        }
    }
}

/// The file with required certificates; `names` are those let in, all if empty.
fn required(names: &str) -> String {
    let names = if names.is_empty() { String::new() } else { format!(", client_allowed_sans: [{names}]") };
    format!(
        "tls_server_config: {{ cert_file: cert.pem, key_file: key.pem, client_auth_type: RequireAndVerifyClientCert, \
         client_ca_file: clients.pem{names} }}\n"
    )
}

/// A site whose clients have certificates of `clients.pem`, which is the authority of `cert.pem` at first.
fn with_required(names: &str) -> Site {
    let files = files();
    std::fs::copy(files.path().join("ca.pem"), files.path().join("clients.pem")).expect("a copy");
    Site::start(files, Some(&required(names)), &Choices::default())
}

const CERTIFICATE: [&str; 4] = ["--cert", "cert.pem", "--key", "key.pem"];

#[test]
fn a_file_that_loses_its_certificates_or_names_lets_in_nobody_else() {
    let site = with_required("prometheus");
    let tls = "tls_server_config: { cert_file: cert.pem, key_file: key.pem }\n".to_owned();
    for half in [tls, required("")] {
        site.rewrite(&half);
        wait::holds("the fault is told of", || site.telemetry.configuration_is_current() == Some(false));
        assert_eq!((site.tls("/metrics", &CERTIFICATE).status(), site.tls("/metrics", &[]).status()), (403, 403), "{half}");
        site.rewrite(&required("prometheus"));
        wait::holds("the file is mended", || site.telemetry.configuration_is_current() == Some(true));
    }
}

#[test]
fn a_client_that_is_no_longer_let_in_has_no_old_connection_to_ask_on() {
    for change in ["another name", "another authority"] {
        let site = with_required("localhost");
        let mut kept = Kept::open(&site);
        assert_eq!(kept.status("/metrics"), Some(200));
        match change {
            "another name" => site.rewrite(&required("prometheus")),
            _ => drop(
                std::fs::copy(site.files.path().join("stranger-cert.pem"), site.files.path().join("clients.pem"))
                    .expect("a copy"),
            ),
        }
        wait::holds("new connections are refused", || site.tls("/metrics", &CERTIFICATE).status != 200);
        assert_ne!(kept.status("/metrics"), Some(200), "{change}");
    }
}

#[test]
fn a_stream_ends_when_its_user_is_no_longer_let_in() {
    let site = Site::with(&format!("basic_auth_users: {{ ada: {HASH} }}\n"));
    let mut kept = Kept::plain(&site);
    kept.ask("/api/v1/stream", USER);
    kept.hear("event: now");
    site.rewrite(&format!("basic_auth_users: {{ ada: {OTHER} }}\n"));
    kept.ends();
}
