//! A file of rules as Prometheus reads it: groups of recording and alerting rules, printed as YAML for people.

use super::text::{duration, yaml};
use std::collections::BTreeMap;

/// Rules that are evaluated one after another, at the same instant.
pub struct Group {
    pub name: &'static str,
    /// What the group is, for people.
    pub about: String,
    pub entries: Vec<Entry>,
}

/// A rule, or what is said instead of one.
pub enum Entry {
    Record { name: String, labels: BTreeMap<String, String>, expr: String },
    Alert(Alert),
    Comment(String),
}

/// An alerting rule. Texts of labels and annotations are Go templates.
pub struct Alert {
    pub name: String,
    pub expr: String,
    /// Milliseconds; 0 for none.
    pub pending: i64,
    /// Milliseconds; 0 for none.
    pub keep: i64,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

impl Entry {
    /// A recording rule without labels of its own.
    pub fn record(name: impl Into<String>, expr: impl Into<String>) -> Entry {
        Entry::Record { name: name.into(), labels: BTreeMap::new(), expr: expr.into() }
    }
}

/// The groups that hold something, as YAML.
pub fn print(head: &str, groups: &[Group]) -> String {
    let mut out: String = head.lines().map(|line| comment("", line)).collect();
    out.push_str("groups:\n");
    for group in groups.iter().filter(|group| !group.entries.is_empty()) {
        out.push_str(&group.about.lines().map(|line| comment("  ", line)).collect::<String>());
        out.push_str(&format!("  - name: {}\n    rules:\n", group.name));
        group.entries.iter().for_each(|entry| out.push_str(&rule(entry)));
        // A group of comments only still is a list.
        if group.entries.iter().all(|entry| matches!(entry, Entry::Comment(_))) {
            out.push_str("      []\n");
        }
    }
    out
}

fn comment(indent: &str, line: &str) -> String {
    format!("{indent}# {line}\n")
}

fn rule(entry: &Entry) -> String {
    match entry {
        Entry::Comment(text) => comment("      ", text),
        Entry::Record { name, labels, expr } => {
            format!("      - record: {name}\n{}{}", expression(expr), mapping("labels", labels))
        }
        Entry::Alert(alert) => {
            let time = |key, millis| if millis == 0 { String::new() } else { format!("        {key}: {}\n", duration(millis)) };
            format!(
                "      - alert: {}\n{}{}{}{}{}",
                alert.name,
                expression(&alert.expr),
                time("for", alert.pending),
                time("keep_firing_for", alert.keep),
                mapping("labels", &alert.labels),
                mapping("annotations", &alert.annotations),
            )
        }
    }
}

fn expression(expr: &str) -> String {
    let lines: String = expr.lines().map(|line| format!("          {line}\n")).collect();
    format!("        expr: |-\n{lines}")
}

fn mapping(key: &str, entries: &BTreeMap<String, String>) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let lines: String = entries.iter().map(|(name, text)| format!("          {}: {}\n", yaml(name), yaml(text))).collect();
    format!("        {key}:\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_is_printed_reads_back() {
        let alert = Alert {
            name: "A".to_owned(),
            expr: "a\n< 1".to_owned(),
            pending: 60_000,
            keep: 0,
            labels: BTreeMap::from([("on".to_owned(), "it's \"x\"\n".to_owned())]),
            annotations: BTreeMap::from([("summary".to_owned(), "{{ $value }}: #1".to_owned())]),
        };
        let entries = vec![Entry::record("a:b:sum", "sum(b)"), Entry::Comment("C: nothing.".to_owned()), Entry::Alert(alert)];
        let group = |name, entries| Group { name, about: "About.".to_owned(), entries };
        let note = vec![Entry::Comment("only".to_owned())];
        let text = print("Head.", &[group("one", entries), group("none", vec![]), group("note", note)]);
        let read: Value = serde_saphyr::from_str(&text).expect("YAML");
        let expected = json!({ "groups": [
            { "name": "one", "rules": [
                { "record": "a:b:sum", "expr": "sum(b)" },
                { "alert": "A", "expr": "a\n< 1", "for": "1m", "labels": { "on": "it's \"x\"\n" }, "annotations": { "summary": "{{ $value }}: #1" } },
            ] },
            { "name": "note", "rules": [] },
        ] });
        assert_eq!(read, expected, "{text}");
    }
}
