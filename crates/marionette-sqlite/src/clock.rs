//! The clocks, the only source of time: the wall clock, on which all processes on a file agree, and
//! the monotonic clock, by which an instance is found dead.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use marionette::store::Due;

/// The clocks of a store: those of the system, or a pair that a test moves.
// It is public where a test can name it.
#[cfg_attr(not(feature = "test-util"), allow(unreachable_pub))]
#[derive(Clone, Debug, Default)]
pub struct Clock {
    #[cfg(feature = "test-util")]
    still: Option<std::sync::Arc<StillClock>>,
    /// The microseconds by which the wall clock was stepped.
    #[cfg(feature = "test-util")]
    stepped: std::sync::Arc<std::sync::atomic::AtomicI64>,
}

/// Clocks that stand still.
#[cfg(feature = "test-util")]
#[derive(Debug)]
struct StillClock {
    wall: SystemTime,
    monotonic: Instant,
    /// The microseconds by which both clocks have been moved.
    ahead: std::sync::atomic::AtomicU64,
}

impl Clock {
    /// The present by the wall clock, in whole microseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        let since = self.wall().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}

#[cfg(not(feature = "test-util"))]
#[allow(clippy::unused_self)] // The twins below use it.
impl Clock {
    fn wall(&self) -> SystemTime {
        system()
    }

    /// The present by the clock that nobody can step.
    pub(crate) fn monotonic(&self) -> Instant {
        monotonic()
    }

    /// How long a thread may sleep at once that wants to sleep for `pause`.
    pub(crate) fn nap(&self, pause: Duration) -> Duration {
        pause
    }

    /// Notes that a thread has slept since then while a manager waited.
    pub(crate) fn slept(&self, _since: Instant) {}
}

#[cfg(feature = "test-util")]
impl Clock {
    /// Clocks that stand still unless they are [moved](Self::advance), or somebody
    /// [waits](marionette::store::Store::wait) for jobs.
    #[must_use]
    pub fn still() -> Self {
        let still = StillClock {
            wall: system(),
            monotonic: monotonic(),
            ahead: std::sync::atomic::AtomicU64::new(0),
        };
        Self {
            still: Some(std::sync::Arc::new(still)),
            ..Self::default()
        }
    }

    /// Steps the wall clock forward and leaves the monotonic one alone, as an operator or NTP
    /// would, for all stores that have it. It need not stand still.
    pub fn step_forward(&self, by: Duration) {
        self.step(i64::try_from(by.as_micros()).unwrap_or(i64::MAX));
    }

    /// Steps the wall clock back.
    pub fn step_back(&self, by: Duration) {
        self.step(i64::try_from(by.as_micros()).map_or(i64::MIN, |micros| -micros));
    }

    fn step(&self, micros: i64) {
        // It is all that moves, so it needs no order.
        self.stepped
            .fetch_add(micros, std::sync::atomic::Ordering::Relaxed);
    }

    /// Moves clocks that stand still, for all stores that have them.
    pub fn advance(&self, by: Duration) {
        let micros = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        if let Some(still) = &self.still {
            // It is all that moves, so it needs no order.
            still
                .ahead
                .fetch_add(micros, std::sync::atomic::Ordering::Relaxed);
        }
    }

    /// What its wall clock shows.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        let shown = match &self.still {
            Some(still) => still.wall + still.ahead(),
            None => system(),
        };
        let micros = self.stepped.load(std::sync::atomic::Ordering::Relaxed);
        let by = Duration::from_micros(micros.unsigned_abs());
        if micros < 0 { shown - by } else { shown + by }
    }

    /// The present by the clock that nobody can step.
    pub(crate) fn monotonic(&self) -> Instant {
        match &self.still {
            Some(still) => still.monotonic + still.ahead(),
            None => monotonic(),
        }
    }

    /// How long a thread may sleep at once that wants to sleep for `pause`: clocks that stand still
    /// may be moved meanwhile.
    pub(crate) fn nap(&self, pause: Duration) -> Duration {
        match &self.still {
            Some(_) => pause.min(Duration::from_millis(1)),
            None => pause,
        }
    }

    /// Notes that a thread has slept since then while a manager waited: time passes by all clocks.
    pub(crate) fn slept(&self, since: Instant) {
        self.advance(monotonic().duration_since(since));
    }
}

#[cfg(feature = "test-util")]
impl StillClock {
    fn ahead(&self) -> Duration {
        Duration::from_micros(self.ahead.load(std::sync::atomic::Ordering::Relaxed))
    }
}

#[allow(clippy::disallowed_methods)] // This is the place that the ban points to.
fn system() -> SystemTime {
    SystemTime::now()
}

/// The present by the system's clock that nobody can step.
#[allow(clippy::disallowed_methods)] // As above.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// Lets another process go on with its transaction.
#[allow(clippy::disallowed_methods)] // Only the threads of the store pause, and they may block.
pub(crate) fn pause(length: Duration) {
    std::thread::sleep(length);
}

/// A time of the wall clock in microseconds, rounded up: nothing runs before its time.
pub(crate) fn micros(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => round_up(since),
        Err(_) => 0,
    }
}

/// A length of time in microseconds, rounded up.
pub(crate) fn round_up(length: Duration) -> i64 {
    i64::try_from(length.as_nanos().div_ceil(1000))
        .unwrap_or(FAR)
        .min(FAR)
}

/// The time at which a job is due that is accepted, or waits again, at `now`; `None` if this
/// library is older than the way in which the time is told.
pub(crate) fn due(due: Due, now: i64) -> Option<i64> {
    match due {
        Due::Now => Some(now),
        Due::After(pause) => Some(now.saturating_add(round_up(pause))),
        Due::At(time) => Some(micros(time)),
        _ => None,
    }
}

/// The furthest time: 100,000 years ahead, so that the sum of two does not overflow.
const FAR: i64 = 100_000 * 366 * 24 * 60 * 60 * 1_000_000;

/// The time of this number of microseconds since 1970.
pub(crate) fn time(micros: i64) -> SystemTime {
    UNIX_EPOCH + length(micros)
}

/// The length of time of this number of microseconds; zero if it is negative.
pub(crate) fn length(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_between_two_microseconds_is_rounded_up() {
        let time = UNIX_EPOCH + Duration::from_nanos(1001);
        assert_eq!(micros(time), 2);
        assert_eq!(round_up(Duration::from_nanos(1)), 1);
        assert_eq!(round_up(Duration::MAX), FAR);
    }

    #[test]
    fn a_time_comes_back_as_it_was() {
        let now = Clock::default().now();
        assert_eq!(micros(time(now)), now);
    }
}
