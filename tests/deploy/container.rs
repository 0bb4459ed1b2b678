//! The image. No image can be built here, so what building would show is checked instead: the builder is the compiler the package asks for,
//! what is copied suffices to build, and the program needs no library that the base lacks; and the health check works.

use super::demo::Demo;
use super::{read, repository, text};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use upswell_testkit::program::{command, text as path};

const FILE: &str = "deploy/container/Dockerfile";
const PROGRAM: &str = env!("CARGO_BIN_EXE_upswell");
/// What gcr.io/distroless/cc-debian12 has: libc6, libssl3, libgcc-s1, libstdc++6, libgomp1 of Debian 12, and no zlib.
const IN_BASE: [&str; 9] = [
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libcrypto.so.3",
    "libgcc_s.so.1",
    "libgomp.so.1",
    "libm.so.6",
    "libssl.so.3",
    "libstdc++.so.6",
];

/// The instructions, lines joined, comments left out.
fn instructions() -> Vec<String> {
    let joined = text(FILE).replace("\\\n", " ");
    joined
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn package(key: &str) -> String {
    let manifest = text("Cargo.toml");
    let line = manifest.lines().find_map(|line| line.strip_prefix(&format!("{key} = \""))).unwrap_or_else(|| panic!("no {key}"));
    line.trim_end_matches('"').to_owned()
}

#[test]
fn it_is_built_by_the_compiler_the_package_asks_for_and_locked() {
    let (all, version) = (instructions(), package("rust-version"));
    assert!(all.contains(&format!("ARG RUST={version}.0")), "{all:?}");
    assert!(all.contains(&"FROM rust:${RUST}-bookworm AS build".to_owned()));
    let build = all.iter().find(|line| line.contains("cargo build")).expect("a build");
    for part in [
        "--mount=type=cache,target=/usr/local/cargo/registry",
        "--mount=type=cache,target=/src/target",
        "--release --locked --bin upswell",
    ] {
        assert!(build.contains(part), "{part}");
    }
}

#[test]
fn it_runs_as_nobody_without_a_shell_and_says_what_it_is() {
    let all = instructions();
    let runtime = all.iter().position(|line| line.starts_with("FROM gcr.io/distroless/cc-debian12:nonroot")).expect("a runtime");
    let runtime = &all[runtime..];
    let listen =
        read("deploy/upswell.yaml")["http"]["listen"].as_str().and_then(|listen| listen.rsplit(':').next()).map(str::to_owned);
    for line in [
        "USER 65532:65532",
        &format!("EXPOSE {}", listen.expect("a port")),
        "ENTRYPOINT [\"/usr/local/bin/upswell\"]",
        "CMD [\"run\", \"--config\", \"/etc/upswell/upswell.yaml\"]",
        &format!("ARG VERSION={}", package("version")),
    ] {
        assert!(runtime.iter().any(|known| known == line), "{line}");
    }
    let labels = runtime.iter().find(|line| line.starts_with("LABEL ")).expect("labels");
    for key in ["title", "description", "source", "documentation", "licenses", "version", "revision", "base.name"] {
        assert!(labels.contains(&format!("org.opencontainers.image.{key}=")), "{key}");
    }
    assert!(labels.contains(&format!("licenses=\"{}\"", package("license"))));
    assert!(runtime.iter().all(|line| !line.starts_with("RUN ")), "the base has no shell");
    assert!(
        runtime
            .iter()
            .any(|line| line.starts_with("HEALTHCHECK ") && line.ends_with("CMD [\"/usr/local/bin/upswell\", \"healthcheck\"]"))
    );
}

#[test]
fn the_program_needs_no_library_that_the_base_lacks() {
    let output =
        Command::new("readelf").args(["-d", PROGRAM]).env("LC_ALL", "C").output().expect("readelf comes with the compiler");
    let text = String::from_utf8_lossy(&output.stdout);
    let needed: BTreeSet<&str> =
        text.lines().filter(|line| line.contains("(NEEDED)")).filter_map(|line| line.split(['[', ']']).nth(1)).collect();
    assert!(needed.contains("libc.so.6"), "{text}");
    let missing: Vec<&&str> = needed.iter().filter(|library| !IN_BASE.contains(library)).collect();
    assert!(missing.is_empty(), "{missing:?} would not be found in the image");
}

/// Copies what the image is built from, as the ignore file has it.
fn copy_context(to: &Path) {
    let listed = text("deploy/container/Dockerfile.dockerignore");
    let mut lines = listed.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"));
    for entry in lines {
        let entry = entry.strip_prefix('!').expect("everything else is left out");
        copy(&repository(entry), &to.join(entry));
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        for entry in std::fs::read_dir(from).expect("a directory") {
            let entry = entry.expect("an entry");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::create_dir_all(to.parent().expect("a directory")).expect("a directory");
        std::fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }
}

/// The files that sources take in with `include_str!`, by source; tests aside.
fn included(directory: &Path, out: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let file = entry.expect("an entry").path();
        if file.is_dir() {
            included(&file, out);
        } else if !file.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            for macro_name in ["include_str!(\"", "include_bytes!(\""] {
                for rest in text.split(macro_name).skip(1) {
                    let named = rest.split('"').next().expect("a name");
                    out.insert(
                        format!("{} {named}", file.display()),
                        file.parent().expect("a directory").join(named).to_string_lossy().into_owned(),
                    );
                }
            }
        }
    }
}

#[test]
fn what_is_copied_suffices_to_build() {
    let directory = tempfile::tempdir().expect("a directory");
    copy_context(directory.path());
    let manifest = directory.path().join("Cargo.toml");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let outcome =
        command(&cargo, &["metadata", "--locked", "--offline", "--format-version", "1", "--manifest-path", path(&manifest)]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let mut taken = BTreeMap::new();
    included(&directory.path().join("src"), &mut taken);
    assert!(taken.len() >= 3, "{taken:?}");
    for (of, file) in taken {
        assert!(Path::new(&file).is_file(), "{of}");
    }
}

#[test]
fn the_health_check_tells_by_its_exit_code() {
    let demo = Demo::start();
    let url = format!("http://{}", demo.address());
    let healthy = command(PROGRAM, &["healthcheck", "--url", &url]);
    assert_eq!((healthy.code, healthy.stdout.as_str(), healthy.stderr.as_str()), (Some(0), "", ""));
    upswell_testkit::wait::holds("it is ready", || command(PROGRAM, &["healthcheck", "--ready", "--url", &url]).code == Some(0));
    drop(demo);
    let away = command(PROGRAM, &["healthcheck", "--url", &url]);
    assert_eq!(away.code, Some(1));
    assert!(away.stderr.contains("/-/healthy: no answer"), "{}", away.stderr);
}
