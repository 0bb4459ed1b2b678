//! Reads scrapes back line by line, as strictly as the formats are written down.

use crate::fixture::{self, HOSTILE};
use std::collections::{BTreeMap, BTreeSet};
use upswell::wire::exposition::Format;

/// One sample: name, labels in order, value.
#[derive(Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: Vec<(String, String)>,
    pub value: f64,
}

/// One family: name, type, unit, samples.
#[derive(Debug, Default)]
pub struct Family {
    pub kind: String,
    pub unit: Option<String>,
    pub help: String,
    pub samples: Vec<Sample>,
}

fn name_of(text: &str) -> &str {
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(text.len());
    &text[..end]
}

/// A quoted string with `\\`, `\"` and `\n` escapes; returns what follows it.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.strip_prefix('"').expect("an opening quote").chars();
    loop {
        match letters.next().expect("a closing quote") {
            '"' => return (value, letters.as_str()),
            '\\' => value.push(match letters.next() {
                Some('n') => '\n',
                Some(letter @ ('"' | '\\')) => letter,
                other => panic!("unknown escape {other:?} in {text}"),
            }),
            letter => value.push(letter),
        }
    }
}

fn sample(line: &str) -> Sample {
    let name = name_of(line);
    let mut rest = &line[name.len()..];
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let label = name_of(rest);
            let (value, after) = quoted(rest[label.len()..].strip_prefix('=').expect("an equals sign"));
            labels.push((label.to_owned(), value));
            match after.split_at(1) {
                (",", more) => rest = more,
                ("}", more) => break rest = more,
                (other, _) => panic!("{other} in {line}"),
            }
        }
    }
    let number = rest.strip_prefix(' ').expect("one space before the value");
    assert!(number.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, '-' | '.')), "{line}");
    Sample { name: name.to_owned(), labels, value: number.parse().expect("a number") }
}

/// Families by name, each with one block of metadata before its samples.
pub fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in text.strip_suffix('\n').expect("the last line ends").split('\n') {
        let Some(metadata) = line.strip_prefix("# ") else {
            let family = families.get_mut(&current).expect("metadata before samples");
            family.samples.push(sample(line));
            continue;
        };
        let mut words = metadata.splitn(3, ' ');
        let (keyword, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if name != current {
            assert!(!families.contains_key(name), "{name} comes twice");
            current = name.to_owned();
        }
        let family = families.entry(current.clone()).or_default();
        assert!(family.samples.is_empty(), "metadata of {name} after its samples");
        let text = words.next().expect("three words").to_owned();
        match keyword {
            "TYPE" => family.kind = text,
            "UNIT" => family.unit = Some(text),
            "HELP" => family.help = text,
            other => panic!("{other}"),
        }
    }
    families
}

/// OpenMetrics: everything up to the last line, which is `# EOF`.
pub fn parse_openmetrics(text: &str) -> BTreeMap<String, Family> {
    parse(text.strip_suffix("# EOF\n").expect("the last line is # EOF"))
}

fn hostile_values_of(families: &BTreeMap<String, Family>) -> BTreeSet<&str> {
    let samples = &families["upswell_segment_opening_mrr"].samples;
    let value = |sample: &'static str, of: &'_ [(String, String)]| of.iter().any(|(_, value)| value == sample);
    let vertical = samples.iter().filter(|sample| value("vertical", &sample.labels));
    vertical.map(|sample| sample.labels[2].1.as_str()).collect()
}

#[test]
fn hostile_values_survive_both_formats() {
    let text = parse(&fixture::scrape(fixture::published(), fixture::telemetry(), Format::Text));
    let open = parse_openmetrics(&fixture::scrape(fixture::published(), fixture::telemetry(), Format::OpenMetrics));
    let sent: BTreeSet<&str> = HOSTILE.into();
    assert_eq!(hostile_values_of(&text), sent);
    assert_eq!(hostile_values_of(&open), sent);
}

