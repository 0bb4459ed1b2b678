//! A registry behind TLS that wants a password, and a certificate: each is given, and each that is wrong is told without the secret.

use crate::bench::{Bench, registry};
use upswell_testkit::{Identity, Wicket};

const CREDENTIALS: &str = "upswell:registry-secret";
const API: &str = "/apis/ccompat/v7";

/// The registry behind a door, and a bench that reads one event through it.
struct Door {
    identity: Identity,
    wicket: Wicket,
    files: tempfile::TempDir,
}

impl Door {
    fn new(clients: bool) -> Door {
        let (identity, stranger) = (Identity::new(), Identity::new());
        let server = registry().url().replace(API, "");
        let wicket = Wicket::before(&server, &identity, clients, CREDENTIALS);
        let files = tempfile::tempdir().expect("a directory");
        let written = [
            ("ca.pem", &identity.authority),
            ("cert.pem", &identity.certificate),
            ("key.pem", &identity.key),
            ("stranger.pem", &stranger.authority),
        ];
        written.into_iter().for_each(|(name, text)| std::fs::write(files.path().join(name), text).expect("a file"));
        std::fs::write(files.path().join("password"), "registry-secret\n").expect("a file");
        Door { identity, wicket, files }
    }

    fn bench(&self, name: &str, keys: &str, ca: &str, certificate: bool) -> Bench {
        let file = |name: &str| self.files.path().join(name).display().to_string();
        let of_client = format!(", cert_file: \"{}\", key_file: \"{}\"", file("cert.pem"), file("key.pem"));
        let of_client = if certificate { of_client.as_str() } else { "" };
        let keys = format!("{}, tls: {{ ca_file: \"{}\"{of_client} }}", keys.replace("FILES", &file("")), file(ca));
        let bench = Bench::new(name, 1).registry_at(&format!("{}{API}", self.wicket.url())).registry_keys(&keys);
        bench.subscribe("c", 10);
        bench
    }

    fn assert_read(&self, bench: &Bench) {
        let mut service = bench.run();
        service.wait_ready();
        assert_eq!(service.scrape().value("upswell_mrr", &[]), Some(10.0));
        assert_eq!(service.terminate(), 0);
        self.assert_silent(&service.log());
    }

    /// The registry is waited for, nothing is rejected, and readiness says why.
    fn assert_waited(&self, bench: &Bench, reason: &str) {
        let mut service = bench.run();
        service.wait_not_ready("waiting_for_registry");
        service.wait_not_ready(reason);
        assert_eq!(service.scrape().sum("upswell_events_rejected_total", &[]), 0.0);
        assert_eq!(service.terminate(), 0);
        self.assert_silent(&service.log());
    }

    fn assert_silent(&self, log: &str) {
        let key = self.identity.key.lines().nth(1).expect("a key has lines");
        for secret in ["registry-secret", "wrong-secret", key] {
            assert!(!log.contains(secret), "{secret} is said: {log}");
        }
    }
}

#[test]
fn a_password_is_given_over_tls() {
    let door = Door::new(false);
    door.assert_read(&door.bench("registry-password", "user: upswell, password_file: \"FILESpassword\"", "ca.pem", false));
    door.assert_waited(&door.bench("registry-wrong", "user: upswell, password: wrong-secret", "ca.pem", false), "401");
    door.assert_waited(
        &door.bench("registry-stranger", "user: upswell, password: registry-secret", "stranger.pem", false),
        "certificate",
    );
}

#[test]
fn a_certificate_is_given_where_it_is_asked_for() {
    let door = Door::new(true);
    let keys = "user: upswell, password: registry-secret";
    door.assert_read(&door.bench("registry-certificate", keys, "ca.pem", true));
    door.assert_waited(&door.bench("registry-bare", keys, "ca.pem", false), "no answer");
}
