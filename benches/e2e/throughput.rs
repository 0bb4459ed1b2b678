//! Throughput: the bare consumer and the service by turns, on the same records, several times.
//!
//! Both are measured from their first record on. The service has two ends: when the last record was taken in, and when the figures
//! over all of them are shown, which includes the first assessment of every customer.

use crate::bare;
use crate::events::Scale;
use crate::process::{machine, peak_memory, processor_time};
use crate::stage::Stage;
use std::time::{Duration, Instant as Moment};
use upswell_testkit::Upswell;

/// Between two looks at the service's counters.
const GLANCE: Duration = Duration::from_millis(50);
/// Longest run.
const PATIENCE: Duration = Duration::from_secs(300);

/// What so many records cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub records: usize,
    pub wall: Duration,
    /// User and system time of the process.
    pub processor: Duration,
    /// Bytes of the most memory it ever held.
    pub memory: u64,
}

impl Cost {
    /// As [`Cost::parse`] reads it.
    pub fn print(&self) -> String {
        format!("{} {} {} {}", self.records, self.wall.as_nanos(), self.processor.as_nanos(), self.memory)
    }

    /// Panics on anything else.
    pub fn parse(text: &str) -> Cost {
        let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [records, wall, processor, memory] = numbers[..] else { panic!("no cost: {text}") };
        let records = usize::try_from(records).expect("a count");
        Cost { records, wall: Duration::from_nanos(wall), processor: Duration::from_nanos(processor), memory }
    }

    /// Records a second.
    pub fn rate(&self) -> f64 {
        self.records as f64 / self.wall.as_secs_f64()
    }

    /// Microseconds of processor time a record.
    pub fn each(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.records as f64
    }

    /// One row of the table.
    pub fn row(&self, name: &str) {
        let (rate, each, memory) = (self.rate(), self.each(), self.memory >> 20);
        println!("{name:<34} {rate:>10.0} events/s {each:>8.3} us CPU/event {memory:>6} MiB peak");
    }
}

/// What the service cost: until everything was taken in, and until the figures were shown.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub taken: Cost,
    pub shown: Cost,
}

/// Loads the topics, then measures in turn.
pub fn run(scale: Scale, partitions: i32, rounds: usize) {
    let Scale { customers, events, .. } = scale;
    println!("{}; {events} events, {customers} customers, {partitions} partitions of each topic", machine());
    let stage = Stage::set(partitions);
    stage.load(scale);
    let (mut bares, mut runs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let bare = bare::measure(&stage.kafka.bootstrap(), partitions, events);
        bare.row("bare consumer");
        let run = service(&stage, &format!("round-{round}"), events);
        run.taken.row("upswell, all taken in");
        run.shown.row("upswell, figures shown");
        bares.push(bare);
        runs.push(run);
    }
    let bare = median(bares.iter().copied());
    for (name, cost) in
        [("all taken in", median(runs.iter().map(|run| run.taken))), ("figures shown", median(runs.iter().map(|run| run.shown)))]
    {
        let (ratio, more) = (100.0 * cost.rate() / bare.rate(), cost.each() - bare.each());
        println!("medians, {name}: {ratio:.0} % of the bare consumer's throughput, {more:+.3} us CPU/event over it");
    }
}

/// Starts the service and watches it work through the topics.
pub fn service(stage: &Stage, group: &str, events: usize) -> Run {
    let mut service = stage.upswell(group);
    let (id, deadline) = (service.id(), Moment::now() + PATIENCE);
    let look = |service: &Upswell| (Moment::now(), processor_time(id), taken(service));
    let mut first = look(&service);
    let mut all = None;
    loop {
        let now = look(&service);
        let cost =
            || Cost { records: events, wall: now.0 - first.0, processor: now.1 - first.1, memory: peak_memory(id).unwrap_or(0) };
        if now.2.0 == 0 {
            first = now;
        } else if now.2.0 >= events {
            let taken = *all.get_or_insert_with(cost);
            if now.2.1 {
                let run = Run { taken, shown: cost() };
                service.terminate();
                return run;
            }
        }
        assert!(service.ended().is_none(), "the service ended: {}", service.log());
        assert!(Moment::now() < deadline, "{} of {events} taken in: {}", now.2.0, service.log());
        std::thread::sleep(GLANCE);
    }
}

/// How many events were applied, ignored or rejected, and whether figures are shown.
fn taken(service: &Upswell) -> (usize, bool) {
    let Some(answer) = service.get("/metrics") else { return (0, false) };
    let counted = ["upswell_events_applied_total{", "upswell_events_ignored_total{", "upswell_events_rejected_total{"];
    let lines = answer.body.lines().filter(|line| counted.iter().any(|name| line.starts_with(name)));
    let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    (values.sum::<f64>() as usize, answer.body.contains("\nupswell_mrr "))
}

/// The middle one by throughput.
fn median(costs: impl Iterator<Item = Cost>) -> Cost {
    let mut costs: Vec<Cost> = costs.collect();
    costs.sort_by(|one, other| one.rate().total_cmp(&other.rate()));
    costs[costs.len() / 2]
}
