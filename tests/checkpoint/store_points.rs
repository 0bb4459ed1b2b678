//! Every point: whatever operation of the store fails, with or without effect, or is the last one of a process, one of two images is
//! there afterwards, whole. Points are counted, not drawn.

use crate::partition::{Owner, PARTITION, files, path};
use upswell::domain::calendar::Instant;
use upswell::engine::image::Scope;
use upswell_testkit::Faulty;
use upswell_testkit::faulty::Fault;

const HOUR: i64 = 3_600_000;

/// Lets the n-th operation of `act` fail, for n from 1 until it ends without coming to that, and looks at what is left each time.
/// Returns how many points there were.
fn every_point<S>(prepare: impl Fn() -> (Faulty, S), act: impl Fn(&mut S, Fault), verify: impl Fn(&Faulty, S, Fault)) -> u64 {
    let mut points = 0;
    for fault in Fault::ALL {
        for n in 1.. {
            let (store, mut state) = prepare();
            store.fail(n, fault);
            act(&mut state, fault);
            let reached = !store.is_waiting_to_fail();
            store.revive();
            verify(&store, state, fault);
            if !reached {
                break;
            }
            points += 1;
        }
    }
    points
}

/// What a process that starts now finds; it has to be what its events make.
fn found(store: &Faulty) -> Option<Owner> {
    let mut owner = Owner::restored(store, 99).expect("nothing fails any more")?;
    owner.check();
    Some(owner)
}

/// What a process that starts now finds, and goes on with exactly.
fn goes_on(store: &Faulty) -> u64 {
    let mut next = found(store).expect("an image");
    let events = next.events;
    next.work(events + 30);
    next.save(Scope::Delta, || false).expect("nothing fails any more");
    assert_eq!(found(store).map(|owner| owner.events), Some(events + 30));
    events
}

/// A partition with a base at 40 events and a delta at 60.
fn two_images() -> (Faulty, Owner) {
    let store = Faulty::new();
    let mut owner = Owner::new(&store, 1);
    for (events, scope) in [(40, Scope::Base), (60, Scope::Delta)] {
        owner.work(events);
        owner.save(scope, || false).expect("nothing fails yet");
    }
    (store, owner)
}

#[test]
fn a_save_leaves_the_image_before_it_or_its_own() {
    for scope in [Scope::Base, Scope::Delta] {
        let prepare = || {
            let (store, mut owner) = two_images();
            owner.work(90);
            (store, (owner, None))
        };
        let points = every_point(
            prepare,
            |(owner, saved), fault| *saved = Some(owner.save(scope, || fault.kills()).is_ok()),
            |store, (_, saved), fault| {
                let saved = saved.expect("it was tried");
                assert!(saved || fault.kills(), "an operation that fails is tried again");
                for power_fails in [false, true] {
                    let store = store.fork();
                    if power_fails {
                        store.lose_power();
                    }
                    let events = goes_on(&store);
                    assert!(if saved { events == 90 } else { events == 60 || events == 90 }, "{events} after {fault:?}");
                }
            },
        );
        assert!(points >= 12, "{points} points are too few for several pieces and a manifest");
    }
}

#[test]
fn two_faults_of_a_save_are_no_worse_than_one() {
    for n in 1..=8 {
        let prepare = || {
            let (store, mut owner) = two_images();
            owner.work(90);
            (store, owner)
        };
        for first in [Fault::Refused, Fault::ReplyLost] {
            let act = |owner: &mut Owner, fault: Fault| drop(owner.save(Scope::Delta, || fault.kills()));
            every_point(
                || {
                    let (store, owner) = prepare();
                    store.fail(n, first);
                    (store, owner)
                },
                act,
                |store, _, _| assert!([60, 90].contains(&goes_on(store))),
            );
        }
    }
}

#[test]
fn the_first_image_is_there_or_not() {
    let prepare = || {
        let store = Faulty::new();
        let mut owner = Owner::new(&store, 1);
        owner.work(40);
        (store, (owner, false))
    };
    every_point(
        prepare,
        |(owner, saved), fault| *saved = owner.save(Scope::Base, || fault.kills()).is_ok(),
        |store, (_, saved), _| {
            let events = found(store).map(|owner| owner.events);
            assert!(events == Some(40) || (events.is_none() && !saved));
        },
    );
}

#[test]
fn a_restore_that_fails_changes_nothing_and_can_be_made_again() {
    let prepare = || {
        let (store, _) = two_images();
        let names = store.names();
        (store.clone(), (store, names, None))
    };
    let points = every_point(
        prepare,
        |(store, _, restored), _| *restored = Some(Owner::restored(store, 2).map(|owner| owner.map(|owner| owner.events))),
        |store, (_, names, restored), _| {
            match restored.expect("it was tried") {
                Ok(events) => assert_eq!(events, Some(60)),
                Err(_) => assert_eq!(store.names(), names, "an outage is no damage"),
            }
            assert_eq!(goes_on(store), 60);
        },
    );
    assert!(points >= 16, "{points} points are too few for a list, a manifest and pieces");
}

/// Six hours of images by two processes, with what a crashed one left, and one that cannot be read.
fn long_used() -> (Faulty, Owner) {
    let store = Faulty::new();
    let mut owner = Owner::new(&store, 1);
    for hour in 0..6 {
        store.set_now(hour * HOUR);
        if hour == 3 {
            store.set(&path("d-00000000000000ff-0000000001-0000-0"), "what a crash left");
            store.set(&path("m-0000000000-00000000000000000055-00000000000000ff-0000000001"), "no manifest");
            owner.archive.mark_unreadable(PARTITION, &files(&store, "m-")[0], "for the test").expect("nothing fails yet");
            owner = Owner::restored(&store, 2).expect("nothing fails yet").expect("an image");
        }
        owner.work(owner.events + 20);
        let scope = if hour % 2 == 0 { Scope::Base } else { Scope::Delta };
        owner.save(scope, || false).expect("nothing fails yet");
    }
    (store, owner)
}

/// That the newest image is whole, and if it were not, the one before.
fn has_two(store: &Faulty) {
    assert_eq!(found(store).map(|owner| owner.events), Some(120));
    let store = store.fork();
    let newest = files(&store, "m-").pop().expect("a manifest");
    store.remove(&path(&newest));
    assert_eq!(found(&store).map(|owner| owner.events), Some(100));
}

#[test]
fn a_cleaning_leaves_two_whole_images_and_its_rest_to_the_next() {
    let now = Instant(6 * HOUR);
    let (store, owner) = long_used();
    let cleaned = owner.archive.clean(PARTITION, now).expect("nothing fails yet");
    assert!(cleaned.manifests >= 2 && cleaned.pieces >= 4, "{cleaned:?}");
    let (cleaned, before) = (store.names(), long_used().0.names());
    assert!(cleaned.len() < before.len());
    let points = every_point(
        long_used,
        |owner, _| drop(owner.archive.clean(PARTITION, now)),
        |store, owner, _| {
            has_two(store);
            owner.archive.clean(PARTITION, now).expect("nothing fails any more");
            has_two(store);
            assert_eq!(store.names(), cleaned, "what one cleaning leaves, the next removes");
        },
    );
    assert!(points >= 40, "{points} points");
}
