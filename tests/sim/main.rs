//! A deterministic simulation: partitions, images, restores, rebalances, and everything that may go wrong, on one thread and from
//! one seed. `UPSWELL_SIM_SEEDS` says how many seeds are run, `UPSWELL_SIM_SEED` which single one.

mod causes;
mod cluster;
mod dice;
mod events;
mod instance;
mod mistake;
mod shadow;
mod trouble;
mod workload;
mod world;

use mistake::Mistake;
use std::panic::{AssertUnwindSafe, catch_unwind};
use trouble::{Counts, Kind};
use world::World;

const SEEDS: u64 = 200;
/// From so many seeds on, each kind of trouble has to be reached so often.
const MANY: u64 = 10_000;
const OFTEN: u64 = 50;
/// Seeds within which a planted mistake has to be found.
const FOUND_WITHIN: u64 = 20;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Runs a seed: the trace and what went wrong, or what should not be.
fn run(seed: u64, mistake: Option<Mistake>) -> Result<(u64, Counts), String> {
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(seed, mistake);
        world.run().map(|()| (world.trace, world.counts.clone()))
    }));
    ran.unwrap_or_else(|_| Err("it panicked".to_owned()))
}

#[test]
fn whatever_goes_wrong_the_figures_are_right() {
    let (first, count) = match number("UPSWELL_SIM_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("UPSWELL_SIM_SEEDS").unwrap_or(SEEDS)),
    };
    let mut counts = Counts::default();
    let mut failed = Vec::new();
    for seed in first..first + count {
        match run(seed, None) {
            Ok((_, reached)) => counts.add(&reached),
            Err(fault) => {
                println!("seed {seed}: {fault}\nUPSWELL_SIM_SEED={seed} cargo test --test sim whatever -- --nocapture");
                failed.push(seed);
            }
        }
    }
    for kind in Kind::ALL {
        println!("{kind:?}: {}", counts.0.get(kind).copied().unwrap_or(0));
    }
    assert_eq!(failed, Vec::<u64>::new(), "seeds that failed");
    if count >= MANY {
        let rare: Vec<&Kind> = Kind::ALL.iter().filter(|kind| counts.0.get(kind).copied().unwrap_or(0) < OFTEN).collect();
        assert_eq!(rare, Vec::<&Kind>::new(), "kinds of trouble that were hardly reached");
    }
}

#[test]
fn a_seed_is_one_run() {
    for seed in 0..10 {
        let trace = || run(seed, None).map(|(trace, _)| trace);
        assert_eq!(trace(), trace(), "seed {seed}");
    }
}

#[test]
fn planted_mistakes_are_found() {
    let sound: Vec<u64> = (0..FOUND_WITHIN).filter(|seed| run(*seed, Some(Mistake::None)).is_err()).collect();
    assert_eq!(sound, Vec::<u64>::new(), "seeds that fail without a mistake");
    let found = |mistake: &Mistake| {
        let fault = (0..FOUND_WITHIN).find_map(|seed| Some((seed, run(seed, Some(*mistake)).err()?)));
        let shown =
            fault.as_ref().map(|(seed, fault)| format!("by seed {seed}: {}", fault.chars().take(120).collect::<String>()));
        println!("{mistake:?} was found {}", shown.unwrap_or_default());
        fault.is_some()
    };
    let missed: Vec<Mistake> = Mistake::ALL.into_iter().filter(|mistake| !found(mistake)).collect();
    assert_eq!(missed, [], "mistakes that nobody would notice");
}
