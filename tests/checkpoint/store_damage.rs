//! Images that went bad in the store, or on the way out of it: the one before does, word is left, and nothing is thrown away that
//! somebody may want to look at.

use crate::partition::{Owner, PARTITION, files, path};
use upswell::adapter::store::archive::ReadError;
use upswell::domain::calendar::Instant;
use upswell::engine::image::Scope;
use upswell_testkit::Faulty;
use upswell_testkit::faulty::Misread;

const HOUR: i64 = 3_600_000;

/// Three images: a base, a delta on it, and a base of its own.
fn three_images() -> Faulty {
    let store = Faulty::new();
    let mut owner = Owner::new(&store, 1);
    for (events, scope) in [(40, Scope::Base), (60, Scope::Delta), (80, Scope::Base)] {
        owner.work(events);
        owner.save(scope, || false).expect("nothing fails");
    }
    store
}

/// Events in the image that a new process finds.
fn found(store: &Faulty) -> Option<u64> {
    let mut owner = Owner::restored(store, 2).expect("nothing fails")?;
    owner.check();
    Some(owner.events)
}

/// The files of the newest image, its manifest first.
fn newest(store: &Faulty) -> Vec<String> {
    let owner = Owner::new(store, 2);
    let name = files(store, "m-").pop().expect("a manifest");
    let manifest = owner.archive.manifest(PARTITION, &name).expect("whole");
    std::iter::once(name).chain(manifest.pieces.into_iter().map(|piece| piece.name)).collect()
}

#[test]
fn damage_to_any_file_of_the_newest_image_means_the_one_before() {
    type Damage = fn(&Faulty, &str);
    let damages: [(&str, Damage); 5] = [
        ("missing", |store, file| store.remove(file)),
        ("empty", |store, file| store.set(file, "")),
        ("cut", |store, file| {
            let bytes = store.bytes(file).expect("a file");
            store.set(file, bytes.slice(..bytes.len() - 1));
        }),
        ("flipped", |store, file| {
            let mut bytes = store.bytes(file).expect("a file").to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            store.set(file, bytes);
        }),
        ("another image's", |store, file| {
            let other = if file.contains("/m-") { files(store, "m-") } else { files(store, "d-") };
            store.set(file, store.bytes(&path(&other[0])).expect("a file"));
        }),
    ];
    let whole = three_images();
    let files_of_newest = newest(&whole);
    assert!(files_of_newest.len() > 3, "a manifest and several pieces");
    for file in &files_of_newest {
        for (what, damage) in &damages {
            let store = whole.fork();
            damage(&store, &path(file));
            assert_eq!(found(&store), Some(60), "{file} is {what}");
            let gone = file.starts_with("m-") && *what == "missing";
            assert_eq!(files(&store, "m-").iter().any(|name| name.ends_with(".unreadable")), !gone, "word is left");
            assert_eq!(found(&store), Some(60), "and the next start goes by it");
        }
    }
}

#[test]
fn what_is_read_wrong_is_read_again_before_it_is_called_damaged() {
    for misread in [Misread::Short, Misread::Flipped] {
        for file in 0..newest(&three_images()).len() {
            let store = three_images();
            let owner = Owner::new(&store, 2);
            let name = files(&store, "m-").pop().expect("a manifest");
            let manifest = if file == 0 {
                store.misread(misread);
                owner.archive.manifest(PARTITION, &name).expect("read again")
            } else {
                owner.archive.manifest(PARTITION, &name).expect("read")
            };
            store.misread(misread);
            assert_eq!(owner.load(&name).expect("read again").0, manifest);
        }
    }
}

#[test]
fn where_no_image_is_left_there_is_none() {
    let store = three_images();
    for name in files(&store, "m-") {
        store.set(&path(&name), "nothing");
    }
    assert_eq!(found(&store), None);
    let owner = Owner::new(&store, 2);
    let candidates = owner.archive.candidates(PARTITION).expect("a list");
    assert!(candidates.len() == 3 && candidates.iter().all(|candidate| candidate.unreadable));
    let read = owner.archive.manifest(PARTITION, &candidates[0].name);
    assert!(matches!(&read, Err(error @ ReadError::Damage { .. }) if error.is_damage()), "{read:?}");
}

