//! The machine: how much memory the process uses, and how much it may use.
//!
//! What counts is resident memory, which the kernel's killer looks at: it holds what the client has fetched and what the allocator
//! keeps, not only the state.

use std::fs;
use std::path::Path;

/// Where the kernel keeps the memory limit of the process's control group, version 2 and version 1.
const GROUP_LIMITS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Memory in bytes that the process may use: that of its control group, or else the machine's. `None` where the kernel does not say.
pub fn memory() -> Option<u64> {
    let group = GROUP_LIMITS.iter().filter_map(|path| limit(&read(path)?)).min();
    group.into_iter().chain(installed(&read("/proc/meminfo")?)).min()
}

/// Bytes of memory the process uses now. `None` where the kernel does not say.
pub fn resident() -> Option<u64> {
    kilobytes(&read("/proc/self/status")?, "VmRSS:")
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// `max`, or a number of bytes.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

fn installed(meminfo: &str) -> Option<u64> {
    kilobytes(meminfo, "MemTotal:")
}

fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_is_read() {
        assert_eq!((limit("max\n"), limit("1073741824\n"), limit("")), (None, Some(1 << 30), None));
        assert_eq!(installed("MemTotal:       24576 kB\nMemFree: 1 kB\n"), Some(24 << 20));
        assert_eq!(kilobytes("Name: x\nVmRSS:\t  10 kB\n", "VmRSS:"), Some(10_240));
        assert_eq!(kilobytes("VmRSS: many kB", "VmRSS:"), None);
    }

    #[test]
    fn the_process_uses_less_than_there_is() {
        let (used, all) = (resident().expect("a kernel that says"), memory().expect("a kernel that says"));
        assert!(used > 1 << 20 && used < all, "{used} of {all}");
    }
}
