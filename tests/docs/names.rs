//! Metrics, alerts and keys that pages name exist; every key of the configuration is documented with its default.

use super::pages::{Page, all, words};
use super::{none, repository};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use upswell::wire::exposition::catalog;
use upswell::wire::runbook;
use upswell_testkit::promtool;

const REFERENCE: &str = "deploy/upswell.yaml";
const CONFIGURATION: &str = "docs/configuration.md";
const VALUES: &str = "deploy/helm/upswell/values.yaml";
/// Begins like an alert's name, and is that of a notice that tests a receiver.
const TEST: &str = "UpswellTest";
/// Begins like a metric, and is a crate.
const TESTKIT: &str = "upswell_testkit";
const RULES: &str = "deploy/prometheus/upswell.rules.yml";

fn read(file: &str) -> Value {
    let text = std::fs::read_to_string(repository(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether a metric is called so; a star stands for any text.
fn is_metric(word: &str) -> bool {
    let name = |ending: &str| word.strip_suffix(ending).unwrap_or(word).to_owned();
    let possible = [name(""), name("_bucket"), name("_count"), name("_sum")];
    let (begin, end) = word.split_once('*').unwrap_or((word, ""));
    let pattern = word.contains('*') && catalog::all().any(|metric| metric.name.starts_with(begin) && metric.name.ends_with(end));
    pattern || word.starts_with(TESTKIT) || catalog::all().any(|metric| possible.iter().any(|name| name == metric.name))
}

/// Whether Prometheus' rules record it; that of an alert is meant for any.
fn is_recorded(rules: &str, word: &str) -> bool {
    word == "upswell_alert:NAME:value" || rules.lines().any(|line| line.trim() == format!("- record: {word}"))
}

#[test]
fn metrics_that_are_named_exist() {
    let rules = std::fs::read_to_string(repository(RULES)).expect("the rules");
    let (mut found, mut faults) = (BTreeSet::new(), Vec::new());
    for page in all() {
        for word in words(&page.text, "", |c| is_word(c) || "*:".contains(c)) {
            let word = word.trim_end_matches(':');
            let exists = if word.contains(":upswell_") || word.starts_with("upswell_alert:") {
                is_recorded(&rules, word)
            } else if word.starts_with("upswell_") {
                is_metric(word)
            } else {
                continue;
            };
            found.insert(word.to_owned());
            if !exists {
                faults.push(format!("{}: there is no metric {word}", page.file));
            }
        }
    }
    assert!(found.len() > 80, "{}", found.len());
    assert!(!is_metric("upswell_expansion_rate") && !is_metric("upswell_x_*") && !is_recorded(&rules, "window:upswell_x:sum"));
    none(&faults);
}

/// Whether a span is meant to be asked of Prometheus: not a name alone, not a name with its labels.
fn is_expression(span: &str) -> bool {
    let list = span.split_once('{').is_some_and(|(_, labels)| !labels.contains('='));
    span.contains("upswell_")
        && !list
        && span.contains([' ', '(', '{'])
        && !span.starts_with(['-', '#'])
        && !span.contains("curl ")
}

#[test]
fn expressions_are_understood_by_prometheus() {
    let spans = all().into_iter().filter(|page| page.file.starts_with("docs/")).flat_map(|page| page.code());
    let expressions: Vec<String> = spans.filter(|span| is_expression(span)).collect();
    assert!(expressions.len() > 40, "{expressions:?}");
    let rule = |(number, expression): (usize, &String)| json!({ "record": format!("page:expression_{number}:value"), "expr": expression });
    let rules: Vec<Value> = expressions.iter().enumerate().map(rule).collect();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("rules.yml");
    std::fs::write(&file, json!({ "groups": [{ "name": "pages", "rules": rules }] }).to_string()).expect("a file");
    promtool::check_rules(&file);
}

#[test]
fn alerts_that_are_named_exist() {
    let known: BTreeSet<String> = runbook::alerts().into_iter().collect();
    let mut faults = Vec::new();
    for page in all() {
        let named = words(&page.text, "Upswell", is_word).filter(|word| word.chars().nth(7).is_some_and(char::is_uppercase));
        faults.extend(
            named
                .filter(|word| *word != TEST && !known.contains(*word))
                .map(|word| format!("{}: there is no alert {word}", page.file)),
        );
    }
    none(&faults);
}

/// The keys at which a document ends, with their values. What has no keys of its own is one.
fn leaves(value: &Value, path: &str, out: &mut BTreeMap<String, Value>) {
    match value.as_object().filter(|keys| !keys.is_empty()) {
        Some(keys) => {
            for (key, value) in keys {
                leaves(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, out);
            }
        }
        None => drop(out.insert(path.to_owned(), value.clone())),
    }
}

fn reference() -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    leaves(&read(REFERENCE), "", &mut out);
    out
}

/// The table of keys: each with the text of its default. A span that begins with a dot is a sibling of the one before it.
fn documented() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(repository(CONFIGURATION)).expect("the page");
    let (_, keys) = text.split_once("\n## Keys\n").expect("the part about keys");
    let (keys, _) = keys.split_once("\n## ").expect("another part");
    let mut out = BTreeMap::new();
    for line in keys.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split(" | ").collect();
        let mut last = String::new();
        for span in cells[0].split('`').skip(1).step_by(2) {
            let parent = last.rsplit_once('.').map_or("", |(parent, _)| parent);
            last = if span.starts_with('.') { format!("{parent}{span}") } else { span.to_owned() };
            out.insert(last.clone(), cells[1].trim_matches('`').to_owned());
        }
    }
    out
}

