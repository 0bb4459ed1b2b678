//! Every key of the configuration, once: its path, its form, and the environment variable that overrides it.
//!
//! The table is what makes a key known. Reading (`raw`), the environment and the reference file's test all go by it, so a key
//! cannot be accepted in one place and unknown in another.

/// How the value of a key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One scalar.
    Text,
    /// A list of scalars; by comma in an environment variable.
    List,
    /// One scalar with commas, or a list.
    TextOrList,
    /// Names to scalars; one environment variable per name.
    Names,
    /// Anything: judged where it is read; YAML in an environment variable.
    Tree,
}

/// A key that can be set.
#[derive(Debug)]
pub struct Key {
    /// Dotted, as in `kafka.topics.usage`.
    pub path: &'static str,
    pub form: Form,
}

const fn text(path: &'static str) -> Key {
    Key { path, form: Form::Text }
}

const fn list(path: &'static str) -> Key {
    Key { path, form: Form::List }
}

/// Every key, in the order of the reference file.
pub const KEYS: &[Key] = &[
    Key { path: "kafka.brokers", form: Form::TextOrList },
    text("kafka.group_id"),
    text("kafka.topics.subscriptions"),
    text("kafka.topics.usage"),
    text("kafka.topics.dead_letters"),
    text("kafka.topics.retries"),
    text("kafka.group_protocol"),
    text("kafka.instance_id"),
    text("kafka.accept_truncated_log"),
    Key { path: "kafka.properties", form: Form::Names },
    Key { path: "kafka.properties_files", form: Form::Names },
    text("schema_registry.url"),
    text("schema_registry.user"),
    text("schema_registry.password"),
    text("schema_registry.password_file"),
    text("schema_registry.tls.ca"),
    text("schema_registry.tls.ca_file"),
    text("schema_registry.tls.cert"),
    text("schema_registry.tls.cert_file"),
    text("schema_registry.tls.key"),
    text("schema_registry.tls.key_file"),
    text("schema_registry.directory"),
    text("revenue.currency"),
    text("revenue.time_zone"),
    list("revenue.windows"),
    list("revenue.dimensions"),
    text("revenue.max_values"),
    Key { path: "revenue.exchange_rates", form: Form::Tree },
    text("revenue.exchange_rates_file"),
    text("revenue.complete_since"),
    text("revenue.dedup_window"),
    text("revenue.history"),
    list("metrics.segment_windows"),
    text("checkpoint.url"),
    text("checkpoint.interval"),
    text("http.listen"),
    text("http.external_url"),
    text("http.web_config"),
    text("http.enable_reload"),
    text("http.customer_data_without_auth"),
    text("limits.memory"),
    Key { path: "alerts", form: Form::Tree },
];

impl Key {
    /// The key of a path.
    pub fn at(path: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.path == path)
    }

    /// The environment variable that overrides the key: `UPSWELL_KAFKA_TOPICS_USAGE`.
    pub fn variable(&self) -> String {
        format!("UPSWELL_{}", self.path.replace('.', "_").to_uppercase())
    }

    /// The key that excludes this one: the same value from a file, or the value of this file. A key set in the environment
    /// replaces both of the file's.
    pub fn sibling(&self) -> Option<&'static Key> {
        let of_file = self.path.strip_suffix("_file").and_then(Key::at);
        of_file.or_else(|| Key::at(&format!("{}_file", self.path)))
    }
}

/// The key that a path lies in, whether it is that key, a part of its value or a section above keys.
#[derive(Debug)]
pub enum Known {
    Key(&'static Key),
    Section,
    /// Unknown; the nearest name at that level, if one is near.
    Not(Option<String>),
}

/// What a path is.
pub fn known(path: &str) -> Known {
    if let Some(key) = Key::at(path) {
        return Known::Key(key);
    }
    let inside = format!("{path}.");
    if KEYS.iter().any(|key| key.path.starts_with(&inside)) {
        return Known::Section;
    }
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    Known::Not(nearest(name, siblings(parent)))
}

/// The names directly under a section ("" is the whole document).
fn siblings(parent: &str) -> Vec<&'static str> {
    let prefix = if parent.is_empty() { String::new() } else { format!("{parent}.") };
    let below = KEYS.iter().filter_map(|key| key.path.strip_prefix(prefix.as_str()));
    let mut names: Vec<_> = below.map(|rest| rest.split('.').next().unwrap_or(rest)).collect();
    names.dedup();
    names
}

/// The candidate with the smallest edit distance, if that is at most a third of the name.
pub fn nearest(name: &str, candidates: impl IntoIterator<Item = &'static str>) -> Option<String> {
    let scored = candidates.into_iter().map(|candidate| (distance(name, candidate), candidate));
    let (distance, candidate) = scored.min()?;
    (distance <= (name.len() / 3).max(1)).then(|| candidate.to_owned())
}

/// Levenshtein distance, in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, right) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_share_a_variable() {
        let mut variables: Vec<_> = KEYS.iter().map(Key::variable).collect();
        variables.sort();
        variables.dedup();
        assert_eq!(variables.len(), KEYS.len());
        assert_eq!(Key::at("kafka.topics.dead_letters").map(Key::variable).as_deref(), Some("UPSWELL_KAFKA_TOPICS_DEAD_LETTERS"));
    }

    #[test]
    fn siblings_exclude_each_other() {
        let sibling = |path| Key::at(path).and_then(Key::sibling).map(|key| key.path);
        assert_eq!(sibling("schema_registry.password"), Some("schema_registry.password_file"));
        assert_eq!(sibling("revenue.exchange_rates_file"), Some("revenue.exchange_rates"));
        assert_eq!(sibling("kafka.brokers"), None);
    }

    #[test]
    fn near_names_are_suggested() {
        for (path, suggestion) in [
            ("kafka.broker", Some("brokers")),
            ("kafka.topics.usages", Some("usage")),
            ("revenu", Some("revenue")),
            ("schema_registry.passwort", Some("password")),
            ("kafka.colour", None),
        ] {
            let Known::Not(found) = known(path) else { panic!("{path} is known") };
            assert_eq!(found.as_deref(), suggestion, "{path}");
        }
    }
}
