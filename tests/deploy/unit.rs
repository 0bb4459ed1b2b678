//! The unit of systemd, in the words of systemd's own tools.

use super::{repository, text};
use std::process::Command;

const FILE: &str = "deploy/systemd/upswell.service";
/// The most exposure that `systemd-analyze security` may find, in tenths: below 2 it says OK.
const EXPOSURE: &str = "15";

fn analyze(arguments: &[&str]) -> (bool, String) {
    let output =
        Command::new("systemd-analyze").args(arguments).env("SYSTEMD_COLORS", "0").output().expect("`make setup` installs it");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn systemd_understands_the_unit() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("upswell.service");
    let unit = text(FILE).replace("/usr/local/bin/upswell", env!("CARGO_BIN_EXE_upswell"));
    assert!(unit.contains("#LoadCredential=kafka-password:"), "how secrets get in is shown");
    std::fs::write(&file, unit.replace("#LoadCredential", "LoadCredential")).expect("a file");
    let (well, said) = analyze(&["verify", "--man=no", &file.to_string_lossy()]);
    assert!(well && !said.contains("upswell.service"), "{said}");
}

#[test]
fn the_service_is_locked_in() {
    let threshold = format!("--threshold={EXPOSURE}");
    let (well, said) = analyze(&["security", "--offline=true", &threshold, &repository(FILE).to_string_lossy()]);
    assert!(well, "{said}");
    assert!(said.contains("Overall exposure level for upswell.service: 1."), "{said}");
}

#[test]
fn a_wrong_configuration_is_not_tried_again_and_a_reload_is_a_signal() {
    let unit = text(FILE);
    for line in ["RestartPreventExitStatus=78", "ExecReload=/bin/kill -HUP $MAINPID", "DynamicUser=yes", "StateDirectory=upswell"]
    {
        assert!(unit.lines().any(|known| known == line), "{line}");
    }
    let seconds = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)?.trim_end_matches('s').parse::<u32>().ok());
    assert!(seconds("TimeoutStopSec=").is_some_and(|stop| stop > 25), "the last checkpoints take up to 25 s");
}
