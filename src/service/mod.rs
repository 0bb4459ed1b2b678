//! The running service: Kafka in, figures out.
//!
//! Threads, and what each owns: the *conductor* (partitions, views, readiness), the *workers* (shards), the *restorers* (what a partition
//! begins with), the *archivists* (images on their way into the store), *alerting* (rules and receivers), the *group* (membership), the *watch* (ends of the logs), and HTTP. They share immutable views, counters and boards of atomics, and talk over channels;
//! no lock is ever held across a call to another part.
//!
//! [`Service::start`] returns at once. What is not there yet (brokers, topics, registry) is waited for, and `/-/ready` says so;
//! only what a person has to change ends the service.

pub mod alerting;
pub mod archivist;
pub mod assignment;
mod audience;
pub mod beginning;
pub mod board;
mod conductor;
mod crew;
pub mod custody;
pub mod desk;
pub mod feed;
pub mod keeper;
pub mod lane;
pub mod ledger;
mod memory;
mod opening;
mod overdue;
pub mod parking;
pub mod partition;
pub mod placement;
mod readiness;
pub mod reading;
mod restorer;
mod rounds;
pub mod schemas;
pub mod searches;
mod shelf;
pub mod surveys;
mod wanted;
mod watch;
pub mod worker;

use crate::adapter::clock::Clock;
use crate::adapter::store::Store;
use crate::adapter::{http, kafka, registry};
use crate::domain::facts::TopicKind;
use crate::engine::plan::Plan;
use crate::engine::shard::movers::{Mover, Query};
use crate::wire::published::Published;
use crate::wire::telemetry::Telemetry;
use arc_swap::ArcSwap;
use board::Board;
use crossbeam_channel::{Sender, bounded, unbounded};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What the service needs to know.
pub struct Settings {
    pub kafka: kafka::Settings,
    pub registry: registry::Settings,
    pub plan: Arc<Plan>,
    /// Names of the windows whose segments are exported as gauges.
    pub segment_windows: Arc<[String]>,
    /// For how many milliseconds of record time usage ids are remembered; at least 1.
    pub dedup_window: i64,
    /// `host:port` of the HTTP server.
    pub listen: String,
    /// Who may ask it for what.
    pub access: http::Access,
    /// Who handles `POST /-/reload`; `None` closes it.
    pub reload: Option<mpsc::Sender<http::Reload>>,
    /// Threads that apply records; at least 1.
    pub workers: usize,
    /// Where checkpoints are kept.
    pub store: Store,
    /// How often a checkpoint of each partition is begun.
    pub checkpoint_interval: Duration,
    /// Whether every partition is begun anew from the log, whatever checkpoints there are.
    pub rebuild: bool,
    /// Bytes of resident memory from which on nothing more is taken in; `None` for no limit.
    pub memory_limit: Option<u64>,
    /// What is watched, and who is told.
    pub alerting: alerting::Settings,
    /// How often a new view is begun.
    pub tick: Duration,
    /// Bytes of records that may be fetched ahead, over all partitions.
    pub fetch_bytes: u64,
}

impl Settings {
    /// One worker for each core the process may use.
    pub fn default_workers() -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    /// How often a new view is begun at most, unless time is simulated and flies.
    pub const TICK: Duration = Duration::from_millis(100);
    /// Bytes that may be fetched ahead where there is memory.
    pub const FETCH_BYTES: u64 = 192 << 20;

    /// Bytes that may be fetched ahead: a small part of the limit of memory, or records would fill it before any is taken in.
    pub fn fetch_bytes(memory_limit: Option<u64>) -> u64 {
        memory_limit.map_or(Settings::FETCH_BYTES, |limit| Settings::FETCH_BYTES.min(limit / 8))
    }
}

/// Questions that wait for the desk; further ones are turned away.
const INQUIRIES: usize = 256;

/// Why the service ended, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Only a change of configuration helps: exit code 78.
    #[error("{0}")]
    Configuration(String),
    /// Exit code 1.
    #[error("{0}")]
    Runtime(String),
}

