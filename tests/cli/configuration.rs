//! `check`, and configuration faults as every command reports them.

use super::{directory, outcome, run, upswell};

const FAULTY: &str = "\
kafka:
  brokers: localhost:9092
  properties:
    group.id: mine
revenue:
  windows: [last_week]
  colour: blue
alerts: { churn: 5 }
";

#[test]
fn every_fault_is_reported_at_once_with_its_place() {
    let directory = directory(&[("faulty.yaml", FAULTY)]);
    for args in
        [&["check", "--offline", "--config", "faulty.yaml"][..], &["replay", "--usage", "none", "--config", "faulty.yaml"]]
    {
        let (code, out, err) = run(directory.path(), args);
        assert_eq!((code, out.as_str()), (78, ""), "{err}");
        let mut lines = err.lines();
        assert_eq!(lines.next(), Some("error: the configuration has 4 faults"));
        for (start, sentence) in [
            ("faulty.yaml:4:5: kafka.properties: group.id is Upswell's own; ", "kafka.group_id"),
            ("faulty.yaml:6:13: revenue.windows: there is no window \"last_week\"; ", "trailing_<N>d"),
            ("faulty.yaml:7:3: revenue.colour: unknown key; ", "remove it"),
            ("faulty.yaml:8:11: alerts.churn: unknown key; ", "receivers"),
        ] {
            let line = lines.next().unwrap_or_default();
            assert!(line.starts_with(start) && line.contains(sentence), "{line}");
        }
        assert_eq!(lines.next(), None);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_configuration_error() {
    let (code, _, err) = run(directory(&[]).path(), &["check", "--offline", "--config", "missing.yaml"]);
    assert_eq!(code, 78);
    assert!(err.contains("missing.yaml: the configuration cannot be read"), "{err}");
}

#[test]
fn faults_of_a_file_of_rates_name_that_file() {
    let directory = directory(&[
        ("upswell.yaml", "kafka: {brokers: b}\nrevenue:\n  exchange_rates_file: rates.yaml\n"),
        ("rates.yaml", "- from: 2026-01-01\n  rates:\n    EUR: 1.08\n    USD: 1\n"),
    ]);
    let (code, _, err) = run(directory.path(), &["check", "--offline", "--config", "upswell.yaml"]);
    assert_eq!(code, 78);
    assert!(err.contains("\nrates.yaml:4:5: revenue.exchange_rates_file: USD: "), "{err}");
}

#[test]
fn the_environment_overrides_and_unknown_variables_are_named() {
    let directory = directory(&[("upswell.yaml", "kafka: {brokers: b}\nrevenue: {time_zone: UTC}\n")]);
    let mut command = upswell(directory.path(), &["check", "--offline", "--config", "upswell.yaml"]);
    command.env("UPSWELL_REVENUE_TIME_ZONE", "Asia/Kathmandu").env("UPSWELL_REVENUE_TIMEZONE", "x");
    let (code, out, err) = outcome(&mut command);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("time_zone: Asia/Kathmandu"), "{out}");
    assert!(err.contains("UPSWELL_REVENUE_TIMEZONE names no key"), "{err}");
}

#[test]
fn what_check_prints_is_a_configuration_with_the_same_meaning() {
    let directory = directory(&[(
        "upswell.yaml",
        "kafka: {brokers: 'b:1'}\nrevenue: {exchange_rates: [{from: 2026-01-01, rates: {EUR: 1.080001}}]}\n",
    )]);
    let (code, first, err) = run(directory.path(), &["check", "--offline", "--config", "upswell.yaml"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(first.lines().last().is_some_and(|line| line.starts_with("# ")), "{first}");
    std::fs::write(directory.path().join("again.yaml"), &first).expect("a file");
    let (code, second, _) = run(directory.path(), &["check", "--offline", "--config", "again.yaml"]);
    assert_eq!((code, second), (0, first));
}

#[test]
fn secrets_are_printed_nowhere() {
    const CANARY: &str = "canary-7f3a";
    let text = format!(
        "kafka: {{brokers: b, properties: {{sasl.password: {CANARY}}}, properties_files: {{ssl.key.password: secret}}}}\n\
         schema_registry: {{user: u, password_file: secret}}\n"
    );
    let broken = text.replace("brokers: b", "brokers: 'b:b'") + "limits: {memory: none}\n";
    let directory = directory(&[("good.yaml", &text), ("bad.yaml", &broken), ("secret", &format!("{CANARY}\n"))]);
    for (file, expected) in [("good.yaml", 0), ("bad.yaml", 78)] {
        for format in ["text", "json"] {
            let args = ["check", "--offline", "--config", file, "--log-format", format, "--log-level", "trace"];
            let mut command = upswell(directory.path(), &args);
            command.env("UPSWELL_SCHEMA_REGISTRY_TLS_CA", format!("-----BEGIN {CANARY}"));
            let (code, out, err) = outcome(&mut command);
            assert_eq!(code, expected, "{err}");
            assert!(!out.contains(CANARY) && !err.contains(CANARY), "{out}\n{err}");
            assert_eq!(out.contains("sasl.password: <secret>"), expected == 0, "{out}");
        }
    }
}

#[test]
fn failures_are_json_where_the_log_is() {
    let directory = directory(&[("faulty.yaml", FAULTY)]);
    let (code, _, err) = run(directory.path(), &["check", "--offline", "--config", "faulty.yaml", "--log-format", "json"]);
    assert_eq!(code, 78);
    for line in err.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        assert_eq!(event["level"], "ERROR");
        assert!(event["message"].as_str().is_some_and(|message| message.contains("faulty.yaml:4:5")), "{line}");
    }
}
