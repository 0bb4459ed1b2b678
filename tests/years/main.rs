//! When the shipped rules would have fired over three years of five made-up companies: who would have been paged, and when.
//!
//! The table of `docs/alerting.md` is what this computes; `BLESS=1` writes it anew.

mod company;
mod course;

use company::{COMPANIES, Company, Customer, day, slowdown};
use course::{Episode, Outcome, judged};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::OnceLock;
use upswell::domain::alert::shipped::{Shipped, shipped};
use upswell::domain::alert::{Rule, Severity, Suppression};
use upswell::domain::calendar::Day;

const FROM: &str = "2023-01-01";
const UNTIL: &str = "2026-01-01";
const PAGES: &str = "UpswellExpansionRateLow";
/// Around the table in the documentation.
const MARKS: [&str; 2] = ["<!-- years -->\n", "<!-- /years -->\n"];

type Outcomes = BTreeMap<String, Outcome>;

fn rules() -> Vec<Rule> {
    shipped().into_iter().filter(|shipped| shipped.enabled).map(|shipped| shipped.rule).collect()
}

/// Of each company, judged once.
fn outcomes() -> &'static [(&'static Company, Outcomes)] {
    static OUTCOMES: OnceLock<Vec<(&'static Company, Outcomes)>> = OnceLock::new();
    OUTCOMES.get_or_init(|| {
        let judge = |company: &'static Company| {
            (company, judged(company, &company.customers(day(UNTIL)), &rules(), day(FROM), day(UNTIL)))
        };
        let threads = |scope: &'static Company| std::thread::spawn(move || judge(scope));
        let threads: Vec<_> = COMPANIES.iter().map(threads).collect();
        threads.into_iter().map(|thread| thread.join().expect("it is judged")).collect()
    })
}

fn of(name: &str) -> (&'static Company, &'static Outcomes) {
    let found = outcomes().iter().find(|(company, _)| company.name == name);
    found.map(|(company, outcomes)| (*company, outcomes)).expect("a company")
}

fn critical(outcomes: &Outcomes) -> Vec<&Episode> {
    let pages = rules().into_iter().filter(|rule| rule.severity == Severity::Critical);
    pages.filter_map(|rule| outcomes.get(&rule.name)).flat_map(|outcome| &outcome.episodes).collect()
}

#[test]
fn nobody_is_paged_for_a_healthy_company() {
    for name in ["steady", "seasonal", "tiny customer base", "first deployment"] {
        assert_eq!(critical(of(name).1), Vec::<&Episode>::new(), "{name}");
    }
    for name in ["steady", "seasonal"] {
        let judged = |outcome: &Outcome| outcome.suppressed.is_empty() && outcome.judged == 2 * 1096;
        assert!(of(name).1.values().all(judged), "{name}: every rule was judged twice on every day");
    }
}

#[test]
fn too_few_customers_are_never_judged() {
    for (rule, outcome) in of("tiny customer base").1 {
        assert_eq!(outcome.suppressed, BTreeMap::from([(Suppression::SmallBase, 2 * 1096)]), "{rule}");
        assert_eq!((outcome.judged, outcome.episodes.len()), (0, 0), "{rule}");
    }
}

#[test]
fn after_a_first_deployment_each_rule_waits_for_its_history() {
    let (company, outcomes) = of("first deployment");
    let days = (day(UNTIL).0 - day(company.recorded_since).0) as usize;
    for (rule, waits) in [
        ("UpswellExpansionRateLow30d", 30),
        ("UpswellExpansionRateLow90d", 90),
        ("UpswellCustomerChurnHigh", 90),
        ("UpswellExpansionDropping", 180),
        (PAGES, 365),
    ] {
        let outcome = &outcomes[rule];
        assert_eq!(outcome.suppressed.get(&Suppression::ShortHistory), Some(&(2 * waits)), "{rule}");
        assert_eq!(outcome.judged + outcome.suppressed.values().sum::<usize>(), 2 * days, "{rule}");
        let early = outcome.episodes.iter().find(|episode| episode.fired < day(company.recorded_since).plus(waits as i32));
        assert_eq!(early, None, "{rule}");
    }
}

