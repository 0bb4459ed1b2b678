//! Help as golden text, and how misuse ends. `UPDATE_GOLDEN=1` writes the files anew.

use super::{directory, run};
use std::path::Path;

const COMMANDS: [&str; 16] = [
    "alerts",
    "alerts list",
    "alerts test",
    "audit",
    "check",
    "dead-letters",
    "dead-letters list",
    "dead-letters replay",
    "demo",
    "generate",
    "healthcheck",
    "inspect",
    "replay",
    "rules",
    "run",
    "schema",
];

fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/help").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("the golden file is written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "help of {name} differs from {}; it is now:\n{text}", path.display());
}

#[test]
fn help_is_as_written() {
    let directory = directory(&[]);
    let (code, out, err) = run(directory.path(), &["--help"]);
    assert_eq!((code, err.as_str()), (0, ""));
    compare("upswell", &out);
    for command in COMMANDS {
        let args: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let (code, out, _) = run(directory.path(), &args);
        assert_eq!(code, 0);
        compare(&command.replace(' ', "-"), &out);
        assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    }
}

#[test]
fn the_version_is_printed() {
    let (code, out, _) = run(directory(&[]).path(), &["--version"]);
    assert_eq!((code, out), (0, format!("upswell {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn misuse_is_exit_code_2_and_says_so_on_stderr() {
    let directory = directory(&[]);
    for args in [
        &[][..],
        &["fly"],
        &["check"],
        &["replay"],
        &["replay", "--subscriptions"],
        &["replay", "--usage", "u", "--as-of", "tomorrow"],
        &["replay", "--usage", "u", "--as-of", "1999-01-01"],
        &["replay", "--usage", "u", "--format", "xml"],
        &["dead-letters", "list", "--config", "c", "--reason", "bad_mood"],
        &["dead-letters", "replay", "--config", "c"],
        &["dead-letters", "replay", "--config", "c", "--all", "--reason", "decode"],
        &["dead-letters", "replay", "--config", "c", "--origin", "billing.usage/3/42"],
        &["alerts", "list", "--url", "localhost:9817"],
        &["alerts", "test", "--config", "c"],
        &["alerts", "list", "--user", "ada"],
        &["alerts", "list", "--password-file", "p"],
        &["alerts", "list", "--user", "ada", "--password-file", "missing"],
        &["alerts", "list", "--url", "http://ada:p@localhost:9817"],
        &["healthcheck", "--url", "localhost:9817"],
        &["healthcheck", "--tls-cert-file", "c"],
        &["schema", "invoices"],
        &["schema", "--log-level", "loud"],
    ] {
        let (code, out, err) = run(directory.path(), args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(!err.is_empty(), "{args:?}");
    }
}

#[test]
fn schemas_are_what_producers_register() {
    let directory = directory(&[]);
    let print = |args: &[&str]| {
        let (code, out, err) = run(directory.path(), args);
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
        out
    };
    let (subscriptions, usage) = (print(&["schema", "subscriptions"]), print(&["schema", "usage"]));
    for (text, name) in [(&subscriptions, "upswell.billing.SubscriptionState"), (&usage, "upswell.billing.Usage")] {
        let schema = apache_avro::Schema::parse_str(text).expect("an Avro schema");
        assert_eq!(schema.name().map(ToString::to_string).as_deref(), Some(name));
    }
    assert_eq!(print(&["schema"]), format!("{subscriptions}{usage}"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_upswell"))
        .arg("schema")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}
