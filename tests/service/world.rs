//! A world for the service: an embedded broker, a schema registry that can be taken away, producers, and a way to look.

use crate::avro::{self, Subscription, Usage};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};
use upswell::adapter::clock::Clock;
use upswell::adapter::kafka;
use upswell::adapter::store::{self, Store};
use upswell::domain::accept;
use upswell::domain::calendar::{Instant, Zone};
use upswell::domain::currency::{Currency, ExchangeRates};
use upswell::domain::window::Window;
use upswell::engine::dedup::Memory;
use upswell::engine::plan::Plan;
use upswell::engine::report::Report;
use upswell::engine::shard::Shard;
use upswell::service::{Running, Service, Settings, alerting};

pub const SUBSCRIPTIONS: &str = "billing.subscriptions";
pub const USAGE: &str = "billing.usage";
pub const LETTERS: &str = "billing.dead-letters";
/// 2026-09-10T08:00:00Z.
pub const NOW: Instant = Instant(1_789_027_200_000);
/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Brokers, topics, a registry and a producer.
pub struct World {
    pub cluster: MockCluster<'static, DefaultProducerContext>,
    pub registry: crate::registry::Registry,
    producer: BaseProducer,
}

/// No rule, and nobody to tell.
pub fn quiet() -> alerting::Settings {
    alerting::Settings {
        rules: vec![],
        limits: None,
        interval: Duration::from_millis(50),
        longest: 60_000,
        receivers: vec![],
        base: "http://upswell".to_owned(),
        complete_since: None,
        zone: Zone::named("UTC").expect("a zone"),
    }
}

impl World {
    /// Topics with so many partitions each.
    pub fn new(partitions: i32) -> World {
        World::with_brokers(1, partitions)
    }

    /// The same on so many brokers.
    pub fn with_brokers(brokers: i32, partitions: i32) -> World {
        let cluster = MockCluster::new(brokers).expect("an embedded broker");
        for topic in [SUBSCRIPTIONS, USAGE] {
            cluster.create_topic(topic, partitions, 1).expect("a topic");
        }
        cluster.create_topic(LETTERS, 1, 1).expect("a topic");
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers()).set("partitioner", "murmur2_random");
        let producer = config.create().expect("a producer");
        World { cluster, registry: crate::registry::Registry::start(), producer }
    }

    pub fn settings(&self) -> Settings {
        Settings {
            kafka: kafka::Settings {
                brokers: self.cluster.bootstrap_servers(),
                group_id: "upswell".to_owned(),
                topics: kafka::Topics {
                    subscriptions: SUBSCRIPTIONS.to_owned(),
                    usage: USAGE.to_owned(),
                    dead_letters: LETTERS.to_owned(),
                    retries: "billing.retries".to_owned(),
                },
                group_protocol: kafka::GroupProtocol::Consumer,
                instance_id: None,
                accept_truncated_log: false,
                properties: vec![],
            },
            registry: self.registry.settings(),
            plan: plan(),
            segment_windows: Arc::new(["trailing_90d".to_owned()]),
            dedup_window: 86_400_000,
            listen: "127.0.0.1:0".to_owned(),
            reload: None,
            workers: 2,
            store: Store::open(&store::Settings { url: "memory:///".to_owned() }).expect("a store"),
            checkpoint_interval: Duration::from_millis(200),
            rebuild: false,
            memory_limit: None,
            alerting: quiet(),
            tick: Duration::from_millis(50),
            access: Default::default(),
            fetch_bytes: 64 << 20,
        }
    }

    pub fn start(&self) -> Look {
        self.start_with(self.settings())
    }

    pub fn start_with(&self, settings: Settings) -> Look {
        Look(Service::start(settings, Clock::simulated(NOW, 0)).expect("a service"))
    }

    pub fn subscribe(&self, event: &Subscription) {
        self.send(SUBSCRIPTIONS, None, event.customer, &avro::confluent(avro::SUBSCRIPTION_ID, &event.encode()));
    }

    pub fn use_up(&self, event: &Usage) {
        self.send(USAGE, None, event.customer, &avro::confluent(avro::USAGE_ID, &event.encode()));
    }

    /// Sends a record; without a partition, where its key belongs.
    pub fn send(&self, topic: &str, partition: Option<i32>, key: &str, value: &[u8]) {
        let record = BaseRecord::to(topic).key(key).payload(value).timestamp(NOW.0);
        let record = partition.into_iter().fold(record, BaseRecord::partition);
        self.producer.send(record).map_err(|(error, _)| error).expect("room for a record");
        self.producer.flush(PATIENCE).expect("the broker takes it");
    }
}

