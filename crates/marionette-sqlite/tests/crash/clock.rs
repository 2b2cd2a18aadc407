//! The only place of these tests where time comes from: they are about real processes.
#![allow(dead_code)] // Other tests that are about real time use a part of it.

use std::time::{Duration, Instant, SystemTime};

#[allow(clippy::disallowed_methods)] // Processes die in real time.
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods)] // By it jobs are due.
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}

#[allow(clippy::disallowed_methods)] // Nobody else wants this thread.
pub(crate) fn sleep(time: Duration) {
    std::thread::sleep(time);
}
