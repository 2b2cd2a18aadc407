//! What this process has used: CPU time, memory, and how often its threads went to sleep.

use std::fs;
use std::process;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The size of a page on every Linux machine that we measure on.
const PAGE_BYTES: u64 = 4096;

/// CPU time of all threads, user and system, also of those that ended.
#[must_use]
pub fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// CPU time used after `earlier`, which [`cpu`] gave.
#[must_use]
pub fn cpu_since(earlier: Duration) -> Duration {
    cpu().saturating_sub(earlier)
}

/// Resident memory in bytes.
///
/// The measure for memory is what the operating system sees, not a counting allocator: that would
/// leave out the allocator's own overhead, and would slow down, on two cores, what is timed.
#[must_use]
pub fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok())
        .unwrap_or(0)
        * PAGE_BYTES
}

/// How often the threads of this process went to sleep of their own accord, all but the main
/// thread, which is the one that measures.
#[must_use]
pub fn voluntary_switches() -> u64 {
    let main = process::id().to_string();
    let threads = fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    threads
        .filter(|thread| thread.file_name().to_str() != Some(&main))
        .filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok())
        .filter_map(|status| {
            let line = status
                .lines()
                .find(|line| line.starts_with("voluntary_ctxt_switches"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .sum()
}
