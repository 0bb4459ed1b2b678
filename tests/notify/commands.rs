//! `upswell alerts test` and `upswell alerts list` from outside, and that they show no secret.

use crate::fixture::CANARY;
use upswell_testkit::program::{Outcome, command};
use upswell_testkit::{Alertmanager, Inbox, Reply};

fn alerts(arguments: &[&str]) -> Outcome {
    command(env!("CARGO_BIN_EXE_upswell"), &[&["alerts"], arguments].concat())
}

/// A directory with a configuration of these receivers.
fn configured(receivers: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("upswell.yaml");
    std::fs::write(&file, format!("kafka: {{brokers: b}}\nalerts:\n  receivers:\n{receivers}")).expect("a file");
    std::fs::write(directory.path().join("secret"), format!("{CANARY}\n")).expect("a file");
    let file = file.display().to_string();
    (directory, file)
}

fn test(name: &str, receivers: &str) -> Outcome {
    let (_directory, file) = configured(receivers);
    alerts(&["test", name, "--config", &file])
}

#[test]
fn a_test_notice_fires_and_is_resolved() {
    let inbox = Inbox::open();
    let outcome = test("hook", &format!("    - {{ name: hook, webhook: {{ url: '{}/{CANARY}' }} }}\n", inbox.url()));
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let lines: Vec<_> = outcome.stdout.lines().map(str::to_owned).collect();
    let expected = ["firing", "resolved"].map(|status| format!("hook: the {status} test notice was taken by {}", inbox.url()));
    assert_eq!((lines, outcome.stderr.as_str()), (expected.to_vec(), ""));
    let bodies: Vec<_> = inbox.requests().iter().map(|request| request.json()).collect();
    assert_eq!((&bodies[0]["status"], &bodies[1]["status"]), (&"firing".into(), &"resolved".into()));
    assert_eq!(bodies[0]["groupLabels"], serde_json::json!({"alertname": "UpswellTest", "severity": "info"}));
    assert_eq!(bodies[0]["groupKey"], bodies[1]["groupKey"]);
    assert!(bodies[0]["commonAnnotations"]["summary"].as_str().is_some_and(|text| text.contains("test")));
}

#[test]
fn a_chat_is_not_told_of_the_end() {
    let inbox = Inbox::open();
    let outcome = test("chat", &format!("    - {{ name: chat, slack: {{ url: '{}/x' }} }}\n", inbox.url()));
    assert_eq!((outcome.code, inbox.requests().len()), (Some(0), 1), "{outcome:?}");
    assert!(outcome.stdout.contains("send_resolved"), "{outcome:?}");
}

#[test]
fn a_real_alertmanager_takes_the_test() {
    let alertmanager = Alertmanager::start();
    let outcome = test("am", &format!("    - {{ name: am, alertmanager: {{ urls: ['{}'] }} }}\n", alertmanager.url()));
    assert_eq!((outcome.code, outcome.stdout.lines().count()), (Some(0), 2), "{outcome:?}");
}

#[test]
fn what_goes_wrong_has_its_exit_code() {
    let inbox = Inbox::open();
    let hook = format!(
        "    - {{ name: hook, webhook: {{ url: '{}/x' }} }}\n    - {{ name: b, webhook: {{ url: 'http://h' }} }}\n",
        inbox.url()
    );
    inbox.reply(Reply::status(503));
    let away = test("hook", &hook);
    assert!(away.code == Some(1) && away.stderr.contains("503"), "{away:?}");
    inbox.reply(Reply::status(403));
    let refused = test("hook", &hook);
    assert!(refused.code == Some(78) && refused.stderr.contains("credentials"), "{refused:?}");
    let unknown = test("hoook", &hook);
    assert!(unknown.code == Some(2) && unknown.stderr.contains("there are: hook, b"), "{unknown:?}");
    let nobody = test("hook", "    []\n");
    assert!(nobody.code == Some(2) && nobody.stderr.contains("empty"), "{nobody:?}");
    let faulty = test("hook", "    - { name: hook }\n");
    assert!(faulty.code == Some(78) && faulty.stderr.contains("goes nowhere"), "{faulty:?}");
    let pem = "tls: { ca: '-----BEGIN rubbish' }";
    let unusable = test("hook", &format!("    - {{ name: hook, webhook: {{ url: 'https://h' }}, {pem} }}\n"));
    assert!(unusable.code == Some(78) && unusable.stderr.contains("tls.ca"), "{unusable:?}");
}

