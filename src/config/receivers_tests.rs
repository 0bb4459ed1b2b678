//! Receivers: what they mean, every fault with its place, and that no secret is repeated.

use super::*;

const CANARY: &str = "canary-51d0";

fn parsed(text: &str, purpose: Purpose) -> Result<Config, Faults> {
    Config::parse(&format!("kafka: {{brokers: b}}\nalerts:\n  receivers:\n{text}"), "f", &[], purpose)
}

fn receivers(text: &str) -> Vec<Receiver> {
    parsed(text, Purpose::Service).unwrap_or_else(|faults| panic!("{faults}\n{text}")).alerts.receivers
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned(), None)
}

#[test]
fn every_key_is_read_and_what_is_left_out_has_its_default() {
    let text = "
  - name: oncall
    alertmanager: { urls: ['http://am-0:9093/', 'https://am-1'] }
    basic_auth: { user: u, password: p }
    tls: { ca: '-----BEGIN CA', cert: '-----BEGIN C', key: '-----BEGIN K' }
    proxy: http://proxy:3128
    timeout: 5s
    severities: [critical, warning]
  - { name: pd, pagerduty: { routing_key: KEY }, bearer_token: T, send_resolved: false }
  - { name: chat, slack: { url: 'https://hooks.slack.com/services/a/b' } }
  - { name: hook, webhook: { url: 'http://h:1/x?token=y' }, severities: critical, timeout: }
";
    let found = receivers(text);
    let bare = |name: &str, to| Receiver {
        name: name.to_owned(),
        to,
        auth: None,
        tls_ca: None,
        tls_cert: None,
        tls_key: None,
        proxy: None,
        timeout: Millis(10_000),
        send_resolved: true,
        severities: Vec::new(),
    };
    let expected = [
        Receiver {
            auth: Some(Auth::Basic { user: "u".to_owned(), password: secret("p") }),
            tls_ca: Some(secret("-----BEGIN CA")),
            tls_cert: Some(secret("-----BEGIN C")),
            tls_key: Some(secret("-----BEGIN K")),
            proxy: Some("http://proxy:3128".to_owned()),
            timeout: Millis(5_000),
            severities: vec!["critical".to_owned(), "warning".to_owned()],
            ..bare("oncall", To::Alertmanager(vec!["http://am-0:9093".to_owned(), "https://am-1".to_owned()]))
        },
        Receiver {
            auth: Some(Auth::Bearer(secret("T"))),
            send_resolved: false,
            ..bare("pd", To::PagerDuty { routing_key: secret("KEY"), url: "https://events.pagerduty.com/v2/enqueue".to_owned() })
        },
        Receiver { send_resolved: false, ..bare("chat", To::Slack(secret("https://hooks.slack.com/services/a/b"))) },
        Receiver { severities: vec!["critical".to_owned()], ..bare("hook", To::Webhook(secret("http://h:1/x?token=y"))) },
    ];
    assert_eq!(found, expected);
}

#[test]
fn without_receivers_nobody_is_told() {
    for text in ["", "alerts: {}", "alerts:", "alerts: {receivers: }", "alerts: {receivers: []}"] {
        let config = Config::parse(&format!("kafka: {{brokers: b}}\n{text}\n"), "f", &[], Purpose::Service);
        assert_eq!(config.unwrap_or_else(|faults| panic!("{faults}")).alerts.receivers, [], "{text}");
    }
}

