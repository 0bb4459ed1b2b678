//! Prometheus' and Alertmanager's own checkers: what they say of files.

use crate::parts::script;
use std::path::Path;
use std::process::Command;

/// Whether `promtool` or `amtool` with these arguments, in this directory, is satisfied; what it answers, and what else it says.
fn tool(directory: &Path, arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(script()).args(arguments).current_dir(directory).output().expect("tests/tools/real can be started");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// Checks a file of rules with every lint there is.
///
/// # Panics
/// With what promtool says, if there is anything to say.
pub fn check_rules(file: &Path) {
    passes(file, &["promtool", "check", "rules", "--lint=all", "--lint-fatal"]);
}

/// Runs unit tests of rules.
///
/// # Panics
/// With what promtool says, if one of them fails.
pub fn test_rules(file: &Path) {
    passes(file, &["promtool", "test", "rules"]);
}

/// Checks a configuration of Prometheus, with the rules it names.
///
/// # Panics
/// With what promtool says, if it is not valid.
pub fn check_prometheus(file: &Path) {
    passes(file, &["promtool", "check", "config"]);
}

/// Checks a file of TLS and passwords.
///
/// # Panics
/// With what promtool says, if it is not valid.
pub fn check_web_config(file: &Path) {
    passes(file, &["promtool", "check", "web-config"]);
}

/// Checks a configuration of Alertmanager.
///
/// # Panics
/// With what amtool says, if it is not valid.
pub fn check_alertmanager(file: &Path) {
    passes(file, &["amtool", "check-config"]);
}

/// The receivers that a configuration of Alertmanager routes an alert with these labels to, as amtool prints them.
///
/// # Panics
/// amtool cannot tell.
pub fn route(file: &Path, labels: &[&str]) -> String {
    let (directory, name) = place(file);
    let file = format!("--config.file={name}");
    let (well, answer, said) = tool(directory, &[&["amtool", "config", "routes", "test", &file], labels].concat());
    assert!(well, "{answer}{said}");
    answer.trim_end().to_owned()
}

fn place(file: &Path) -> (&Path, &str) {
    let name = file.file_name().and_then(|name| name.to_str()).expect("a file with a name");
    (file.parent().expect("a file in a directory"), name)
}

fn passes(file: &Path, arguments: &[&str]) {
    let (directory, name) = place(file);
    let (well, answer, said) = tool(directory, &[arguments, &[name]].concat());
    assert!(well, "{} of {}:\n{answer}{said}", arguments.join(" "), file.display());
}