#[test]
fn openmetrics_families_are_well_formed() {
    let families = parse_openmetrics(&fixture::scrape(fixture::published(), fixture::telemetry(), Format::OpenMetrics));
    for (name, family) in &families {
        let suffixes = match family.kind.as_str() {
            "counter" => &["_total"][..],
            "info" => &["_info"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_count", "_sum"],
            other => panic!("{name} is {other}"),
        };
        assert!(!family.help.is_empty() && !family.samples.is_empty(), "{name}");
        let found: BTreeSet<_> = family.samples.iter().map(|sample| sample.name.strip_prefix(name.as_str())).collect();
        assert!(found.into_iter().eq(suffixes.iter().map(|suffix| Some(*suffix))), "{name}: {family:?}");
        assert!(suffixes.iter().all(|suffix| suffix.is_empty() || !name.ends_with(suffix)), "{name}");
        assert!(family.kind != "info" || family.samples.iter().all(|sample| sample.value == 1.0), "{name}");
        if let Some(unit) = &family.unit {
            assert!(["seconds", "bytes", "ratio"].contains(&unit.as_str()) && name.ends_with(&format!("_{unit}")), "{name}");
        }
        let distinct: BTreeSet<_> = family.samples.iter().map(|sample| (&sample.name, &sample.labels)).collect();
        assert_eq!(distinct.len(), family.samples.len(), "{name} has a label set twice");
    }
}

#[test]
fn buckets_are_cumulative_and_agree_with_the_count() {
    for (format, parse) in [(Format::Text, parse as fn(&str) -> _), (Format::OpenMetrics, parse_openmetrics)] {
        let families: BTreeMap<String, Family> = parse(&fixture::stable_scrape(format));
        let expected = [
            ("upswell_checkpoint_duration_seconds", None, 10.0, 602.023),
            ("upswell_notification_duration_seconds", Some("chat"), 0.0, 0.0),
            ("upswell_notification_duration_seconds", Some("oncall"), 3.0, 32.013),
        ];
        let names: BTreeSet<_> = families.iter().filter(|(_, family)| family.kind == "histogram").map(|(name, _)| name).collect();
        assert!(names.into_iter().eq(expected.map(|(name, ..)| name).into_iter().collect::<BTreeSet<_>>()));
        for (name, receiver, count, sum) in expected {
            let whose = |sample: &&Sample| receiver.is_none_or(|receiver| sample.labels[0].1 == receiver);
            let samples: Vec<_> = families[name].samples.iter().filter(whose).collect();
            let of = |suffix| samples.iter().filter(move |sample| sample.name == format!("{name}{suffix}"));
            let buckets: Vec<(f64, f64)> = of("_bucket").map(|sample| (bound(sample), sample.value)).collect();
            let totals = |suffix| of(suffix).map(|sample| sample.value).collect::<Vec<_>>();
            assert!(buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1), "{format:?}: {buckets:?}");
            assert_eq!(buckets.last(), Some(&(f64::INFINITY, count)), "{format:?}");
            assert_eq!((totals("_count"), totals("_sum")), (vec![count], vec![sum]), "{format:?}");
        }
    }
}

/// The bound of a bucket; the formats write 1 differently.
fn bound(sample: &Sample) -> f64 {
    let Some((label, bound)) = sample.labels.last() else { panic!("{sample:?}") };
    assert_eq!(label, "le");
    bound.parse().expect("a number or +Inf")
}

/// With the bounds of buckets as OpenMetrics writes them.
fn canonical(mut sample: Sample) -> Sample {
    let bounds =
        sample.labels.iter_mut().filter(|(label, bound)| label == "le" && bound.bytes().all(|byte| byte.is_ascii_digit()));
    bounds.for_each(|(_, bound)| bound.push_str(".0"));
    sample
}

#[test]
fn both_formats_say_the_same() {
    let (text, open) = (fixture::stable_scrape(Format::Text), fixture::stable_scrape(Format::OpenMetrics));
    let samples = |families: BTreeMap<String, Family>| -> Vec<Sample> {
        let mut samples: Vec<_> = families.into_values().flat_map(|family| family.samples).map(canonical).collect();
        samples.sort_by(|one, other| (&one.name, &one.labels).cmp(&(&other.name, &other.labels)));
        samples
    };
    assert_eq!(samples(parse(&text)), samples(parse_openmetrics(&open)));
}
