//! The one place that reads the clock and blocks a thread: a benchmark measures real time.

use std::thread;
use std::time::{Duration, Instant};

/// The monotonic clock.
#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Blocks the calling thread, which is never one of the runtime's.
#[allow(
    clippy::disallowed_methods,
    reason = "the main thread must be idle, not the runtime"
)]
pub(crate) fn sleep(duration: Duration) {
    thread::sleep(duration);
}

/// Nanoseconds from `from` to `to`, negative if `to` is earlier.
pub(crate) fn nanos_between(from: Instant, to: Instant) -> i64 {
    let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    if to >= from {
        nanos(to - from)
    } else {
        -nanos(from - to)
    }
}
