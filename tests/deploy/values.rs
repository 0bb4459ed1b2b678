//! The values of the chart: each is documented, the README says what `values.yaml` does, and the schema knows them all.

use super::{read, repository, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const CHART: &str = "deploy/helm/upswell";
const BEGIN: &str = "<!-- values, written by the tests -->\n";

/// A row of the README: key, default, meaning.
type Row = (String, Value, String);

/// The documented keys of `values.yaml`, in its order. A comment that begins with `# --` belongs to the key on the next line.
fn rows() -> Vec<Row> {
    let (text, values) = (text(&format!("{CHART}/values.yaml")), read(&format!("{CHART}/values.yaml")));
    let (mut rows, mut parents, mut meaning) = (Vec::new(), Vec::<(usize, String)>::new(), None::<String>);
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if let Some(said) = line.trim_start().strip_prefix("# -- ") {
            meaning = Some(said.to_owned());
        } else if let Some((key, _)) =
            line.trim_start().split_once(':').filter(|(key, _)| !key.is_empty() && key.chars().all(char::is_alphanumeric))
        {
            parents.retain(|(of, _)| *of < indent);
            parents.push((indent, key.to_owned()));
            if let Some(meaning) = meaning.take() {
                let path: Vec<&str> = parents.iter().map(|(_, key)| key.as_str()).collect();
                let value = path.iter().fold(&values, |value, key| &value[*key]).clone();
                rows.push((path.join("."), value, meaning));
            }
        }
    }
    rows
}

fn table() -> String {
    let mut table = "| value | default | meaning |\n|---|---|---|\n".to_owned();
    for (key, default, meaning) in rows() {
        let default = if default == "" { "empty".to_owned() } else { format!("`{default}`") };
        writeln!(table, "| `{key}` | {default} | {meaning} |").expect("texts can be written to");
    }
    table
}

#[test]
fn the_readme_has_every_value_with_its_default_and_meaning() {
    let file = format!("{CHART}/README.md");
    let readme = text(&file);
    let (before, written) = readme.split_once(BEGIN).expect("where the table begins");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(repository(&file), format!("{before}{BEGIN}{}", table())).expect("the file is written");
        return;
    }
    assert!(written == table(), "{file} differs from values.yaml; BLESS=1 writes it anew:\n{}", table());
}

/// The keys at which values end: what has no keys of its own, and what is documented as a whole.
fn leaves(value: &Value, path: &str, documented: &BTreeMap<String, String>, out: &mut Vec<String>) {
    match value.as_object() {
        Some(keys) if !documented.contains_key(path) && !keys.is_empty() => {
            for (key, value) in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                leaves(value, &path, documented, out);
            }
        }
        _ => out.push(path.to_owned()),
    }
}

#[test]
fn every_value_is_documented_and_in_the_schema() {
    let documented: BTreeMap<String, String> = rows().into_iter().map(|(key, _, meaning)| (key, meaning)).collect();
    let (mut found, schema) = (Vec::new(), read(&format!("{CHART}/values.schema.json")));
    leaves(&read(&format!("{CHART}/values.yaml")), "", &documented, &mut found);
    assert!(found.len() > 50, "{found:?}");
    for key in &found {
        assert!(documented.contains_key(key), "say what {key} is, in a line that begins with # --");
        let known = key.split('.').fold(&schema, |schema, part| &schema["properties"][part]);
        assert!(known.is_object(), "values.schema.json has no {key}");
    }
    let mut of_schema = Vec::new();
    schema_leaves(&schema, "", &mut of_schema);
    let more: Vec<&String> =
        of_schema.iter().filter(|key| !found.contains(key) && *key != "global" && !key.starts_with("config.")).collect();
    assert!(more.is_empty(), "values.yaml has no {more:?}");
}

fn schema_leaves(schema: &Value, path: &str, out: &mut Vec<String>) {
    match schema["properties"].as_object() {
        Some(keys) if path != "config" => {
            for (key, schema) in keys {
                schema_leaves(schema, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, out);
            }
        }
        _ => out.push(path.to_owned()),
    }
}
