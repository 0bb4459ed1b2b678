//! Damaged checkpoints and logs that have lost records: an older checkpoint does, or the log from its beginning, or the partition
//! stops and says what to do; and nothing that could still help is deleted.

use crate::bench::Bench;
use crate::history::History;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use upswell_testkit::Upswell;

/// Names in a directory that satisfy a condition, in order.
fn names(directory: &Path, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("the partition has a directory");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| wanted(name));
    names.sort();
    names
}

/// The manifests of partition 0, newest last.
fn manifests(bench: &Bench) -> Vec<PathBuf> {
    let place = bench.place_of(0);
    let names = names(&place, |name| name.starts_with("m-") && !name.ends_with(".unreadable"));
    names.into_iter().map(|name| place.join(name)).collect()
}

/// The first piece that was written for a manifest: `m-<generation>-<sum>-<writer>-<sequence>`, `d-<writer>-<sequence>-<number>-...`.
fn piece_of(manifest: &Path) -> PathBuf {
    let (place, name) = (manifest.parent().expect("a directory"), manifest.file_name().expect("a name").to_string_lossy());
    let parts: Vec<&str> = name.split('-').collect();
    let start = format!("d-{}-{}-", parts[3], parts[4]);
    place.join(names(place, |name| name.starts_with(&start)).first().unwrap_or_else(|| panic!("no piece of {name}")))
}

