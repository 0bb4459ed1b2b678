//! Links lead somewhere: to files of the repository, and to headings in them.

use super::pages::{Page, all};
use super::{none, repository};
use std::path::{Component, Path, PathBuf};

/// The anchors of a page, as GitHub makes them of its headings.
fn anchors(text: &str) -> Vec<String> {
    let (mut out, mut fenced) = (Vec::<String>::new(), false);
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        if fenced || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let plain: String = heading.trim().to_lowercase().replace(' ', "-");
        let slug: String = plain.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect();
        let again = out.iter().filter(|known| **known == slug).count();
        out.push(if again == 0 { slug } else { format!("{slug}-{again}") });
    }
    out
}

/// What a command makes, so that it may be missing.
const MADE: &str = "docs/flame.svg";

/// Targets of links.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ', '\n']).next())
}

fn resolve(from: &str, target: &str) -> PathBuf {
    let mut out = PathBuf::new();
    for part in Path::new(from).parent().unwrap_or(Path::new("")).join(target).components() {
        match part {
            Component::ParentDir => assert!(out.pop(), "{from}: {target} leaves the repository"),
            part => out.push(part),
        }
    }
    out
}

fn faults(page: &Page) -> Vec<String> {
    let (mut out, own) = (Vec::new(), anchors(&page.text));
    for target in targets(&page.text).filter(|target| !target.contains("://") && !target.starts_with("mailto:")) {
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let path = if file.is_empty() { PathBuf::from(&page.file) } else { resolve(&page.file, file) };
        let path = repository(&path.to_string_lossy());
        let known = if file.is_empty() { own.clone() } else { anchors(&std::fs::read_to_string(&path).unwrap_or_default()) };
        if !path.exists() || !(anchor.is_empty() || known.iter().any(|known| known == anchor)) {
            out.push(format!("{}: {target} leads nowhere", page.file));
        }
    }
    out
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let pages = all();
    assert!(pages.iter().map(|page| targets(&page.text).count()).sum::<usize>() > 200);
    none(&pages.iter().flat_map(faults).collect::<Vec<_>>());
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let page = |text: &str| Page { file: "docs/x.md".to_owned(), text: text.to_owned() };
    assert_eq!(
        faults(&page(
            "# A & b\n[one](#a--b) [none](#b) [two](../README.md#upswell) [three](../README.md#more) [four](../missing.md)"
        ))
        .len(),
        3
    );
}

#[test]
fn files_that_are_named_exist() {
    let mut faults = Vec::new();
    for page in all() {
        for span in page.code() {
            let named =
                ["src/", "tests/", "docs/", "deploy/", "benches/", "schemas/", ".ci/"].iter().any(|top| span.starts_with(top));
            let plain = span.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            if named && plain && span != MADE && !repository(&span).exists() {
                faults.push(format!("{}: there is no {span}", page.file));
            }
        }
    }
    none(&faults);
}
