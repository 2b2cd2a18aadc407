//! The only place of these tests where time comes from: they are about real processes.

use std::time::{Duration, Instant};

#[allow(clippy::disallowed_methods)] // Processes die in real time.
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods)] // Nobody else wants this thread.
pub(crate) fn sleep(time: Duration) {
    std::thread::sleep(time);
}
