//! Real time: these tests are about real processes.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

#[allow(clippy::disallowed_methods)] // Processes die in real time.
pub(super) fn now() -> Instant {
    Instant::now()
}

/// The milliseconds since 1970 by the wall clock, by which jobs are due.
#[allow(clippy::disallowed_methods)] // As above.
pub(super) fn wall() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[allow(clippy::disallowed_methods)] // Nobody else wants this thread.
pub(super) fn sleep(time: Duration) {
    thread::sleep(time);
}
