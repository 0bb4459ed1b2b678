//! What a scrape says: the samples of the text format and of OpenMetrics, looked up by name and labels.

use std::collections::BTreeMap;

/// Labels in the order of their names, so that the order of writing does not matter.
type Labels = BTreeMap<String, String>;

/// All samples of one scrape.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    samples: Vec<(String, Labels, f64)>,
}

impl Samples {
    /// Reads either format; comments are left out. Panics on a line that is neither.
    pub fn parse(text: &str) -> Samples {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Samples { samples: lines.map(|line| sample(line).unwrap_or_else(|| panic!("not a sample: {line}"))).collect() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.samples.len()
    }

    /// The value of the one sample with this name and exactly these labels.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted: Labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.samples.iter().find(|(n, l, _)| n == name && *l == wanted).map(|(_, _, value)| *value)
    }

    /// The sum over all samples of this name that carry these labels among others.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.family(name)
            .filter(|(held, _)| labels.iter().all(|(n, v)| held.get(*n).is_some_and(|h| h == v)))
            .map(|(_, v)| v)
            .sum()
    }

    /// Every sample of this name.
    pub fn family<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a Labels, f64)> {
        self.samples.iter().filter(move |(n, _, _)| n == name).map(|(_, labels, value)| (labels, *value))
    }
}

fn sample(line: &str) -> Option<(String, Labels, f64)> {
    let name_end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (Labels::new(), rest),
    };
    Some((name.to_owned(), labels, rest.split_whitespace().next()?.parse().ok()?))
}

/// The labels up to the closing brace, and what follows it.
fn labels(text: &str) -> Option<(Labels, &str)> {
    let mut labels = Labels::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (value, after) = unquote(quoted)?;
        labels.insert(name.to_owned(), value);
        rest = after;
    }
}

/// The text up to the closing quote, its escapes undone, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_name_and_labels() {
        let samples = Samples::parse(
            "# HELP a x\na 1\na_total{topic=\"t\",reason=\"x y\"} 2e3 17\na_total{topic=\"q\\\"\\\\\\n}\",reason=\"z\"} +Inf\n# EOF\n",
        );
        assert_eq!(samples.value("a", &[]), Some(1.0));
        assert_eq!(samples.value("a_total", &[("reason", "x y"), ("topic", "t")]), Some(2000.0));
        assert_eq!(samples.value("a_total", &[("reason", "z"), ("topic", "q\"\\\n}")]), Some(f64::INFINITY));
        assert_eq!(samples.value("a_total", &[("topic", "t")]), None);
        assert_eq!(samples.sum("a_total", &[("topic", "t")]), 2000.0);
    }
}
