//! The one place that reads the clock and blocks a thread: a benchmark measures real time.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The monotonic clock.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// The wall clock, by which jobs are scheduled.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// The wall clock in nanoseconds, by which processes compare their times.
#[must_use]
pub fn wall_nanos() -> i64 {
    nanos_of(wall())
}

/// A time of the wall clock in nanoseconds.
#[must_use]
pub fn nanos_of(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}

/// Blocks the calling thread, which is never one of the runtime's.
#[allow(
    clippy::disallowed_methods,
    reason = "the main thread must be idle, not the runtime"
)]
pub fn sleep(duration: Duration) {
    thread::sleep(duration);
}

/// Nanoseconds from `from` to `to`, negative if `to` is earlier.
#[must_use]
pub fn nanos_between(from: Instant, to: Instant) -> i64 {
    let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    if to >= from {
        nanos(to - from)
    } else {
        -nanos(from - to)
    }
}