/// What the threads share.
#[derive(Clone)]
struct Shared {
    clock: Clock,
    published: Arc<Published>,
    telemetry: Arc<Telemetry>,
    /// The partitions worked on.
    boards: Arc<ArcSwap<Vec<Arc<Board>>>>,
    /// The alerts of the group.
    memo: Arc<alerting::Memo>,
    tick: Duration,
    /// How often a configuration was taken over.
    plans: Arc<AtomicU64>,
}

/// What the conductor is told from outside.
enum Control {
    Stop,
    /// A thread is gone.
    Failed(Failure),
    /// Look for the customers that moved most; each worker answers once.
    Search {
        query: Query,
        answer: Sender<Vec<Mover>>,
    },
    /// Look at every account as it is now; each worker answers once.
    Survey(surveys::Order),
    /// Look for a customer; each worker answers once.
    Sight {
        ticket: u64,
        customer_id: Arc<str>,
        answer: Sender<desk::Event>,
    },
    Reload {
        plan: Arc<Plan>,
        segment_windows: Arc<[String]>,
        reply: Sender<Result<(), String>>,
    },
}

/// The service.
pub struct Service;

/// A running service. [`Running::wait`] for its end.
pub struct Running {
    address: SocketAddr,
    handle: Handle,
    conductor: JoinHandle<Result<(), Failure>>,
    http: JoinHandle<()>,
    close_http: oneshot::Sender<()>,
}

/// A way to tell and ask a running service, for other threads.
#[derive(Clone)]
pub struct Handle {
    control: Sender<Control>,
    shared: Shared,
    alerting: Sender<alerting::Order>,
}

impl Service {
    /// Opens the HTTP port and starts the threads; everything else happens in the background.
    ///
    /// # Errors
    /// The port cannot be opened, the file of TLS and passwords has faults, or the system has no thread to give.
    pub fn start(settings: Settings, clock: Clock) -> Result<Running, Failure> {
        let listener = listen(&settings.listen)?;
        let address = listener.local_addr().map_err(|error| Failure::Runtime(format!("read the HTTP address: {error}")))?;
        let topics = &settings.kafka.topics;
        let shared = Shared {
            clock,
            published: Arc::new(Published::new()),
            telemetry: Arc::new(Telemetry::new(&topics.subscriptions, &topics.usage, &topics.retries)),
            boards: Arc::default(),
            memo: Arc::default(),
            tick: settings.tick,
            plans: Arc::default(),
        };
        shared.telemetry.config_last_reload_successful.set_flag(true);
        let (control, told) = unbounded();
        let (close_http, closed) = oneshot::channel();
        let (inquiries, asked) = bounded(INQUIRIES);
        let state = http::State {
            published: shared.published.clone(),
            telemetry: shared.telemetry.clone(),
            reload: settings.reload.clone(),
            inquiries,
        };
        let seen_by = (settings.workers.max(1), settings.plan.zone.clone());
        let desk = desk::Desk::new(control.clone(), shared.clone(), seen_by, asked);
        spawn("desk", control.clone(), move || desk.run())?;
        let standing = http::Standing::new(settings.access.clone(), address, shared.telemetry.clone());
        let standing = Arc::new(standing.map_err(Failure::Configuration)?);
        let http = spawn("http", control.clone(), move || serve(listener, state, standing, closed))?;
        let alerting = alerting::hire(settings.alerting.clone(), shared.clone(), control.clone())?;
        let handle = Handle { control: control.clone(), shared: shared.clone(), alerting };
        let conduct = move || opening::open(settings, shared, control, told)?.map_or(Ok(()), conductor::Conductor::run);
        let conductor = std::thread::Builder::new().name("conductor".into()).spawn(conduct).map_err(|error| no_thread(&error))?;
        Ok(Running { address, handle, conductor, http, close_http })
    }
}

