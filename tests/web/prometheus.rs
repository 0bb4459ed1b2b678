//! A real Prometheus scrapes over TLS with its password and its certificate.

use crate::site::{Choices, HASH, Site, files};
use upswell_testkit::Prometheus;

#[test]
fn prometheus_scrapes_with_certificate_and_password() {
    let web = format!(
        "tls_server_config: {{ cert_file: cert.pem, key_file: key.pem, client_ca_file: ca.pem, client_auth_type: \
         RequireAndVerifyClientCert, client_allowed_sans: [localhost] }}\nbasic_auth_users: {{ ada: {HASH} }}\n"
    );
    let site = Site::start(files(), Some(&web), &Choices::default());
    let at = |name: &str| site.files.path().join(name).display().to_string();
    let scrape = format!(
        "scheme: https, basic_auth: {{ username: ada, password: 'correct horse' }}, tls_config: {{ ca_file: '{}', cert_file: '{}', \
         key_file: '{}' }}",
        at("ca.pem"),
        at("cert.pem"),
        at("key.pem")
    );
    let target = format!("localhost:{}", site.port());
    let prometheus = Prometheus::scraping(&target, &scrape);
    prometheus.wait_scraped();
    assert_eq!(prometheus.query("upswell_config_last_reload_successful"), Some(1.0));
    let refused = Prometheus::scraping(&target, &scrape.replace("correct", "wrong"));
    assert!(refused.wait_refused().contains("401"), "a wrong password is told as one");
}
