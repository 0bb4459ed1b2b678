//! Hostile conditions: the figures, the metrics and what `/-/ready` says while something outside is wrong, and after it.

use crate::avro::{self, Subscription, Usage};
use crate::registry::Mood;
use crate::world::{LETTERS, Look, NOW, SUBSCRIPTIONS, USAGE, World, expected, until};
use crate::{DAY, history, send};
use rdkafka::mocking::MockCoordinator;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use std::time::Duration;
use upswell::adapter::kafka::GroupProtocol;

fn customer(name: &'static str, mrr: i64) -> Subscription<'static> {
    Subscription { event: "e9", customer: name, at: NOW.0 - DAY, mrr, vertical: "media" }
}

fn rejected(service: &Look, topic: &str, reason: &str) -> Option<f64> {
    service.metric(&format!("upswell_events_rejected_total{{topic=\"{topic}\",reason=\"{reason}\"}}"))
}

#[test]
fn brokers_that_go_away_leave_the_figures_and_are_waited_for() {
    let world = World::new(2);
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    let service = world.start();
    service.wait_for_report(&expected(&subscriptions, &usage));
    service.wait_until_ready();
    for round in ["a", "b"] {
        world.cluster.broker_down(1).expect("it can go");
        until("word of the outage", || service.readiness(), |(_, _, sentence)| sentence.contains("The Kafka client says"));
        assert!(service.metric("upswell_mrr").is_some(), "an outage does not look like a loss of revenue, {round}");
        assert_eq!(service.metric("upswell_live_partitions"), Some(2.0));
        world.cluster.broker_up(1).expect("it can come back");
    }
    let more = customer("c-9", 77);
    world.subscribe(&more);
    service.wait_for_report(&expected(&[subscriptions, vec![more]].concat(), &usage));
    service.wait_until_ready();
    service.stop();
}

#[test]
fn a_coordinator_that_moves_changes_nothing() {
    let world = World::with_brokers(3, 2);
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    for protocol in [GroupProtocol::Consumer, GroupProtocol::Classic] {
        let mut settings = world.settings();
        settings.kafka.group_protocol = protocol;
        settings.kafka.group_id = format!("moved-{protocol:?}");
        if protocol == GroupProtocol::Classic {
            settings.kafka.properties = vec![("session.timeout.ms".to_owned(), "6000".to_owned())];
        }
        let group = settings.kafka.group_id.clone();
        let service = world.start_with(settings);
        service.wait_for_report(&expected(&subscriptions, &usage));
        let lost = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
        for broker in [2, 3, 1] {
            world.cluster.coordinator(MockCoordinator::Group(group.clone()), broker).expect("it moves");
            world.cluster.request_errors(RDKafkaApiKey::Heartbeat, &[lost]);
            world.cluster.request_errors(RDKafkaApiKey::OffsetCommit, &[lost, lost]);
        }
        service.wait_until_ready();
        service.wait_for_report(&expected(&subscriptions, &usage));
        assert_eq!(service.metric("upswell_live_partitions"), Some(2.0), "{protocol:?}");
        service.stop();
    }
}

#[test]
fn leaders_that_move_lose_and_double_nothing() {
    let world = World::with_brokers(3, 1);
    let (subscriptions, usage) = history();
    let service = world.start();
    for (number, event) in subscriptions.iter().enumerate() {
        let broker = number as i32 % 3 + 1;
        [SUBSCRIPTIONS, USAGE].iter().for_each(|topic| {
            world.cluster.partition_leader(topic, 0, Some(broker)).expect("it moves");
        });
        world.subscribe(event);
    }
    usage.iter().for_each(|event| world.use_up(event));
    service.wait_for_report(&expected(&subscriptions, &usage));
    service.wait_until_ready();
    let applied = service.metric("upswell_events_applied_total{topic=\"billing.subscriptions\"}");
    assert_eq!(applied, Some(subscriptions.len() as f64));
    service.stop();
}

#[test]
fn a_registry_in_any_mood_holds_records_back_and_rejects_none() {
    for mood in [Mood::Away, Mood::Garbled, Mood::Slow] {
        let world = World::new(1);
        let (subscriptions, usage) = history();
        send(&world, &(subscriptions.clone(), usage.clone()));
        world.registry.set_mood(mood);
        let service = world.start();
        let sentence = service.wait_for_phase("waiting_for_registry");
        assert!(sentence.contains("Partition 0 waits"), "{mood:?}: {sentence}");
        assert_eq!((service.metric("upswell_mrr"), service.metric("upswell_ready")), (None, Some(0.0)));
        world.registry.set_mood(Mood::Well);
        service.wait_for_report(&expected(&subscriptions, &usage));
        service.wait_until_ready();
        for topic in [SUBSCRIPTIONS, USAGE] {
            assert_eq!([rejected(&service, topic, "unknown_schema"), rejected(&service, topic, "decode")], [Some(0.0); 2]);
        }
        service.stop();
    }
}

#[test]
fn poison_in_every_position_is_set_aside_and_the_rest_is_exact() {
    let world = World::new(1);
    let (subscriptions, usage) = history();
    let whole = avro::confluent(avro::USAGE_ID, &usage[1].encode());
    let poison: [(&str, Vec<u8>); 5] = [
        ("framing", b"poison".to_vec()),
        ("decode", whole[..whole.len() - 1].to_vec()),
        ("trailing_bytes", [&whole[..], b"!"].concat()),
        ("missing_id", avro::confluent(avro::USAGE_ID, &Usage { event: "", ..usage[1].clone() }.encode())),
        ("unknown_currency", avro::confluent(avro::USAGE_ID, &Usage { currency: "XTS", ..usage[1].clone() }.encode())),
    ];
    // Before the first record, between any two, and after the last.
    let spoil = || poison.iter().for_each(|(_, value)| world.send(USAGE, None, "c-1", value));
    spoil();
    for event in &usage {
        world.use_up(event);
        spoil();
    }
    subscriptions.iter().for_each(|event| world.subscribe(event));
    let service = world.start();
    service.wait_for_report(&expected(&subscriptions, &usage));
    service.wait_until_ready();
    let each = usage.len() + 1;
    for (reason, _) in &poison {
        assert_eq!(rejected(&service, USAGE, reason), Some(each as f64), "{reason}");
        service.wait_for_metric(&format!("upswell_dead_letters_total{{reason=\"{reason}\"}}"), each as f64);
    }
    assert_eq!(world.letters(each * poison.len()).len(), each * poison.len());
    service.stop();
}

#[test]
fn a_dead_letter_topic_that_is_away_holds_no_figure_up() {
    let world = World::new(1);
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    let mut settings = world.settings();
    settings.checkpoint_interval = Duration::from_secs(3600);
    let service = world.start_with(settings);
    service.wait_for_report(&expected(&subscriptions, &usage));
    world.cluster.partition_leader(LETTERS, 0, None).expect("no leader");
    world.send(USAGE, None, "c-1", b"poison");
    let more = customer("c-9", 5);
    world.subscribe(&more);
    service.wait_for_report(&expected(&[subscriptions, vec![more]].concat(), &usage));
    service.wait_until_ready();
    assert_eq!(rejected(&service, USAGE, "framing"), Some(1.0));
    assert_eq!(service.metric("upswell_dead_letters_total{reason=\"framing\"}"), Some(0.0));
    world.cluster.partition_leader(LETTERS, 0, Some(1)).expect("a leader");
    service.wait_for_metric("upswell_dead_letters_total{reason=\"framing\"}", 1.0);
    service.stop();
}
