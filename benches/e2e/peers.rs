//! Peers: the same records through Kafka Streams and Flink, each in a process of its own, and through the service, in one run.
//!
//! The peers' job is reduced (`benches/peers/README.md`), and their own count of what a record cost is taken: from the first record
//! to the last, without the start of the Java machine. Memory is the kernel's peak of the whole process.

use crate::events::Scale;
use crate::process::{machine, peak_memory};
use crate::stage::Stage;
use crate::throughput::{Cost, service};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant as Moment};

/// Longest run of one peer.
const PATIENCE: Duration = Duration::from_secs(900);
const GLANCE: Duration = Duration::from_millis(200);

/// One way of running a peer.
struct Peer {
    name: &'static str,
    /// Directory below `benches/peers`, and the class to run.
    program: (&'static str, &'static str),
    machine: &'static [&'static str],
    arguments: &'static [&'static str],
}

/// Flink reads fields of the Java library, as its own start script lets it.
const FLINK: &[&str] = &[
    "-Xmx4g",
    "-XX:+UseG1GC",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.time=ALL-UNNAMED",
];
const STREAMS: &[&str] = &["-Xms1g", "-Xmx3g", "-XX:+UseParallelGC"];

const PEERS: [Peer; 4] = [
    Peer {
        name: "Kafka Streams, cache of 10 MB",
        program: ("kafka-streams", "upswell.peer.Main"),
        machine: STREAMS,
        arguments: &["--store", "rocksdb", "--cache-mb", "10"],
    },
    Peer {
        name: "Kafka Streams, cache of 512 MB",
        program: ("kafka-streams", "upswell.peer.Main"),
        machine: STREAMS,
        arguments: &["--store", "rocksdb", "--cache-mb", "512"],
    },
    Peer {
        name: "Flink, heap state",
        program: ("flink", "peers.flink.Job"),
        machine: FLINK,
        arguments: &["--backend", "hashmap"],
    },
    Peer {
        name: "Flink, heap state, deduplication",
        program: ("flink", "peers.flink.Job"),
        machine: FLINK,
        arguments: &["--backend", "hashmap", "--dedup", "true"],
    },
];

/// Loads the topics, then runs everybody on them.
pub fn run(scale: Scale, partitions: i32) {
    let Scale { customers, events, .. } = scale;
    println!("{}; {events} events, {customers} customers, {partitions} partitions of each topic", machine());
    let missing = PEERS.iter().find(|peer| !peer.library().is_dir());
    assert!(missing.is_none(), "the peers are not built; `make bench-peers` builds them, with Java 17 and Maven");
    let stage = Stage::set(partitions);
    stage.load(scale);
    let ours = service(&stage, "peers", events).shown;
    ours.row("Upswell, figures shown");
    for peer in &PEERS {
        let theirs = peer.measure(&stage, events);
        theirs.row(peer.name);
        println!(
            "{:<34} {:.1} times our processor time, {:.1} times our memory",
            "",
            theirs.each() / ours.each(),
            theirs.memory as f64 / ours.memory as f64
        );
    }
}

impl Peer {
    fn directory(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(self.program.0)
    }

    fn library(&self) -> PathBuf {
        self.directory().join("target/lib")
    }

    fn measure(&self, stage: &Stage, events: usize) -> Cost {
        let place = tempfile::tempdir().expect("a temporary directory");
        let classes = format!("{0}/*:{0}/lib/*", self.directory().join("target").display());
        let output = place.path().join("output");
        let log = File::create(place.path().join("log")).expect("a log");
        let mut peer = Command::new("java")
            .args(self.machine)
            .arg(format!("-Djava.io.tmpdir={}", place.path().display()))
            .args(["-cp", &classes, self.program.1, "--bootstrap", &stage.kafka.bootstrap(), "--registry", &stage.registry.url()])
            .args(["--expect", &events.to_string()])
            .args(self.arguments)
            .stdin(Stdio::null())
            .stdout(File::create(&output).expect("a file"))
            .stderr(log)
            .spawn()
            .expect("java can be started; install Java 17");
        let memory = watch(&mut peer);
        let result = std::fs::read_to_string(&output).unwrap_or_default();
        let figure = |name: &str| -> Option<f64> {
            result.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
        };
        let (Some(seconds), Some(processor)) = (figure("seconds"), figure("cpu_s")) else {
            let log = std::fs::read_to_string(place.path().join("log")).unwrap_or_default();
            panic!("{} gave no result: {result}{log}", self.name)
        };
        let (wall, processor) = (Duration::from_secs_f64(seconds), Duration::from_secs_f64(processor));
        Cost { records: events, wall, processor, memory }
    }
}

/// Waits for the peer's end; the most memory it had. One that takes too long is ended.
fn watch(peer: &mut Child) -> u64 {
    let (deadline, mut memory) = (Moment::now() + PATIENCE, 0);
    while peer.try_wait().expect("a child can be asked for its status").is_none() {
        memory = peak_memory(peer.id()).unwrap_or(memory);
        if Moment::now() > deadline {
            peer.kill().and_then(|()| peer.wait()).expect("a child can be ended");
        }
        std::thread::sleep(GLANCE);
    }
    memory
}
