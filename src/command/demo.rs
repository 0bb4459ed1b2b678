//! `upswell demo`: the whole service on an embedded broker and registry, fed with a synthetic company's billing events while a
//! simulated clock makes days pass in seconds. Nothing outside the process is needed or changed.

use super::{Failure, generate, print, run, say};
use crate::adapter::clock::Clock;
use crate::adapter::store::Store;
use crate::config::{self, Config, Purpose};
use crate::demo::broker::Broker;
use crate::demo::exchange;
use crate::demo::feed::{Feed, Topics};
use crate::demo::headline;
use crate::demo::history::{History, Scale};
use crate::demo::playback::{Playback, Position};
use crate::demo::registry::{IDS, Registry};
use crate::domain::calendar::{Day, Instant};
use crate::service::{self, Handle, Running, Service, alerting};
use anyhow::Context;
use serde_json::json;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant as Moment};
use tokio::signal::unix::{SignalKind, signal};

/// Partitions of each topic.
const PARTITIONS: i32 = 8;
/// Months of history before the demo's present; a year and some, so that every window has its comparison.
const MONTHS: u32 = 14;
/// How often new events are sent.
const BEAT: Duration = Duration::from_millis(20);
/// How often a line is written, and the broker asked whether it keeps what was not read.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often a new view is begun: often, because days are short.
const TICK: Duration = Duration::from_millis(250);

/// Arguments of `upswell demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address of the HTTP server, host:port; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9817", value_parser = config::listen)]
    listen: String,
    /// Customers that have signed up by the beginning, 1 to 1000000
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    customers: u32,
    /// Events a second on average, 1 to 100000: simulated time runs as fast as that takes [default: a day every 2 seconds]
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    events_per_second: Option<u64>,
    /// Seed of everything that is left to chance
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

/// Milliseconds of simulated time that pass in one, unless a rate of events is asked for: a day every two seconds.
const SPEED: u64 = 43_200;

/// Runs the demo until a signal ends it.
///
/// # Errors
/// Something cannot be started, the service ends by itself, or the embedded broker drops what was not read.
pub fn execute(args: &Args) -> Result<(), Failure> {
    let signals = listen_to_signals()?;
    let topics = Topics { subscriptions: "billing.subscriptions".into(), usage: "billing.usage".into() };
    let registry = Registry::start().context("start the embedded schema registry")?;
    let broker = Broker::start(vec![
        (topics.subscriptions.clone(), PARTITIONS),
        (topics.usage.clone(), PARTITIONS),
        ("billing.dead-letters".to_owned(), 1),
    ]);
    let broker = broker.context("start the demo")?;
    let present = generate::until(generate::DEFAULT_UNTIL).map_err(Failure::Usage)?;
    let mut playback = prepare(args, present, &broker, topics)?;
    let clock = Clock::simulated(midnight(present), speed(args, &playback));
    let config = Config::parse(&configuration(args, &broker, &registry), "the demo", &[], Purpose::Service)?;
    let store = Store::open(&config.checkpoint.settings()).map_err(anyhow::Error::from).context("open the demo's checkpoints")?;
    let settings = service::Settings { tick: TICK, alerting: alerting(&config), ..run::settings(&config, store, None) };
    let running = Service::start(settings, clock);
    let running = running.map_err(anyhow::Error::from).context("start the service (its address is --listen)")?;
    let address = running.local_addr();
    print(&format!("Open http://{address}/metrics and http://{address}/api/v1/report; Ctrl-C ends the demo.\n"))?;
    let handle = running.handle();
    let ended = await_end(running, signals.tell)?;
    let outcome = play(&mut playback, &handle, clock, &signals.told);
    handle.stop();
    // The service may have ended before; what it says then is the reason for everything.
    let service = ended.recv().unwrap_or_else(|_| Err(service::Failure::Runtime("the service was lost".to_owned())));
    service?;
    Ok(outcome.context("play the demo")?)
}

/// The shipped rules, judged as days fly by. What ails the demo itself is seen at once, so nobody has to be told.
fn alerting(config: &Config) -> alerting::Settings {
    alerting::Settings { limits: None, interval: TICK, longest: i64::MAX, ..run::alerting(config) }
}

