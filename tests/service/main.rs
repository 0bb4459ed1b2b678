//! The running service against an embedded broker and a schema registry, seen through its HTTP server.

mod alerting;
mod avro;
mod customers;
mod damage;
mod documentation;
mod hostile;
mod program;
mod refusal;
mod registry;
mod restart;
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
    let waits =
        |(_, phase, sentence): &(bool, String, String)| phase == "waiting_for_brokers" && sentence.contains("127.0.0.1:9");
    until("a sentence about the brokers", || service.readiness(), waits);
    assert!(service.metric("upswell_mrr").is_none());
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

#[test]
fn a_registry_that_is_away_holds_records_back_and_rejects_none() {
    let world = World::new(2);
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    world.registry.set_away(true);
    let service = world.start();
    let sentence = service.wait_for_phase("waiting_for_registry");
    assert!(sentence.contains("Partition"), "{sentence}");
    assert_eq!(service.metric("upswell_mrr"), None, "gauges wait for the first catch-up");
    world.registry.set_away(false);
    service.wait_for_report(&expected(&subscriptions, &usage));
    service.wait_until_ready();

    // A new schema while the registry is away: the gauges stay, and other partitions go on.
    world.registry.set_away(true);
    let more = |customer, mrr| Subscription { event: "e3", customer, at: NOW.0 - DAY, mrr, vertical: "media" };
    let (held, passed) = (more("c-0", 900), more("c-1", 77));
    world.send(world::SUBSCRIPTIONS, None, held.customer, &avro::confluent(avro::ALIAS_ID, &held.encode()));
    world.subscribe(&passed);
    service.wait_for_phase("waiting_for_registry");
    let all = [subscriptions, vec![passed]].concat();
    service.wait_for_report(&expected(&all, &usage));
    world.registry.set_away(false);
    service.wait_for_report(&expected(&[all, vec![held]].concat(), &usage));
    service.wait_until_ready();
    for topic in [world::SUBSCRIPTIONS, USAGE] {
        let rejected = format!("upswell_events_rejected_total{{topic=\"{topic}\",reason=\"unknown_schema\"}}");
        assert_eq!(service.metric(&rejected), Some(0.0));
    }
    service.stop();
}

#[test]
fn rejected_records_become_letters_and_the_rest_is_exact() {
    let world = World::new(2);
    let (subscriptions, usage) = history();
    let strange = Usage { event: "u9", currency: "XTS", ..usage[1].clone() };
    let late = Usage { event: "u8", at: NOW.0 + 2 * DAY, ..usage[2].clone() };
    world.send(USAGE, None, "c-1", b"no frame");
    send(&world, &(subscriptions.clone(), usage.clone()));
    world.use_up(&strange);
    world.use_up(&late);
    world.send(world::SUBSCRIPTIONS, None, "c-2", &avro::confluent(avro::SUBSCRIPTION_ID, &subscriptions[4].encode()[..20]));
    world.send(world::SUBSCRIPTIONS, None, "c-3", &[&[0xC3, 1][..], &[7; 30]].concat());
    let service = world.start();
    service.wait_for_report(&expected(&subscriptions, &usage));
    service.wait_until_ready();
    let reasons = [("framing", USAGE), ("unknown_currency", USAGE), ("future_usage", USAGE)];
    let others = [("decode", world::SUBSCRIPTIONS), ("unknown_schema", world::SUBSCRIPTIONS)];
    for (reason, topic) in reasons.into_iter().chain(others) {
        service.wait_for_metric(&format!("upswell_events_rejected_total{{topic=\"{topic}\",reason=\"{reason}\"}}"), 1.0);
        service.wait_for_metric(&format!("upswell_dead_letters_total{{reason=\"{reason}\"}}"), 1.0);
    }
    let letters = world.letters(5);
    let values: Vec<&[u8]> = letters.iter().map(|letter| letter.1.as_slice()).collect();
    assert!(values.contains(&b"no frame".as_slice()), "{values:?}");
    service.stop();
}

#[test]
fn offsets_are_committed_for_lag_tools_but_not_past_a_letter_on_its_way() {
    let world = World::new(1);
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    let service = world.start();
    service.wait_for_report(&expected(&subscriptions, &usage));
    let (first, all) = (subscriptions.len() as i64, usage.len() as i64);
    until("commits", || world.committed(), |committed| *committed == [Some(first), Some(all)]);

    world.cluster.partition_leader(world::LETTERS, 0, None).expect("no leader");
    world.send(USAGE, None, "c-1", b"no frame");
    let more = Usage { event: "u9", ..usage[1].clone() };
    world.use_up(&more);
    service.wait_for_report(&expected(&subscriptions, &[usage.clone(), vec![more]].concat()));
    assert_eq!(service.0.handle().consumed_positions().into_values().collect::<Vec<_>>(), [first, all + 2]);
    service.0.handle().stop();
    let failure = service.0.wait().expect_err("no checkpoint passes a letter on its way");
    assert!(matches!(&failure, Failure::Runtime(sentence) if sentence.contains("last checkpoint")), "{failure}");
    assert_eq!(world.committed(), [Some(first), Some(all)], "the letter has not arrived");
}

#[test]
fn a_history_that_was_cut_before_a_partition_came_back_is_called_incomplete() {
    let world = World::new(2);
    let accepting = || {
        let mut settings = world.settings();
        settings.kafka.accept_truncated_log = true;
        settings
    };
    let other = world.start_with(accepting());
    other.wait_for_metric("upswell_live_partitions", 2.0);
    let one = world.start_with(accepting());
    one.wait_for_metric("upswell_live_partitions", 1.0);
    assert_eq!(one.metric("upswell_history_incomplete"), Some(0.0));
    // The embedded broker drops the oldest records beyond 5 MiB.
    for partition in [0, 1] {
        (0..7).for_each(|_| world.send(USAGE, Some(partition), "c", &vec![b'x'; 900_000]));
    }
    other.stop();
    one.wait_for_metric("upswell_live_partitions", 2.0);
    one.wait_for_metric("upswell_history_incomplete", 1.0);
    one.stop();
}
