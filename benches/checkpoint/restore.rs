//! How long a start takes from a checkpoint in a directory: fetching, checking, decompressing, decoding and building the shard, as
//! the service does it.

use super::history::{AS_OF, DAY, MEMORY, plan, shard, usage};
use super::process::resident_bytes;
use std::path::Path;
use std::time::{Duration, Instant as Moment};
use upswell::adapter::store::archive::Archive;
use upswell::adapter::store::{Settings, Store};
use upswell::engine::image::{Scope, Step};
use upswell::engine::shard::UsageVerdict;
use upswell::wire::checkpoint::account::encode;
use upswell::wire::checkpoint::{Identity, Manifest, Section};

const PARTITION: i32 = 0;

fn archive(directory: &Path) -> Archive {
    let store = Store::open(&Settings { url: format!("file://{}", directory.display()) }).expect("a store");
    Archive::new(store, "bench")
}

/// Stores a base of so many accounts.
pub fn write(directory: &Path, accounts: usize, usage_days: usize) {
    let mut shard = shard(accounts, usage_days);
    let head = shard.freeze(Scope::Base, encode).expect("an image can be taken");
    let draft = Manifest {
        identity: Identity {
            cluster_id: None,
            partition: PARTITION,
            partitions: 1,
            topics: [None, None, None],
            time_zone: "UTC".to_owned(),
        },
        generation: 0,
        writer: 1,
        sequence: 1,
        taken_at: AS_OF,
        positions: [None; 3],
        placement: [[0; 3]; 2],
        head,
        pieces: Vec::new(),
        base_pieces: 0,
        alerts: Vec::new(),
    };
    let mut writing = archive(directory).write(&draft.identity, draft.writer, draft.sequence, None);
    loop {
        match shard.capture(super::STEP) {
            Step::Chunk(chunk) => writing.push(&Section::Chunk(chunk)).expect("stored"),
            Step::Working => {}
            Step::Done => break,
        }
    }
    writing.finish(&draft, Duration::ZERO).expect("stored");
}

/// Restores it on so many threads until it takes in an event, then assesses it.
pub fn restore(directory: &Path, usage_days: usize, threads: usize) {
    let archive = archive(directory);
    let name = archive.candidates(PARTITION).expect("listed").remove(0).name;
    let manifest = archive.manifest(PARTITION, &name).expect("a manifest");
    let warm = |name: &str| archive.store().get(&format!("bench/p00000/{name}"), u64::MAX).expect("a piece").len();
    let bytes: usize = manifest.pieces.iter().map(|piece| warm(&piece.name)).sum();
    let resident = resident_bytes();

    let (began, busy) = (Moment::now(), busy_seconds());
    let manifest = archive.manifest(PARTITION, &name).expect("a manifest");
    let mut shard = archive.load(&manifest, plan(), MEMORY, threads).expect("a whole image").shard;
    assert!(matches!(usage(&mut shard, 7, AS_OF.0 - DAY, 1 << 60), UsageVerdict::Applied(applied) if !applied.new_customer));
    let (restored, busy) = (began.elapsed(), busy_seconds() - busy);

    let accounts = shard.accounts();
    println!(
        "{accounts} accounts, one subscription of one item and {usage_days} usage days each, {} ids, {threads} threads: \
         takes in events after {restored:.2?}, {busy:.2} s of processor time; {bytes} bytes in {} pieces, {} bytes resident an account, {} tracked",
        shard.dedup_entries(),
        manifest.pieces.len(),
        (resident_bytes() - resident) / accounts,
        shard.tracked_bytes() / accounts,
    );
    let began = Moment::now();
    shard.observe_clock(AS_OF);
    shard.go_live(AS_OF);
    println!("    first assessment {:.2?}", began.elapsed());
}

/// Processor time of all threads so far: what a start would take were nothing else running, divided by its threads.
fn busy_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("the status of a Linux process");
    let after_name = stat.rsplit(')').next().expect("a line");
    // User and system time in hundredths, the 14th and 15th field; the third comes first after the name.
    let hundredths: u32 =
        after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u32>().expect("a number")).sum();
    f64::from(hundredths) / 100.0
}