#[test]
fn every_key_is_documented_with_its_default_and_no_other() {
    let (reference, documented) = (reference(), documented());
    let keys = |of: Vec<&String>| of.into_iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(documented.keys().collect()), keys(reference.keys().collect()));
    for (key, said) in &documented {
        let value = match said.as_str() {
            // There is none; or it is said in words.
            "required" | "seven, see the reference" => continue,
            "empty" => Value::String(String::new()),
            said => serde_saphyr::from_str(said).unwrap_or_else(|error| panic!("{key}: {error}")),
        };
        assert_eq!(value, reference[key], "{key}");
    }
}

/// Whether the reference has this key, or one of its names in a file.
fn is_key(reference: &BTreeMap<String, Value>, key: &str) -> bool {
    let plain = key.strip_suffix("_file").unwrap_or(key);
    let section = format!("{key}.");
    let open = ["kafka.properties.", "kafka.properties_files."];
    reference.contains_key(key)
        || reference.contains_key(plain)
        || reference.keys().any(|known| known.starts_with(&section))
        || open.iter().any(|open| key.starts_with(open))
}

/// What begins with one of these sections and a dot, up to where a key ends.
fn keys_in<'t>(span: &'t str, sections: &[String]) -> Option<&'t str> {
    let section = span.split('.').next()?;
    let key = span.split(|c: char| !(is_word(c) || c == '.')).next()?.trim_end_matches('.');
    (sections.iter().any(|known| known == section)
        && key.contains('.')
        && ![".yaml", ".yml"].iter().any(|end| key.ends_with(end)))
    .then_some(key)
}

#[test]
fn keys_that_are_named_exist() {
    let reference = reference();
    let sections: Vec<String> = read(REFERENCE).as_object().expect("sections").keys().cloned().collect();
    let (mut found, mut faults) = (0, Vec::new());
    for page in all().iter().filter(|page| !page.file.starts_with("docs/decisions")) {
        for span in page.code() {
            let Some(key) = keys_in(&span, &sections) else { continue };
            found += 1;
            if !is_key(&reference, key) {
                faults.push(format!("{}: there is no key {key}", page.file));
            }
        }
    }
    assert!(found > 150, "{found}");
    none(&faults);
}

#[test]
fn values_of_the_chart_that_are_named_exist() {
    let (values, reference) = (read(VALUES), reference());
    let sections: Vec<String> = values.as_object().expect("values").keys().cloned().collect();
    let (mut found, mut faults) = (0, Vec::new());
    for Page { file, text } in all().into_iter().filter(|page| page.file.starts_with("deploy/")) {
        for span in (Page { file: file.clone(), text }).code() {
            let Some(key) = keys_in(&span, &sections) else { continue };
            found += 1;
            let of_config = key.strip_prefix("config.").is_some_and(|key| is_key(&reference, key));
            let mut parts = key.split('.');
            // What is open, such as labels, takes any key.
            let there = parts.try_fold(&values, |value, part| match value.as_object() {
                Some(keys) if keys.is_empty() => Some(value),
                Some(keys) => keys.get(part),
                None => None,
            });
            if !of_config && there.is_none() {
                faults.push(format!("{file}: the chart has no value {key}"));
            }
        }
    }
    assert!(found > 40, "{found}");
    none(&faults);
}
