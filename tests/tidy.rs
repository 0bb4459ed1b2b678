//! The architecture, guarded: rings, purity, headers, sizes and words that must not ship.
//!
//! Reads every source file as Rust tokens (so comments and texts cannot confuse it) and prints one line per fault. Imports are
//! resolved to paths from the crate's root, through `super`, groups and inline modules. The rules are themselves tested on
//! planted faults, so that a rule that no longer fires is found.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::path::Path;

/// Inner to outer. A module may import from its own ring and from those before it; everything unnamed is the shell.
const RINGS: [&str; 5] = ["domain", "engine", "wire", "adapter", "demo"];
/// Rings without I/O, clock, environment, logging and floats.
const PURE: [&str; 2] = ["domain", "engine"];
const IMPURE_WORDS: [&str; 14] = [
    "async",
    "await",
    "tokio",
    "rdkafka",
    "ureq",
    "axum",
    "tracing",
    "println",
    "eprintln",
    "print",
    "eprint",
    "SystemTime",
    "rand",
    "getrandom",
];
const IMPURE_STD: [&str; 7] = ["fs", "net", "env", "io", "process", "thread", "os"];
/// Where a rate's one final division happens, the division itself, and the figure of an alert as people and gauges see it once it has
/// been judged.
const FLOATS_ALLOWED: [&str; 3] = ["domain/rates.rs", "domain/money.rs", "domain/alert/fraction.rs"];
/// What of librdkafka its safe wrapper lacks and what it makes too dear, the allocator's settings, and what handles memory by hand for
/// the sake of millions of accounts.
const UNSAFE_ALLOWED: [&str; 6] = [
    "adapter/allocator.rs",
    "adapter/kafka/describe.rs",
    "adapter/kafka/queue.rs",
    "domain/packed/block.rs",
    "domain/packed/hint.rs",
    "engine/part.rs",
];
/// Where tests may sleep between two looks at a condition.
const SLEEP_ALLOWED: &str = "tests/support/src/wait.rs";
const MAX_LINES: usize = 500;

// --- tokens ----------------------------------------------------------------------------------------------------------

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Word(String),
    Mark(char),
    Literal(String),
    Open,
    Close,
}

#[derive(Clone, Debug)]
struct Token {
    line: usize,
    kind: Kind,
}

impl Token {
    fn is(&self, text: &str) -> bool {
        match &self.kind {
            Kind::Word(word) => word == text,
            Kind::Mark(mark) => text.len() == 1 && text.starts_with(*mark),
            _ => false,
        }
    }
}

fn flatten(stream: TokenStream, out: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let mark = match group.delimiter() {
                    Delimiter::Brace => '{',
                    Delimiter::Bracket => '[',
                    _ => '(',
                };
                out.push(Token { line, kind: Kind::Mark(mark) });
                out.push(Token { line, kind: Kind::Open });
                flatten(group.stream(), out);
                out.push(Token { line: group.span_close().start().line, kind: Kind::Close });
            }
            TokenTree::Ident(word) => out.push(Token { line, kind: Kind::Word(word.to_string()) }),
            TokenTree::Punct(mark) => out.push(Token { line, kind: Kind::Mark(mark.as_char()) }),
            TokenTree::Literal(literal) => out.push(Token { line, kind: Kind::Literal(literal.to_string()) }),
        }
    }
}

/// Whether the tokens from `at` on read like `pattern`; borders of groups between them are left out.
fn reads(tokens: &[Token], at: usize, pattern: &[&str]) -> bool {
    let mut rest = tokens[at..].iter().filter(|token| !matches!(token.kind, Kind::Open | Kind::Close));
    tokens[at..].first().is_some_and(|token| token.is(pattern[0]))
        && pattern.iter().all(|text| rest.next().is_some_and(|token| token.is(text)))
}

/// The index after the group whose `Open` is at `open`.
fn after_group(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    tokens.len()
}

