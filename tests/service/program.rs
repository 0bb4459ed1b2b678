//! The built program against the world: signals, exit codes and reloads.

use crate::world::{World, until};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use upswell_testkit::program::{self, Signal};

/// A running `upswell run`; killed if a test gives up on it.
struct Program {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
    file: tempfile::NamedTempFile,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(world: &World, more: &str) -> String {
    format!(
        "kafka: {{ brokers: \"{}\", group_protocol: consumer }}\nschema_registry: {{ url: \"{}\" }}\n{more}\n",
        world.cluster.bootstrap_servers(),
        world.registry.url(),
    )
}

impl Program {
    fn start(configuration: &str) -> Program {
        let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().expect("a file");
        file.write_all(configuration.as_bytes()).expect("room on the disk");
        let mut command = Command::new(env!("CARGO_BIN_EXE_upswell"));
        command.arg("run").arg("--config").arg(file.path()).stderr(Stdio::piped());
        command.env("UPSWELL_CHECKPOINT_URL", "memory:///");
        let mut child = command.spawn().expect("the program");
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = said.clone();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| heard.lock().expect("no panic").push(line)));
        Program { child, said, file }
    }

    fn said(&self, text: &str) -> Option<String> {
        self.said.lock().expect("no panic").iter().find(|line| line.contains(text)).cloned()
    }

    fn wait_for_line(&self, text: &str) -> String {
        let heard = || (self.said(text), self.said.lock().expect("no panic").clone());
        until(text, heard, |(line, _)| line.is_some()).0.expect("it was said")
    }

    /// Where a path is, once the program listens.
    fn url(&self, path: &str) -> String {
        let line = self.wait_for_line("listening");
        let address = line.split("address=").nth(1).expect("an address").trim();
        format!("http://{address}{path}")
    }

    fn get(&self, path: &str) -> (u16, String) {
        crate::world::get(&self.url(path))
    }

    fn post(&self, path: &str) -> (u16, String) {
        crate::world::post(&self.url(path))
    }

    fn signal(&self, signal: Signal) {
        program::signal(&self.child, signal);
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().expect("an end").code()
    }
}

#[test]
fn a_signal_ends_it_in_order() {
    let world = World::new(2);
    for signal in [Signal::TERM, Signal::INT] {
        let mut program = Program::start(&configuration(&world, "http: { listen: \"127.0.0.1:0\" }"));
        until("ready", || program.get("/-/ready"), |(status, _)| *status == 200);
        program.signal(signal);
        assert_eq!(program.exit_code(), Some(0), "{signal:?}");
    }
}

#[test]
fn a_cluster_that_cannot_be_used_is_exit_code_78() {
    let world = World::new(2);
    let topics = "topics: { usage: billing.dead-letters, dead_letters: billing.usage }";
    let text = configuration(&world, "http: { listen: \"127.0.0.1:0\" }").replace("group_protocol: consumer", topics);
    let mut program = Program::start(&text);
    assert_eq!(program.exit_code(), Some(78));
    program.wait_for_line("partitions");
}

#[test]
fn a_reload_takes_all_or_nothing() {
    let world = World::new(1);
    let rest = "http: { listen: \"127.0.0.1:0\", enable_reload: true }\nrevenue: { windows: [last_month] }\nmetrics: { segment_windows: [] }";
    let mut program = Program::start(&configuration(&world, rest));
    until("ready", || program.get("/-/ready"), |(status, _)| *status == 200);
    let rewrite = |program: &Program, from: &str, to: &str| {
        let text = configuration(&world, rest).replace(from, to);
        std::fs::write(program.file.path(), text).expect("room on the disk");
    };
    let window = |name: &str| format!("upswell_window_start_timestamp_seconds{{window=\"{name}\"}}");
    let metrics = |program: &Program| program.get("/metrics").1;

    rewrite(&program, "windows: [last_month]", "windows: [last_quarter], time_zone: Asia/Tokyo");
    program.signal(Signal::HUP);
    assert!(program.wait_for_line("the old one stays").contains("revenue.time_zone"));
    until("a refusal", || metrics(&program), |text| text.contains("upswell_config_last_reload_successful 0"));
    assert!(metrics(&program).contains(&window("last_month")));

    let (status, answer) = program.post("/-/reload");
    assert!(status >= 400 && answer.contains("revenue.time_zone"), "{status} {answer}");

    rewrite(&program, "windows: [last_month]", "windows: [last_quarter]");
    assert_eq!(program.post("/-/reload").0, 200);
    until("the new window", || metrics(&program), |text| text.contains(&window("last_quarter")));
    let text = metrics(&program);
    assert!(text.contains("upswell_config_last_reload_successful 1") && !text.contains(&window("last_month")), "{text}");
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code(), Some(0));
}
