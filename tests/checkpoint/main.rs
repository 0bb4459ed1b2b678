//! Checkpoints on disk: what is written is read, what is damaged is refused, at bounded cost, and each version stays readable.
//!
//! `BLESS=1 cargo test --test checkpoint` writes the golden files of the present version anew, which is right only before it is released.

mod crafted;
mod damage;
mod fixture;
mod golden;
mod google;
mod memory;
mod partition;
mod round_trips;
mod store_damage;
mod store_places;
mod store_points;
mod store_services;
mod values;

use upswell_testkit::memory::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