impl World {
    /// The first so many letters: key and value.
    pub fn letters(&self, count: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let consumer = self.consumer("reader");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(LETTERS, 0, Offset::Beginning).expect("a place");
        consumer.assign(&list).expect("an assignment");
        let mut letters = Vec::new();
        while letters.len() < count {
            let letter = consumer.poll(PATIENCE).expect("another letter").expect("no trouble");
            letters.push((letter.key().unwrap_or_default().to_vec(), letter.payload().unwrap_or_default().to_vec()));
        }
        letters
    }

    /// What the service's group has committed of partition 0 of both topics.
    pub fn committed(&self) -> [Option<i64>; 2] {
        let mut list = TopicPartitionList::new();
        let topics = [SUBSCRIPTIONS, USAGE];
        for topic in topics {
            list.add_partition(topic, 0);
        }
        let committed = self.consumer("upswell").committed_offsets(list, PATIENCE).expect("an answer");
        topics.map(|topic| committed.find_partition(topic, 0)?.offset().to_raw().filter(|offset| *offset >= 0))
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.cluster.bootstrap_servers()).set("group.id", group);
        config.create().expect("a consumer")
    }
}

/// The plan of every test: two windows, two dimensions.
pub fn plan() -> Arc<Plan> {
    let windows = ["month_to_date", "trailing_90d"].map(|name| Window::parse(name).expect("a window")).to_vec();
    let usd = Currency::parse("USD").expect("a currency");
    Arc::new(Plan {
        zone: Zone::named("UTC").expect("a zone"),
        rates: ExchangeRates::new(usd, vec![]),
        windows,
        dimensions: vec!["cohort".to_owned(), "vertical".to_owned()],
        max_values: 100,
        history: 0,
    })
}

/// What the service has to show for these facts at [`NOW`].
pub fn expected(subscriptions: &[Subscription], usage: &[Usage]) -> Report {
    let plan = plan();
    let mut shard = Shard::new(plan.clone(), Memory::All, (1, 2));
    shard.go_live(NOW);
    for event in subscriptions {
        shard.apply_subscription(&accept::subscription(&event.raw(), &plan.rates).expect("a good event"));
    }
    for event in usage {
        shard.apply_usage(&accept::usage(&event.raw(), &plan.rates, Some(NOW)).expect("a good event"), Some(NOW));
    }
    Report::of(&plan, NOW, &[shard.totals().expect("live")])
}

/// A running service, seen from outside.
pub struct Look(pub Running);

impl Look {
    /// A path's status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        get(&format!("http://{}{path}", self.0.local_addr()))
    }

    /// Phase and sentence of `/-/ready`, and whether the status says ready.
    pub fn readiness(&self) -> (bool, String, String) {
        let (status, body) = self.get("/-/ready");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        (status == 200, text("phase"), text("detail"))
    }

    pub fn wait_for_phase(&self, phase: &str) -> String {
        until(phase, || self.readiness(), |(_, seen, _)| seen == phase).2
    }

    pub fn wait_until_ready(&self) {
        until("ready", || self.readiness(), |(ready, ..)| *ready);
    }

    /// Waits until the published report is this one.
    pub fn wait_for_report(&self, expected: &Report) {
        let seen = || self.0.handle().published().view().map(|view| view.report.clone());
        until("the expected report", seen, |report| report.as_ref() == Some(expected));
    }

    /// The value of a sample, by its full line up to the value.
    pub fn metric(&self, sample: &str) -> Option<f64> {
        let (status, body) = self.get("/metrics");
        assert_eq!(status, 200);
        let line = body.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))?;
        Some(line.parse().expect("a number"))
    }

    pub fn wait_for_metric(&self, sample: &str, value: f64) {
        until(sample, || self.metric(sample), |seen| *seen == Some(value));
    }

    /// Ends the service in order.
    pub fn stop(self) {
        self.0.handle().stop();
        self.0.wait().expect("an orderly end");
    }
}

/// Status and body.
pub fn get(url: &str) -> (u16, String) {
    read(agent().get(url).call())
}

/// Status and body of an empty POST.
pub fn post(url: &str) -> (u16, String) {
    read(agent().post(url).send_empty())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, String) {
    let mut answer = answer.expect("an answer");
    (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
}

/// Asks until the answer is good; panics with the last one if that never happens.
pub fn until<T: std::fmt::Debug>(what: &str, ask: impl Fn() -> T, good: impl Fn(&T) -> bool) -> T {
    let began = Moment::now();
    loop {
        let answer = ask();
        if good(&answer) {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}; last seen: {answer:?}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
