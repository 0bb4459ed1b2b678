//! The built binary, fed by an embedded broker with a few customers; and the demo.

use crate::walk::walk;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::json;
use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use upswell::demo::broker::Broker;
use upswell::demo::registry::{IDS, Registry};
use upswell::wire::avro::SUBSCRIPTION_SCHEMA;
use upswell_testkit::Upswell;
use upswell_testkit::avro::{self, Registered};

const PROGRAM: &str = env!("CARGO_BIN_EXE_upswell");
const SUBSCRIPTIONS: &str = "billing.subscriptions";
const DAY: i64 = 86_400_000;
/// Bounds how long a failing test takes; no assertion depends on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// One customer's revenue a month in micro-units of a currency from so many days ago on.
fn produce(broker: &Broker, currency: &str, customer: &str, states: &[(i64, i64)]) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", broker.servers())
        .set("partitioner", "murmur2_random")
        .create()
        .expect("a producer");
    let schema =
        Registered { id: IDS.subscription, schema: apache_avro::Schema::parse_str(SUBSCRIPTION_SCHEMA).expect("a schema") };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis() as i64;
    for (days, amount) in states {
        let item = json!({ "item_id": "i", "product_id": "p", "plan_id": "pro", "quantity": 1, "unit_amount_micros": amount, "interval": "MONTH", "interval_count": 1, "discount_micros": 0 });
        let event = json!({ "event_id": format!("{customer}-{days}"), "customer_id": customer, "subscription_id": "s",
            "effective_at": now - days * DAY, "version": 0, "status": "ACTIVE", "currency": currency, "items": [item], "attributes": {} });
        let value = schema.confluent(&avro::value(&schema.schema, &event));
        let record = BaseRecord::to(SUBSCRIPTIONS).key(customer).payload(&value);
        producer.send(record).map_err(|(error, _)| error).expect("room for a record");
    }
    producer.flush(PATIENCE).expect("the broker takes it");
}

/// A service that reports in a currency, what it reads from, and its address.
fn start(currency: &str) -> (Upswell, (Broker, Registry), String) {
    let topics = [(SUBSCRIPTIONS, 2), ("billing.usage", 2), ("billing.dead-letters", 1)];
    let broker = Broker::start(topics.map(|(name, count)| (name.to_owned(), count)).to_vec()).expect("an embedded broker");
    let registry = Registry::start().expect("an embedded registry");
    let parts = format!("kafka: {{ brokers: {:?} }}\nschema_registry: {{ url: {:?} }}\n", broker.servers(), registry.url());
    let mut service = Upswell::run(PROGRAM, &format!("{parts}revenue: {{ currency: {currency} }}\n"));
    service.wait_ready();
    let base = format!("http://{}", service.address());
    (service, (broker, registry), base)
}

#[test]
fn figures_arrive_by_themselves() {
    let (service, (broker, _registry), base) = start("USD");
    let service = RefCell::new(service);
    walk("live", &base, |wish| match wish {
        "a customer of 100 a month, 130 since last week" => produce(&broker, "USD", "a", &[(400, 100_000_000), (7, 130_000_000)]),
        "a customer of 20.25 a month" => produce(&broker, "USD", "b", &[(1, 20_250_000)]),
        "stop" => assert_eq!(service.borrow_mut().terminate(), 0, "open pages do not keep it from a good end"),
        "start" => {
            service.borrow_mut().restart();
            service.borrow_mut().wait_ready();
        }
        other => {
            let customer =
                other.strip_prefix("another process, and customer ").and_then(|rest| rest.strip_suffix(" of 7 a month"));
            let customer = customer.unwrap_or_else(|| panic!("the walk asks for {other:?}"));
            assert_eq!(service.borrow_mut().terminate(), 0);
            produce(&broker, "USD", customer, &[(1, 7_000_000)]);
            service.borrow_mut().restart();
            service.borrow_mut().wait_ready();
        }
    });
}

#[test]
fn money_reads_as_its_currency_does() {
    for currency in ["JPY", "KWD"] {
        let (service, (broker, _registry), base) = start(currency);
        produce(&broker, currency, "a", &[(7, 1_234_500_000)]);
        walk("currency", &base, |_| unreachable!("nothing is asked for"));
        drop(service);
    }
}

/// Ended with the value.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        // Both fail only when it has ended, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_demo_is_alive() {
    let mut command = Command::new(PROGRAM);
    command.args(["demo", "--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut demo = Demo(command.spawn().expect("the binary can be started"));
    let mut said = BufReader::new(demo.0.stdout.take().expect("its standard output is piped")).lines();
    let line = said.find_map(|line| line.ok().filter(|line| line.starts_with("Open http://"))).expect("it says where it serves");
    let base = line.split_whitespace().nth(1).and_then(|url| url.strip_suffix('/')).expect("an address");
    walk("demo", base, |_| unreachable!("nothing is asked for"));
    let images = upswell_testkit::parts::repository().join("docs/images");
    for name in ["page", "page-dark", "page-phone"] {
        let picture = images.join(format!("{name}.png"));
        let size = std::fs::metadata(&picture).unwrap_or_else(|error| panic!("{}: {error}", picture.display())).len();
        assert!(size < 200_000, "{}: {size} bytes", picture.display());
    }
}
