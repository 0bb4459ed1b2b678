//! The pages of the documentation, and what is code in them.

use super::repository;
use std::path::Path;

/// Where pages are; directories with all below them.
const PLACES: [&str; 8] =
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "deploy", "schemas", "tests/tools"];

/// One page.
pub struct Page {
    /// From the root of the repository.
    pub file: String,
    pub text: String,
}

/// Every page.
pub fn all() -> Vec<Page> {
    let mut out = Vec::new();
    for place in PLACES {
        collect(place, &mut out);
    }
    assert!(out.len() > 40, "{} pages", out.len());
    out
}

fn collect(file: &str, out: &mut Vec<Page>) {
    let path = repository(file);
    if path.is_dir() {
        for entry in std::fs::read_dir(&path).expect("a directory") {
            let name = entry.expect("an entry").file_name();
            collect(&format!("{file}/{}", name.to_string_lossy()), out);
        }
    } else if Path::new(file).extension().is_some_and(|ending| ending == "md") {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        out.push(Page { file: file.to_owned(), text });
    }
}

impl Page {
    /// Lines of blocks of code, and spans of code within a paragraph or a row.
    pub fn code(&self) -> Vec<String> {
        let (mut out, mut paragraph, mut fenced) = (Vec::new(), String::new(), false);
        for line in self.text.lines().chain([""]) {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            } else if fenced || line.starts_with("    ") {
                out.push(line.trim().to_owned());
            } else if line.is_empty() || line.starts_with('|') {
                out.extend(spans(&paragraph));
                out.extend(spans(line));
                paragraph.clear();
            } else {
                paragraph.push_str(line);
                paragraph.push(' ');
            }
        }
        assert!(!fenced, "{}: a block of code has no end", self.file);
        out
    }
}

fn spans(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// Words of these characters that begin with one of these.
pub fn words<'t>(text: &'t str, begins: &'t str, within: fn(char) -> bool) -> impl Iterator<Item = &'t str> {
    text.split(move |c| !within(c)).filter(move |word| word.starts_with(begins))
}
