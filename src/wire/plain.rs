//! Text from strangers on a terminal: control characters, and marks that reverse the writing direction, are shown as escapes.

/// Whether a terminal would act on the character instead of showing it, or show what follows in another order.
pub fn is_unsafe(letter: char) -> bool {
    let reorders = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    letter.is_control() || reorders || matches!(letter, '\u{2028}' | '\u{2029}')
}

/// Appends one character as it may be shown.
pub fn push(out: &mut String, letter: char) {
    if is_unsafe(letter) {
        out.extend(letter.escape_default());
    } else {
        out.push(letter);
    }
}

/// Text as it may be shown.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|letter| push(&mut out, letter));
    out
}

/// Bytes as they may be shown: text as text, what is not UTF-8 as `\xNN`.
pub fn shown_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|letter| push(&mut out, letter));
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
    }
    out
}

/// JSON text whose strings hold none of these characters as they are: it means the same.
pub fn shown_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        match u32::from(letter) {
            code if is_unsafe(letter) && code <= 0xffff => out.push_str(&format!("\\u{code:04x}")),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_as_a_command() {
        let table = [
            ("plain é €", "plain é €"),
            ("a\tb\n", "a\\tb\\n"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("\u{202e}abc\u{2028}", "\\u{202e}abc\\u{2028}"),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text), expected);
            assert_eq!(shown_bytes(text.as_bytes()), expected);
        }
        assert_eq!(shown_bytes(b"a\xFF\xC3\x1b"), "a\\xff\\xc3\\u{1b}");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let text = "\u{1b}\u{9b}\u{7f}\u{202e}é\"\\";
        let json = shown_json(&serde_json::Value::from(text).to_string());
        assert!(!json.chars().any(is_unsafe), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
