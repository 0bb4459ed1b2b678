//! Restarts and trouble of the checkpoint store: the figures go on where they were, and what is wrong is said.

use crate::avro::{self, Subscription, Usage};
use crate::world::{Look, NOW, SUBSCRIPTIONS, USAGE, World, expected, until};
use crate::{DAY, history, send};
use std::sync::Arc;
use std::time::Duration;
use upswell::adapter::clock::Clock;
use upswell::adapter::store::Store;
use upswell::domain::calendar::{Instant, Zone};
use upswell::engine::plan::Plan;
use upswell::service::{Failure, Service, Settings};
use upswell_testkit::faulty::{Fault, Faulty};

const IGNORED: &str = "upswell_events_ignored_total{topic=\"billing.usage\",reason=\"duplicate\"}";
const APPLIED: &str = "upswell_events_applied_total{topic=\"billing.subscriptions\"}";

/// Settings whose checkpoints outlive the service.
fn settings(world: &World, store: &Faulty) -> Settings {
    let store = Store::from_backend(Arc::new(store.clone()), "").expect("a store");
    Settings { store, ..world.settings() }
}

/// Waits until every partition's state is in the store.
fn wait_for_checkpoints(service: &Look) {
    let sample = "upswell_checkpoint_duration_seconds_count";
    until("checkpoints", || service.metric(sample), |count| count.is_some_and(|count| count >= 1.0));
}

#[test]
fn a_restart_goes_on_from_the_checkpoint() {
    let (world, store) = (World::new(3), Faulty::new());
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    let whole = expected(&subscriptions, &usage);
    let first = world.start_with(settings(&world, &store));
    first.wait_for_report(&whole);
    first.stop();

    let second = world.start_with(settings(&world, &store));
    second.wait_for_report(&whole);
    second.wait_until_ready();
    assert_eq!(second.metric(APPLIED), Some(0.0), "nothing was read again");
    assert!(second.metric("upswell_restore_duration_seconds").is_some());
    assert_eq!(second.metric("upswell_rebuilds_total"), Some(0.0));
    world.use_up(&usage[1]);
    second.wait_for_metric(IGNORED, 1.0);
    let more = Subscription { event: "e3", customer: "c-9", at: NOW.0 - DAY, mrr: 77, vertical: "media" };
    world.subscribe(&more);
    second.wait_for_report(&expected(&[subscriptions, vec![more]].concat(), &usage));
    second.stop();
}

#[test]
fn told_to_rebuild_it_reads_everything_again_and_says_so() {
    let (world, store) = (World::new(2), Faulty::new());
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    let whole = expected(&subscriptions, &usage);
    let first = world.start_with(settings(&world, &store));
    first.wait_for_report(&whole);
    first.stop();
    let rebuilt = world.start_with(Settings { rebuild: true, ..settings(&world, &store) });
    rebuilt.wait_for_report(&whole);
    assert_eq!(rebuilt.metric("upswell_rebuilds_total"), Some(2.0));
    assert_eq!(rebuilt.metric(APPLIED), Some(subscriptions.len() as f64));
    rebuilt.stop();
    let after = world.start_with(settings(&world, &store));
    after.wait_for_report(&whole);
    assert_eq!(after.metric(APPLIED), Some(0.0), "the rebuilt state counts before the older one, whose offsets are as great");
    after.stop();
}

#[test]
fn a_store_that_fails_is_waited_for_and_the_figures_go_on() {
    let (world, store) = (World::new(1), Faulty::new());
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    let service = world.start_with(settings(&world, &store));
    service.wait_for_report(&expected(&subscriptions, &usage));
    wait_for_checkpoints(&service);
    store.fail(1, Fault::DiesBefore);
    let more = Subscription { event: "e3", customer: "c-9", at: NOW.0 - DAY, mrr: 77, vertical: "media" };
    world.subscribe(&more);
    let all = [subscriptions, vec![more]].concat();
    service.wait_for_report(&expected(&all, &usage));
    let failures = || service.metric("upswell_checkpoint_failures_total");
    until("failures", failures, |count| count.is_some_and(|count| count >= 2.0));
    assert_eq!(service.readiness().1, "live", "the figures are right all the same");
    store.revive();
    service.stop();

    let again = world.start_with(settings(&world, &store));
    again.wait_for_report(&expected(&all, &usage));
    assert_eq!(again.metric(APPLIED), Some(0.0), "what failed was written in the end");
    again.stop();
}

#[test]
fn without_its_last_checkpoint_the_end_is_a_failure_and_nothing_is_lost() {
    let (world, store) = (World::new(1), Faulty::new());
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    let service = world.start_with(Settings { checkpoint_interval: Duration::from_secs(3600), ..settings(&world, &store) });
    service.wait_for_report(&expected(&subscriptions, &usage));
    store.fail(1, Fault::DiesBefore);
    service.0.handle().stop();
    let failure = service.0.wait().expect_err("no last checkpoint");
    assert!(matches!(&failure, Failure::Runtime(sentence) if sentence.contains("last checkpoint")), "{failure}");
    store.revive();
    let again = world.start_with(settings(&world, &store));
    again.wait_for_report(&expected(&subscriptions, &usage));
    assert_eq!(again.metric(APPLIED), Some(subscriptions.len() as f64), "read again");
    again.stop();
}

