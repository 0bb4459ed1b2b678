//! The running service against an embedded broker and a schema registry, seen through its HTTP server.

mod avro;
mod program;
mod registry;
mod world;

use avro::{Subscription, Usage};
use upswell::adapter::kafka::GroupProtocol;
use upswell::service::{Failure, Settings};
use world::{Look, NOW, USAGE, World, expected, until};

const DAY: i64 = 86_400_000;

/// Customers who grew within the quarter, and some usage.
fn history() -> (Vec<Subscription<'static>>, Vec<Usage<'static>>) {
    let ids: [&'static str; 6] = ["c-0", "c-1", "c-2", "c-3", "c-4", "c-5"];
    let mut subscriptions = Vec::new();
    let mut usage = Vec::new();
    for (number, customer) in ids.into_iter().enumerate() {
        let number = number as i64;
        let vertical = if number % 2 == 0 { "fintech" } else { "health" };
        let event = |event, days: i64, mrr| Subscription { event, customer, at: NOW.0 - days * DAY, mrr, vertical };
        subscriptions.push(event("e1", 300, 100 + number));
        subscriptions.push(event("e2", 20, 150 + 10 * number));
        usage.push(Usage { event: "u1", customer, at: NOW.0 - 3 * DAY, amount: 5_000_000 * number, currency: "USD" });
    }
    (subscriptions, usage)
}

fn send(world: &World, history: &(Vec<Subscription>, Vec<Usage>)) {
    history.0.iter().for_each(|event| world.subscribe(event));
    history.1.iter().for_each(|event| world.use_up(event));
}

#[test]
fn catches_up_then_follows() {
    let world = World::new(3);
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    let service = world.start();
    service.wait_until_ready();
    service.wait_for_report(&expected(&subscriptions, &usage));
    service.wait_for_metric("upswell_live_partitions", 3.0);
    assert_eq!(service.metric("upswell_ready"), Some(1.0));
    assert!(service.metric("upswell_expansion_rate_ratio{window=\"trailing_90d\"}").is_some());

    let more = Subscription { event: "e3", customer: "c-9", at: NOW.0 - DAY, mrr: 77, vertical: "media" };
    world.subscribe(&more);
    world.use_up(&usage[1]);
    service.wait_for_report(&expected(&[subscriptions, vec![more]].concat(), &usage));
    service.wait_for_metric("upswell_events_ignored_total{topic=\"billing.usage\",reason=\"duplicate\"}", 1.0);
    service.stop();
}

/// Recurring revenue over several instances, in micro-units, and the partitions it counts; `None` while one shows nothing.
fn summed(services: &[&Look]) -> Option<(i128, usize)> {
    let views: Option<Vec<_>> = services.iter().map(|service| service.0.handle().published().view()).collect();
    Some(views?.iter().fold((0, 0), |(mrr, live), view| (mrr + view.report.mrr, live + view.live_partitions)))
}

fn members_share_partitions(settings: impl Fn(&World) -> Settings) {
    let world = World::new(4);
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    let whole = expected(&subscriptions, &usage);
    let first = world.start_with(settings(&world));
    first.wait_for_report(&whole);
    let second = world.start_with(settings(&world));
    until("a shared group", || summed(&[&first, &second]), |sum| *sum == Some((whole.mrr, 4)));
    assert_eq!(first.metric("upswell_expansion_rate_ratio{window=\"trailing_90d\"}"), None, "a part has no ratio");
    second.wait_until_ready();
    second.stop();
    first.wait_for_report(&whole);
    first.wait_until_ready();
    assert!(first.metric("upswell_rebalances_total").is_some_and(|count| count >= 3.0));
    first.stop();
}

#[test]
fn members_share_partitions_with_incremental_rebalances() {
    members_share_partitions(World::settings);
}

#[test]
fn members_share_partitions_with_eager_rebalances() {
    members_share_partitions(|world| {
        let mut settings = world.settings();
        settings.kafka.group_protocol = GroupProtocol::Classic;
        settings.kafka.properties = vec![("session.timeout.ms".to_owned(), "6000".to_owned())];
        settings
    });
}

#[test]
fn a_customer_in_two_partitions_stops_intake_and_the_gauges_stay() {
    let world = World::new(8);
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    let service = world.start();
    let whole = expected(&subscriptions, &usage);
    service.wait_for_report(&whole);
    let stray = Usage { event: "u2", ..usage[1].clone() };
    // Neither murmur2 nor CRC32 puts c-1 into this one of 8 partitions.
    world.send(USAGE, Some(5), stray.customer, &avro::confluent(avro::USAGE_ID, &stray.encode()));
    let sentence = service.wait_for_phase("stopped");
    assert!(sentence.contains("partition 5") && sentence.contains("murmur2_random"), "{sentence}");
    assert!(!sentence.contains(stray.customer), "{sentence}");
    service.wait_for_metric("upswell_misplaced_customers_total{topic=\"billing.usage\"}", 1.0);
    service.wait_for_metric("upswell_partition_stopped{partition=\"5\",reason=\"misplaced_customer\"}", 1.0);
    assert!(service.metric("upswell_mrr").is_some() && service.metric("upswell_ready") == Some(0.0));
    service.stop();
}

#[test]
fn brokers_that_are_away_are_waited_for_and_the_end_comes_at_once() {
    let world = World::new(1);
    let mut settings = world.settings();
    settings.kafka.brokers = "127.0.0.1:9".to_owned();
    let service = world.start_with(settings);
    let sentence = service.wait_for_phase("waiting_for_brokers");
    assert!(service.metric("upswell_mrr").is_none(), "{sentence}");
    service.stop();
}

#[test]
fn unequal_partition_counts_end_the_service() {
    let world = World::new(2);
    let mut settings = world.settings();
    settings.kafka.topics.usage = world::LETTERS.to_owned();
    settings.kafka.topics.dead_letters = USAGE.to_owned();
    let failure = world.start_with(settings).0.wait().expect_err("it cannot run");
    assert!(matches!(&failure, Failure::Configuration(sentence) if sentence.contains("partitions")), "{failure}");
}

#[test]
fn a_missing_topic_is_waited_for() {
    let world = World::new(1);
    let mut settings = world.settings();
    settings.kafka.topics.usage = "billing.later".to_owned();
    let service = world.start_with(settings);
    let sentence = service.wait_for_phase("waiting_for_topics");
    assert!(sentence.contains("billing.later"), "{sentence}");
    world.cluster.create_topic("billing.later", 1, 1).expect("a topic");
    service.wait_until_ready();
    service.stop();
}
