//! The built binary: as a service that is watched over HTTP, or as a command that is run to its end.

use crate::http::{self, Answer};
use crate::parts::{Place, free_ports};
use crate::samples::Samples;
use crate::wait;
use rustix::process::Pid;
pub use rustix::process::Signal;
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

/// Names what the guard ends when the tests cannot, see [`Place`].
const PID_FILE: &str = "upswell.pid";

/// `upswell run` with a configuration; ended with the value, its log shown when the test fails.
#[derive(Debug)]
pub struct Upswell {
    place: Place,
    child: Child,
    address: String,
    program: String,
    level: &'static str,
    arguments: Vec<String>,
}

fn own_checkpoints(directory: &Path) -> String {
    format!("file://{}/checkpoints", directory.display())
}

/// `upswell run` with the configuration that lies in a directory.
fn spawn(program: &str, level: &str, directory: &Path, arguments: &[String], address: &str) -> Child {
    let file = directory.join("upswell.yaml");
    let config = std::fs::read_to_string(&file).expect("the configuration was written");
    let log = std::fs::File::create(directory.join("log")).expect("the log can be created");
    let child = Command::new(program)
        .args(["--log-level", level, "run", "--config"])
        .arg(&file)
        .args(arguments)
        .env("UPSWELL_HTTP_LISTEN", address)
        .envs((!config.contains("checkpoint:")).then(|| ("UPSWELL_CHECKPOINT_URL", own_checkpoints(directory))))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the log can be shared"))
        .stderr(log)
        .spawn()
        .expect("the binary can be started");
    std::fs::write(directory.join(PID_FILE), child.id().to_string()).expect("the guard can be told of the service");
    child
}

impl Upswell {
    /// Starts it at a free port with this configuration, whose `http.listen` is overridden; checkpoints are its own unless the
    /// configuration says where they are kept.
    pub fn run(program: &str, config: &str) -> Upswell {
        Upswell::run_with(program, config, &[])
    }

    /// The same with further arguments of `upswell run`, such as `--rebuild`.
    pub fn run_with(program: &str, config: &str, arguments: &[&str]) -> Upswell {
        Upswell::start(program, "debug", config, arguments)
    }

    /// The same, logging everything there is.
    pub fn run_traced(program: &str, config: &str) -> Upswell {
        Upswell::start(program, "trace", config, &[])
    }

    /// Starts it with the log it has in production, for measurements.
    pub fn run_quietly(program: &str, config: &str) -> Upswell {
        Upswell::start(program, "info", config, &[])
    }

    fn start(program: &str, level: &'static str, config: &str, arguments: &[&str]) -> Upswell {
        let place = Place::new();
        let directory = place.directory();
        let address = format!("127.0.0.1:{}", free_ports(1));
        let file = directory.join("upswell.yaml");
        std::fs::write(&file, config).expect("the configuration can be written");
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let child = spawn(program, level, directory, &arguments, &address);
        Upswell { place, child, address, program: program.to_owned(), level, arguments }
    }

    /// Starts it again after its end: the same configuration, address and checkpoints, and a log of its own.
    pub fn restart(&mut self) {
        assert!(self.ended().is_some(), "it has to end first");
        self.child = spawn(&self.program, self.level, self.place.directory(), &self.arguments, &self.address);
    }

    /// `HOST:PORT` of its HTTP server.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.place.directory().join("log")).unwrap_or_default()
    }

    /// `None` while nothing answers there.
    pub fn get(&self, path: &str) -> Option<Answer> {
        http::get(&format!("http://{}{path}", self.address))
    }

    /// A probe's first answer; panics at once when the service has ended meanwhile.
    pub fn wait<T>(&mut self, what: &str, mut probe: impl FnMut(&Upswell) -> Option<T>) -> T {
        wait::until(what, || {
            if let Some(status) = self.ended() {
                panic!("{what}: the service ended with {status}");
            }
            probe(self)
        })
    }

    /// Returns when `/-/ready` answers 200.
    pub fn wait_ready(&mut self) {
        self.wait("the service is ready", |service| service.get("/-/ready").filter(|answer| answer.status == 200));
    }

    /// Returns when `/-/ready` answers 503 with a body that holds this text.
    pub fn wait_not_ready(&mut self, text: &str) {
        self.wait(&format!("not ready, saying {text}"), |service| {
            service.get("/-/ready").filter(|answer| answer.status == 503 && answer.body.contains(text))
        });
    }

    /// The report of now.
    pub fn report(&self) -> Value {
        let answer = self.get("/api/v1/report").expect("the service answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// The text of one scrape in the text format.
    pub fn exposition(&self) -> String {
        let answer = self.get("/metrics").expect("the service answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// The samples of one scrape.
    pub fn scrape(&self) -> Samples {
        Samples::parse(&self.exposition())
    }

    /// How it ended; `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked for its status")
    }

    /// Its exit code, once it has ended by itself.
    pub fn wait_exit(&mut self) -> i32 {
        let status = wait::until("the service ends", || self.ended());
        status.code().unwrap_or_else(|| panic!("ended by a signal: {status}"))
    }

    /// SIGTERM, then its exit code.
    pub fn terminate(&mut self) -> i32 {
        self.signal(Signal::TERM);
        self.wait_exit()
    }

    /// SIGKILL; returns when it is gone.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        wait::until("the service is gone", || self.ended());
    }

    /// Sends a signal; it must not have ended.
    pub fn signal(&self, number: Signal) {
        signal(&self.child, number);
    }
}

impl Drop for Upswell {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("--- the service's last words");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
        if self.child.kill().and_then(|()| self.child.wait()).is_err() {
            eprintln!("could not end the service with process id {}", self.child.id());
        }
        // Its process id may belong to another program from now on.
        if let Err(error) = std::fs::remove_file(self.place.directory().join(PID_FILE)) {
            eprintln!("tell the guard that the service has ended: {error}");
        }
    }
}

/// Sends a signal to a child that has not been waited for.
pub fn signal(child: &Child, signal: Signal) {
    rustix::process::kill_process(Pid::from_child(child), signal).expect("the child still runs");
}

/// The outcome of a command that ran to its end.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end.
pub fn command(program: &str, arguments: &[&str]) -> Outcome {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().expect("the program can be started");
    let Output { status, stdout, stderr } = output;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Outcome { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// `path` as text, for an argument list.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}
