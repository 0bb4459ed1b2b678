//! Starting and stopping what `tests/tools/real` starts: free ports, a directory, and a guard that outlives a panic.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Ports are taken below the range from which the system gives out ports for outgoing connections, so that a port which is
/// free now is still free when a slow Java process binds it.
const PORTS: std::ops::Range<u32> = 18_000..30_000;

/// The repository's root.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// `tests/tools/real`.
pub fn script() -> PathBuf {
    repository().join("tests/tools/real")
}

/// The first of `count` neighbouring loopback ports on which nothing listens.
pub fn free_ports(count: u16) -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let span = PORTS.end - PORTS.start - u32::from(count);
    for _ in 0..1000 {
        let turn = NEXT.fetch_add(u32::from(count), Ordering::Relaxed);
        let port = (PORTS.start + std::process::id().wrapping_mul(131).wrapping_add(turn) % span) as u16;
        let held: Vec<_> = (port..port + count).map_while(|port| TcpListener::bind(("127.0.0.1", port)).ok()).collect();
        if held.len() == usize::from(count) {
            return port;
        }
    }
    panic!("no {count} free loopback ports");
}

/// A directory in which parts run, and the process that cleans it up.
#[derive(Debug)]
pub struct Place {
    directory: PathBuf,
    guard: Child,
}

impl Place {
    /// A new directory under the system's temporary one.
    pub fn new() -> Place {
        let directory = tempfile::Builder::new().prefix("upswell-test-").tempdir().expect("a temporary directory").keep();
        let guard = Command::new(script())
            .arg("guard")
            .arg(&directory)
            .stdin(Stdio::piped())
            .spawn()
            .expect("tests/tools/real can be started");
        Place { directory, guard }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// `real COMMAND DIRECTORY ARGUMENTS`, which returns when the part answers (or has ended).
    pub fn real(&self, command: &str, arguments: &[&str]) {
        let status = Command::new(script()).arg(command).arg(&self.directory).args(arguments).stdin(Stdio::null()).status();
        assert!(
            status.as_ref().is_ok_and(|status| status.success()),
            "real {command} failed ({status:?}); `make setup` fetches the real parts"
        );
    }
}

impl Default for Place {
    fn default() -> Place {
        Place::new()
    }
}

impl Drop for Place {
    /// Ends what runs here at once: closing the guard's input is its order to clean up.
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        if let Err(error) = self.guard.wait() {
            eprintln!("clean up {}: {error}", self.directory.display());
        }
    }
}
