//! Tables of configurations: what they mean, and every fault with its place.

use super::*;
use crate::domain::calendar::Day;
use crate::domain::currency::Currency;
use proptest::prelude::Strategy;

const REFERENCE: &str = include_str!("../../deploy/upswell.yaml");

fn read(text: &str) -> Config {
    Config::parse(text, "f", &[], Purpose::Service).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

fn faults(text: &str) -> Vec<String> {
    with_variables(text, &[]).map_or_else(|faults| faults.iter().map(Fault::to_string).collect(), |_| vec![])
}

fn with_variables(text: &str, variables: &[(&str, &str)]) -> Result<Config, Faults> {
    let mut variables: Vec<_> = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    variables.sort();
    Config::parse(text, "f", &variables, Purpose::Service)
}

const BROKERS: &str = "kafka: {brokers: b}\n";

#[test]
fn the_reference_file_holds_every_default() {
    let defaults = read("kafka:\n  brokers: localhost:9092\n");
    assert_eq!(read(REFERENCE).effective(), defaults.effective());
    let effective = defaults.effective();
    for key in keys::KEYS.iter().filter(|key| !key.path.ends_with("_file") || key.path == "revenue.exchange_rates_file") {
        let name = key.path.rsplit('.').next().unwrap_or_default();
        for text in [REFERENCE, &effective] {
            assert!(
                text.lines().any(|line| line.trim_start().starts_with(&format!("{name}:"))),
                "{} is missing in\n{text}",
                key.path
            );
        }
    }
}

#[test]
fn the_effective_configuration_reads_back() {
    for text in [
        "kafka: {brokers: 'a:1,b:2', properties: {security.protocol: SSL, client.rack: ''}, group_protocol: classic, instance_id: i}",
        "kafka: {brokers: [a, 'b:9']}\nrevenue: {exchange_rates: [{from: 2026-02-01, rates: {EUR: 1.1}}, {from: 2026-01-01, rates: {GBP: 0.000001}}], complete_since: 2020-02-29}",
        "kafka: {brokers: a}\nrevenue: {time_zone: Asia/Kathmandu, currency: EUR, windows: [trailing_7d], dimensions: ['no', 'a b', '1']}\nlimits: {memory: 1GiB}",
        "kafka: {brokers: a}\nhttp: {listen: ':80', external_url: 'https://x/y', enable_reload: true}\ncheckpoint: {interval: 90s}\nmetrics: {segment_windows: []}",
    ] {
        let effective = read(text).effective();
        assert_eq!(read(&effective).effective(), effective, "{text}");
    }
}

#[test]
fn rates_are_exact_from_numbers_and_from_quoted_text() {
    let config = read(&format!(
        "{BROKERS}revenue:\n  exchange_rates:\n    - {{ from: 2026-02-01, rates: {{ EUR: '1.1' }} }}\n    - {{ from: 2026-01-01, rates: {{ EUR: 1.08, GBP: 1.270001 }} }}\n"
    ));
    let code = |text: &str| Currency::parse(text).expect("a code");
    let tables: Vec<_> =
        config.revenue.rate_tables.iter().map(|(from, rates)| (from.date().to_string(), rates.clone())).collect();
    let expected = vec![
        ("2026-01-01".to_owned(), [(code("EUR"), 1_080_000), (code("GBP"), 1_270_001)].into()),
        ("2026-02-01".to_owned(), [(code("EUR"), 1_100_000)].into()),
    ];
    assert_eq!(tables, expected);
    let valuation = config.plan().rates.valuation(Day::parse("2026-02-02").expect("a date"));
    assert_eq!(valuation.convert(1_000_000, code("EUR")), 1_100_000);
}

#[test]
fn every_fault_is_found_at_once_in_the_order_of_the_file() {
    let text = "kafka:\n  broker: x\n  brokers: 'a:x'\n  brokers: b\nrevenue:\n  currency: usd\n  time_zone: Mars/Olympus\n  windows: [last_month, last_week, last_month]\n  max_values: 0\nhttp: 5\nalert: {}\n";
    let places = [
        ("f:2:3: kafka.broker: ", "did you mean brokers?"),
        ("f:3:12: kafka.brokers: ", "write host:port"),
        ("f:4:3: brokers: ", "duplicate key, set in line 3 already"),
        ("f:6:13: revenue.currency: ", "three capital letters"),
        ("f:7:14: revenue.time_zone: ", "IANA name"),
        ("f:8:25: revenue.windows: ", "trailing_<N>d"),
        ("f:8:36: revenue.windows: ", "listed twice"),
        ("f:9:15: revenue.max_values: ", "from 1 to"),
        ("f:10:7: http: ", "section of keys, not a single value"),
        ("f:11:1: alert: ", "did you mean alerts?"),
    ];
    let found = faults(text);
    assert_eq!(found.len(), places.len(), "{found:#?}");
    for (fault, (start, sentence)) in found.iter().zip(places) {
        assert!(fault.starts_with(start) && fault.contains(sentence), "{fault}\nis not\n{start}...{sentence}");
    }
}

/// One fault per row: the lines after `kafka: {brokers: b}`, the place and key, a part of the sentence.
#[test]
fn single_faults() {
    for (text, start, sentence) in [
        ("metrics: {segment_windows: [last_year]}", "f:2:29: metrics.segment_windows", "add it there"),
        ("revenue: {windows: []}", "f:2:20: revenue.windows", "no window is named"),
        ("revenue: {windows: last_month}", "f:2:20: revenue.windows", "write a list here"),
        ("revenue: {windows: [[a]]}", "f:2:21: revenue.windows", "the list holds a list"),
        ("revenue: {windows: [trailing_6d]}", "f:2:21: revenue.windows", "7 to 730"),
        ("revenue: {dimensions: [plan, plan]}", "f:2:30: revenue.dimensions", "listed twice"),
        ("revenue: {dimensions: ['']}", "f:2:24: revenue.dimensions", "has no name"),
        ("revenue: {max_values: 1.5}", "f:2:23: revenue.max_values", "whole number"),
        ("revenue: {dedup_window: 24}", "f:2:25: revenue.dedup_window", "number with a unit"),
        ("revenue: {history: 2y}", "f:2:20: revenue.history", "from 0 to 1200"),
        ("revenue: {history: 1201}", "f:2:20: revenue.history", "from 0 to 1200"),
        ("revenue: {complete_since: yesterday}", "f:2:27: revenue.complete_since", "such as 2026-01-31"),
        ("revenue: {exchange_rates: {}}", "f:2:27: revenue.exchange_rates", "write a list of tables"),
        ("revenue: {exchange_rates: [{rates: {EUR: 1}}]}", "f:2:28: revenue.exchange_rates", "from is missing"),
        ("revenue: {exchange_rates: [{from: 2026-01-01}]}", "f:2:28: revenue.exchange_rates", "rates is missing"),
        ("revenue: {exchange_rates: [{from: 2026-13-01, rates: {}}]}", "f:2:35: revenue.exchange_rates", "is no date"),
        ("revenue: {exchange_rates: [{from: 2026-01-01, rates: {EUR: 0}}]}", "f:2:60: revenue.exchange_rates", "greater than 0"),
        (
            "revenue: {exchange_rates: [{from: 2026-01-01, rates: {EUR: 1.0000001}}]}",
            "f:2:60: revenue.exchange_rates",
            "six decimals",
        ),
        (
            "revenue: {exchange_rates: [{from: 2026-01-01, rates: {EUR: [1]}}]}",
            "f:2:60: revenue.exchange_rates",
            "no exchange rate",
        ),
        (
            "revenue: {exchange_rates: [{from: 2026-01-01, rates: {eur: 1}}]}",
            "f:2:55: revenue.exchange_rates",
            "three capital letters",
        ),
        ("revenue: {exchange_rates: [{from: 2026-01-01, rates: {USD: 1}}]}", "f:2:55: revenue.exchange_rates", "always 1"),
        (
            "revenue: {exchange_rates: [{from: 2026-01-01, rates: {EUR: 1}}, {from: 2026-01-01, rates: {GBP: 1}}]}",
            "f:2:72: revenue.exchange_rates",
            "two tables begin on 2026-01-01",
        ),
        (
            "revenue: {exchange_rates: [{from: 2026-01-01, rates: {EUR: 1}, to: x}]}",
            "f:2:64: revenue.exchange_rates",
            "unknown key",
        ),
        ("revenue: {exchange_rates_file: missing.yaml}", "f:2:32: revenue.exchange_rates_file", "cannot be read"),
        ("checkpoint: {url: /var/lib}", "f:2:19: checkpoint.url", "file://"),
        ("checkpoint: {url: 's3://key:canary@b/p'}", "f:2:19: checkpoint.url", "environment"),
        ("checkpoint: {url: 'http://b/p'}", "f:2:19: checkpoint.url", "s3://"),
        ("checkpoint: {interval: 0s}", "f:2:24: checkpoint.interval", "longer than 0"),
        ("http: {listen: '9817'}", "f:2:16: http.listen", "host:port"),
        ("http: {customer_data_without_auth: 1}", "f:2:36: http.customer_data_without_auth", "neither true nor false"),
        ("http: {enable_reload: yes}", "f:2:23: http.enable_reload", "neither true nor false"),
        ("http: {external_url: example.com}", "f:2:22: http.external_url", "http://"),
        ("limits: {memory: 0%}", "f:2:18: limits.memory", "80%"),
        ("alerts: {churn: {}}", "f:2:10: alerts.churn", "unknown key"),
        ("schema_registry: {url: 'http://user:canary@h'}", "f:2:24: schema_registry.url", "keys of their own"),
        ("schema_registry: {url: ''}", "f:2:24: schema_registry.url", "set one"),
        ("schema_registry: {password: canary}", "f:2:29: schema_registry.password", "user is missing"),
        ("schema_registry: {user: u, password: canary, password_file: x}", "f:2:61: schema_registry.password_file", "set too"),
        ("schema_registry: {user: u, password_file: missing}", "f:2:43: schema_registry.password_file", "cannot be read"),
        ("schema_registry: {tls: {ca: canary.pem}}", "f:2:29: schema_registry.tls.ca", "no PEM text"),
        ("schema_registry: {tls: {cert: '-----BEGIN C'}}", "f:2:19: schema_registry.tls", "set both or neither"),
    ] {
        let found = faults(&format!("{BROKERS}{text}\n"));
        assert_eq!(found.len(), 1, "{text}\n{found:#?}");
        assert!(found[0].starts_with(start) && found[0].contains(sentence), "{}\nis not\n{start}...{sentence}", found[0]);
        assert!(!found[0].contains("canary"), "{}", found[0]);
    }
}

#[test]
fn a_list_of_rates_is_judged_beside_a_file_of_rates() {
    let text = "revenue: {exchange_rates: [{from: soon, rates: {EUR: 1}}], exchange_rates_file: missing}\n";
    let found = faults(&format!("{BROKERS}{text}"));
    for sentence in ["is no date", "is set too", "cannot be read"] {
        assert_eq!(found.iter().filter(|fault| fault.contains(sentence)).count(), 1, "{sentence}\n{found:#?}");
    }
}

#[test]
fn faults_of_the_kafka_section() {
    for (text, start, sentence) in [
        ("", "f:1:1: kafka.brokers", "this is missing"),
        ("kafka: [b\n", "f:1:8: this is not YAML", "unclosed"),
        ("\n\nkafka: {group_id: g}", "f:3:1: kafka.brokers", "this is missing"),
        ("kafka: {brokers: ''}", "f:1:18: kafka.brokers", "no broker"),
        ("kafka: {brokers: []}", "f:1:18: kafka.brokers", "no broker is named"),
        ("kafka: {brokers: 'a,'}", "f:1:18: kafka.brokers", "\"\" is no broker"),
        ("kafka: {brokers: 'a:0'}", "f:1:18: kafka.brokers", "\"a:0\" is no broker"),
        ("kafka: {brokers: b, group_id: ''}", "f:1:31: kafka.group_id", "this is empty"),
        ("kafka: {brokers: b, group_protocol: eager}", "f:1:37: kafka.group_protocol", "auto, consumer (KIP-848) or classic"),
        ("kafka: {brokers: b, topics: {usage: billing.subscriptions}}", "f:1:37: kafka.topics.usage", "a topic of its own"),
        ("kafka: {brokers: b, topics: {usage: 'a b'}}", "f:1:37: kafka.topics.usage", "249 letters"),
        ("kafka: {brokers: b, accept_truncated_log: 1}", "f:1:43: kafka.accept_truncated_log", "true nor false"),
        ("kafka: {brokers: b, properties: {group.id: g}}", "f:1:34: kafka.properties", "set kafka.group_id"),
        (
            "kafka: {brokers: b, properties: {auto.offset.reset: latest}}",
            "f:1:34: kafka.properties",
            "kafka.accept_truncated_log",
        ),
        ("kafka: {brokers: b, properties_files: {isolation.level: x}}", "f:1:40: kafka.properties_files", "aborted transactions"),
        ("kafka: {brokers: b, properties_files: {sasl.password: missing}}", "f:1:40: kafka.properties_files", "cannot be read"),
        ("kafka: {brokers: b, properties: {sasl.password: [canary]}}", "f:1:49: kafka.properties", "single value"),
        (
            "kafka: {brokers: b, properties: {sasl.password: canary}, properties_files: {sasl.password: f}}",
            "f:1:77: kafka.properties_files",
            "set in kafka.properties too",
        ),
        ("kafka: {brokers: b, properties: {no.such.thing: 1}}", "f:1:34: kafka.properties", "librdkafka refuses this property"),
        (
            "kafka: {brokers: b, properties: {enable.ssl.certificate.verification: canary}}",
            "f:1:34: kafka.properties",
            "librdkafka refuses",
        ),
        (
            "kafka: {brokers: b, properties: {security.protocol: sasl_plaintext, sasl.mechanism: NOPE}}",
            "f:1:33: kafka.properties",
            "these properties together",
        ),
        ("kafka: {brokers: b, properties: x}", "f:1:33: kafka.properties", "write a mapping"),
    ] {
        let found = faults(text);
        assert_eq!(found.len(), 1, "{text}\n{found:#?}");
        assert!(found[0].starts_with(start) && found[0].contains(sentence), "{}\nis not\n{start}...{sentence}", found[0]);
        assert!(!found[0].contains("canary"), "{}", found[0]);
    }
}

#[test]
fn the_environment_overrides_the_file() {
    let text = "kafka: {brokers: b, properties: {sasl.username: u, sasl.password: p}}\nschema_registry: {user: u, password_file: missing}\nrevenue: {exchange_rates_file: missing}\n";
    let config = with_variables(
        text,
        &[
            ("UPSWELL_KAFKA_BROKERS", "x:1,y:2"),
            ("UPSWELL_KAFKA_PROPERTIES_SASL_PASSWORD", "q"),
            ("UPSWELL_KAFKA_TOPICS_DEAD_LETTERS", "dead"),
            ("UPSWELL_SCHEMA_REGISTRY_PASSWORD", "s"),
            ("UPSWELL_REVENUE_TIME_ZONE", "Europe/Berlin"),
            ("UPSWELL_REVENUE_WINDOWS", "last_month, trailing_90d"),
            ("UPSWELL_REVENUE_EXCHANGE_RATES", "[{from: 2026-01-01, rates: {EUR: 1.1}}]"),
            ("UPSWELL_REVENUE_COMPLETE_SINCE", ""),
        ],
    )
    .unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!((config.kafka.brokers.as_str(), config.kafka.topics.dead_letters.as_str()), ("x:1,y:2", "dead"));
    let properties: Vec<_> = config.kafka.properties.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(properties, [("sasl.password", "q"), ("sasl.username", "u")]);
    assert_eq!(config.schema_registry.password.as_ref().map(Secret::expose), Some("s"));
    assert_eq!(config.revenue.time_zone.name(), "Europe/Berlin");
    let names = |windows: &[crate::domain::window::Window]| windows.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&config.revenue.windows), ["last_month", "trailing_90d"]);
    assert_eq!(names(&config.segment_windows), ["trailing_90d"], "the default names only windows that are configured");
    assert_eq!(config.revenue.rate_tables.len(), 1);
}

