//! The runner: every file of a corpus, then mutations until the time is over, each input within its limits.

use crate::pool::Pool;
use crate::random::Random;
use crate::trail::Trail;
use crate::work::Work;
use std::cell::Cell;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant, SystemTime};
use upswell_testkit::effort::processor_time;
use upswell_testkit::memory::measured;

/// Processor time that an input may take. Without optimisation everything takes many times as long.
const MAX_TIME: Duration = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });
/// Beyond the input itself.
const MAX_MEMORY: usize = 64 << 20;
const SEED: u64 = 1;

/// Something that reads bytes which others wrote. Whatever they are, it returns; what it found, it tells the trail.
pub struct Target<'a> {
    pub name: &'static str,
    /// Words that mutations use.
    pub words: &'a [&'a str],
    pub read: Box<dyn FnMut(&[u8], &mut Trail) + 'a>,
}

/// Why an input failed.
#[derive(Debug, PartialEq, Eq)]
pub enum Finding {
    Panic,
    Time(Duration),
    Memory(usize),
}

thread_local! {
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

/// Counts panics where they happen: some are caught on the way, by a server for one.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            before(panic);
        }));
    });
}

impl Target<'_> {
    /// Reads one input within the limits.
    pub fn check(&mut self, input: &[u8], trail: &mut Trail) -> Result<(), Finding> {
        count_panics();
        trail.clear();
        let (panics, began) = (PANICS.get(), processor_time());
        let (most, _) = measured(|| drop(catch_unwind(AssertUnwindSafe(|| (self.read)(input, trail)))));
        judged(PANICS.get() > panics, processor_time() - began, most.saturating_sub(input.len()))
    }

    /// The corpus, then mutations for as long as is asked. Panics with the name of a file that fails.
    pub fn run(&mut self) {
        let (seconds, seed) = asked();
        println!("{}: {seconds} s, UPSWELL_SEED={seed}", self.name);
        let work = Work::begin(self.name);
        let mut pool = self.corpus(&work);
        let until = Instant::now() + Duration::from_secs(seconds);
        let hunted = self.hunt(&mut pool, &mut Random::new(seed), |input| {
            work.on(input);
            Instant::now() < until
        });
        match hunted {
            Ok(tried) => println!("{}: {tried} inputs, {} kept", self.name, pool.len()),
            Err((finding, input)) => panic!("{finding:?}; to repeat it: {}", repetition(self.name, &work.keep(&input))),
        }
    }

    /// Every file of the corpus, tried once.
    fn corpus(&mut self, work: &Work) -> Pool {
        let (mut pool, mut trail) = (Pool::default(), Trail::default());
        for file in files(self.name) {
            let input = fs::read(&file).expect("it can be read");
            work.on(&input);
            assert_eq!(self.check(&input, &mut trail), Ok(()), "{}", file.display());
            pool.seed(input, &trail);
        }
        pool
    }

    /// Tries mutations, each of which `next` is told first, until that answers no or one fails. How many there were.
    pub fn hunt(
        &mut self,
        pool: &mut Pool,
        random: &mut Random,
        mut next: impl FnMut(&[u8]) -> bool,
    ) -> Result<u64, (Finding, Vec<u8>)> {
        let (mut trail, mut tried) = (Trail::default(), 0);
        let mut input = pool.mutation(random, self.words);
        while next(&input) {
            if let Err(finding) = self.check(&input, &mut trail) {
                return Err((finding, input));
            }
            pool.take(random, input, &trail);
            input = pool.mutation(random, self.words);
            tried += 1;
        }
        Ok(tried)
    }
}

/// What an input's costs amount to; `beyond` counts bytes held besides the input.
pub fn judged(panicked: bool, took: Duration, beyond: usize) -> Result<(), Finding> {
    match () {
        () if panicked => Err(Finding::Panic),
        () if took > MAX_TIME => Err(Finding::Time(took)),
        () if beyond > MAX_MEMORY => Err(Finding::Memory(beyond)),
        () => Ok(()),
    }
}

/// The command that tries a kept input again; it then stays in the corpus.
fn repetition(target: &str, input: &Path) -> String {
    format!("cp {} {} && cargo test --test fuzz targets::{target}", input.display(), folder(target).display())
}

/// Seconds of mutations, and what repeats them.
fn asked() -> (u64, u64) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let fresh = || SystemTime::UNIX_EPOCH.elapsed().expect("it is later than 1970").as_nanos() as u64;
    let seconds: Option<u64> = number("UPSWELL_FUZZ_SECONDS");
    let seed = number("UPSWELL_SEED").unwrap_or_else(|| if seconds.is_some() { fresh() } else { SEED });
    (seconds.unwrap_or(1), seed)
}

/// The files of a target's corpus, in the order of their names.
pub fn files(target: &str) -> Vec<PathBuf> {
    let folder = folder(target);
    let listed = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = listed.map(|file| file.expect("it is listed").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds nothing", folder.display());
    files
}

pub fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target)
}
