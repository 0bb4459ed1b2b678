//! A walk: a script that drives the browser, in a process of its own, and what it asks the test for.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use upswell_testkit::parts::repository;

/// Killed if the test fails, and its browser with it.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        // Both fail only when it has ended, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where `tests/tools/setup` puts Playwright and axe.
fn libraries() -> PathBuf {
    let parts = std::env::var_os("UPSWELL_REAL_PARTS").map_or_else(|| repository().join("target/real-parts"), PathBuf::from);
    let libraries = parts.join("page");
    assert!(libraries.join("node_modules").is_dir(), "{} is missing; `make setup` fetches it", libraries.display());
    libraries
}

/// Runs `tests/page/NAME.mjs` at this address to its end; `act` does what it asks for. Panics if anything did not hold.
pub fn walk(name: &str, base: &str, mut act: impl FnMut(&str)) {
    let mut command = Command::new("node");
    command.arg(repository().join("tests/page").join(format!("{name}.mjs"))).arg(base);
    command.env("UPSWELL_PAGE_MODULES", libraries());
    // Where pictures go is the repository's affair; whether there are any is the caller's.
    if std::env::var_os("UPSWELL_SCREENSHOTS").is_some() {
        command.env("UPSWELL_SCREENSHOTS", repository().join("docs/images"));
    }
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut node = Node(child.expect("node can be started; `make setup` installs it"));
    let mut answers = node.0.stdin.take().expect("its standard input is piped");
    let lines = BufReader::new(node.0.stdout.take().expect("its standard output is piped")).lines();
    let mut last = String::new();
    for line in lines.map_while(Result::ok) {
        println!("{name}: {line}");
        if let Some(wish) = line.strip_prefix("do: ") {
            act(wish);
            writeln!(answers, "done").expect("the walk listens");
        }
        last = line;
    }
    let status = node.0.wait().expect("the walk ends");
    assert!(status.success() && last == "passed", "the walk {name} failed ({status}); what did not hold is above");
}