#[test]
fn faults_of_the_environment_name_the_variable() {
    for (name, value, sentence) in [
        ("UPSWELL_REVENUE_TIME_ZONE", "Mars", "revenue.time_zone: there is no time zone"),
        ("UPSWELL_REVENUE_WINDOWS", "last_month,last_week", "revenue.windows: there is no window \"last_week\""),
        ("UPSWELL_KAFKA_PROPERTIES_GROUP_ID", "g", "kafka.properties: group.id is Upswell's own; set kafka.group_id"),
        ("UPSWELL_ALERTS", "{a: b}", "alerts.a: unknown key"),
        ("UPSWELL_REVENUE_EXCHANGE_RATES", "[", "this is not YAML"),
    ] {
        let found = with_variables(BROKERS, &[(name, value)]).expect_err(name).to_string();
        assert!(found.starts_with(&format!("environment variable {name}")) && found.contains(sentence), "{found}");
    }
    let (raw, _) = raw::RawConfig::read(BROKERS, "f", &[("UPSWELL_KAFKA_BROKER".to_owned(), "x".to_owned())]);
    assert_eq!(raw.warnings, ["environment variable UPSWELL_KAFKA_BROKER names no key of the configuration and is ignored"]);
}

#[test]
fn a_replay_needs_no_kafka_part_and_no_secrets() {
    for text in [
        "",
        "revenue: {currency: EUR}",
        "kafka: {properties_files: {sasl.password: missing}}\nschema_registry: {user: u, password_file: missing, tls: {ca_file: missing}}",
    ] {
        Config::parse(text, "f", &[], Purpose::Replay).unwrap_or_else(|faults| panic!("{faults}"));
    }
    assert!(Config::parse("kafka: {group_id: ''}", "f", &[], Purpose::Replay).is_err(), "what is there is checked");
}

