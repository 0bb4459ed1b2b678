//! Exactness: the incremental engine against a slow twin that recomputes everything from all facts.
//!
//! One test crate, so that the twin, the generator of histories and the harness are compiled once. `semantics` holds the worked
//! examples as tests, `properties` random histories. A failed property prints its seed and the shrunk history; `UPSWELL_SEED`
//! repeats it, `PROPTEST_CASES` makes every property run at least that many cases.

mod build;
mod choices;
mod containers;
mod corners;
mod faults;
mod harness;
mod history;
mod images;
mod json;
mod listings;
mod memory;
mod parts;
mod properties;
mod reach;
mod regressions;
mod replay;
mod semantics;
mod show;
mod twin;
