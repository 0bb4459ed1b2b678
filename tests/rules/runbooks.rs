//! Each alert has its page, each page its alert, and each link leads to one.

use super::repository;
use std::collections::BTreeSet;
use upswell::wire::runbook;

const DIRECTORY: &str = "docs/runbooks";
/// Pages that are not of a shipped alert.
const OTHERS: [&str; 2] = ["OwnRules", "README"];
const PARTS: [&str; 4] = ["\n## Meaning\n", "\n## Impact\n", "\n## Diagnosis\n", "\n## Mitigation\n"];

fn page(name: &str) -> String {
    std::fs::read_to_string(repository(DIRECTORY).join(format!("{name}.md"))).unwrap_or_default()
}

#[test]
fn every_alert_has_its_page_and_no_page_is_left_over() {
    let files = std::fs::read_dir(repository(DIRECTORY)).expect("the pages");
    let names = files.map(|file| file.expect("a page").file_name().to_string_lossy().trim_end_matches(".md").to_owned());
    let expected: BTreeSet<String> = runbook::alerts().into_iter().chain(OTHERS.map(str::to_owned)).collect();
    assert_eq!(names.collect::<BTreeSet<_>>(), expected);
}

#[test]
fn every_page_says_what_to_do() {
    let index = page("README");
    for name in runbook::alerts().iter().map(String::as_str).chain(["OwnRules"]) {
        let page = page(name);
        assert!(page.starts_with(&format!("# {name}\n")), "{name}");
        let places: Option<Vec<usize>> = PARTS.iter().map(|part| page.find(part)).collect();
        assert!(places.is_some_and(|places| places.is_sorted()), "{name}: its parts");
        assert!(index.contains(&format!("[{name}]({name}.md)")), "{name} is not in the index");
        assert!(runbook::runbook_url(name).ends_with(&format!("/{DIRECTORY}/{name}.md")), "{name}");
    }
}

#[test]
fn every_link_of_the_shipped_rules_leads_to_a_page() {
    let rules = std::fs::read_to_string(repository("deploy/prometheus/upswell.rules.yml")).expect("the rules");
    let links: BTreeSet<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("runbook_url: ")).collect();
    assert!(links.len() > 15, "{links:?}");
    for link in links {
        let (_, file) = link.split_once("/blob/main/").expect("a file of the repository");
        assert!(repository(file).is_file(), "{link}");
    }
}
