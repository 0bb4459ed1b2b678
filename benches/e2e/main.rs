//! End to end: the built service on a real broker, against a consumer that does nothing with what it reads.
//!
//! `make bench-e2e` runs the full size, `ARGS="--events 200000"` another; `cargo test` runs the smallest, so that none of it
//! rots. Whatever is measured has a process of its own and is judged by what the kernel says of it. Everything started here
//! ends with it.

mod bare;
mod events;
mod latency;
mod peers;
mod process;
mod stage;
mod throughput;

use clap::{Parser, Subcommand};
use events::Scale;

/// End-to-end measurements.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    /// Given by Cargo to benchmarks, and not to tests
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Events a second and processor time of an event, the bare consumer and the service by turns
    Throughput {
        #[arg(long, default_value_t = 5_000_000)]
        events: usize,
        #[arg(long, default_value_t = 100_000)]
        customers: usize,
        #[arg(long, default_value_t = 8)]
        partitions: i32,
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        #[arg(long, hide = true)]
        bench: bool,
    },
    /// From an event produced to the figure that shows it
    Latency {
        /// Events a second
        #[arg(long, default_value_t = 10_000)]
        rate: usize,
        #[arg(long, default_value_t = 30)]
        seconds: u64,
        /// Events that are there before
        #[arg(long, default_value_t = 400_000)]
        events: usize,
        #[arg(long, default_value_t = 100_000)]
        customers: usize,
        #[arg(long, default_value_t = 8)]
        partitions: i32,
        #[arg(long, hide = true)]
        bench: bool,
    },
    /// The same records through Kafka Streams and Flink
    Peers {
        #[arg(long, default_value_t = 5_000_000)]
        events: usize,
        #[arg(long, default_value_t = 100_000)]
        customers: usize,
        #[arg(long, default_value_t = 8)]
        partitions: i32,
        #[arg(long, hide = true)]
        bench: bool,
    },
    /// The bare consumer's own process
    #[command(hide = true)]
    Bare { brokers: String, partitions: i32, records: usize },
}

fn main() {
    let now = jiff::Timestamp::now().as_millisecond();
    match Arguments::parse().what {
        Some(What::Bare { brokers, partitions, records }) => bare::consume(&brokers, partitions, records),
        Some(What::Throughput { events, customers, partitions, rounds, .. }) => {
            throughput::run(Scale { customers, events, now }, partitions, rounds);
        }
        Some(What::Latency { rate, seconds, events, customers, partitions, .. }) => {
            latency::run(Scale { customers, events, now }, partitions, rate, seconds);
        }
        Some(What::Peers { events, customers, partitions, .. }) => peers::run(Scale { customers, events, now }, partitions),
        None => {
            let scale = Scale { customers: 1_000, events: 40_000, now };
            throughput::run(scale, 2, 1);
            latency::run(scale, 2, 1_000, 3);
        }
    }
}
