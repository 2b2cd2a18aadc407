//! The only place of these tests where time comes from: they are about real processes.
#![allow(dead_code)] // Other tests that are about real time use a part of it.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
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
    thread::sleep(time);
}

/// How often it is seen that this machine runs.
const BEAT: Duration = Duration::from_millis(5);
/// What is longer between two beats is a time in which the machine stood still.
const STILL: Duration = Duration::from_millis(50);

/// Since some moment, the time in which this machine ran.
///
/// A virtual machine may stand still for a second, with all that is on it. Nobody can be in time
/// then, and no process is to blame. A thread that only sleeps notices it; while that thread gets
/// its turn, this is the time of the clock.
pub(crate) fn ran() -> Duration {
    static RAN: OnceLock<Mutex<Ran>> = OnceLock::new();
    let ran = RAN.get_or_init(|| {
        thread::spawn(|| {
            loop {
                sleep(BEAT);
                let _ = ran();
            }
        });
        let (time, until) = (Duration::ZERO, now());
        Mutex::new(Ran { time, until })
    });
    ran.lock().unwrap_or_else(PoisonError::into_inner).beat()
}

/// The time in which this machine ran since it was `then`.
pub(crate) fn ran_since(then: Duration) -> Duration {
    ran().saturating_sub(then)
}

struct Ran {
    time: Duration,
    until: Instant,
}

impl Ran {
    fn beat(&mut self) -> Duration {
        let now = now();
        let passed = now - self.until;
        if passed > STILL * 4 {
            println!("the machine stood still for {passed:?}");
        }
        self.time += passed.min(STILL);
        self.until = now;
        self.time
    }
}
