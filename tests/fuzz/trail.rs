//! What an input led to, in numbers: the feedback that lets mutations build on each other without instrumented code.
//!
//! A target notes what it was told (an error's sentence, how a record was judged, how many there were). Two inputs that read alike
//! leave the same trail; one that leads somewhere new is kept and mutated further. Numbers and quoted texts of a sentence come
//! from the input and count for nothing.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The text noted of an input that was read to its end.
const WHOLE: &str = "whole";

#[derive(Debug, Default)]
pub struct Trail {
    steps: Vec<u64>,
}

impl Trail {
    /// Notes a sentence, without its numbers (hexadecimal ones too) and quotations.
    pub fn say(&mut self, sentence: &str) {
        let mut hasher = DefaultHasher::new();
        let (mut quoted, mut bytes) = (false, sentence.bytes().take(400));
        while let Some(byte) = bytes.next() {
            match byte {
                b'\\' => drop(bytes.next()),
                b'"' => quoted = !quoted,
                _ if quoted || byte.is_ascii_digit() || byte.is_ascii_uppercase() => (),
                _ => hasher.write_u8(byte),
            }
        }
        self.steps.push(hasher.finish());
    }

    /// Notes about how many of something there were.
    pub fn count(&mut self, what: &str, number: usize) {
        let mut hasher = DefaultHasher::new();
        (what, usize::BITS - number.leading_zeros()).hash(&mut hasher);
        self.steps.push(hasher.finish());
    }

    /// Notes that the input was read to its end.
    pub fn whole(&mut self) {
        self.say(WHOLE);
    }

    pub fn is_whole(&self) -> bool {
        let mut whole = Trail::default();
        whole.whole();
        self.steps.contains(&whole.steps[0])
    }

    pub fn steps(&self) -> &[u64] {
        &self.steps
    }

    pub fn clear(&mut self) {
        self.steps.clear();
    }
}

#[test]
fn sentences_count_for_what_they_say() {
    let steps = |sentence: &str| {
        let mut trail = Trail::default();
        trail.say(sentence);
        trail.steps
    };
    assert_eq!(steps(r#"the codec "a\"b" at byte 17 begins with 0A"#), steps(r#"the codec "c" at byte 9 begins with FF"#));
    assert_ne!(steps("the codec"), steps("the schema"));
}
