//! A running demo, for whoever needs a whole service with believable figures.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// `upswell demo`, ended with the value.
pub struct Demo {
    child: Child,
    address: String,
}

impl Demo {
    /// Returns when it says where it is.
    pub fn start() -> Demo {
        let mut command = Command::new(env!("CARGO_BIN_EXE_upswell"));
        command.args(["demo", "--listen", "127.0.0.1:0", "--customers", "400", "--log-level", "error"]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the demo starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output is piped")).read_line(&mut line).expect("a line");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_else(|| panic!("{line}"));
        Demo { address: address.to_owned(), child }
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Both fail only when it has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
