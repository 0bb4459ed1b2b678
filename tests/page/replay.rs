//! A service that has read a history of two years and more, as `upswell generate` writes it, up to the day that has just begun.

use crate::walk::walk;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use upswell::demo::broker::Broker;
use upswell::demo::exchange;
use upswell::demo::feed::{Feed, Topics};
use upswell::demo::history::{History, Scale};
use upswell::demo::playback::Playback;
use upswell::demo::registry::{IDS, Registry};
use upswell::domain::calendar::{Day, Instant};
use upswell_testkit::{Upswell, wait};

const PARTITIONS: i32 = 4;
const DAY: i64 = 86_400_000;

/// Some of these fire over any history, and one does not: alerts about the total, by segment, and about money.
const RULES: &str = "
alerts:
  interval: 1s
  rules:
    - { name: RateLow, metric: expansion_rate, window: trailing_365d, below: 95%, for: 0s, severity: critical, min_opening_customers: 1, min_opening_mrr: 0 }
    - { name: RetentionLow, metric: net_revenue_retention, window: trailing_90d, below: 1%, for: 0s, severity: critical, min_opening_customers: 1, min_opening_mrr: 0 }
    - { name: SeatsLow, metric: expansion_rate, dimension: vertical, window: trailing_90d, below: 95%, for: 0s, severity: info, min_opening_customers: 1, min_opening_mrr: 0 }
    - { name: LastMonthLarge, metric: closing, window: last_month, above: 1, for: 0s, severity: warning, min_opening_customers: 1, min_opening_mrr: 0 }
";

/// The service and what it reads from.
struct Replay {
    service: Upswell,
    _parts: (Broker, Registry),
}

impl Replay {
    fn start() -> Replay {
        let topics = Topics { subscriptions: "billing.subscriptions".into(), usage: "billing.usage".into() };
        let counted = [(topics.subscriptions.clone(), PARTITIONS), (topics.usage.clone(), PARTITIONS)];
        let broker = Broker::start(counted.into_iter().chain([("billing.dead-letters".into(), 1)]).collect());
        let broker = broker.expect("an embedded broker");
        let registry = Registry::start().expect("an embedded registry");
        let feed = Feed::new(broker.servers(), &[], topics, IDS, true).expect("a feed");
        let today = Day(i32::try_from(now().0 / DAY).expect("a day of this age"));
        let scale = Scale { customers: 300, months: 26, until: today, seed: 5 };
        let whole = Playback::new(History::new(scale), feed).fill(Instant(i64::from(today.0) * DAY)).expect("it is written");
        assert!(whole, "the embedded broker holds all of it unread");
        let config = format!(
            "kafka: {{ brokers: {:?} }}\nschema_registry: {{ url: {:?} }}\n{}  history: 30\n{RULES}",
            broker.servers(),
            registry.url(),
            exchange::revenue_yaml()
        );
        let mut service = Upswell::run(env!("CARGO_BIN_EXE_upswell"), &config);
        service.wait_ready();
        wait::holds("the rules are judged", || {
            service.get("/api/v1/rules").is_some_and(|answer| !answer.json()["data"]["groups"][0]["lastEvaluation"].is_null())
        });
        Replay { service, _parts: (broker, registry) }
    }

    fn base(&self) -> String {
        format!("http://{}", self.service.address())
    }
}

fn now() -> Instant {
    let since: Duration = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    Instant(i64::try_from(since.as_millis()).expect("a clock of this age"))
}

#[test]
fn every_figure_on_the_page_is_the_api_s_and_everybody_can_use_it() {
    let replay = Replay::start();
    for name in ["figures", "access"] {
        walk(name, &replay.base(), |_| unreachable!("nothing is asked for"));
    }
}
