//! What a process has cost so far, as the kernel tells everybody: processor time and the most memory it ever held.

use std::time::Duration;

/// Length of the kernel's unit of processor time in `/proc`, the same on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of a process since it began, all threads, to a hundredth of a second. Panics when it is gone.
pub fn processor_time(id: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_else(|error| panic!("process {id}: {error}"));
    // The name, in parentheses, may hold anything.
    let (_, fields) = text.rsplit_once(')').expect("a name in parentheses");
    let ticks = |index| fields.split_whitespace().nth(index).and_then(|text| text.parse::<u32>().ok()).expect("a number");
    TICK * (ticks(11) + ticks(12))
}

/// Bytes of the most memory that was resident at once; `None` for a process that has ended.
pub fn peak_memory(id: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let kilobytes: u64 =
        text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The machine, in a line.
pub fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name =
        text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("unknown", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores, {name}")
}
