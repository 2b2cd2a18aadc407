//! The only source of time in this crate: the instants of a world, and the clocks of its machines,
//! which are wrong now and then.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use marionette::testing::WallClock;
use tokio::time::Instant;

/// The present by the monotonic clock of all processes.
#[allow(clippy::disallowed_methods)] // This is the simulation's own clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// By how much a wall clock may be off without a jump.
const SKEW: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3_600);
const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);
/// When a world begins, by a clock that is right.
const BEGIN: Duration = Duration::from_secs(1_900_000_000);

/// The clocks of the store. Its monotonic clock is ahead of the processes' by the time for which
/// they alone were suspended.
#[derive(Clone, Debug)]
pub(crate) struct StoreClock {
    pub(crate) wall: WallClock,
    ahead: Arc<AtomicU64>,
}

impl StoreClock {
    pub(crate) fn instant(&self) -> Instant {
        now() + Duration::from_nanos(self.ahead.load(Ordering::Relaxed))
    }

    pub(crate) fn outlive(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).expect("nobody sleeps for centuries");
        self.ahead.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// The wall clocks of a world.
#[derive(Debug)]
pub(crate) struct Clocks {
    right: WallClock,
    pub(crate) store: StoreClock,
    pub(crate) producer: WallClock,
    /// By name.
    pub(crate) processes: Vec<WallClock>,
}

impl Clocks {
    /// Clocks that are right.
    pub(crate) fn new(processes: usize) -> Self {
        let clock = || WallClock::starting_at(UNIX_EPOCH + BEGIN);
        Self {
            right: clock(),
            store: StoreClock {
                wall: clock(),
                ahead: Arc::default(),
            },
            producer: clock(),
            processes: (0..processes).map(|_| clock()).collect(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &WallClock> {
        let others = [&self.store.wall, &self.producer];
        others.into_iter().chain(&self.processes)
    }

    /// The wall clock of one machine.
    fn any(&self, rng: &mut Rng) -> &WallClock {
        let which = rng.usize(..self.processes.len() + 2);
        self.all().nth(which).expect("there are so many")
    }

    /// The time on the clock of a person who plans something for later.
    pub(crate) fn somebodys(&self, rng: &mut Rng) -> SystemTime {
        self.any(rng).now()
    }

    /// Each is off by some seconds.
    pub(crate) fn skew(&self, rng: &mut Rng) {
        for clock in self.all() {
            step(clock, SKEW.mul_f64(rng.f64()), rng.bool());
        }
    }

    /// A clock jumps or is set right; the store's as often as all others together.
    pub(crate) fn jump(&self, rng: &mut Rng) {
        let clock = if rng.bool() {
            &self.store.wall
        } else {
            self.any(rng)
        };
        let by = match rng.u8(..16) {
            0..5 => return set(clock, self.right.now()),
            5..10 => HOUR,
            10..15 => HOUR.mul_f64(rng.f64()),
            _ => TEN_YEARS,
        };
        step(clock, by, rng.bool());
    }

    /// Lets time pass on all wall clocks and on no monotonic clock.
    pub(crate) fn pass(&self, time: Duration) {
        for clock in self.all().chain([&self.right]) {
            clock.step_forward(time);
        }
    }

    /// Sets all clocks right.
    pub(crate) fn set_right(&self) {
        self.set_all(self.right.now());
    }

    pub(crate) fn set_all(&self, time: SystemTime) {
        for clock in self.all() {
            set(clock, time);
        }
    }
}

fn step(clock: &WallClock, by: Duration, forward: bool) {
    if forward {
        clock.step_forward(by);
    } else {
        clock.step_back(by);
    }
}

fn set(clock: &WallClock, time: SystemTime) {
    match time.duration_since(clock.now()) {
        Ok(behind) => clock.step_forward(behind),
        Err(ahead) => clock.step_back(ahead.duration()),
    }
}