impl Running {
    /// Where the HTTP server listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// A way to tell and ask the service from other threads.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits until the service has ended, by itself or because it was told to, and closes the HTTP server.
    ///
    /// # Errors
    /// Why it ended, if nobody told it to.
    pub fn wait(self) -> Result<(), Failure> {
        let panicked = |_| Err(Failure::Runtime("the conductor's thread panicked; please report this as a defect".to_owned()));
        let result = self.conductor.join().unwrap_or_else(panicked);
        // The server may have ended before.
        let _ = self.close_http.send(());
        let _ = self.http.join();
        result
    }
}

impl Handle {
    /// Tells the service to end in order; [`Running::wait`] returns when it has.
    pub fn stop(&self) {
        let _ = self.control.send(Control::Stop);
    }

    /// Replaces rules and what is expected of the service itself; receivers stay.
    pub fn reload_alerting(&self, settings: alerting::Settings) {
        // Nobody listens only when the service is ending.
        let _ = self.alerting.send(alerting::Order::Reload(Box::new(settings)));
    }

    /// Replaces windows, dimensions, rates and segment windows; the view is replaced at once when the new one is exact.
    ///
    /// # Errors
    /// A sentence why the old ones stay.
    pub fn reload(&self, plan: Arc<Plan>, segment_windows: Arc<[String]>) -> Result<(), String> {
        let (reply, answer) = bounded(1);
        let _ = self.control.send(Control::Reload { plan, segment_windows, reply });
        answer.recv().unwrap_or_else(|_| Err("the service is ending".to_owned()))
    }

    /// The next offset of every topic's partition that is worked on: all before it is applied, rejected or passed over.
    pub fn consumed_positions(&self) -> BTreeMap<(TopicKind, i32), i64> {
        let boards = self.shared.boards.load();
        let position = |board: &Board, topic: TopicKind| Some(((topic, board.partition), board.next(topic)?));
        boards.iter().flat_map(|board| board.topics().iter().filter_map(|topic| position(board, *topic))).collect()
    }

    pub fn telemetry(&self) -> &Telemetry {
        &self.shared.telemetry
    }

    pub fn published(&self) -> &Published {
        &self.shared.published
    }
}

fn listen(address: &str) -> Result<TcpListener, Failure> {
    let opened = TcpListener::bind(address).and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    opened.map_err(|error| Failure::Runtime(format!("cannot listen on {address}: {error}; set http.listen to a free address")))
}

fn serve(listener: TcpListener, state: http::State, standing: Arc<http::Standing>, closed: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("http").enable_all().build();
    let served = runtime.and_then(|runtime| {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            http::serve(listener, state, standing, async move { drop(closed.await) }).await;
            Ok(())
        })
    });
    if let Err(error) = served {
        tracing::error!(%error, "the HTTP server did not start");
    }
}

/// Starts a thread whose panic ends the service.
fn spawn(name: &str, control: Sender<Control>, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Failure> {
    let title = name.to_owned();
    let guarded = move || {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            let failure = Failure::Runtime(format!("the thread {title} panicked; please report this as a defect"));
            // Nobody listens only when the service has ended anyway.
            let _ = control.send(Control::Failed(failure));
        }
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(guarded).map_err(|error| no_thread(&error))
}

fn no_thread(error: &std::io::Error) -> Failure {
    Failure::Runtime(format!("cannot start a thread: {error}; raise the limit of processes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_panics_ends_the_service() {
        let (control, told) = unbounded();
        let thread = spawn("worker-7", control, || panic!("a defect")).expect("a thread");
        let Ok(Control::Failed(Failure::Runtime(sentence))) = told.recv() else { panic!("nothing was told") };
        assert!(sentence.contains("worker-7"), "{sentence}");
        assert!(thread.join().is_ok());
    }

    #[test]
    fn a_taken_port_is_told_with_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("an address").to_string();
        let Err(Failure::Runtime(sentence)) = listen(&address) else { panic!("the port was free") };
        assert!(sentence.contains(&address) && sentence.contains("http.listen"), "{sentence}");
    }
}
