//! Fuzzing: whatever the bytes, no panic, no seconds of processor time, no 64 MiB beyond the input.
//!
//! Six targets, one for everything that reads what others wrote. A plain `cargo test` runs every file of `corpus` once and then a
//! second of mutations per target, always the same; `make fuzz` a minute of new ones (`UPSWELL_FUZZ_SECONDS`; `UPSWELL_SEED`
//! repeats them). An input that fails is kept in a file, which the message names: once mended, it stays in `corpus/<target>/`
//! under a name that says what it found, and is tried for ever after.
//!
//! `BLESS=1 cargo test --test fuzz seeds` writes the seeds anew. Their names tell what they are: `valid-...` is read to its end,
//! `odd-...` is not.

mod mutate;
mod pool;
mod random;
mod runner;
mod runner_tests;
mod seeds;
mod targets;
mod trail;
mod work;

use upswell_testkit::memory::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
