//! The running service against an embedded broker and a schema registry, seen through its HTTP server.

mod avro;
mod registry;
mod world;

use avro::{Subscription, Usage};
use world::{NOW, SUBSCRIPTIONS, World, expected};

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