#[test]
fn secrets_are_never_printed() {
    let pem = "'-----BEGIN canary'";
    let config = read(&format!(
        "kafka: {{brokers: b, properties: {{sasl.password: canary, ssl.key.pem: canary, sasl.mechanism: PLAIN}}}}\nschema_registry: {{user: u, password: canary, tls: {{cert: {pem}, key: {pem}}}}}\n"
    ));
    for text in [config.effective(), format!("{config:?}")] {
        assert!(!text.contains("canary"), "{text}");
        assert!(text.contains("<secret>") && text.contains("PLAIN") | text.contains("sasl.mechanism"), "{text}");
    }
}

#[test]
fn keys_that_need_a_restart_are_named() {
    let base = "revenue: {exchange_rates: [{from: 2026-01-01, rates: {EUR: 1.1}}]}\n";
    let old = read(&format!("{BROKERS}{base}"));
    for (text, keys) in [
        (format!("{BROKERS}{base}"), vec![]),
        (
            format!(
                "{BROKERS}revenue: {{windows: [last_month], dimensions: [], max_values: 5, complete_since: 2026-01-01, exchange_rates: [{{from: 2025-01-01, rates: {{EUR: 2, GBP: 3}}}}]}}"
            ),
            vec![],
        ),
        (BROKERS.to_owned(), vec!["revenue.exchange_rates"]),
        (
            format!("kafka: {{brokers: c, group_id: g, properties: {{client.id: b}}, topics: {{usage: u}}}}\n{base}"),
            vec!["kafka.brokers", "kafka.group_id", "kafka.topics", "kafka.properties"],
        ),
        (
            format!(
                "{BROKERS}{base}schema_registry: {{url: 'http://x'}}\ncheckpoint: {{interval: 1s}}\nhttp: {{listen: ':1', customer_data_without_auth: true}}\nlimits: {{memory: 50%}}"
            ),
            vec!["schema_registry.url", "checkpoint.interval", "http.listen", "http.customer_data_without_auth", "limits.memory"],
        ),
        (
            format!(
                "{BROKERS}revenue: {{currency: CHF, time_zone: Europe/Zurich, dedup_window: 1h, exchange_rates: [{{from: 2026-01-01, rates: {{EUR: 1.1}}}}]}}"
            ),
            vec!["revenue.currency", "revenue.time_zone", "revenue.dedup_window"],
        ),
        (format!("{BROKERS}{base}alerts: {{receivers: [{{name: a, slack: {{url: 'https://h/x'}}}}]}}"), vec!["alerts.receivers"]),
    ] {
        assert_eq!(old.changes_needing_restart(&read(&text)), keys, "{text}");
    }
}