#[test]
fn the_effective_configuration_shows_receivers_without_secrets_and_reads_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let (url, key, pem) =
        (file("url", &format!("https://h/{CANARY}\n")), file("key", CANARY), file("pem", &format!("-----BEGIN {CANARY}")));
    let text = format!(
        "  - {{ name: a, slack: {{ url_file: {url} }}, tls: {{ ca_file: {pem}, cert_file: {pem}, key_file: {pem} }} }}\n  \
           - {{ name: b, pagerduty: {{ routing_key_file: {key} }}, basic_auth: {{ user: u, password_file: {key} }} }}\n  \
           - {{ name: c, webhook: {{ url_file: {url} }}, bearer_token_file: {key}, timeout: 3s, severities: [info] }}\n  \
           - {{ name: d, alertmanager: {{ urls: 'http://h' }}, proxy: 'http://p:1' }}\n"
    );
    let config = parsed(&text, Purpose::Service).unwrap_or_else(|faults| panic!("{faults}"));
    let effective = config.effective();
    assert!(!effective.contains(CANARY) && !format!("{config:?}").contains(CANARY), "{effective}");
    let again = Config::parse(&effective, "f", &[], Purpose::Service).unwrap_or_else(|faults| panic!("{faults}\n{effective}"));
    assert_eq!((&again.alerts, again.effective()), (&config.alerts, effective));
    let settings = config.alerts.receivers[0].settings(Some("http://me"), std::time::Duration::from_secs(30));
    assert!(!format!("{settings:?}").contains(CANARY));
    let replay = parsed("  - { name: a, slack: { url_file: missing } }\n", Purpose::Replay);
    assert!(replay.is_ok(), "a replay reads no secrets: {replay:?}");
    let written = format!("  - {{ name: a, webhook: {{ url: 'https://h/{CANARY}' }}, bearer_token: {CANARY} }}\n");
    let effective = parsed(&written, Purpose::Service).unwrap_or_else(|faults| panic!("{faults}")).effective();
    assert!(!effective.contains(CANARY) && effective.contains("bearer_token: <secret>"), "{effective}");
}

