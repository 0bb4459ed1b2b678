//! The objects of Prometheus' operator against its own definitions of them, in which no field may be that they do not name: the cluster would
//! drop it without a word.

use super::chart::{CHART, Objects};
use super::files;
use serde_json::{Value, json};
use upswell_testkit::manifests::{check_schema, definition};

const KINDS: [(&str, &str); 2] = [("ServiceMonitor", "servicemonitors"), ("PrometheusRule", "prometheusrules")];

/// Whatever names its fields takes no others. A pattern in Go's dialect that the checker does not know is left out.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            if keys.get("properties").is_some_and(Value::is_object) && !keys.contains_key("additionalProperties") {
                keys.insert("additionalProperties".to_owned(), json!(false));
            }
            keys.retain(|key, value| !(key == "pattern" && value.as_str().is_some_and(|pattern| pattern.contains("(?i)"))));
            keys.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// The schema of a kind, as JSON Schema.
fn schema(plural: &str) -> Value {
    let document: Value = serde_saphyr::from_str(&definition(plural)).expect("YAML");
    let versions = document["spec"]["versions"].as_array().expect("versions");
    let first = versions.iter().find(|version| version["name"] == "v1").expect("the version that the chart writes");
    let mut spec = first["schema"]["openAPIV3Schema"]["properties"]["spec"].clone();
    assert!(spec["properties"].is_object(), "{plural}");
    close(&mut spec);
    json!({ "type": "object", "required": ["spec"], "properties": { "spec": spec } })
}

/// Panics if an object is not as the operator wants it; how many there were.
pub fn check(manifests: &[Objects]) -> usize {
    let directory = tempfile::tempdir().expect("a directory");
    let mut checked = 0;
    for (kind, plural) in KINDS {
        let file_of_kind = directory.path().join(plural);
        std::fs::write(&file_of_kind, schema(plural).to_string()).expect("a file");
        let mut files = Vec::new();
        for (number, object) in manifests.iter().flat_map(|objects| objects.all(kind)).enumerate() {
            let file = directory.path().join(format!("{kind}-{number}.json"));
            std::fs::write(&file, object.to_string()).expect("a file");
            files.push(file);
        }
        if !files.is_empty() {
            check_schema(&file_of_kind, &files);
        }
        checked += files.len();
    }
    checked
}

#[test]
fn the_operator_takes_its_objects_with_every_file_of_values() {
    let names = files(&format!("{CHART}/ci"), "-values.yaml");
    let all: Vec<Objects> = names.iter().map(|name| Objects::of(name)).collect();
    assert_eq!(check(&all), 7);
}

#[test]
#[should_panic(expected = "userName")]
fn a_field_that_the_operator_does_not_know_is_found() {
    let mut objects = Objects::of("web-values.yaml");
    let monitor = objects.0.iter_mut().find(|object| object["kind"] == "ServiceMonitor").expect("one");
    monitor["spec"]["endpoints"][0]["basicAuth"]["userName"] = json!({ "name": "s", "key": "k" });
    check(&[objects]);
}