/// Whether the expansion rate of 365 days is below 10 % at the end of a day, from the customers' own courses and not the engine.
fn is_below(customers: &[Customer], at: Day) -> bool {
    let edges = |customer: &Customer| (customer.mrr(at.plus(-365)), customer.mrr(at.plus(1)));
    let grown = |(opening, closing): (i64, i64)| if opening > 0 { (closing - opening).max(0) } else { 0 };
    let opening: i64 = customers.iter().map(|customer| edges(customer).0).sum();
    let expansion: i64 = customers.iter().map(|customer| grown(edges(customer))).sum();
    expansion * 10 < opening
}

#[test]
fn a_shrinking_company_is_paged_on_the_day_it_crosses() {
    let (company, outcomes) = of("shrinking");
    let customers = company.customers(day(UNTIL));
    let crossed = (day(FROM).0..day(UNTIL).0).map(Day).find(|at| is_below(&customers, *at)).expect("it crosses");
    let episodes = critical(outcomes);
    assert!(crossed > slowdown() && episodes[0].fired == crossed, "{crossed:?} {episodes:?}");
    let warned = |rule: &str| outcomes[rule].episodes.iter().map(|episode| episode.fired).find(|at| *at >= slowdown());
    for rule in ["UpswellExpansionRateLow30d", "UpswellExpansionRateLow90d", "UpswellExpansionDropping"] {
        assert!(warned(rule).is_some_and(|at| at < crossed), "{rule} warns before the page: {:?}", warned(rule));
    }
}

#[test]
fn a_clear_mark_makes_a_slow_crossing_one_page() {
    let (company, outcomes) = of("shrinking");
    assert_eq!(critical(outcomes).len(), 1);
    let mut rule = rules().into_iter().find(|rule| rule.name == PAGES).expect("it is shipped");
    rule.test.clear = rule.test.threshold;
    let outcomes = judged(company, &company.customers(day(UNTIL)), &[rule], day(FROM), day(UNTIL));
    assert_eq!(critical(&outcomes).len(), 2, "at the threshold itself it swings");
}

#[test]
fn the_table_of_the_documentation_is_what_is_computed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/alerting.md");
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let (before, rest) = page.split_once(MARKS[0]).expect("the table's beginning is marked");
    let (_, after) = rest.split_once(MARKS[1]).expect("the table's end is marked");
    let computed = [before, MARKS[0], &table(), MARKS[1], after].concat();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &computed).expect("the page can be written");
    }
    assert!(page == computed || std::env::var_os("BLESS").is_some(), "BLESS=1 writes this table:\n{}", table());
}

/// Times that lie less than a month apart are told as one.
const APART: i32 = 30;

/// Episodes drawn together: the first day, the last one, and how often the alert fired between them.
fn spells(episodes: &[Episode]) -> Vec<(Day, Option<Day>, usize)> {
    let mut spells: Vec<(Day, Option<Day>, usize)> = Vec::new();
    for Episode { fired, resolved } in episodes {
        match spells.last_mut() {
            Some((_, Some(until), times)) if fired.0 - until.0 < APART => {
                *times += 1;
                match resolved {
                    Some(resolved) => *until = *resolved,
                    None => spells.last_mut().expect("there is one").1 = None,
                }
            }
            _ => spells.push((*fired, *resolved, 1)),
        }
    }
    spells
}

fn table() -> String {
    let mut table =
        "| company | its expansion rate of a year | alert | fired | until | times |\n|---|---|---|---|---|---|\n".to_owned();
    for (company, outcomes) in outcomes() {
        let percent = |(least, greatest): (f64, f64)| format!("{:.1} to {:.1} %", least * 100.0, greatest * 100.0);
        let range = outcomes[PAGES].range.map_or("not judged".to_owned(), percent);
        let mut quiet = true;
        for Shipped { rule, .. } in shipped() {
            for (fired, until, times) in outcomes.get(&rule.name).map_or(vec![], |outcome| spells(&outcome.episodes)) {
                let (severity, fired) = (rule.severity.as_str(), fired.date());
                let until = until.map_or("still firing".to_owned(), |day| day.date().to_string());
                let (name, alert) = (company.name, &rule.name);
                writeln!(table, "| {name} | {range} | `{alert}` ({severity}) | {fired} | {until} | {times} |").expect("text");
                quiet = false;
            }
        }
        if quiet {
            writeln!(table, "| {} | {range} | none | | | |", company.name).expect("text");
        }
    }
    table
}