/// Changes one bit in the middle of a file.
fn damage(file: &Path) {
    let mut bytes = std::fs::read(file).expect("a checkpoint file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(file, bytes).expect("a checkpoint file can be written");
}

fn total(service: &Upswell, family: &str) -> f64 {
    service.scrape().sum(family, &[])
}

/// Events taken by this process.
fn taken(service: &Upswell) -> f64 {
    total(service, "upswell_events_applied_total")
        + total(service, "upswell_events_rejected_total")
        + service.scrape().sum("upswell_events_ignored_total", &[("reason", "duplicate")])
}

/// A bench with one partition, whose service ended in order after each of two halves of the history. Answers the records of the
/// second half.
fn two_checkpoints(name: &str, history: &History) -> (Bench, usize) {
    let bench = Bench::new(name, 1).revenue(&history.revenue()).kept();
    let mut written = 0;
    for half in 0..2 {
        written = history.produce_part(&bench, half, 2);
        let mut service = bench.run();
        service.wait_ready();
        assert_eq!(service.terminate(), 0);
    }
    (bench, written)
}

#[test]
fn a_damaged_checkpoint_is_passed_over_for_the_one_before() {
    let history = History::generated();
    for (what, file) in [("manifest", Path::to_path_buf as fn(&Path) -> PathBuf), ("piece", piece_of)] {
        let (bench, second) = two_checkpoints(&format!("damaged-{what}"), history);
        let newest = manifests(&bench).pop().expect("two checkpoints");
        damage(&file(&newest));
        let mut service = bench.run();
        service.wait_ready();
        assert_eq!(total(&service, "upswell_checkpoints_unreadable_total"), 1.0, "{what}");
        assert_eq!(total(&service, "upswell_rebuilds_total"), 0.0, "{what}");
        assert_eq!(taken(&service), second as f64, "{what}: the second half is read again");
        history.assert_equals(&service);
        let name = newest.file_name().expect("a name").to_string_lossy().into_owned();
        let said = service.log().lines().any(|line| line.contains(&name) && line.contains("the one before it is tried"));
        assert!(said, "{what}: the log names {name}");
        assert_eq!(service.terminate(), 0);
        assert!(
            newest.exists() && newest.with_file_name(format!("{name}.unreadable")).exists(),
            "{what}: it is kept, and marked"
        );
        let mut service = bench.run();
        service.wait_ready();
        assert_eq!(total(&service, "upswell_checkpoints_unreadable_total"), 0.0, "{what}: it is counted once");
        assert_eq!(taken(&service), 0.0, "{what}");
        history.assert_equals(&service);
    }
}

#[test]
fn without_a_usable_checkpoint_the_state_is_made_anew_from_a_whole_log() {
    let history = History::generated();
    let (bench, _) = two_checkpoints("all-damaged", history);
    let damaged = manifests(&bench);
    damaged.iter().for_each(|manifest| damage(manifest));
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(total(&service, "upswell_checkpoints_unreadable_total"), damaged.len() as f64);
    assert_eq!(total(&service, "upswell_rebuilds_total"), 1.0);
    history.assert_equals(&service);
    history.assert_counted(&service);
    assert_eq!(service.terminate(), 0);
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!((total(&service, "upswell_rebuilds_total"), taken(&service)), (0.0, 0.0), "the new state was kept");
    history.assert_equals(&service);
}

#[test]
fn without_a_usable_checkpoint_and_a_whole_log_the_partition_stops_and_nothing_is_deleted() {
    let history = History::generated();
    let (bench, _) = two_checkpoints("nothing-left", history);
    manifests(&bench).iter().for_each(|manifest| damage(manifest));
    bench.kafka.delete_records(&bench.usage, 0, 10);
    let files = || names(&bench.place_of(0), |name| !name.ends_with(".unreadable"));
    let before = files();
    let mut service = bench.run();
    service.wait_not_ready("begins at offset 10");
    let labels = [("partition", "0"), ("reason", "checkpoint_unusable")];
    service.wait("the stop is shown", |service| {
        (service.scrape().value("upswell_partition_stopped", &labels) == Some(1.0)).then_some(())
    });
    assert_eq!(total(&service, "upswell_rebuilds_total"), 0.0);
    assert_eq!(service.scrape().value("upswell_mrr", &[]), None, "no figure without its first records");
    assert_eq!(service.terminate(), 0);
    assert_eq!(files(), before);
    // Who accepts the loss says so.
    let bench = bench.kafka_key("accept_truncated_log: true");
    let mut service = bench.run_with(&["--rebuild"]);
    service.wait_ready();
    assert_eq!(service.scrape().value("upswell_history_incomplete", &[]), Some(1.0));
    assert_eq!(total(&service, "upswell_rebuilds_total"), 1.0);
    assert_eq!(service.terminate(), 0);
}

#[test]
fn records_deleted_after_they_were_read_are_not_missed() {
    let history = History::generated();
    let bench = Bench::new("retained", 1).revenue(&history.revenue()).kept();
    history.produce_part(&bench, 0, 2);
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(service.terminate(), 0);
    let second = history.produce_part(&bench, 1, 2);
    bench.kafka.delete_records(&bench.subscriptions, 0, 20);
    bench.kafka.delete_records(&bench.usage, 0, 200);
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(taken(&service), second as f64);
    history.assert_equals(&service);
    assert_eq!(service.terminate(), 0);
}

#[test]
fn records_deleted_before_they_were_read_stop_the_partition() {
    let history = History::generated();
    let bench = Bench::new("lost-beginning", 1).revenue(&history.revenue()).kept();
    history.produce_part(&bench, 0, 2);
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(service.terminate(), 0);
    let next = bench.kafka.read(&bench.usage).len() as i64;
    history.produce_part(&bench, 1, 2);
    bench.kafka.delete_records(&bench.usage, 0, next + 1);
    let before = names(&bench.place_of(0), |_| true);
    let mut service = bench.run();
    service.wait_not_ready(&format!("{} no longer holds offset {next}", bench.usage));
    service.wait_not_ready("run --rebuild");
    let labels = [("partition", "0"), ("reason", "log_truncated")];
    assert_eq!(service.scrape().value("upswell_partition_stopped", &labels), Some(1.0));
    assert_eq!(taken(&service), 0.0);
    assert_eq!(service.terminate(), 0);
    assert_eq!(names(&bench.place_of(0), |_| true), before);
}

#[test]
fn a_state_made_anew_on_demand_replaces_the_old_one() {
    let history = History::generated();
    let bench = Bench::new("anew", 2).revenue(&history.revenue()).kept();
    history.produce(&bench);
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!(service.terminate(), 0);
    let mut service = bench.run_with(&["--rebuild"]);
    service.wait_ready();
    assert_eq!(total(&service, "upswell_rebuilds_total"), 2.0);
    history.assert_counted(&service);
    history.assert_equals(&service);
    assert_eq!(service.terminate(), 0);
    let generations: BTreeSet<String> = manifests(&bench).iter().filter_map(|path| generation(path)).collect();
    assert_eq!(generations, BTreeSet::from(["0000000000".to_owned(), "0000000001".to_owned()]));
    let mut service = bench.run();
    service.wait_ready();
    assert_eq!((total(&service, "upswell_rebuilds_total"), taken(&service)), (0.0, 0.0));
    history.assert_equals(&service);
}

fn generation(manifest: &Path) -> Option<String> {
    manifest.file_name()?.to_string_lossy().split('-').nth(1).map(str::to_owned)
}

#[test]
fn records_deleted_behind_a_running_service_are_not_missed() {
    let history = History::generated();
    let bench = Bench::new("going", 1).revenue(&history.revenue()).kept();
    history.produce(&bench);
    let mut service = bench.run();
    service.wait_ready();
    let end = bench.kafka.read(&bench.usage).len() as i64;
    bench.kafka.delete_records(&bench.usage, 0, end);
    history.repeat_usage(&bench, 10);
    service.wait("what came after is read", |service| (taken(service) > end as f64).then_some(()));
    history.assert_equals(&service);
}
