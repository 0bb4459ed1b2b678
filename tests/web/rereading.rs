//! The file is read again while the server runs, and a faulty one changes nothing.

use crate::site::{HASH, OTHER, Site, USER, lay_out};
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
