//! `upswell run`: the service, until it is told to end.
//!
//! SIGTERM and SIGINT end it in order; a second one ends it at once. SIGHUP, and `POST /-/reload` where that is open, load the
//! configuration anew: all of it is taken over, or nothing, and what needs a restart is named.

use super::Failure;
use crate::adapter::clock::Clock;
use crate::adapter::http::Reload;
use crate::adapter::store::Store;
use crate::adapter::{machine, store};
use crate::config::{Config, Loaded, Purpose};
use crate::domain::window::Window;
use crate::service::{self, Handle, Service, alerting};
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// How long an orderly end may take before the process ends without it.
const END_DEADLINE: Duration = Duration::from_secs(24);

/// Arguments of `upswell run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Configuration file (YAML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Start over from the topics' beginning, whatever checkpoints there are
    #[arg(long)]
    rebuild: bool,
}

/// Runs the service until a signal ends it.
///
/// # Errors
/// The configuration has faults, or something failed that does not pass by itself.
pub fn execute(args: &Args) -> Result<(), Failure> {
    let config = load(&args.config)?;
    let (requests, reloads) = mpsc::channel(1);
    let reload = config.http.enable_reload.then_some(requests);
    let store = Store::open(&config.checkpoint.settings()).map_err(unusable)?;
    let settings = service::Settings { rebuild: args.rebuild, ..settings(&config, store, reload) };
    let running = Service::start(settings, Clock::wall())?;
    tracing::info!(address = %running.local_addr(), "listening");
    let steering = Steering { file: args.config.clone(), config, handle: running.handle(), reloads };
    steering.start()?;
    Ok(running.wait()?)
}

impl From<service::Failure> for Failure {
    fn from(failure: service::Failure) -> Failure {
        match failure {
            service::Failure::Configuration(sentence) => Failure::Configuration(sentence),
            service::Failure::Runtime(sentence) => Failure::Runtime(anyhow::Error::msg(sentence)),
        }
    }
}

/// What the service is told of a configuration.
pub fn settings(config: &Config, store: Store, reload: Option<mpsc::Sender<Reload>>) -> service::Settings {
    let memory_limit = config.memory.bytes(machine::memory());
    service::Settings {
        kafka: config.kafka.settings(),
        registry: config.schema_registry.settings(),
        plan: Arc::new(config.plan()),
        segment_windows: segment_windows(config),
        dedup_window: config.revenue.dedup_window.0,
        listen: config.http.listen.clone(),
        access: config.http.access(),
        reload,
        workers: service::Settings::default_workers(),
        store,
        checkpoint_interval: Duration::from_millis(u64::try_from(config.checkpoint.interval.0).unwrap_or(u64::MAX)),
        rebuild: false,
        memory_limit,
        alerting: alerting(config),
        tick: service::Settings::TICK,
        fetch_bytes: service::Settings::fetch_bytes(memory_limit),
    }
}

/// What is watched, and who is told.
pub fn alerting(config: &Config) -> alerting::Settings {
    let (alerts, zone) = (&config.alerts, config.revenue.time_zone.clone());
    let operational = &alerts.operational;
    let (external, interval) = (config.http.external_url.as_deref(), alerts.interval.duration());
    alerting::Settings {
        rules: alerts.rules.clone(),
        limits: operational.enabled.then(|| operational.limits(config.checkpoint.interval)),
        interval,
        longest: alerts.interval.0.saturating_mul(2),
        receivers: alerts.receivers.iter().map(|receiver| receiver.settings(external, interval)).collect(),
        base: external.map_or_else(|| format!("http://{}", config.http.listen), str::to_owned),
        complete_since: config.revenue.complete_since.map(|day| zone.midnight(day)),
        zone,
    }
}

/// A place of checkpoints that cannot be opened has to be corrected.
fn unusable(error: store::Error) -> Failure {
    Failure::Configuration(error.to_string())
}

fn segment_windows(config: &Config) -> Arc<[String]> {
    config.segment_windows.iter().map(Window::to_string).collect()
}

fn load(file: &Path) -> Result<Config, Failure> {
    let Loaded { config, warnings } = Config::load(Some(file), Purpose::Service)?;
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    Ok(config)
}

/// What steers the service from outside: signals and reload requests. One thread handles them, so reloads never overlap.
struct Steering {
    file: PathBuf,
    /// The configuration in force.
    config: Config,
    handle: Handle,
    reloads: mpsc::Receiver<Reload>,
}

/// The signals that are listened to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        let [terminate, interrupt, hang_up] =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        Ok(Signals { terminate: terminate?, interrupt: interrupt?, hang_up: hang_up? })
    }
}

impl Steering {
    /// Listens from now on: a signal that comes after this is not missed.
    fn start(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start listening to signals")?;
        let signals = {
            let _inside = runtime.enter();
            Signals::new().context("listen to signals")?
        };
        let steer = move || runtime.block_on(self.steer(signals));
        std::thread::Builder::new().name("steering".into()).spawn(steer).context("start a thread")?;
        Ok(())
    }

    async fn steer(mut self, mut signals: Signals) {
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => break,
                _ = signals.interrupt.recv() => break,
                _ = signals.hang_up.recv() => drop(self.reload()),
                Some(request) = self.reloads.recv() => drop(request.reply.send(self.reload())),
            }
        }
        tracing::info!("ending; a second signal ends at once");
        self.handle.stop();
        tokio::select! {
            _ = signals.terminate.recv() => {}
            _ = signals.interrupt.recv() => {}
            () = tokio::time::sleep(END_DEADLINE) => {}
        }
        tracing::error!("ended before everything was in order; the next start reads again what was not recorded");
        process::exit(1);
    }

    /// Loads the configuration anew; a sentence either way.
    fn reload(&mut self) -> Result<String, String> {
        let outcome = self.take_over();
        self.handle.telemetry().config_last_reload_successful.set_flag(outcome.is_ok());
        match &outcome {
            Ok(sentence) => tracing::info!("{sentence}"),
            Err(sentence) => tracing::error!("the configuration was not loaded, the old one stays: {sentence}"),
        }
        outcome
    }

    fn take_over(&mut self) -> Result<String, String> {
        let new = load(&self.file).map_err(|failure| failure.to_string())?;
        let fixed = self.config.changes_needing_restart(&new);
        if !fixed.is_empty() {
            return Err(format!("{} cannot change while the service runs; restart it", fixed.join(", ")));
        }
        self.handle.reload(Arc::new(new.plan()), segment_windows(&new))?;
        self.handle.reload_alerting(alerting(&new));
        self.config = new;
        Ok("The configuration was loaded.".to_owned())
    }
}