/// One fault per row: what stands in the list's only item, its place and key, a part of the sentence.
#[test]
fn single_faults() {
    for (item, start, sentence) in [
        ("{slack: {url: 'http://h'}}", "f:4:5: alerts.receivers.name", "this is missing"),
        ("{name: a b, slack: {url: 'http://h'}}", "f:4:12: alerts.receivers.name", "64 letters"),
        ("{name: a}", "f:4:5: alerts.receivers", "goes nowhere"),
        ("{name: a, slack: {url: 'http://h'}, webhook: {url: 'http://h'}}", "f:4:50: alerts.receivers.webhook", "one of them"),
        ("{name: a, slak: {}, slack: {url: 'http://h'}}", "f:4:15: alerts.receivers.slak", "did you mean slack?"),
        ("{name: a, slack: {uri: x, url: 'http://h'}}", "f:4:23: alerts.receivers.slack.uri", "did you mean url?"),
        ("{name: a, slack: {}}", "f:4:22: alerts.receivers.slack.url", "this is missing"),
        ("{name: a, slack: 'https://h/canary-51d0'}", "f:4:22: alerts.receivers.slack", "write a mapping"),
        ("{name: a, slack: {url: 'canary-51d0'}}", "f:4:28: alerts.receivers.slack.url", "this is no URL"),
        ("{name: a, slack: {url: 'https://u:canary-51d0@h'}}", "f:4:28: alerts.receivers.slack.url", "without user"),
        ("{name: a, slack: {url: [x]}}", "f:4:28: alerts.receivers.slack.url", "single value"),
        ("{name: a, slack: {url_file: missing}}", "f:4:33: alerts.receivers.slack.url_file", "cannot be read"),
        ("{name: a, slack: {url: 'https://h/canary-51d0', url_file: x}}", "f:4:63: alerts.receivers.slack.url_file", "set too"),
        ("{name: a, pagerduty: {url: 'http://h'}}", "f:4:26: alerts.receivers.pagerduty.routing_key", "this is missing"),
        ("{name: a, pagerduty: {routing_key: k, url: h}}", "f:4:48: alerts.receivers.pagerduty.url", "http://"),
        ("{name: a, alertmanager: {urls: []}}", "f:4:36: alerts.receivers.alertmanager.urls", "no address is named"),
        ("{name: a, alertmanager: {}}", "f:4:29: alerts.receivers.alertmanager.urls", "no address is named"),
        ("{name: a, alertmanager: {urls: ['http://h', 'http://h/']}}", "f:4:49: alerts.receivers.alertmanager.urls", "twice"),
        ("{name: a, alertmanager: {urls: ['http://u:canary-51d0@h', 'http://h']}}", "f:4:37:", "keys of their own"),
        (
            "{name: a, alertmanager: {urls: 'http://h'}, send_resolved: false}",
            "f:4:64: alerts.receivers.send_resolved",
            "decides",
        ),
        ("{name: a, webhook: {url: 'http://h'}, send_resolved: yes}", "f:4:58: alerts.receivers.send_resolved", "true nor false"),
        ("{name: a, webhook: {url: 'http://h'}, timeout: 2m}", "f:4:52: alerts.receivers.timeout", "at most 60s"),
        ("{name: a, webhook: {url: 'http://h'}, timeout: 5}", "f:4:52: alerts.receivers.timeout", "with a unit"),
        ("{name: a, webhook: {url: 'http://h'}, proxy: 'http://u:canary-51d0@p'}", "f:4:50: alerts.receivers.proxy", "password"),
        ("{name: a, webhook: {url: 'http://h'}, severities: [{}]}", "f:4:56: alerts.receivers.severities", "write texts"),
        ("{name: a, webhook: {url: 'http://h'}, severities: ['']}", "f:4:56: alerts.receivers.severities", "no name"),
        (
            "{name: a, webhook: {url: 'http://h'}, bearer_token: canary-51d0, basic_auth: {user: u, password: canary-51d0}}",
            "f:4:82: alerts.receivers.basic_auth",
            "set too",
        ),
        ("{name: a, webhook: {url: 'http://h'}, basic_auth: {password: canary-51d0}}", "f:4:55:", "user's name"),
        ("{name: a, webhook: {url: 'http://h'}, basic_auth: {user: u}}", "f:4:55:", "password_file"),
        ("{name: a, webhook: {url: 'http://h'}, bearer_token: \"canary-51d0\\nx\"}", "f:4:57:", "one line"),
        ("{name: a, webhook: {url: 'http://h'}, tls: {ca: canary-51d0}}", "f:4:53: alerts.receivers.tls.ca", "no PEM text"),
        ("{name: a, webhook: {url: 'http://h'}, tls: {cert: '-----BEGIN C'}}", "f:4:48: alerts.receivers.tls", "go together"),
        ("text", "f:4:5: alerts.receivers", "write a mapping"),
    ] {
        let faults = parsed(&format!("  - {item}\n"), Purpose::Service).expect_err(item);
        let found: Vec<_> = faults.iter().map(Fault::to_string).collect();
        assert_eq!(found.len(), 1, "{item}\n{found:#?}");
        assert!(found[0].starts_with(start) && found[0].contains(sentence), "{item}\n{}\nis not\n{start}...{sentence}", found[0]);
        assert!(!found[0].contains(CANARY), "{}", found[0]);
    }
}

#[test]
fn all_faults_of_all_receivers_are_found_at_once() {
    let text = "
  - { name: a, slack: {}, timeout: x, tls: { ca: x } }
  - { name: a, webhook: { url: x }, proxy: x }
  - {}
";
    let faults = parsed(text, Purpose::Service).expect_err("faults");
    assert_eq!(faults.iter().count(), 8, "{faults}");
    for (text, sentence) in [
        ("alerts: []", "write a mapping"),
        ("alerts: {receiver: []}", "did you mean receivers?"),
        ("alerts: {receivers: {}}", "write a list"),
    ] {
        let faults = Config::parse(&format!("kafka: {{brokers: b}}\n{text}\n"), "f", &[], Purpose::Service).expect_err(text);
        assert!(faults.iter().count() == 1 && faults.to_string().contains(sentence), "{faults}");
    }
}