/// The index after the item that starts at `at`: its first `;`, or its first pair of braces.
fn after_item(tokens: &[Token], mut at: usize) -> usize {
    while at < tokens.len() {
        match &tokens[at].kind {
            Kind::Mark(';') => return at + 1,
            Kind::Mark('{') => return after_group(tokens, at + 1),
            Kind::Open => at = after_group(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// The tokens without the items that exist only in tests.
fn shipped(tokens: &[Token]) -> Vec<Token> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if reads(tokens, at, &["#", "[", "cfg", "(", "test"]) {
            at = after_item(tokens, after_group(tokens, at + 2));
        } else {
            out.push(tokens[at].clone());
            at += 1;
        }
    }
    out
}

// --- paths -----------------------------------------------------------------------------------------------------------

/// A path that code names, from the crate's root (or `std`), and where.
#[derive(Debug, PartialEq)]
struct Named {
    line: usize,
    path: Vec<String>,
}

/// The module of a file below `src/`: `engine/shard/mod.rs` is `[engine, shard]`, `lib.rs` and `main.rs` are the root.
fn module_of(file: &str) -> Vec<String> {
    let mut path: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        path.pop();
    }
    path
}

/// Every path of a use tree or expression whose first `::` is at `at`, behind `prefix`.
fn tree(tokens: &[Token], mut at: usize, prefix: &[String], out: &mut Vec<Named>) {
    let mut path = prefix.to_vec();
    let mut line = tokens.get(at).map_or(0, |token| token.line);
    while reads(tokens, at, &[":", ":"]) && at + 2 < tokens.len() {
        line = tokens[at].line;
        match &tokens[at + 2].kind {
            Kind::Word(word) if word == "super" => {
                path.pop();
            }
            Kind::Word(word) => path.push(word.clone()),
            Kind::Mark('{') => return group(tokens, at + 3, &path, out),
            _ => break,
        }
        at += 3;
    }
    out.push(Named { line, path });
}

/// The members of a use tree's braces, each behind `prefix`.
fn group(tokens: &[Token], open: usize, prefix: &[String], out: &mut Vec<Named>) {
    let (mut at, end) = (open + 1, after_group(tokens, open) - 1);
    while at < end {
        if let Kind::Word(word) = &tokens[at].kind {
            let mut path = prefix.to_vec();
            path.push(word.clone());
            tree(tokens, at + 1, &path, out);
        }
        while at < end && !tokens[at].is(",") {
            at = if tokens[at].kind == Kind::Open { after_group(tokens, at) } else { at + 1 };
        }
        at += 1;
    }
}

/// Every path of the file that starts at a root we know: `crate`, `upswell`, `super` or `std`.
fn named(tokens: &[Token], file: &str) -> Vec<Named> {
    let mut module = module_of(file);
    let mut inline: Vec<usize> = Vec::new(); // ends of the inline modules we are in
    let mut out = Vec::new();
    for at in 0..tokens.len() {
        while inline.last().is_some_and(|end| at >= *end) {
            inline.pop();
            module.pop();
        }
        let Kind::Word(word) = &tokens[at].kind else { continue };
        let continues = at >= 2 && tokens[at - 1].is(":") && tokens[at - 2].is(":");
        if word == "mod" && tokens.get(at + 2).is_some_and(|token| token.is("{")) {
            if let Kind::Word(name) = &tokens[at + 1].kind {
                module.push(name.clone());
                inline.push(after_group(tokens, at + 3));
            }
        } else if !continues && reads(tokens, at + 1, &[":", ":"]) {
            match word.as_str() {
                "crate" | "upswell" => tree(tokens, at + 1, &[], &mut out),
                "super" => tree(tokens, at + 1, &module[..module.len().saturating_sub(1)], &mut out),
                "std" => tree(tokens, at + 1, &["std".to_owned()], &mut out),
                _ => {}
            }
        }
    }
    out
}

// --- rules -----------------------------------------------------------------------------------------------------------

fn ring(name: &str) -> usize {
    RINGS.iter().position(|ring| *ring == name).unwrap_or(RINGS.len())
}

fn import_faults(file: &str, tokens: &[Token], say: &mut impl FnMut(usize, String)) {
    let own = module_of(file);
    let own_ring = own.first().map_or(RINGS.len(), |name| ring(name));
    for Named { line, path } in named(tokens, file) {
        let Some(first) = path.first() else { continue };
        if first != "std" && ring(first) > own_ring {
            say(line, format!("outward import of {}", path.join("::")));
        }
        let sibling = own.first().is_some_and(|ring| ring == "adapter") && first == "adapter";
        if sibling && own.len() > 1 && path.len() > 1 && path[1] != own[1] {
            say(line, format!("an adapter imports its sibling {}", path.join("::")));
        }
    }
}

fn purity_faults(file: &str, tokens: &[Token], say: &mut impl FnMut(usize, String)) {
    if !PURE.iter().any(|ring| file.starts_with(&format!("{ring}/"))) {
        return;
    }
    for (at, token) in tokens.iter().enumerate() {
        match &token.kind {
            Kind::Word(word) if IMPURE_WORDS.contains(&word.as_str()) => say(token.line, format!("impure word {word}")),
            Kind::Word(word) if word == "Instant" && reads(tokens, at, &["Instant", ":", ":", "now"]) => {
                say(token.line, "impure word Instant::now".to_owned());
            }
            Kind::Word(word) if (word == "f64" || word == "f32") && !FLOATS_ALLOWED.contains(&file) => {
                say(token.line, format!("float {word} before a rate's final division"));
            }
            Kind::Literal(text) if is_float(text) && !FLOATS_ALLOWED.contains(&file) => {
                say(token.line, format!("float {text} before a rate's final division"));
            }
            _ => {}
        }
    }
    for Named { line, path } in named(tokens, file) {
        let [root, module, rest @ ..] = path.as_slice() else { continue };
        let clock = module == "time" && rest.first().is_some_and(|name| name == "Instant");
        if root == "std" && (clock || IMPURE_STD.contains(&module.as_str())) {
            say(line, format!("impure import {}", path.join("::")));
        }
    }
}

fn is_float(literal: &str) -> bool {
    let number = literal.starts_with(|first: char| first.is_ascii_digit()) && !literal.starts_with("0x");
    number && (literal.contains('.') || literal.contains('e') && !literal.contains("size") || literal.ends_with("f64"))
}

fn shipping_faults(file: &str, tokens: &[Token], say: &mut impl FnMut(usize, String)) {
    for (at, token) in tokens.iter().enumerate() {
        for word in ["panic", "todo", "unimplemented", "dbg"] {
            if token.is(word) && reads(tokens, at, &[word, "!"]) {
                say(token.line, format!("{word}! in shipped code"));
            }
        }
        if token.is(".") && reads(tokens, at, &[".", "unwrap", "("]) {
            say(token.line, "unwrap() in shipped code: say why it cannot fail, or return the error".to_owned());
        }
        if token.is("unsafe") && !UNSAFE_ALLOWED.contains(&file) {
            say(token.line, format!("unsafe outside {}", UNSAFE_ALLOWED.join(" and ")));
        }
    }
}

/// What holds for every file of the repository, tests included.
fn common_faults(file: &str, text: &str, tokens: &[Token], say: &mut impl FnMut(usize, String)) {
    if !text.starts_with("//!") {
        say(1, "no `//!` header that says what the file is and what it guarantees".to_owned());
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        say(lines, format!("{lines} lines, over {MAX_LINES}: is there a second noun inside?"));
    }
    for (at, token) in tokens.iter().enumerate() {
        if token.is("dead_code") && reads(tokens, at.saturating_sub(3), &["allow", "(", "dead_code"]) {
            say(token.line, "dead code is deleted, not allowed".to_owned());
        }
        if token.is("ignore") && reads(tokens, at.saturating_sub(3), &["#", "[", "ignore"]) {
            say(token.line, "an ignored test".to_owned());
        }
        if token.is("sleep") && file.starts_with("tests/") && file != SLEEP_ALLOWED {
            say(token.line, "a sleep in a test: wait for a condition".to_owned());
        }
    }
}

/// Files of tests are called `tests.rs` or `NAME_tests.rs`; everything else below `src/` ships.
fn is_test_file(source: &str) -> bool {
    source.ends_with("/tests.rs") || source.ends_with("_tests.rs")
}

/// Every fault of one file, `file:line: what`. `file` is relative to the repository.
fn faults(file: &str, text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut say = |line: usize, what: String| out.push(format!("{file}:{line}: {what}"));
    let mut tokens = Vec::new();
    match text.parse::<TokenStream>() {
        Ok(stream) => flatten(stream, &mut tokens),
        Err(error) => say(1, format!("is not Rust: {error}")),
    }
    common_faults(file, text, &tokens, &mut say);
    if let Some(source) = file.strip_prefix("src/") {
        import_faults(source, &tokens, &mut say);
        if !is_test_file(source) {
            let tokens = shipped(&tokens);
            purity_faults(source, &tokens, &mut say);
            shipping_faults(source, &tokens, &mut say);
        }
    }
    out
}

// --- the tests -------------------------------------------------------------------------------------------------------

fn rust_files(directory: &Path, out: &mut Vec<std::path::PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.expect("a directory of the repository can be listed").path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn the_repository_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    ["src", "tests", "benches"].iter().for_each(|directory| rust_files(&root.join(directory), &mut files));
    files.sort();
    assert!(files.contains(&root.join("src/lib.rs")), "the sources were not found below {}", root.display());
    let mut found = Vec::new();
    for path in &files {
        let text = std::fs::read_to_string(path).expect("a source file can be read");
        let file = path.strip_prefix(root).expect("it lies below the root").to_string_lossy();
        found.extend(faults(&file, &text));
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_rule_fires_on_a_planted_fault() {
    let rows: &[(&str, &str, &str)] = &[
        ("src/domain/x.rs", "use crate::engine::report::Report;", "outward import of engine::report::Report"),
        ("src/domain/x.rs", "use crate::{domain::a, wire::{b, c}};", "outward import of wire::c"),
        ("src/domain/a/b.rs", "use super::super::super::adapter::kafka;", "outward import of adapter::kafka"),
        ("src/engine/x.rs", "fn f() { crate::config::load() }", "outward import of config::load"),
        ("src/wire/x.rs", "mod tests { use super::super::super::adapter::http; }", "outward import of adapter::http"),
        ("src/adapter/kafka.rs", "use crate::demo::broker;", "outward import of demo::broker"),
        ("src/adapter/kafka.rs", "use super::registry::Registry;", "an adapter imports its sibling adapter::registry"),
        ("src/adapter/kafka/read.rs", "use crate::adapter::{kafka::x, http::y};", "its sibling adapter::http::y"),
        ("src/domain/x.rs", "async fn f() {}", "impure word async"),
        ("src/engine/x.rs", "use std::{collections::HashMap, fs};", "impure import std::fs"),
        ("src/engine/x.rs", "use std::time::Instant;", "impure import std::time::Instant"),
        ("src/engine/x.rs", "fn f() { Instant::now(); }", "impure word Instant::now"),
        ("src/engine/x.rs", "fn f() { tracing::info!(); }", "impure word tracing"),
        ("src/domain/x.rs", "fn f() -> f64 { 0 }", "float f64"),
        ("src/domain/x.rs", "const A: u8 = 1.5 as u8;", "float 1.5"),
        ("src/wire/x.rs", "fn f() { g().unwrap() }", "unwrap() in shipped code"),
        ("src/wire/x.rs", "#[cfg(test)] mod tests { } fn f() { panic!() }", "panic! in shipped code"),
        ("src/main.rs", "fn main() { todo!() }", "todo! in shipped code"),
        ("src/adapter/http.rs", "fn f() { unsafe { g() } }", "unsafe outside"),
        ("src/wire/x.rs", "#[allow(dead_code)] fn f() {}", "dead code is deleted"),
        ("tests/x.rs", "#[test] #[ignore] fn f() {}", "an ignored test"),
        ("tests/x.rs", "fn f() { std::thread::sleep(d) }", "a sleep in a test"),
    ];
    for (file, code, expected) in rows {
        let found = faults(file, &format!("//! A header.\n{code}\n"));
        assert!(found.iter().any(|fault| fault.contains(expected)), "{file}: {code}\n  expected {expected}, found {found:?}");
    }
    assert_eq!(faults("src/x.rs", "fn f() {}\n").len(), 1, "a missing header is a fault");
    assert_eq!(faults("src/x.rs", &format!("//! Long.\n{}", "\n".repeat(MAX_LINES))).len(), 1, "so is a long file");
}

#[test]
fn no_rule_fires_without_a_fault() {
    let rows: &[(&str, &str)] = &[
        ("src/domain/x.rs", "// unwrap() panic! async 1.5\nconst A: &str = \"std::fs f64 unsafe\";"),
        ("src/domain/x.rs", "use super::money::Micros; use crate::domain::calendar::Instant;"),
        ("src/domain/rates.rs", "pub fn ratio() -> f64 { 0.5 }"),
        ("src/domain/x.rs", "#[cfg(test)] mod tests { use super::*; fn f() -> f64 { g().unwrap() } }"),
        ("src/wire/x.rs", "fn f() {} #[cfg(test)] mod tests { fn g() { panic!() } }"),
        ("src/engine/x.rs", "#[cfg(test)] use std::fs; const A: u32 = 0x1e5; const B: usize = 3usize;"),
        ("src/adapter/kafka/a.rs", "use super::b::C; use crate::adapter::kafka::d; use crate::wire::avro;"),
        ("src/adapter/kafka/describe.rs", "fn f() { unsafe { g() } }"),
        ("src/service/x.rs", "use crate::adapter::{http, kafka}; fn f() { g().unwrap_or_default() }"),
        ("src/adapter/kafka/letters_tests.rs", "fn f() { g().unwrap() }"),
        ("tests/support/src/wait.rs", "fn f() { std::thread::sleep(d) }"),
    ];
    for (file, code) in rows {
        assert_eq!(faults(file, &format!("//! A header.\n{code}\n")), Vec::<String>::new(), "{code}");
    }
}
