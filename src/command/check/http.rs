//! Who will be asked for what by the HTTP server. Its file was judged with the configuration; it is read once more to say so.

use super::Findings;
use crate::config::Http;
use std::net::ToSocketAddrs;

/// Says whether TLS, certificates and passwords are asked for, and what is refused without.
pub fn look(http: &Http, findings: &mut Findings) {
    let access = http.access();
    let web = match access.file.map(|file| (file.read)(&file.path)).transpose() {
        Ok(web) => web.unwrap_or_default(),
        Err(sentence) => {
            findings.configuration = true;
            return findings.troubles.push(format!("http: {sentence}"));
        }
    };
    let asked: Vec<String> = [
        web.tls.is_some().then(|| "with TLS".to_owned()),
        web.requires_certificate().then(|| "asking for client certificates".to_owned()),
        (!web.users.0.is_empty()).then(|| format!("asking for the password of one of {} users", web.users.0.len())),
    ]
    .into_iter()
    .flatten()
    .collect();
    let asked = if asked.is_empty() { "without TLS, asking nobody for anything".to_owned() } else { asked.join(", ") };
    let refused = !web.authenticates() && !http.customer_data_without_auth && !is_loopback(&http.listen);
    let customers = if refused { "; customer data is refused, see docs/security.md" } else { "" };
    findings.well.push(format!("http: listens on {}, {asked}{customers}", http.listen));
}

/// Whether only this machine reaches an address.
fn is_loopback(listen: &str) -> bool {
    let mut addresses = listen.to_socket_addrs().into_iter().flatten().peekable();
    addresses.peek().is_some() && addresses.all(|address| address.ip().to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Purpose};

    #[test]
    fn it_says_who_is_asked_for_what() {
        let said = |keys: &str| {
            let text = format!("kafka: {{brokers: b}}\nhttp: {{{keys}}}\n");
            let config = Config::parse(&text, "f", &[], Purpose::Service).unwrap_or_else(|faults| panic!("{faults}"));
            let mut findings = Findings::default();
            look(&config.http, &mut findings);
            assert!(findings.troubles.is_empty(), "{findings:?}");
            findings.well.join("\n")
        };
        assert_eq!(said("listen: '127.0.0.1:1'"), "http: listens on 127.0.0.1:1, without TLS, asking nobody for anything");
        assert!(said("listen: ':1'").ends_with("customer data is refused, see docs/security.md"));
        assert!(said("listen: ':1', customer_data_without_auth: true").ends_with("anything"));
        let place = tempfile::tempdir().expect("a directory");
        let file = place.path().join("web.yml");
        std::fs::write(&file, "basic_auth_users: {a: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi}\n")
            .expect("a file");
        let with_users = said(&format!("listen: ':1', web_config: {}", file.display()));
        assert!(with_users.ends_with("asking for the password of one of 1 users"), "{with_users}");
    }
}