#[test]
fn a_store_that_is_away_at_the_start_is_waited_for() {
    let (world, store) = (World::new(1), Faulty::new());
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    store.fail(1, Fault::DiesBefore);
    let service = world.start_with(settings(&world, &store));
    service.wait_for_phase("waiting_for_checkpoints");
    assert_eq!((service.metric("upswell_mrr"), service.metric("upswell_ready")), (None, Some(0.0)));
    store.revive();
    service.wait_for_report(&expected(&subscriptions, &usage));
    service.stop();
}

#[test]
fn another_cluster_is_not_read_with_the_state_of_this_one() {
    let (world, other, store) = (World::new(1), World::new(1), Faulty::new());
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    let service = world.start_with(settings(&world, &store));
    service.wait_for_report(&expected(&subscriptions, &usage));
    service.stop();
    let strayed = other.start_with(settings(&other, &store));
    let sentence = strayed.wait_for_phase("stopped");
    assert!(sentence.contains("kafka.brokers lead to the cluster"), "{sentence}");
    strayed.wait_for_metric("upswell_partition_stopped{partition=\"0\",reason=\"cluster_changed\"}", 1.0);
    assert_eq!(strayed.metric("upswell_mrr"), None);
    strayed.stop();
}

#[test]
fn another_time_zone_makes_the_state_anew() {
    let (world, store) = (World::new(1), Faulty::new());
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    let service = world.start_with(settings(&world, &store));
    service.wait_for_report(&expected(&subscriptions, &usage));
    service.stop();
    let before = settings(&world, &store);
    let plan = Plan { zone: Zone::named("Asia/Tokyo").expect("a zone"), ..(*before.plan).clone() };
    let moved = world.start_with(Settings { plan: Arc::new(plan), ..before });
    moved.wait_until_ready();
    assert_eq!(moved.metric("upswell_rebuilds_total"), Some(1.0));
    assert_eq!(moved.metric(APPLIED), Some(subscriptions.len() as f64));
    moved.stop();
}

#[test]
fn a_currency_that_stored_events_use_cannot_be_taken_out() {
    let (world, store) = (World::new(1), Faulty::new());
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions, usage));
    let with_yen = |settings: Settings| {
        let text = "kafka: {brokers: b}\nrevenue: {exchange_rates: [{from: 2026-01-01, rates: {JPY: 0.0067}}]}";
        let parsed = upswell::config::Config::parse(text, "f", &[], upswell::config::Purpose::Service).expect("a configuration");
        let plan = Plan { rates: parsed.plan().rates, ..(*settings.plan).clone() };
        Settings { plan: Arc::new(plan), ..settings }
    };
    let yen = Usage { event: "y", customer: "c-1", at: NOW.0 - 2 * DAY, amount: 9_000_000, currency: "JPY" };
    world.use_up(&yen);
    let service = world.start_with(with_yen(settings(&world, &store)));
    service.wait_until_ready();
    service.stop();
    let failure = world.start_with(settings(&world, &store)).0.wait().expect_err("it cannot value them");
    assert!(matches!(&failure, Failure::Configuration(sentence) if sentence.contains("JPY")), "{failure}");
    let again = world.start_with(with_yen(settings(&world, &store)));
    again.wait_until_ready();
    assert_eq!(again.metric(APPLIED), Some(0.0));
    again.stop();
}

#[test]
fn at_the_limit_of_memory_nothing_more_is_taken_in_and_it_says_so() {
    let world = World::new(1);
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions, usage));
    let service = world.start_with(Settings { memory_limit: Some(1), ..world.settings() });
    let sentence = service.wait_for_phase("memory_full");
    assert!(sentence.contains("limits.memory"), "{sentence}");
    service.wait_for_metric("upswell_memory_full", 1.0);
    assert_eq!((service.metric("upswell_memory_limit_bytes"), service.metric("upswell_ready")), (Some(1.0), Some(0.0)));
    service.stop();
}

#[test]
fn records_that_cannot_be_judged_are_not_passed_by_a_checkpoint() {
    let (world, store) = (World::new(1), Faulty::new());
    let (subscriptions, usage) = history();
    let first = world.start_with(settings(&world, &store));
    first.wait_until_ready();
    world.registry.set_away(true);
    // An unknown schema while the registry is away: everything after it waits.
    world.send(SUBSCRIPTIONS, None, "c-0", &avro::confluent(avro::ALIAS_ID, &subscriptions[0].encode()));
    first.wait_for_phase("waiting_for_registry");
    first.stop();
    world.registry.set_away(false);
    send(&world, &(subscriptions.clone(), usage.clone()));
    let second = world.start_with(settings(&world, &store));
    second.wait_for_report(&expected(&subscriptions, &usage));
    second.stop();
}

#[test]
fn a_clock_that_jumps_changes_no_figure_for_good() {
    let (world, store) = (World::new(1), Faulty::new());
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    let at = |instant: Instant| Look(Service::start(settings(&world, &store), Clock::simulated(instant, 0)).expect("a service"));
    // Three years ahead, then back: nothing that is needed now may have been forgotten.
    let ahead = at(Instant(NOW.0 + 3 * 365 * DAY));
    ahead.wait_until_ready();
    ahead.stop();
    let back = at(NOW);
    back.wait_for_report(&expected(&subscriptions, &usage));
    back.stop();
    world.send(USAGE, None, "c-1", &avro::confluent(avro::USAGE_ID, &usage[1].encode()));
    let behind = at(Instant(NOW.0 - 400 * DAY));
    behind.wait_for_metric(IGNORED, 1.0);
    behind.stop();
    let again = at(NOW);
    again.wait_for_report(&expected(&subscriptions, &usage));
    again.stop();
}
