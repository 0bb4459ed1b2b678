//! A deterministic simulation: partitions, images, restores, rebalances, and everything that may go wrong, each run on one thread and
//! from one seed. `UPSWELL_SIM_SEEDS` says how many seeds are run, `UPSWELL_SIM_SEED` which single one.
//!
//! The oracle is the slow twin, which was written from the definition of revenue alone.

mod arrivals;
mod causes;
mod checks;
mod cluster;
mod customers;
mod deployment;
mod dice;
mod events;
mod group;
mod heal;
mod instance;
mod mistake;
mod moves;
mod oracle;
mod planted;
mod rounds;
mod shadow;
mod surveys;
mod trim;
mod trouble;
#[path = "../exactness/twin/mod.rs"]
mod twin;
mod workload;
mod world;

use mistake::Mistake;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use trim::Trim;
use trouble::{Counts, Kind};
use world::World;

const SEEDS: u64 = 200;
/// From so many seeds on, each kind of trouble has to be reached in so many of them.
const MANY: u64 = 10_000;
const OFTEN: u64 = 50;
/// Seeds within which a planted mistake has to be found.
const FOUND_WITHIN: u64 = 60;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Runs a seed: the trace and what went wrong, or what should not be.
fn run(seed: u64, mistake: Option<Mistake>, trim: &Trim) -> Result<(u64, Counts), String> {
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(seed, mistake, trim);
        world.run().map(|()| (world.trace, world.counts.clone()))
    }));
    ran.unwrap_or_else(|_| Err("it panicked".to_owned()))
}

/// Works through numbers on all cores: what each thread made of those it took, in no order.
fn share<T: Send>(numbers: std::ops::Range<u64>, work: impl Fn(u64) -> T + Sync) -> Vec<(u64, T)> {
    let next = AtomicU64::new(numbers.start);
    let take = || std::iter::repeat_with(|| next.fetch_add(1, Relaxed)).take_while(|number| *number < numbers.end);
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..cores).map(|_| scope.spawn(|| take().map(|number| (number, work(number))).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("its panics are caught")).collect()
    })
}

fn command(seed: u64, trim: &Trim) -> String {
    format!("{}UPSWELL_SIM_SEED={seed} cargo test --release --test sim whatever -- --nocapture", trim.variables())
}

#[test]
fn whatever_goes_wrong_the_figures_are_right() {
    let seeds = match number("UPSWELL_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("UPSWELL_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let (count, trim) = (seeds.end - seeds.start, Trim::told());
    let ran = share(seeds, |seed| {
        run(seed, None, &trim).map(|(_, reached)| reached).inspect_err(|fault| {
            println!("seed {seed}: {fault}\n{}", command(seed, &trim));
        })
    });
    let mut counts = Counts::default();
    ran.iter().filter_map(|(_, ran)| ran.as_ref().ok()).for_each(|reached| counts.add(reached));
    for kind in Kind::ALL {
        println!("{kind:?}: {}", counts.of(*kind));
    }
    let mut failed: Vec<u64> = ran.iter().filter(|(_, ran)| ran.is_err()).map(|(seed, _)| *seed).collect();
    failed.sort_unstable();
    if let Some(first) = failed.first().filter(|_| trim == Trim::default()) {
        let least = Trim::least(|trim| run(*first, None, trim).is_err());
        println!("the first of them, and the least of it that fails:\n{}", command(*first, &least));
    }
    assert_eq!(failed, Vec::<u64>::new(), "seeds that failed");
    if count >= MANY {
        let rare: Vec<&Kind> = Kind::ALL.iter().filter(|kind| counts.of(**kind) < OFTEN).collect();
        assert_eq!(rare, Vec::<&Kind>::new(), "kinds of trouble that were hardly reached");
    }
}

#[test]
fn a_seed_is_one_run() {
    for seed in 0..10 {
        let trace = || run(seed, None, &Trim::default()).map(|(trace, _)| trace);
        assert_eq!(trace(), trace(), "seed {seed}");
    }
}

#[test]
fn planted_mistakes_are_found() {
    let trim = Trim::default();
    let sound = share(0..FOUND_WITHIN, |seed| run(seed, Some(Mistake::None), &trim).err());
    let unsound: Vec<(u64, String)> = sound.into_iter().filter_map(|(seed, fault)| Some((seed, fault?))).collect();
    assert_eq!(unsound, [], "seeds that fail without a mistake");
    let found = share(0..Mistake::ALL.len() as u64, |number| {
        let mistake = Mistake::ALL[number as usize];
        let fault = (0..FOUND_WITHIN).find_map(|seed| Some((seed, run(seed, Some(mistake), &trim).err()?)));
        let shown =
            fault.as_ref().map(|(seed, fault)| format!("by seed {seed}: {}", fault.chars().take(120).collect::<String>()));
        println!("{mistake:?} was found {}", shown.unwrap_or_default());
        fault.is_some()
    });
    let missed: Vec<Mistake> =
        found.iter().filter(|(_, found)| !found).map(|(number, _)| Mistake::ALL[*number as usize]).collect();
    assert_eq!(missed, [], "mistakes that nobody would notice");
}