/// Writes the history up to the present, or as much of it as the broker holds unread.
fn prepare(args: &Args, present: Day, broker: &Broker, topics: Topics) -> anyhow::Result<Playback> {
    say(&format!("Writing {MONTHS} months of billing events of {} customers ...", args.customers));
    let feed = Feed::new(broker.servers(), &[("client.id".into(), "upswell-demo".into())], topics, IDS, true)?;
    let scale = Scale { customers: args.customers, months: MONTHS, until: present, seed: args.seed };
    let mut playback = Playback::new(History::new(scale), feed);
    let whole = playback.fill(midnight(present)).context("write the history")?;
    let rest = if whole { "" } else { "; the rest follows as they are read" };
    say(&format!("{} events are in the embedded broker{rest}.", playback.acknowledged()));
    Ok(playback)
}

/// How many times as fast as real time the demo's time runs.
fn speed(args: &Args, playback: &Playback) -> u32 {
    let speed = args.events_per_second.map_or(SPEED, |rate| rate * 86_400 / playback.events_per_day());
    let speed = u32::try_from(speed.max(1)).unwrap_or(u32::MAX);
    say(&format!(
        "A simulated day takes {:.1} seconds, about {} events.",
        86_400.0 / f64::from(speed),
        playback.events_per_day()
    ));
    speed
}

fn configuration(args: &Args, broker: &Broker, registry: &Registry) -> String {
    format!(
        "kafka: {{ brokers: {}, group_id: upswell-demo }}\nschema_registry: {{ url: {} }}\ncheckpoint: {{ url: \"memory:///\" }}\nhttp: {{ listen: {} }}\n{}",
        json!(broker.servers()),
        json!(registry.url()),
        json!(args.listen),
        exchange::revenue_yaml()
    )
}

/// Sends events as the clock reaches them, until the service ends or a signal comes.
fn play(playback: &mut Playback, handle: &Handle, clock: Clock, told: &Receiver<()>) -> anyhow::Result<()> {
    let mut looked = Moment::now();
    while told.try_recv().is_err() {
        let reader = positions(handle);
        playback.follow(&reader, BEAT)?;
        playback.advance(clock.now())?;
        if looked.elapsed() >= LOOK_EVERY {
            looked = Moment::now();
            playback.check_kept(&positions(handle))?;
            handle.published().view().iter().for_each(|view| say(&headline::of(&view.report)));
        }
    }
    Ok(())
}

fn positions(handle: &Handle) -> Vec<Position> {
    let positions = handle.consumed_positions().into_iter();
    positions.filter_map(|((topic, partition), next)| Some((topic.fact_kind()?, partition, next))).collect()
}

/// Waits for the service's end on a thread of its own, and tells the player when it has come.
fn await_end(running: Running, tell: Sender<()>) -> anyhow::Result<Receiver<Result<(), service::Failure>>> {
    let (report, ended) = channel();
    let wait = move || {
        let outcome = running.wait();
        // Both may be gone already: then nobody needs to know.
        let _ = report.send(outcome);
        let _ = tell.send(());
    };
    std::thread::Builder::new().name("demo-end".into()).spawn(wait).context("start a thread")?;
    Ok(ended)
}

/// Where a player hears that it is over.
pub(super) struct Signals {
    tell: Sender<()>,
    pub(super) told: Receiver<()>,
}

/// Listens to SIGTERM and SIGINT from now on; a second one ends the process at once.
pub(super) fn listen_to_signals() -> anyhow::Result<Signals> {
    let (tell, told) = channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start listening to signals")?;
    let (terminate, interrupt) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    };
    let (mut terminate, mut interrupt) = (terminate.context("listen to SIGTERM")?, interrupt.context("listen to SIGINT")?);
    let over = tell.clone();
    let listen = move || {
        runtime.block_on(async {
            for _ in 0..2 {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                // Nobody listens any more when the demo is ending by itself.
                let _ = over.send(());
            }
        });
        std::process::exit(1);
    };
    std::thread::Builder::new().name("demo-signals".into()).spawn(listen).context("start a thread")?;
    Ok(Signals { tell, told })
}

fn midnight(day: Day) -> Instant {
    Instant(i64::from(day.0) * 86_400_000)
}