#[test]
fn the_newest_unreadable_image_stays_with_its_files() {
    let store = three_images();
    let before = store.names();
    let unreadable = newest(&store);
    let first = Owner::restored(&store, 2).expect("nothing fails").expect("an image");
    first.archive.mark_unreadable(PARTITION, &unreadable[0], "for the test").expect("nothing fails");
    first.archive.mark_unreadable(PARTITION, &files(&store, "m-")[0], "for the test").expect("nothing fails");
    let mut owner = Owner::restored(&store, 3).expect("nothing fails").expect("an image");
    for hour in 2..5 {
        store.set_now(hour * HOUR);
        owner.work(owner.events + 50);
        owner.save(Scope::Base, || false).expect("nothing fails");
        owner.archive.clean(PARTITION, Instant(hour * HOUR)).expect("nothing fails");
    }
    let left = store.names();
    for file in unreadable.iter().cloned().chain([format!("{}.unreadable", unreadable[0])]) {
        assert!(left.contains(&path(&file)), "{file}");
    }
    let older = before.iter().filter(|name| !left.contains(name)).count();
    assert!(older >= 4, "the older images went, the marked one among them: {left:?}");
    assert_eq!(found(&store), Some(owner.events));
}

#[test]
fn while_a_manifest_cannot_be_read_nothing_that_it_may_name_goes() {
    let store = three_images();
    let unreadable = newest(&store);
    store.set(&path(&unreadable[0]), "nothing");
    let mut owner = Owner::restored(&store, 2).expect("nothing fails").expect("an image");
    for hour in 2..5 {
        store.set_now(hour * HOUR);
        owner.work(owner.events + 50);
        owner.save(Scope::Base, || false).expect("nothing fails");
        owner.archive.clean(PARTITION, Instant(hour * HOUR)).expect("nothing fails");
    }
    let left = store.names();
    assert!(unreadable.iter().all(|file| left.contains(&path(file))), "{left:?}");
    assert_eq!(files(&store, "m-").iter().filter(|name| !name.ends_with(".unreadable")).count(), 3, "two and the unreadable one");
}

#[test]
fn images_that_only_look_complete_do_not_displace_whole_ones() {
    let store = three_images();
    let owner = Owner::new(&store, 2);
    let pieces = |name: &String| {
        let manifest = owner.archive.manifest(PARTITION, name).expect("whole");
        manifest.pieces.into_iter().map(|piece| piece.name).collect::<Vec<_>>()
    };
    let [oldest, rest @ ..] = &files(&store, "m-")[..] else { panic!("no images") };
    let needed = pieces(oldest);
    rest.iter().flat_map(pieces).filter(|piece| !needed.contains(piece)).for_each(|piece| store.remove(&path(&piece)));
    store.set_now(3 * HOUR);
    store.set(&path("d-00000000000000ff-0000000001-0000-0"), "young");
    owner.archive.clean(PARTITION, Instant(3 * HOUR)).expect("nothing fails");
    assert_eq!(found(&store), Some(40), "the two newer ones have lost pieces");
}

#[test]
fn a_clock_that_is_ahead_deletes_nothing_young() {
    let store = three_images();
    let before = store.names();
    let owner = Owner::new(&store, 2);
    let cleaned = owner.archive.clean(PARTITION, Instant(1_000 * HOUR)).expect("nothing fails");
    assert_eq!((cleaned.manifests, cleaned.pieces, store.names()), (0, 0, before));
}

#[test]
fn a_stale_list_costs_time_and_never_an_image() {
    let store = three_images();
    store.list_stale();
    let mut owner = Owner::restored(&store, 2).expect("nothing fails").expect("an image");
    owner.work(120);
    owner.save(Scope::Delta, || false).expect("nothing fails");
    assert_eq!(found(&store), Some(80), "the list does not show the newest yet");
    owner.archive.clean(PARTITION, Instant(9 * HOUR)).expect("nothing fails");
    store.revive();
    assert_eq!(found(&store), Some(120));
}

#[test]
fn a_later_generation_counts_before_all_of_earlier_ones() {
    let store = three_images();
    let mut anew = Owner::new(&store, 2);
    anew.generation = anew.archive.greatest_generation(PARTITION).expect("a list").expect("an image") + 1;
    anew.work(20);
    anew.save(Scope::Base, || false).expect("nothing fails");
    assert_eq!(found(&store), Some(20));
    assert_eq!(Owner::new(&store, 3).archive.greatest_generation(PARTITION + 1), Ok(None));
}
