//! Commands that pages show are those of the program, with options it has; every option of every command is on a page. Targets of make exist.

use super::pages::{Page, all};
use super::{none, repository};
use assert_cmd::Command;
use std::collections::{BTreeMap, BTreeSet};

/// What every command has, and `--help` tells.
const COMMON: [&str; 2] = ["--help", "--version"];

fn help(command: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_upswell")).args(command).arg("--help").output().expect("the program starts");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The commands listed in a help text.
fn listed(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The options that a help text explains.
fn explained(help: &str) -> BTreeSet<String> {
    let option = |line: &str| {
        line.split([' ', ',']).find(|word| word.starts_with("--")).map(|word| word.trim_end_matches("...").to_owned())
    };
    help.lines().filter(|line| line.trim_start().starts_with('-') && line.starts_with("  ")).filter_map(option).collect()
}

/// Each command (`alerts list`) with its options.
fn program() -> BTreeMap<String, BTreeSet<String>> {
    let mut out = BTreeMap::new();
    for name in listed(&help(&[])) {
        let text = help(&[&name]);
        for sub in listed(&text) {
            out.insert(format!("{name} {sub}"), explained(&help(&[&name, &sub])));
        }
        out.insert(name, explained(&text));
    }
    assert!(out.len() > 12, "{out:?}");
    out
}

/// A command on a page, and the options it is shown with.
struct Shown {
    command: String,
    options: Vec<String>,
}

/// The command in a piece of code: behind the program's name, or at the beginning where an option follows.
fn shown(code: &str, program: &BTreeMap<String, BTreeSet<String>>) -> Option<Shown> {
    let words: Vec<&str> = code.split_whitespace().collect();
    let begins = |at: usize| at == 0 || ["$", "&&"].contains(&words[at - 1]);
    let at = (0..words.len()).find(|at| words[*at] == "upswell" && begins(*at));
    let first = at.map_or(0, |at| at + 1);
    let name = words.get(first)?.trim_end_matches(['.', ',']);
    if name.starts_with('-') || (at.is_none() && !(program.contains_key(name) && code.contains(" --"))) {
        return None;
    }
    let both = words.get(first + 1).map(|sub| format!("{name} {sub}")).filter(|both| program.contains_key(both));
    let rest = words[first + 1..].iter().take_while(|word| !["&&", ">", ";"].contains(*word));
    let options = rest.map(|word| word.trim_start_matches(['[', '('])).filter(|word| word.starts_with("--"));
    let options = options.map(|word| word.split(['=', ']', ')', '|', ',', '"']).next().unwrap_or_default().to_owned()).collect();
    Some(Shown { command: both.unwrap_or_else(|| name.to_owned()), options })
}

fn faults(page: &Page, program: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut out = Vec::new();
    for code in page.code() {
        // The name of the program in configurations, paths and addresses is no command.
        let Some(Shown { command, options }) = shown(&code, program).filter(|_| !code.starts_with(['#', '{', '-'])) else {
            continue;
        };
        match program.get(&command) {
            None => out.push(format!("{}: there is no command {command}: {code}", page.file)),
            Some(known) => {
                let unknown = options.iter().filter(|option| !known.contains(*option) && !COMMON.contains(&option.as_str()));
                out.extend(unknown.map(|option| format!("{}: {command} has no {option}: {code}", page.file)));
            }
        }
    }
    out
}

#[test]
fn commands_that_are_shown_are_those_of_the_program() {
    let program = program();
    let pages = all();
    let found: BTreeSet<String> =
        pages.iter().flat_map(Page::code).filter_map(|code| Some(shown(&code, &program)?.command)).collect();
    let missing: Vec<&String> =
        program.keys().filter(|name| !found.contains(*name) && !["alerts", "dead-letters"].contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "no page shows {missing:?}");
    none(&pages.iter().flat_map(|page| faults(page, &program)).collect::<Vec<_>>());
}

#[test]
fn a_command_or_an_option_that_is_not_there_is_found() {
    let program = program();
    for text in
        ["`upswell chekc --config FILE`", "`upswell check --ofline`", "`run --rebuilt`", "```\nupswell alerts list --sort\n```"]
    {
        assert_eq!(faults(&Page { file: "x.md".to_owned(), text: text.to_owned() }, &program).len(), 1, "{text}");
    }
    for text in [
        "`upswell check [--offline]`",
        "`run --rebuild`",
        "`promtool check rules x.yml --lint=all`",
        "`upswell dead-letters list --topic T`",
    ] {
        assert_eq!(faults(&Page { file: "x.md".to_owned(), text: text.to_owned() }, &program), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn every_option_is_on_a_page() {
    let code: Vec<String> = all().iter().flat_map(Page::code).collect();
    let known = |option: &str| {
        code.iter().any(|code| code.split(|c: char| c.is_whitespace() || "[]()|=`".contains(c)).any(|word| word == option))
    };
    let mut faults = Vec::new();
    for (command, options) in program() {
        let missing = options.iter().filter(|option| !COMMON.contains(&option.as_str()) && !known(option));
        faults.extend(missing.map(|option| format!("no page says what {command} {option} is for")));
    }
    none(&faults);
}

#[test]
fn targets_of_make_exist() {
    let makefile = std::fs::read_to_string(repository("Makefile")).expect("the file");
    let targets: BTreeSet<&str> = makefile.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    let (mut found, mut faults) = (BTreeSet::new(), Vec::new());
    for page in all() {
        for code in page.code() {
            let target = code.strip_prefix("make ").and_then(|rest| rest.split_whitespace().next());
            let Some(target) = target.map(str::to_owned) else { continue };
            if !targets.contains(target.as_str()) {
                faults.push(format!("{}: there is no make {target}", page.file));
            }
            found.insert(target);
        }
    }
    assert!(found.len() > 10, "{found:?}");
    none(&faults);
}
