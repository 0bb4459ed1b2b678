//! The real HTTP server over what a test publishes: states that a whole service passes through in a moment, such as catching up, or
//! that need several of them, and an address that anybody can reach. Nobody looks at accounts here, so lists are refused.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;
use upswell::adapter::http::{self, Access, State};
use upswell::demo::event::Body;
use upswell::demo::exchange;
use upswell::demo::history::{Scale, days};
use upswell::domain::accept;
use upswell::domain::alert::State as AlertState;
use upswell::domain::calendar::{Day, Zone};
use upswell::domain::facts::FactKind;
use upswell::domain::window::Window;
use upswell::engine::dedup::Memory;
use upswell::engine::plan::Plan;
use upswell::engine::report::Report;
use upswell::engine::shard::Shard;
use upswell::wire::alerting::{AlertStanding, RuleStanding, Standing, Threshold};
use upswell::wire::published::{Published, View};
use upswell::wire::readiness::{Phase, Readiness};
use upswell::wire::telemetry::Telemetry;

const WINDOWS: [&str; 6] = ["month_to_date", "last_month", "last_quarter", "year_to_date", "trailing_90d", "trailing_365d"];
const DIMENSIONS: [&str; 4] = ["cohort", "plan", "vertical", "region"];

/// A running server and what it shows.
pub struct Stage {
    address: SocketAddr,
    published: Arc<Published>,
    telemetry: Arc<Telemetry>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Stage {
    /// As if it listened where anybody can reach it, without passwords.
    pub fn open_to_anybody() -> Stage {
        let stage = Stage::start(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        stage.act("publish");
        stage
    }

    /// Catching up: no figure is known yet, but the rules are.
    pub fn waiting() -> Stage {
        let stage = Stage::start(IpAddr::V4(Ipv4Addr::LOCALHOST));
        stage.telemetry.partitions.set_lag(FactKind::Usage, 0, 12_000);
        stage.telemetry.partitions.set_lag(FactKind::Subscription, 1, 400);
        stage.published.set_readiness(Readiness::new(Phase::CatchingUp, "Reading up to the ends seen at assignment."));
        stage
    }

    /// `told` is the address that the server believes to listen at: it is on loopback, whatever is believed.
    fn start(told: IpAddr) -> Stage {
        let (published, telemetry) = (Arc::new(Published::new()), Arc::new(Telemetry::new("subs", "usage", "retries")));
        published.set_alerts(standing());
        telemetry.topic(FactKind::Subscription).partitions.set(8);
        let state = State {
            published: published.clone(),
            telemetry: telemetry.clone(),
            reload: None,
            inquiries: crossbeam_channel::bounded(1).0,
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket can be set non-blocking");
        let address = listener.local_addr().expect("a bound address");
        let held = http::Standing::new(Access::default(), SocketAddr::new(told, address.port()), telemetry.clone())
            .expect("nothing to read");
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a non-blocking socket");
                http::serve(listener, state, Arc::new(held), async { stopped.await.unwrap_or(()) }).await;
            });
        });
        Stage { address, published, telemetry, stop: Some(stop), thread: Some(thread) }
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Does what a walk asks for.
    pub fn act(&self, wish: &str) {
        match wish {
            "publish" => {
                self.published.publish(view(8));
                self.published.set_readiness(Readiness::new(Phase::Live, "All partitions have caught up."));
            }
            "share" => self.published.publish(view(3)),
            "withdraw" => self.published.withdraw(),
            "wait for the registry" => {
                let readiness = Readiness::new(Phase::WaitingForRegistry, "The registry does not answer.");
                self.published.set_readiness(readiness);
            }
            other => panic!("the walk asks for {other:?}"),
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().map(JoinHandle::join).transpose().expect("the server does not panic");
    }
}

/// The history as a replay reads it, with so many of 8 partitions.
fn view(partitions: usize) -> View {
    let windows = WINDOWS.iter().map(|name| Window::parse(name).expect("a window")).collect();
    let dimensions = DIMENSIONS.map(String::from).to_vec();
    let zone = Zone::named("UTC").expect("a zone");
    let plan = Arc::new(Plan { zone, rates: exchange::rates(), windows, dimensions, max_values: 30, history: 0 });
    let until = Day::parse("2026-07-01").expect("a date");
    let mut shard = Shard::new(plan.clone(), Memory::All, (1, 2));
    for event in days(Scale { customers: 300, months: 26, until, seed: 5 }).flatten() {
        match &event.body {
            Body::Subscription(state) => {
                let fact = accept::subscription(&state.raw(), &plan.rates);
                fact.into_iter().map(|fact| shard.apply_subscription(&fact)).count()
            }
            Body::Usage(usage) => {
                let fact = accept::usage(&usage.raw(), &plan.rates, Some(event.arrival));
                fact.into_iter().map(|fact| shard.apply_usage(&fact, Some(event.arrival))).count()
            }
        };
    }
    let as_of = plan.zone.midnight(until);
    shard.go_live(as_of);
    let report = Report::of(&plan, as_of, &[shard.totals().expect("a live shard has totals")]);
    View { report, live_partitions: partitions, owns_all: partitions == 8, segment_windows: Arc::new([]) }
}

/// Rules about figures, of which one fires, and one about the service.
fn standing() -> Standing {
    let rule = |name: &str, query: &str, threshold| RuleStanding {
        name: name.to_owned(),
        query: query.to_owned(),
        pending: 0,
        keep: 0,
        labels: [("severity".to_owned(), "critical".to_owned())].into(),
        annotations: Default::default(),
        threshold,
        suppressed: None,
        alerts: vec![],
    };
    let threshold = Threshold { metric: "expansion_rate", window: "trailing_365d".to_owned(), value: 0.1 };
    let firing = AlertStanding {
        labels: [("alertname", "GrowthLow"), ("severity", "critical"), ("window", "trailing_90d")]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into(),
        annotations: [("summary".to_owned(), "Growth is low.".to_owned())].into(),
        state: AlertState::Firing { since: upswell::domain::calendar::Instant(0), clear: None },
        value: Some(-0.3),
        suppressed: None,
    };
    let drop = Threshold { metric: "expansion_growth", window: "trailing_90d".to_owned(), value: -0.25 };
    let growth = rule("GrowthLow", "expansion_growth{window=\"trailing_90d\"} < -0.25", Some(drop));
    Standing {
        evaluated_at: Some(upswell::domain::calendar::Instant(0)),
        interval: std::time::Duration::from_secs(15),
        rules: vec![
            rule("RateLow", "expansion_rate{window=\"trailing_365d\"} < 0.1", Some(threshold)),
            RuleStanding { alerts: vec![firing], ..growth },
            rule("Trouble", "Something ails the service.", None),
        ],
    }
}
