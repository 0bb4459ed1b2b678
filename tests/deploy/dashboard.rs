//! A dashboard of Grafana as its file has it: panels, queries, variables; and queries as Grafana would send them.

use super::{files, text};
use serde_json::Value;
use std::collections::BTreeMap;
use upswell_testkit::Prometheus;

const DIRECTORY: &str = "deploy/grafana/dashboards";
/// What Grafana puts in for its own variables: any range that holds several scrapes.
const MACROS: [(&str, &str); 3] = [("$__rate_interval", "1m"), ("$__interval", "15s"), ("$__range", "1h")];

/// One dashboard.
pub struct Dashboard {
    pub name: String,
    pub json: Value,
}

/// One query: where it is, and what it says.
#[derive(Clone, Debug)]
pub struct Query {
    /// Dashboard and panel, variable or annotation.
    pub place: String,
    pub expr: String,
}

/// Every dashboard that is shipped.
pub fn all() -> Vec<Dashboard> {
    let parse = |name: String| {
        let json = serde_json::from_str(&text(&format!("{DIRECTORY}/{name}"))).unwrap_or_else(|error| panic!("{name}: {error}"));
        Dashboard { name, json }
    };
    files(DIRECTORY, ".json").into_iter().map(parse).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A text that has to be there.
pub fn word<'a>(value: &'a Value, of: &str) -> &'a str {
    value.as_str().unwrap_or_else(|| panic!("{of}: expected a text, found {value}"))
}

impl Dashboard {
    /// Its panels, rows included.
    pub fn panels(&self) -> &[Value] {
        list(&self.json["panels"])
    }

    /// Its variables.
    pub fn variables(&self) -> &[Value] {
        list(&self.json["templating"]["list"])
    }

    /// The queries of its panels and annotations.
    pub fn queries(&self) -> Vec<Query> {
        let of_panel = |panel: &Value| {
            let place = format!("{} / {}", self.name, word(&panel["title"], &self.name));
            let query = move |target: &Value| Query { place: place.clone(), expr: word(&target["expr"], &place).to_owned() };
            list(&panel["targets"]).iter().map(query).collect::<Vec<_>>()
        };
        let annotations = list(&self.json["annotations"]["list"]).iter().filter(|annotation| !annotation["expr"].is_null());
        let of_annotation = |annotation: &Value| Query {
            place: format!("{} / annotation", self.name),
            expr: word(&annotation["expr"], &self.name).to_owned(),
        };
        self.panels().iter().flat_map(of_panel).chain(annotations.map(of_annotation)).collect()
    }

    /// The values of its variables, each found with those before it, as Grafana does when the dashboard is opened.
    pub fn settle(&self, prometheus: &Prometheus) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        for variable in self.variables().iter().filter(|variable| variable["type"] == "query") {
            let (name, query) = (word(&variable["name"], &self.name), word(&variable["query"]["query"], &self.name));
            let inside = query.strip_prefix("label_values(").and_then(|query| query.strip_suffix(')'));
            let (selector, label) = inside.and_then(|inside| inside.rsplit_once(", ")).unwrap_or_else(|| panic!("{query}"));
            let found = upswell_testkit::wait::until(&format!("{} / ${name}", self.name), || {
                let found = prometheus.label_values(label, &substitute(selector, &values));
                let wanted = variable["current"]["value"].as_str().filter(|wanted| !wanted.starts_with('$'));
                let there = wanted.map_or(!found.is_empty(), |wanted| found.iter().any(|value| value == wanted));
                there.then_some(found)
            });
            values.insert(name.to_owned(), chosen(variable, &found));
        }
        values
    }
}

/// The value of a variable: what is chosen at first; where several can be, a pattern of them all.
fn chosen(variable: &Value, found: &[String]) -> String {
    if let Some(all) = variable["allValue"].as_str() {
        // Unlike a list of values this matches series without the label, too: those of the empty text.
        return all.to_owned();
    }
    if variable["multi"] == true {
        let plain = |value: &String| {
            value.chars().flat_map(|c| if c.is_alphanumeric() { vec![c] } else { vec!['\\', '\\', c] }).collect()
        };
        let all: Vec<String> = found.iter().map(plain).collect();
        return format!("({})", all.join("|"));
    }
    let first = variable["current"]["value"].as_str().unwrap_or(&found[0]);
    first.to_owned()
}

/// A query with its variables put in.
pub fn substitute(expr: &str, values: &BTreeMap<String, String>) -> String {
    let mut out = expr.to_owned();
    for (name, value) in MACROS {
        out = out.replace(name, value);
    }
    for (name, value) in values {
        out = out.replace(&format!("${{{name}}}"), value).replace(&format!("${name}"), value);
    }
    assert!(!out.contains('$'), "a variable is not known: {out}");
    out
}