/// Texts that look like configurations: keys, values and YAML's punctuation in any order.
fn scribble() -> impl Strategy<Value = String> {
    let words = keys::KEYS.iter().flat_map(|key| key.path.split('.')).chain([
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "'",
        "\"",
        "#",
        "&a ",
        "*a",
        "|",
        "~",
        "1e-7",
        "9999999999999999999999.1",
        "EUR",
        "from",
        "rates",
        "2026-02-29",
        "80%",
        "1h",
        "file:///x",
        "http://[::1]:1",
        "\u{feff}",
        "é",
        "\0",
        "---\n",
        "!!str ",
    ]);
    let words: Vec<&'static str> = words.collect();
    proptest::collection::vec(proptest::sample::select(words), 0..40).prop_map(|words| words.concat())
}

proptest::proptest! {
    #[test]
    fn no_text_is_too_strange(text in scribble(), value in scribble()) {
        let name = "UPSWELL_REVENUE_EXCHANGE_RATES".to_owned();
        for purpose in [Purpose::Replay, Purpose::Service] {
            if let Err(faults) = Config::parse(&text, "f", &[(name.clone(), value.clone())], purpose) {
                proptest::prop_assert!(faults.iter().all(|fault| !fault.message.is_empty()));
            }
        }
    }
}
