mod avro;
mod registry;
mod world;
use avro::*;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::time::Duration;
use world::*;
fn producer(txn: &str) -> BaseProducer {
    let mut c = rdkafka::ClientConfig::new();
    c.set("bootstrap.servers", "127.0.0.1:19392").set("partitioner", "murmur2_random").set("transactional.id", txn);
    c.create().unwrap()
}
#[test]
fn aborted() {
    tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).init();
    let world = World::new(1);
    let p = producer("t1");
    p.init_transactions(Duration::from_secs(20)).unwrap();
    let subs: Vec<Subscription> = (0..10)
        .map(|i| Subscription {
            event: "e1",
            customer: Box::leak(format!("c-{i}").into_boxed_str()),
            at: NOW.0 - 86400000 * 20,
            mrr: 100 + i,
            vertical: "x",
        })
        .collect();
    p.begin_transaction().unwrap();
    for s in &subs {
        p.send(BaseRecord::to(SUBSCRIPTIONS).key(s.customer).payload(&confluent(1, &s.encode())).timestamp(NOW.0)).unwrap();
    }
    p.commit_transaction(Duration::from_secs(20)).unwrap();
    p.begin_transaction().unwrap();
    for s in 0..1000 {
        let c = format!("a-{s}");
        let e = Subscription { event: "e1", customer: &c, at: NOW.0 - 86400000, mrr: 5, vertical: "x" };
        p.send(BaseRecord::to(SUBSCRIPTIONS).key(e.customer).payload(&confluent(1, &e.encode())).timestamp(NOW.0)).unwrap();
        let u = Usage { event: "e1", customer: &c, at: NOW.0 - 86400000, amount: 5, currency: "USD" };
        p.send(BaseRecord::to(USAGE).key(e.customer).payload(&confluent(2, &u.encode())).timestamp(NOW.0)).unwrap();
    }
    p.flush(Duration::from_secs(20)).unwrap();
    p.abort_transaction(Duration::from_secs(20)).unwrap();
    for proto in [upswell::adapter::kafka::GroupProtocol::Consumer, upswell::adapter::kafka::GroupProtocol::Classic] {
        let mut s = world.settings();
        s.kafka.brokers = "127.0.0.1:19392".into();
        s.kafka.group_id = format!("g{:?}-{}", proto, std::process::id());
        s.kafka.group_protocol = proto;
        let t = std::time::Instant::now();
        let service = world.start_with(s);
        service.wait_until_ready();
        eprintln!("READY {:?} after {:?} {:?}", proto, t.elapsed(), service.0.handle().consumed_positions());
        eprintln!(
            "{}",
            service
                .get("/metrics")
                .1
                .lines()
                .filter(|l| l.contains("lag")
                    || l.contains("group_info")
                    || l.contains("live")
                    || l.contains("applied")
                    || l.starts_with("upswell_mrr"))
                .collect::<Vec<_>>()
                .join("\n")
        );
        let view = service.0.handle().published().view().unwrap();
        assert_eq!(view.report, expected(&subs, &[]));
        let t = std::time::Instant::now();
        service.stop();
        eprintln!("stopped after {:?}", t.elapsed());
    }
}
