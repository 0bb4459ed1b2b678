//! The program from outside: help, exit codes, configuration faults, secrets, and a replay of small files.

mod check;
mod configuration;
mod help;
mod inspect;
mod replay;

use assert_cmd::Command;
use std::path::Path;

/// The built program, away from this process's own environment of `UPSWELL_*` variables.
fn upswell(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_upswell"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("UPSWELL_") {
            command.env_remove(name);
        }
    }
    command.current_dir(directory).args(args);
    command
}

/// Exit code, standard output and standard error of a run.
fn run(directory: &Path, args: &[&str]) -> (i32, String, String) {
    outcome(&mut upswell(directory, args))
}

fn outcome(command: &mut Command) -> (i32, String, String) {
    let output = command.output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("a file");
    }
    directory
}