#[test]
fn no_secret_is_shown_whatever_happens() {
    let inbox = Inbox::open();
    let receivers = format!(
        "    - {{ name: slack, slack: {{ url: '{0}/{CANARY}' }}, send_resolved: true }}\n    \
         - {{ name: hook, webhook: {{ url: '{0}/x?token={CANARY}' }}, bearer_token_file: secret }}\n    \
         - {{ name: pd, pagerduty: {{ url: '{0}/x', routing_key_file: secret }} }}\n    \
         - {{ name: am, alertmanager: {{ urls: ['{0}', 'http://127.0.0.1:1'] }}, basic_auth: {{ user: u, password_file: secret }} }}\n",
        inbox.url()
    );
    let (_directory, file) = configured(&receivers);
    let cases: [(&str, &[u16], i32); 4] =
        [("slack", &[200, 429], 1), ("hook", &[400], 78), ("pd", &[202, 500], 1), ("am", &[200, 200], 0)];
    for ((name, statuses, code), format) in cases.into_iter().flat_map(|case| ["text", "json"].map(|format| (case, format))) {
        for status in statuses {
            inbox.reply(Reply::Answer(*status, String::new(), format!("I know {CANARY}")));
        }
        let outcome = alerts(&["test", name, "--config", &file, "--log-format", format, "--log-level", "trace"]);
        assert_eq!(outcome.code, Some(code), "{outcome:?}");
        for said in [&outcome.stdout, &outcome.stderr] {
            let shown = said.contains(CANARY) || said.contains("dTpjYW5hcnkt");
            assert!(!shown, "{name} with a log of {format}:\n{said}");
        }
    }
    assert_eq!(inbox.requests().len(), 14);
    let check = command(env!("CARGO_BIN_EXE_upswell"), &["check", "--offline", "--config", &file, "--log-level", "trace"]);
    assert_eq!(check.code, Some(0), "{check:?}");
    assert!(!check.stdout.contains(CANARY) && !check.stderr.contains(CANARY), "{check:?}");
}

const ALERTS: &str = r#"{"status":"success","data":{"alerts":[
{"labels":{"alertname":"Lag","severity":"warning"},"annotations":{},"state":"pending","activeAt":"2026-09-10T08:00:00Z","value":"1e+06"},
{"labels":{"alertname":"ExpansionRateLow","severity":"critical","segment":"fin\u001b[2J"},"annotations":{"summary":"It fell."},
"state":"firing","activeAt":"2026-09-10T07:00:00Z","value":"9.8e-02"}]}}"#;

#[test]
fn alerts_of_a_running_service_are_listed() {
    let inbox = Inbox::open();
    let answer = |body: &str| inbox.reply(Reply::Answer(200, String::new(), body.to_owned()));
    answer(ALERTS);
    let listed = alerts(&["list", "--url", &inbox.url()]);
    let expected = "\
STATE    ALERT             SEVERITY  SINCE                 VALUE    LABELS
firing   ExpansionRateLow  critical  2026-09-10T07:00:00Z  9.8e-02  segment=fin\\u{1b}[2J
         It fell.
pending  Lag               warning   2026-09-10T08:00:00Z  1e+06
";
    assert_eq!((listed.code, listed.stdout.as_str(), listed.stderr.as_str()), (Some(0), expected, ""));
    assert_eq!((inbox.requests()[0].method.as_str(), inbox.requests()[0].path.as_str()), ("GET", "/api/v1/alerts"));
    answer(ALERTS);
    let raw = alerts(&["list", "--format", "json", "--url", &format!("{}/", inbox.url())]);
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    assert_eq!((raw.code, json(&raw.stdout)), (Some(0), json(ALERTS)));
    answer(r#"{"status":"success","data":{"alerts":[]}}"#);
    let none = alerts(&["list", "--url", &inbox.url()]);
    assert!(none.code == Some(0) && none.stdout.is_empty() && none.stderr.contains("no alert"), "{none:?}");
    inbox.reply(Reply::status(404));
    let missing = alerts(&["list", "--url", &inbox.url()]);
    assert!(missing.code == Some(1) && missing.stderr.contains("404"), "{missing:?}");
    answer("<html>");
    assert_eq!(alerts(&["list", "--url", &inbox.url()]).code, Some(1));
    let away = alerts(&["list", "--url", "http://127.0.0.1:1"]);
    assert!(away.code == Some(1) && away.stderr.contains("is the service running"), "{away:?}");
}
