//! Texts as PromQL, Go's templates and YAML want them: quoted so that whatever a configuration holds comes out as itself.

use crate::domain::money::{MICROS_PER_UNIT, Micros};
use std::fmt::Write;

const DURATION_UNITS: [(&str, i64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A duration in milliseconds, in the largest unit that divides it: `1h`, `90m`.
pub fn duration(millis: i64) -> String {
    let (unit, size) = DURATION_UNITS.iter().find(|(_, size)| millis % size == 0).unwrap_or(&("ms", 1));
    format!("{}{unit}", millis / size)
}

/// Millionths as a decimal number without needless zeros. Both Prometheus and Upswell read it as the double nearest to it.
pub fn number(micros: Micros) -> String {
    let (sign, size) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    let unit = MICROS_PER_UNIT.unsigned_abs();
    let text = format!("{sign}{}.{:06}", size / unit, size % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A string literal of PromQL.
pub fn promql(text: &str) -> String {
    format!("\"{}\"", escaped(text, |letter| letter.is_alphanumeric() || letter == ' ' || letter.is_ascii_graphic()))
}

/// A pattern that matches exactly these texts, as a string literal of PromQL.
pub fn promql_any(texts: &[String]) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "_- /,:@%&".contains(letter);
    let one = |text: &String| {
        text.chars().fold(String::new(), |mut out, letter| {
            if !plain(letter) && letter.is_ascii_punctuation() {
                out.push('\\');
            }
            out.push(letter);
            out
        })
    };
    promql(&texts.iter().map(one).collect::<Vec<_>>().join("|"))
}

/// Text in which Go's templates find nothing to expand.
pub fn literal(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}

/// A scalar of YAML: plain where that is safe beyond doubt, else quoted.
pub fn yaml(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_:./-".contains(letter);
    let is_word = text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.chars().all(plain) && !text.ends_with(':');
    let means_something =
        ["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&text.to_ascii_lowercase().as_str());
    match text {
        _ if is_word && !means_something => text.to_owned(),
        _ if text.chars().all(|letter| letter == ' ' || letter.is_alphanumeric() || letter.is_ascii_graphic()) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        _ => format!("\"{}\"", escaped(text, |letter| letter.is_alphanumeric() || letter == ' ' || letter.is_ascii_graphic())),
    }
}

/// Double quotes and backslashes with a backslash, everything that is not `plain` by its number: the same in YAML and PromQL.
fn escaped(text: &str, plain: impl Fn(char) -> bool) -> String {
    text.chars().fold(String::new(), |mut out, letter| {
        let code = u32::from(letter);
        let written = match letter {
            '"' | '\\' => write!(out, "\\{letter}"),
            _ if plain(letter) => write!(out, "{letter}"),
            _ if code > 0xffff => write!(out, "\\U{code:08x}"),
            _ => write!(out, "\\u{code:04x}"),
        };
        written.map_or_else(|_| String::new(), |()| out)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_and_durations() {
        for (micros, text) in
            [(100_000, "0.1"), (8_300, "0.0083"), (-250_000, "-0.25"), (0, "0"), (5_000_000_000, "5000"), (1, "0.000001")]
        {
            assert_eq!(number(micros), text);
        }
        for (millis, text) in [(3_600_000, "1h"), (5_400_000, "90m"), (86_400_000, "1d"), (1_500, "1500ms"), (15_000, "15s")] {
            assert_eq!(duration(millis), text);
        }
    }

    #[test]
    fn literals() {
        assert_eq!(promql("a \"b\" \\ \n é"), r#""a \"b\" \\ \u000a é""#);
        assert_eq!(promql_any(&["a.b".to_owned(), "c|d".to_owned(), "ü-1".to_owned()]), r#""a\\.b|c\\|d|ü-1""#);
        assert_eq!(literal("a {{ b }} { c"), r#"a {{ "{{" }} b }} { c"#);
        assert_eq!(yaml("upswell.figures"), "upswell.figures");
        assert_eq!(yaml("it's"), "'it''s'");
        assert_eq!(yaml("no"), "'no'");
        assert_eq!(yaml("a\tb"), r#""a\u0009b""#);
    }

    proptest! {
        #[test]
        fn yaml_reads_back_the_same(text in any::<String>()) {
            let read: String = serde_saphyr::from_str(&yaml(&text)).expect("YAML");
            prop_assert_eq!(read, text);
        }
    }
}
